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
  char *file; /* the key file in it, empty at first */
} ConfigFixture;

void config_fixture_set_up (ConfigFixture *fixture, gconstpointer data);
void config_fixture_tear_down (ConfigFixture *fixture, gconstpointer data);

/* @args: without the program's name; @env: beside XDG_CONFIG_HOME, over which it wins; both NULL
 * for none; @text: of the key file, NULL to leave that as it is. */
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

/* @message: the whole of it, in which FILE stands for the key file's path. */
void config_fixture_assert_refused (const ConfigFixture *fixture,
                                    const char *const *args,
                                    const char *const *env,
                                    const char *text,
                                    GQuark domain,
                                    int code,
                                    const char *message);

G_END_DECLS
