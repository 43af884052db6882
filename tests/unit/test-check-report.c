/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The output of --check: the order and layout of results, and the table of settings. */

#include <string.h>

#include "rd-check-report.h"
#include "rd-text.h"

static void
assert_report (const RdCheckReport *report, guint columns, const char *expected)
{
  g_autofree char *text = rd_check_report_format (report, columns);

  g_assert_cmpstr (text, ==, expected);
}

static void
an_empty_report_has_no_problems (void)
{
  g_autoptr (RdCheckReport) report = rd_check_report_new ();

  assert_report (report, 80, "\nProblems: none\n");
}

static void
results_are_grouped_by_kind (void)
{
  g_autoptr (RdCheckReport) report = rd_check_report_new ();

  rd_check_report_add (report, RD_CHECK_UNCHECKED, "port");
  rd_check_report_add (report, RD_CHECK_NOTE, "socket");
  rd_check_report_add (report, RD_CHECK_PROBLEM, "address %d", 1);
  rd_check_report_add (report, RD_CHECK_PROBLEM, "address %d", 2);
  rd_check_report_add (report, RD_CHECK_PROBLEM, "address 1"); /* a duplicate */
  g_assert_cmpuint (report->texts[RD_CHECK_PROBLEM]->len, ==, 2);
  g_assert_cmpuint (report->texts[RD_CHECK_NOTE]->len, ==, 1);
  assert_report (report, 0,
                 "\nProblems:\n  - address 1\n  - address 2\n"
                 "\nNotes:\n  - socket\n"
                 "\nNot checked:\n  - port\n");
}

static void
a_note_is_not_a_problem (void)
{
  g_autoptr (RdCheckReport) report = rd_check_report_new ();

  rd_check_report_add (report, RD_CHECK_NOTE, "in use by it");
  assert_report (report, 9, "\nProblems: none\n\nNotes:\n  - in\n    use\n    by it\n");
}

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
  { "list", "One", "ADDRESS", FIELD (ADDRESSES, list), NULL, .max = "64" },
  { "duration", "Two", "TIME", FIELD (DURATION, duration_us), "30min", .min = "0", .max = "7d" },
  { "size", "Two", "SIZE", FIELD (SIZE, size), "4096", .min = "0", .max = "1GiB" },
  { "flag", "Two", NULL, FIELD (BOOLEAN, flag), "false", .help = "" },
};
/* clang-format on */

/* Returns: (transfer full): the table of settings. @assignments: "KEY=VALUE", set in turn by the
 * key file, the environment and the command line. */
static char *
format_settings (const char *const *assignments, guint columns)
{
  static const RdSource sources[] = { RD_SOURCE_KEY_FILE, RD_SOURCE_ENVIRONMENT,
                                      RD_SOURCE_COMMAND_LINE };
  g_autoptr (RdSettings) settings = rd_settings_new (options, G_N_ELEMENTS (options));
  g_autoptr (GError) error = NULL;
  char *page;
  Record record = { NULL };

  for (gsize i = 0; assignments[i] != NULL; i++)
    {
      g_auto (GStrv) pair = g_strsplit (assignments[i], "=", 2);

      rd_settings_add (settings, sources[i % G_N_ELEMENTS (sources)],
                       rd_settings_find (settings, NULL, pair[0]), pair[1]);
    }
  for (RdSource source = RD_SOURCE_PRESET; source <= RD_SOURCE_COMMAND_LINE; source++)
    {
      rd_settings_apply (settings, source, &record, &error);
      g_assert_no_error (error);
    }

  page = rd_check_report_format_settings (settings, &record, columns);
  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    rd_option_clear (&options[i], &record);
  return page;
}

static void
defaults_are_shown (void)
{
  g_autofree char *page = format_settings ((const char *[]){ NULL }, 80);

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
  const char *const assignments[] = { "duration=5400", "size=65536", "flag=1",
                                      "text=Grüße",    "list=a,b;c", NULL };
  g_autofree char *page = format_settings (assignments, 80);

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
the_source_with_the_highest_precedence_is_shown (void)
{
  const char *const assignments[] = { "size=1", "size=2", "size=3", NULL };
  g_autofree char *page = format_settings (assignments, 80);

  g_assert_nonnull (strstr (page, "  size      3          --size\n"));
}

static void
long_values_are_wrapped_on_a_terminal_only (void)
{
  g_autofree char *names = g_strnfill (300, 'x');
  g_autofree char *list = NULL;
  g_autofree char *wrapped = NULL;
  g_autofree char *straight = NULL;
  g_auto (GStrv) lines = NULL;

  for (int i = 10; i < 290; i += 11)
    names[i] = ' ';
  list = g_strconcat ("list=", names, NULL);
  wrapped = format_settings ((const char *[]){ list, NULL }, 80);
  straight = format_settings ((const char *[]){ list, NULL }, 0);

  g_assert_nonnull (strstr (straight, names));
  g_assert_null (strstr (wrapped, names));
  lines = g_strsplit (wrapped, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    g_assert_cmpuint (rd_text_width (*line), <=, 80);
}

static void
control_characters_are_escaped (void)
{
  g_autofree char *rest = g_strnfill (300, 'z');
  g_autofree char *text = g_strconcat ("text=\x1b[2J\n\r\u202e", rest, NULL);
  g_autofree char *page = format_settings ((const char *[]){ text, NULL }, 0);

  g_assert_nonnull (strstr (page, "\\u001b[2J\\u000a\\u000d\\u202ezzz"));
  g_assert_null (strchr (page, '\x1b'));
  g_assert_null (strstr (page, rest)); /* truncated */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/check-report/empty", an_empty_report_has_no_problems);
  g_test_add_func ("/check-report/kinds", results_are_grouped_by_kind);
  g_test_add_func ("/check-report/notes", a_note_is_not_a_problem);
  g_test_add_func ("/check-report/settings/defaults", defaults_are_shown);
  g_test_add_func ("/check-report/settings/sources", values_are_shown_with_their_source);
  g_test_add_func ("/check-report/settings/precedence",
                   the_source_with_the_highest_precedence_is_shown);
  g_test_add_func ("/check-report/settings/long", long_values_are_wrapped_on_a_terminal_only);
  g_test_add_func ("/check-report/settings/control", control_characters_are_escaped);

  return g_test_run ();
}
