/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The table of settings: that each option is there with what it amounts to and who said so, that it
 * fits a terminal, and that no value spoils it. */

#include <string.h>

#include "rd-check-settings.h"
#include "rd-text.h"

typedef struct
{
  char *text;
  char **list;
  gint64 duration_us;
  guint64 size;
  gboolean flag;
} Record;

#define FIELD(type, member) RD_OPTION_##type, G_STRUCT_OFFSET (Record, member)

/* clang-format off */
static const RdOption options[] = {
  { "text", "One", "TEXT", FIELD (TEXT, text), NULL, .help = "" },
  { "list", "One", "ORIGIN", FIELD (ORIGINS, list), NULL, .max = "64" },
  { "duration", "Two", "TIME", FIELD (DURATION, duration_us), "30min", .min = "0", .max = "7d" },
  { "size", "Two", "SIZE", FIELD (SIZE, size), "4096", .min = "0", .max = "1GiB" },
  { "flag", "Two", NULL, FIELD (BOOLEAN, flag), "false", .help = "" },
};
/* clang-format on */

/* Returns: (transfer full): the table, where each source in turn says one of @says (key=value). */
static char *
describe (const char *const *says, guint columns)
{
  static const RdSource sources[] = { RD_SOURCE_KEY_FILE, RD_SOURCE_ENVIRONMENT,
                                      RD_SOURCE_COMMAND_LINE };
  g_autoptr (RdSettings) settings = rd_settings_new (options, G_N_ELEMENTS (options));
  g_autoptr (GError) error = NULL;
  GString *page = g_string_new (NULL);
  Record record = { NULL };

  for (gsize i = 0; says[i] != NULL; i++)
    {
      g_auto (GStrv) pair = g_strsplit (says[i], "=", 2);

      rd_settings_add (settings, sources[i % G_N_ELEMENTS (sources)],
                       rd_settings_find (settings, NULL, pair[0]), pair[1]);
    }
  for (RdSource source = RD_SOURCE_PRESET; source <= RD_SOURCE_COMMAND_LINE; source++)
    {
      rd_settings_apply (settings, source, &record, &error);
      g_assert_no_error (error);
    }

  rd_check_settings_append (page, settings, &record, columns);
  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    rd_option_clear (&options[i], &record);
  return g_string_free (page, FALSE);
}

static void
presets_are_shown (void)
{
  g_autofree char *page = describe ((const char *[]){ NULL }, 80);

  g_assert_cmpstr (page, ==,
                   "Key file: none\n"
                   "\n"
                   "[One]\n"
                   "  text      (not set)  default\n"
                   "  list      (not set)  default\n"
                   "\n"
                   "[Two]\n"
                   "  duration  30min      default\n"
                   "  size      4KiB       default\n"
                   "  flag      false      default\n");
}

static void
values_are_shown_with_their_source (void)
{
  const char *const says[] = { "duration=5400", "size=65536", "flag=1",
                               "text=Grüße",    "list=a,b;c", NULL };
  g_autofree char *page = describe (says, 80);

  g_assert_cmpstr (page, ==,
                   "Key file: none\n"
                   "\n"
                   "[One]\n"
                   "  text      Grüße     key file\n"
                   "  list      a b c     RINGDOWN_LIST\n"
                   "\n"
                   "[Two]\n"
                   "  duration  1h 30min  key file\n"
                   "  size      64KiB     RINGDOWN_SIZE\n"
                   "  flag      true      --flag\n");
}

static void
the_strongest_source_is_named (void)
{
  const char *const says[] = { "size=1", "size=2", "size=3", NULL };
  g_autofree char *page = describe (says, 80);

  g_assert_nonnull (strstr (page, "  size      3          --size\n"));
}

static void
long_values_are_wrapped_on_a_terminal_only (void)
{
  g_autofree char *origins = g_strnfill (300, 'x');
  g_autofree char *list = NULL;
  g_autofree char *wrapped = NULL;
  g_autofree char *straight = NULL;
  g_auto (GStrv) lines = NULL;

  for (int i = 10; i < 290; i += 11)
    origins[i] = ' ';
  list = g_strconcat ("list=", origins, NULL);
  wrapped = describe ((const char *[]){ list, NULL }, 80);
  straight = describe ((const char *[]){ list, NULL }, 0);

  g_assert_nonnull (strstr (straight, origins));
  g_assert_null (strstr (wrapped, origins));
  lines = g_strsplit (wrapped, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    g_assert_cmpuint (rd_text_width (*line), <=, 80);
}

static void
hostile_text_is_shown_harmless (void)
{
  g_autofree char *rest = g_strnfill (300, 'z');
  g_autofree char *text = g_strconcat ("text=\x1b[2J\n\r\u202e", rest, NULL);
  g_autofree char *page = describe ((const char *[]){ text, NULL }, 0);

  g_assert_nonnull (strstr (page, "\\u001b[2J\\u000a\\u000d\\u202ezzz"));
  g_assert_null (strchr (page, '\x1b'));
  g_assert_null (strstr (page, rest)); /* cut */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/check-settings/presets", presets_are_shown);
  g_test_add_func ("/check-settings/sources", values_are_shown_with_their_source);
  g_test_add_func ("/check-settings/strongest", the_strongest_source_is_named);
  g_test_add_func ("/check-settings/long", long_values_are_wrapped_on_a_terminal_only);
  g_test_add_func ("/check-settings/hostile", hostile_text_is_shown_harmless);

  return g_test_run ();
}
