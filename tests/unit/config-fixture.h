/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

#include "rd-config.h"

G_BEGIN_DECLS

#define STRV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* For g_test_add(). */
typedef struct
{
  char *dir;  /* XDG_CONFIG_HOME */
  char *file; /* the key file in @dir, empty at first */
} ConfigFixture;

void config_fixture_set_up (ConfigFixture *fixture, gconstpointer data);
void config_fixture_tear_down (ConfigFixture *fixture, gconstpointer data);

/* @args: (nullable): without the program's name. @env: (nullable): overrides XDG_CONFIG_HOME of the
 * fixture. @text: (nullable): of the key file; NULL leaves it unchanged. */
RdConfig *config_fixture_load (const ConfigFixture *fixture,
                               const char *const *args,
                               const char *const *env,
                               const char *text,
                               GError **error);

/* Asserts that there is no error. */
RdConfig *config_fixture_load_ok (const ConfigFixture *fixture,
                                  const char *const *args,
                                  const char *const *env,
                                  const char *text);

void config_fixture_assert_accepted (const ConfigFixture *fixture,
                                     const char *const *args,
                                     const char *const *env,
                                     const char *text);

/* @message: the exact error message, with FILE for the path of the key file. */
void config_fixture_assert_refused (const ConfigFixture *fixture,
                                    const char *const *args,
                                    const char *const *env,
                                    const char *text,
                                    GQuark domain,
                                    int code,
                                    const char *message);

G_END_DECLS
