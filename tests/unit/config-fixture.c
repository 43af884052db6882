/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Loads configurations for tests, with the key file in a temporary directory. */

#include "config-fixture.h"

#include <glib/gstdio.h>

void
config_fixture_set_up (ConfigFixture *fixture, gconstpointer data)
{
  g_autofree char *parent = NULL;

  fixture->dir = g_dir_make_tmp ("test-config-XXXXXX", NULL);
  g_assert_nonnull (fixture->dir);
  parent = g_build_filename (fixture->dir, "ringdown", NULL);
  fixture->file = g_build_filename (parent, "ringdown.conf", NULL);
  g_assert_cmpint (g_mkdir (parent, 0700), ==, 0);
  g_assert_true (g_file_set_contents (fixture->file, "", 0, NULL));
}

void
config_fixture_tear_down (ConfigFixture *fixture, gconstpointer data)
{
  g_autofree char *parent = g_path_get_dirname (fixture->file);

  g_remove (fixture->file);
  g_assert_cmpint (g_rmdir (parent), ==, 0);
  g_assert_cmpint (g_rmdir (fixture->dir), ==, 0);
  g_free (fixture->file);
  g_free (fixture->dir);
}

RdConfig *
config_fixture_load (const ConfigFixture *fixture,
                     const char *const *args,
                     const char *const *env,
                     const char *text,
                     GError **error)
{
  g_autoptr (GStrvBuilder) argv_builder = g_strv_builder_new ();
  g_autoptr (GStrvBuilder) envp_builder = g_strv_builder_new ();
  g_autofree char *xdg = g_strconcat ("XDG_CONFIG_HOME=", fixture->dir, NULL);
  g_auto (GStrv) argv = NULL;
  g_auto (GStrv) envp = NULL;
  g_autoptr (RdSettings) to_check = NULL;
  RdConfig *config;

  g_strv_builder_add (argv_builder, "ringdown");
  for (; args != NULL && *args != NULL; args++)
    g_strv_builder_add (argv_builder, *args);
  for (; env != NULL && *env != NULL; env++)
    g_strv_builder_add (envp_builder, *env);
  g_strv_builder_add (envp_builder, xdg); /* last: an XDG_CONFIG_HOME in @env has precedence */
  if (text != NULL)
    g_assert_true (g_file_set_contents (fixture->file, text, -1, NULL));

  argv = g_strv_builder_end (argv_builder);
  envp = g_strv_builder_end (envp_builder);
  config = rd_config_load (argv, envp, &to_check, error);
  g_assert_null (to_check);
  return config;
}

RdConfig *
config_fixture_load_ok (const ConfigFixture *fixture,
                        const char *const *args,
                        const char *const *env,
                        const char *text)
{
  g_autoptr (GError) error = NULL;
  RdConfig *config = config_fixture_load (fixture, args, env, text, &error);

  g_assert_no_error (error);
  g_assert_nonnull (config);
  return config;
}

void
config_fixture_assert_accepted (const ConfigFixture *fixture,
                                const char *const *args,
                                const char *const *env,
                                const char *text)
{
  rd_config_free (config_fixture_load_ok (fixture, args, env, text));
}

void
config_fixture_assert_refused (const ConfigFixture *fixture,
                               const char *const *args,
                               const char *const *env,
                               const char *text,
                               GQuark domain,
                               int code,
                               const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RdConfig) config = config_fixture_load (fixture, args, env, text, &error);
  g_auto (GStrv) pieces = g_strsplit (message, "FILE", -1);
  g_autofree char *expected = g_strjoinv (fixture->file, pieces);

  if (config != NULL)
    g_error ("no error, but expected: %s", expected);
  g_assert_cmpstr (error->message, ==, expected);
  g_assert_error (error, domain, code);
}
