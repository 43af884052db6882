/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

#include "rd-config.h"

G_BEGIN_DECLS

#define STRV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Fixture for g_test_add(). */
typedef struct
{
  char *dir;  /* XDG_CONFIG_HOME */
  char *file; /* the key file in dir, initially empty */
} ConfigFixture;

void config_fixture_set_up (ConfigFixture *fixture, gconstpointer data);
void config_fixture_tear_down (ConfigFixture *fixture, gconstpointer data);

/* Loads a configuration. @args: (nullable): command line without the program name. @env:
 * (nullable): environment; may override XDG_CONFIG_HOME. @text: new content of the key file; NULL:
 * unchanged. */
RdConfig *config_fixture_load (const ConfigFixture *fixture,
                               const char *const *args,
                               const char *const *env,
                               const char *text,
                               GError **error);

/* Loads a configuration; asserts that it is valid. */
RdConfig *config_fixture_load_ok (const ConfigFixture *fixture,
                                  const char *const *args,
                                  const char *const *env,
                                  const char *text);

void config_fixture_assert_accepted (const ConfigFixture *fixture,
                                     const char *const *args,
                                     const char *const *env,
                                     const char *text);

/* @message: the exact error message; FILE stands for the path of the key file. */
void config_fixture_assert_refused (const ConfigFixture *fixture,
                                    const char *const *args,
                                    const char *const *env,
                                    const char *text,
                                    GQuark domain,
                                    int code,
                                    const char *message);

G_END_DECLS
