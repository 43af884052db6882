/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The generated sample key file: test-sample FILE. */

#include <gio/gio.h>
#include <string.h>

#include "config-fixture.h"

/* Returns: (transfer full): @sample with all keys uncommented. */
static char *
uncomment (const char *sample)
{
  g_autoptr (GRegex) comment = g_regex_new ("^#(?=[a-z])", G_REGEX_MULTILINE, 0, NULL);

  return g_regex_replace_literal (comment, sample, -1, 0, "", 0, NULL);
}

static char *
read_sample (const char *name)
{
  g_autoptr (GError) error = NULL;
  char *sample = NULL;

  g_file_get_contents (name, &sample, NULL, &error);
  g_assert_no_error (error);
  return sample;
}

static void
assert_same (const RdOption *option, const RdConfig *config, const RdConfig *other)
{
  gconstpointer a = (const guint8 *) config + option->offset;
  gconstpointer b = (const guint8 *) other + option->offset;

  g_test_message ("%s", option->name);
  switch (option->type)
    {
    case RD_OPTION_ADDRESSES:
    case RD_OPTION_ORIGINS:
    case RD_OPTION_TOKENS:
      g_assert_cmpstrv (*(char **const *) a, *(char **const *) b);
      break;
    case RD_OPTION_ADDRESS:
    case RD_OPTION_NAME:
    case RD_OPTION_PATH:
    case RD_OPTION_REDIS:
    case RD_OPTION_TEXT:
      g_assert_cmpstr (*(char *const *) a, ==, *(char *const *) b);
      break;
    case RD_OPTION_BOOLEAN:
    case RD_OPTION_CHOICE:
    case RD_OPTION_COUNT:
    case RD_OPTION_PORT:
      g_assert_cmpint (*(const int *) a, ==, *(const int *) b);
      break;
    case RD_OPTION_DURATION:
    case RD_OPTION_SIZE:
      g_assert_cmpint (*(const gint64 *) a, ==, *(const gint64 *) b);
      break;
    }
}

static void
uncommented_sample_sets_the_defaults (ConfigFixture *fixture, gconstpointer data)
{
  g_autofree char *sample = read_sample (data);
  g_autofree char *text = uncomment (sample);
  g_autoptr (RdConfig) defaults = config_fixture_load_ok (fixture, NULL, NULL, "");
  g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, NULL, NULL, text);
  gsize n_options;
  const RdOption *options = rd_options_get (&n_options);

  for (gsize i = 0; i < n_options; i++)
    assert_same (&options[i], config, defaults);
}

static void
sample_sets_nothing (ConfigFixture *fixture, gconstpointer data)
{
  g_autofree char *sample = read_sample (data);
  g_auto (GStrv) lines = g_strsplit (sample, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    g_assert_true (**line == '\0' || **line == '#' || **line == '[');
}

static void
every_option_is_in_its_group (ConfigFixture *fixture, gconstpointer data)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *sample = read_sample (data);
  g_autofree char *text = uncomment (sample);
  gsize n_options;
  const RdOption *options = rd_options_get (&n_options);

  g_assert_true (g_key_file_load_from_data (file, text, -1, 0, NULL));
  for (gsize i = 0; i < n_options; i++)
    {
      g_autofree char *unset = g_strdup_printf ("\n# %s=", options[i].name);
      g_autofree char *value = g_key_file_get_string (file, options[i].group, options[i].name,
                                                      NULL);

      g_assert_cmpstr (value, ==, options[i].preset);
      if (value == NULL)
        g_assert_nonnull (strstr (sample, unset));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);

  g_test_add ("/sample/uncommented", ConfigFixture, argv[1], config_fixture_set_up,
              uncommented_sample_sets_the_defaults, config_fixture_tear_down);
  g_test_add ("/sample/unchanged", ConfigFixture, argv[1], config_fixture_set_up,
              sample_sets_nothing, config_fixture_tear_down);
  g_test_add ("/sample/groups", ConfigFixture, argv[1], config_fixture_set_up,
              every_option_is_in_its_group, config_fixture_tear_down);
  return g_test_run ();
}
