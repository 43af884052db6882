/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Durations and sizes: valid and invalid texts, overflow, and parsing of formatted values. */

#include <glib.h>

#include "rd-text.h"
#include "rd-units.h"

typedef gboolean (*Parse) (const char *text, gint64 *result, GError **error);

typedef struct
{
  const char *text;
  gint64 result;
} Parsed;

#define NOT_A_DURATION \
  "is not a duration; give a number of seconds, or a time such as 500ms, 10s, 5min or 1h30min"
#define NOT_A_SIZE "is not a size; give a number of bytes, or a size such as 64KiB, 4MiB or 1GiB"

static void
log_text (const char *text)
{
  g_autofree char *escaped = g_strescape (text, NULL);

  g_test_message ("\"%s\"", escaped);
}

static void
assert_parsed (Parse parse, const Parsed *cases, gsize n_cases)
{
  for (gsize i = 0; i < n_cases; i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 result = -1;

      log_text (cases[i].text);
      g_assert_true (parse (cases[i].text, &result, &error));
      g_assert_no_error (error);
      g_assert_cmpint (result, ==, cases[i].result);
    }
}

/* @why: the error message without the quoted text. */
static void
assert_refused (Parse parse, const char *text, int code, const char *why)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *shown = rd_text_printable (text, G_MAXSIZE);
  g_autofree char *message = g_strdup_printf ("“%s” %s", shown, why);
  gint64 result = -1;

  log_text (text);
  g_assert_false (parse (text, &result, &error));
  g_assert_error (error, G_NUMBER_PARSER_ERROR, code);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_cmpint (result, ==, -1);
  g_assert_false (parse (text, &result, NULL));
}

static void
durations_are_parsed (void)
{
  const Parsed cases[] = {
    { "0", 0 },
    { "10", 10 * G_TIME_SPAN_SECOND },
    { "010", 10 * G_TIME_SPAN_SECOND },
    { "10s", 10 * G_TIME_SPAN_SECOND },
    { "10 s", 10 * G_TIME_SPAN_SECOND },
    { "0s", 0 },
    { "1us", 1 },
    { "1usec", 1 },
    { "1µs", 1 },
    { "500ms", 500 * G_TIME_SPAN_MILLISECOND },
    { "500msec", 500 * G_TIME_SPAN_MILLISECOND },
    { "3sec", 3 * G_TIME_SPAN_SECOND },
    { "1second", G_TIME_SPAN_SECOND },
    { "3seconds", 3 * G_TIME_SPAN_SECOND },
    { "5m", 5 * G_TIME_SPAN_MINUTE },
    { "5min", 5 * G_TIME_SPAN_MINUTE },
    { "1minute", G_TIME_SPAN_MINUTE },
    { "5minutes", 5 * G_TIME_SPAN_MINUTE },
    { "2h", 2 * G_TIME_SPAN_HOUR },
    { "48hr", 48 * G_TIME_SPAN_HOUR },
    { "1hour", G_TIME_SPAN_HOUR },
    { "2hours", 2 * G_TIME_SPAN_HOUR },
    { "7d", 7 * G_TIME_SPAN_DAY },
    { "1day", G_TIME_SPAN_DAY },
    { "2days", 2 * G_TIME_SPAN_DAY },
    { "1w", 7 * G_TIME_SPAN_DAY },
    { "1week", 7 * G_TIME_SPAN_DAY },
    { "2weeks", 14 * G_TIME_SPAN_DAY },
    { "1h30min", 90 * G_TIME_SPAN_MINUTE },
    { "1h 30min", 90 * G_TIME_SPAN_MINUTE },
    { "1 h  30 min", 90 * G_TIME_SPAN_MINUTE },
    { "55s500ms", 55 * G_TIME_SPAN_SECOND + 500 * G_TIME_SPAN_MILLISECOND },
    { "300ms20s 5day", 5 * G_TIME_SPAN_DAY + 20 * G_TIME_SPAN_SECOND + 300000 },
    { "9223372036854", G_GINT64_CONSTANT (9223372036854000000) },
    { "9223372036854775807us", G_MAXINT64 },
    { "106751991d", 106751991 * G_TIME_SPAN_DAY },
  };

  assert_parsed (rd_units_parse_duration, cases, G_N_ELEMENTS (cases));
}

