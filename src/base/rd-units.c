/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Parses and formats durations and sizes, independently of the locale. */

#include "rd-units.h"

#include <string.h>

#include "rd-text.h"

typedef struct
{
  const char *const *names; /* NULL-terminated; the formatters use the first name */
  guint64 factor;
} Unit;

typedef struct
{
  Unit units[8];        /* largest first; a unit without names, with the factor 0, ends the array */
  guint64 plain;        /* multiplier for a number without a unit */
  guint max_terms;      /* maximum number of terms: "1h 30min" has two */
  const char *expected; /* description of a valid text, for error messages */
  const char *max;      /* largest value, for error messages */
} Quantity;

#define DIGITS           "0123456789"
#define NAMES(...)       ((const char *const[]){ __VA_ARGS__, NULL })
#define MAX_QUOTED_CHARS 60

static const Quantity duration = {
  .units = {
    { NAMES ("w", "week", "weeks"), 7 * G_TIME_SPAN_DAY },
    { NAMES ("d", "day", "days"), G_TIME_SPAN_DAY },
    { NAMES ("h", "hr", "hour", "hours"), G_TIME_SPAN_HOUR },
    { NAMES ("min", "m", "minute", "minutes"), G_TIME_SPAN_MINUTE },
    { NAMES ("s", "sec", "second", "seconds"), G_TIME_SPAN_SECOND },
    { NAMES ("ms", "msec"), G_TIME_SPAN_MILLISECOND },
    { NAMES ("us", "usec", "µs"), 1 },
  },
  .plain = G_TIME_SPAN_SECOND,
  .max_terms = G_MAXUINT,
  .expected = "duration; give a number of seconds, or a time such as 500ms, 10s, 5min or 1h30min",
  .max = "106751991d",
};

static const Quantity size = {
  .units = {
    { NAMES ("TiB", "T"), G_GUINT64_CONSTANT (1) << 40 },
    { NAMES ("GiB", "G"), G_GUINT64_CONSTANT (1) << 30 },
    { NAMES ("MiB", "M"), G_GUINT64_CONSTANT (1) << 20 },
    { NAMES ("KiB", "K"), G_GUINT64_CONSTANT (1) << 10 },
    { NAMES ("B"), 1 },
  },
  .plain = 1,
  .max_terms = 1,
  .expected = "size; give a number of bytes, or a size such as 64KiB, 4MiB or 1GiB",
  .max = "8388607TiB",
};

/* Returns: the factor of the unit that has the name @name, or 0 if there is no such unit. */
static guint64
unit_factor (const Unit *unit, const char *name)
{
  while (unit->names != NULL && !g_strv_contains (unit->names, name))
    unit++;
  return unit->factor;
}

/* Adds up the terms of @text, such as "30min" or "30 min". @total: saturates at G_MAXUINT64. */
static gboolean
add_up (const Quantity *quantity, const char *text, guint64 *total)
{
  /* a number without a unit must be the only term, because "1h 30" is ambiguous */
  const gboolean is_plain = text[strspn (text, DIGITS)] == '\0';

  *total = 0;
  for (guint terms = 0; terms < quantity->max_terms && g_ascii_isdigit (*text); terms++)
    {
      char *unit;
      guint64 number = g_ascii_strtoull (text, &unit, 10); /* saturates at G_MAXUINT64 */
      g_autofree char *name = NULL;
      guint64 factor;

      unit += strspn (unit, " ");
      text = unit + strcspn (unit, " " DIGITS);
      name = g_strndup (unit, text - unit);
      factor = is_plain ? quantity->plain : unit_factor (quantity->units, name);
      if (factor == 0)
        return FALSE;

      if (!g_uint64_checked_mul (&number, number, factor)
          || !g_uint64_checked_add (total, *total, number))
        *total = G_MAXUINT64;
      if (*text == '\0')
        return TRUE;
      text += strspn (text, " ");
    }
  return FALSE;
}

static gboolean
parse (const Quantity *quantity, const char *text, gint64 *result, GError **error)
{
  g_autofree char *shown = rd_text_printable (text, MAX_QUOTED_CHARS);
  guint64 total;

  if (!add_up (quantity, text, &total))
    {
      g_set_error (error, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_INVALID, "“%s” is not a %s",
                   shown, quantity->expected);
      return FALSE;
    }
  if (total > G_MAXINT64)
    {
      g_set_error (error, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS,
                   "“%s” is out of range; give at most %s", shown, quantity->max);
      return FALSE;
    }
  *result = (gint64) total;
  return TRUE;
}

gboolean
rd_units_parse_duration (const char *text, gint64 *duration_us, GError **error)
{
  return parse (&duration, text, duration_us, error);
}

gboolean
rd_units_parse_size (const char *text, gint64 *bytes, GError **error)
{
  return parse (&size, text, bytes, error);
}

char *
rd_units_format_duration (guint64 duration_us)
{
  GString *text = g_string_new (NULL);

  for (const Unit *unit = duration.units; unit->names != NULL; unit++)
    {
      const guint64 number = duration_us / unit->factor;

      if (number == 0)
        continue;
      g_string_append_printf (text, "%s%" G_GUINT64_FORMAT "%s", text->len > 0 ? " " : "", number,
                              unit->names[0]);
      duration_us %= unit->factor;
    }
  if (text->len == 0)
    g_string_append_c (text, '0');
  return g_string_free (text, FALSE);
}

char *
rd_units_format_size (guint64 bytes)
{
  const Unit *unit = size.units;

  while (bytes % unit->factor != 0)
    unit++;
  if (unit->factor == 1 || bytes == 0)
    return g_strdup_printf ("%" G_GUINT64_FORMAT, bytes);
  return g_strdup_printf ("%" G_GUINT64_FORMAT "%s", bytes / unit->factor, unit->names[0]);
}

char *
rd_units_format_seconds (guint seconds)
{
  if (seconds < 60)
    return g_strdup_printf ("%us", seconds);
  if (seconds < 3600)
    return g_strdup_printf ("%umin %us", seconds / 60, seconds % 60);
  return g_strdup_printf ("%uh %umin", seconds / 3600, seconds / 60 % 60);
}