static void
durations_are_refused (void)
{
  const char *const cases[] = {
    "",     " ",      "abc",   "s",      "min",      "-1",     "-1s",     "+1",   "1.5s",
    ".5s",  "1,5s",   " 10",   "10 ",    "10s ",     "\t10s",  "10\n",    "10\t", "10 5",
    "1h5",  "5 1h",   "1h 30", "10x",    "10S",      "10Min",  "1h30x",   "0x10", "1e3",
    "10ss", "1month", "1y",    "10s,5s", "infinity", "10 s s", "10s\xff",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_refused (rd_units_parse_duration, cases[i], G_NUMBER_PARSER_ERROR_INVALID,
                    NOT_A_DURATION);
}

static void
durations_do_not_overflow (void)
{
  const char *const cases[] = {
    "9223372036854775808us",
    "18446744073709551615us",
    "18446744073709551616us",
    "99999999999999999999999999us",
    "9223372036855",
    "106751992d",
    "18446744073709551615w",
    "9223372036854775807us 1us",
    "18446744073709551615us 1us", /* 0 in 64 bits */
    "99999999999999999999w 0s",
    "99999999999999999999w 1us",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_refused (rd_units_parse_duration, cases[i], G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS,
                    "is out of range; give at most 106751991d");
}

static void
sizes_are_parsed (void)
{
  const Parsed cases[] = {
    { "0", 0 },
    { "4096", 4096 },
    { "4096B", 4096 },
    { "64K", 64 << 10 },
    { "64KiB", 64 << 10 },
    { "64 KiB", 64 << 10 },
    { "1M", 1 << 20 },
    { "4MiB", 4 << 20 },
    { "1G", 1 << 30 },
    { "1GiB", 1 << 30 },
    { "1T", G_GINT64_CONSTANT (1) << 40 },
    { "1TiB", G_GINT64_CONSTANT (1) << 40 },
    { "9223372036854775807", G_MAXINT64 },
    { "8388607TiB", G_GINT64_CONSTANT (8388607) << 40 },
  };

  assert_parsed (rd_units_parse_size, cases, G_N_ELEMENTS (cases));
}

static void
sizes_are_refused (void)
{
  const char *const cases[] = {
    "",       " ",       "abc",  "K",    "-1",  "-1K", "+1",  "1.5M", " 1",
    "1 ",     "1K ",     "1k",   "1kiB", "1KB", "1MB", "1Mi", "1MIB", "1KiBs",
    "1M512K", "1M 512K", "0x10", "1e3",  "1\n", "1s",  "1E",  "10 5",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_refused (rd_units_parse_size, cases[i], G_NUMBER_PARSER_ERROR_INVALID, NOT_A_SIZE);
}

static void
sizes_do_not_overflow (void)
{
  const char *const cases[] = {
    "9223372036854775808",
    "18446744073709551616",
    "8388608TiB",
    "16777216TiB", /* 0 in 64 bits */
    "99999999999999999999999G",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_refused (rd_units_parse_size, cases[i], G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS,
                    "is out of range; give at most 8388607TiB");
}

static void
long_texts_are_cut (void)
{
  g_autofree char *nines = g_strnfill (61, '9');
  g_autofree char *shown = g_strndup (nines, 60);
  g_autofree char *message = g_strdup_printf ("“%s…” is out of range; give at most 106751991d",
                                              shown);
  g_autoptr (GError) error = NULL;
  gint64 result;

  g_assert_false (rd_units_parse_duration (nines, &result, &error));
  g_assert_cmpstr (error->message, ==, message);
}

static void
durations_are_formatted (void)
{
  const Parsed cases[] = {
    { "0", 0 },
    { "1us", 1 },
    { "250ms", 250 * G_TIME_SPAN_MILLISECOND },
    { "1s 1us", G_TIME_SPAN_SECOND + 1 },
    { "30min", 30 * G_TIME_SPAN_MINUTE },
    { "1h 30min", 90 * G_TIME_SPAN_MINUTE },
    { "1d", G_TIME_SPAN_DAY },
    { "2w 1d 1h 1min 1s 1ms 1us", G_GINT64_CONSTANT (1299661001001) },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = rd_units_format_duration (cases[i].result);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static void
sizes_are_formatted (void)
{
  const Parsed cases[] = {
    { "0", 0 },          { "1", 1 },
    { "1023", 1023 },    { "1KiB", 1 << 10 },
    { "1025", 1025 },    { "64KiB", 64 << 10 },
    { "4MiB", 4 << 20 }, { "4097KiB", 4195328 },
    { "1GiB", 1 << 30 }, { "8388607TiB", G_GINT64_CONSTANT (8388607) << 40 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = rd_units_format_size (cases[i].result);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static void
formatted_values_can_be_parsed (void)
{
  for (int i = 0; i < 1000; i++)
    {
      const guint64 random = (guint64) (guint32) g_test_rand_int () << 31;
      const gint64 number = (gint64) (random >> g_test_rand_int_range (0, 62));
      g_autofree char *duration = rd_units_format_duration (number);
      g_autofree char *size = rd_units_format_size (number);

      assert_parsed (rd_units_parse_duration, &(Parsed){ duration, number }, 1);
      assert_parsed (rd_units_parse_size, &(Parsed){ size, number }, 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/units/duration/parsed", durations_are_parsed);
  g_test_add_func ("/units/duration/refused", durations_are_refused);
  g_test_add_func ("/units/duration/overflow", durations_do_not_overflow);
  g_test_add_func ("/units/size/parsed", sizes_are_parsed);
  g_test_add_func ("/units/size/refused", sizes_are_refused);
  g_test_add_func ("/units/size/overflow", sizes_do_not_overflow);

  g_test_add_func ("/units/refused/long", long_texts_are_cut);
  g_test_add_func ("/units/duration/formatted", durations_are_formatted);
  g_test_add_func ("/units/size/formatted", sizes_are_formatted);
  g_test_add_func ("/units/round-trip", formatted_values_can_be_parsed);

  return g_test_run ();
}
