/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What a value of each type may be, and how it gets into its field. The words that tell a person
 * what to give instead are here and in rd-units.c. Knows no option by name, and not where a value
 * comes from. */

#include "rd-option.h"

#include <gio/gio.h>
#include <string.h>

#include "rd-text.h"
#include "rd-units.h"

#define MAX_QUOTED_CHARS 60

typedef struct _Type Type;

struct _Type
{
  gboolean (*set) (const Type *type,
                   const RdOption *option,
                   gpointer field,
                   const char *const *values,
                   GError **error);

  /* A string's, or that of each word of a list. */
  gboolean (*check) (const char *text);

  /* A quantity's: a number with units. */
  gboolean (*parse) (const char *text, gint64 *number, GError **error);

  const char *noun;   /* for errors, as is what follows */
  const char *advice; /* what @check lets through */
};

/* Returns: FALSE, with an error that says what @text is, such as "not a port; give ...". */
G_GNUC_PRINTF (3, 4)
static gboolean
refuse (GError **error, const char *text, const char *format, ...)
{
  g_autofree char *shown = rd_text_printable (text, MAX_QUOTED_CHARS);
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "“%s” is %s", shown, what);
  return FALSE;
}

static const char *
last (const char *const *values)
{
  const char *text = NULL;

  for (; *values != NULL; values++)
    text = *values;
  return text;
}

static gboolean
set_boolean (const Type *type,
             const RdOption *option,
             gpointer field,
             const char *const *values,
             GError **error)
{
  static const char *const yes[] = { "true", "yes", "1", NULL };
  static const char *const no[] = { "false", "no", "0", NULL };
  const char *text = last (values);

  if (!g_strv_contains (yes, text) && !g_strv_contains (no, text))
    return refuse (error, text, "not %s; give %s", type->noun, type->advice);

  *(gboolean *) field = g_strv_contains (yes, text);
  return TRUE;
}

static gboolean
set_choice (const Type *type,
            const RdOption *option,
            gpointer field,
            const char *const *values,
            GError **error)
{
  const char *text = last (values);
  g_autofree char *allowed = NULL;

  for (guint i = 0; option->words[i] != NULL; i++)
    {
      if (g_str_equal (option->words[i], text))
        {
          *(guint *) field = i;
          return TRUE;
        }
    }
  allowed = g_strjoinv (", ", (char **) option->words);
  return refuse (error, text, "not one of %s", allowed);
}

static gboolean
set_integer (const Type *type,
             const RdOption *option,
             gpointer field,
             const char *const *values,
             GError **error)
{
  gint64 min = g_ascii_strtoll (option->min, NULL, 10);
  gint64 max = g_ascii_strtoll (option->max, NULL, 10);
  const char *text = last (values);
  gint64 number;

  if (!g_ascii_string_to_signed (text, 10, min, max, &number, NULL))
    return refuse (error, text, "not %s; give a number from %s to %s", type->noun, option->min,
                   option->max);

  *(int *) field = (int) number;
  return TRUE;
}

/* The limits are written like the value, so that errors can name them. */
static gboolean
is_in_range (const Type *type, const RdOption *option, gint64 number)
{
  gint64 min = G_MAXINT64;
  gint64 max = G_MININT64;

  if (!type->parse (option->min, &min, NULL) || !type->parse (option->max, &max, NULL))
    g_assert_not_reached ();

  return (number >= min && number <= max) || (number == 0 && option->zero_is_off);
}

static gboolean
set_quantity (const Type *type,
              const RdOption *option,
              gpointer field,
              const char *const *values,
              GError **error)
{
  g_autoptr (GError) reason = NULL;
  const char *text = last (values);
  gint64 number = 0;

  if (!type->parse (text, &number, &reason)
      && g_error_matches (reason, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_INVALID))
    return refuse (error, text, "%s", reason->message);
  if (reason != NULL || !is_in_range (type, option, number))
    return refuse (error, text, "out of range; give %s%s to %s",
                   option->zero_is_off ? "0 (off) or " : "", option->min, option->max);

  *(gint64 *) field = number;
  return TRUE;
}

static gboolean
set_string (const Type *type,
            const RdOption *option,
            gpointer field,
            const char *const *values,
            GError **error)
{
  guint64 max_chars = option->max ? g_ascii_strtoull (option->max, NULL, 10) : G_MAXUINT64;
  const char *text = last (values);
  char **string = field;

  if (text != NULL && !type->check (text))
    return refuse (error, text, "not %s; give %s", type->noun, type->advice);
  if (text != NULL && (guint64) g_utf8_strlen (text, -1) > max_chars)
    return refuse (error, text, "too long for %s; give at most %s characters", type->noun,
                   option->max);

  g_free (*string);
  *string = g_strdup (text);
  return TRUE;
}

static gboolean
add_words (const Type *type, GStrvBuilder *list, const char *text, GError **error)
{
  g_auto (GStrv) words = g_strsplit_set (text, " \t\r\n,;", -1);

  for (char **word = words; *word != NULL; word++)
    {
      if (**word == '\0')
        continue;
      if (!type->check (*word))
        return refuse (error, *word, "not %s; give %s", type->noun, type->advice);
      g_strv_builder_add (list, *word);
    }
  return TRUE;
}

static gboolean
set_list (const Type *type,
          const RdOption *option,
          gpointer field,
          const char *const *values,
          GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) list = NULL;
  char ***strv = field;

  for (const char *const *text = values; *text != NULL; text++)
    {
      if (!add_words (type, builder, *text, error))
        return FALSE;
    }

  list = g_strv_builder_end (builder);
  if (g_strv_length (list) > g_ascii_strtoull (option->max, NULL, 10))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "%u are too many; give at most %s", g_strv_length (list), option->max);
      return FALSE;
    }
  if (list[0] == NULL && *values != NULL)
    return refuse (error, last (values), "an empty list; give at least one");

  g_strfreev (*strv);
  *strv = g_steal_pointer (&list);
  return TRUE;
}

static gboolean
is_graph (const char *text)
{
  while (g_ascii_isgraph (*text))
    text++;
  return *text == '\0';
}

/* RFC 1123, section 2.1, and the underscore, which container networks have in their names. */
static gboolean
is_address (const char *text)
{
  const char *label = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";
  const char *number_at_end = "(^|\\.)[0-9]+\\.?\\z";
  g_autofree char *name = g_strdup_printf ("^%s(\\.%s)*\\.?\\z", label, label);

  if (strlen (text) > 253 || !is_graph (text))
    return FALSE;
  if (g_hostname_is_ip_address (text))
    return TRUE;
  return g_regex_match_simple (name, text, G_REGEX_CASELESS, 0)
         && !g_regex_match_simple (number_at_end, text, 0, 0);
}

static gboolean
is_name (const char *text)
{
  if (*text == '\0' || !g_utf8_validate (text, -1, NULL))
    return FALSE;

  while (g_unichar_isprint (g_utf8_get_char (text)))
    text = g_utf8_next_char (text);
  return *text == '\0';
}

static gboolean
is_path (const char *text)
{
  /* what libsoup compares it with is decoded and without dot segments */
  return *text == '/' && is_graph (text) && strpbrk (text, "?#%") == NULL
         && !g_regex_match_simple ("/\\.\\.?(/|$)", text, 0, 0);
}

static gboolean
is_text (const char *text)
{
  return *text != '\0' && g_utf8_validate (text, -1, NULL);
}

static const Type types[] = {
  [RD_OPTION_ADDRESS] = {
    .set = set_string,
    .check = is_address,
    .noun = "an address",
    .advice = "a host name or an IP address",
  },
  [RD_OPTION_ADDRESSES] = {
    .set = set_list,
    .check = is_address,
    .noun = "an address",
    .advice = "a host name or an IP address",
  },
  [RD_OPTION_BOOLEAN] = {
    .set = set_boolean,
    .noun = "a boolean",
    .advice = "true, yes, 1, false, no or 0",
  },
  [RD_OPTION_CHOICE] = { .set = set_choice },
  [RD_OPTION_COUNT] = { .set = set_integer, .noun = "a count" },
  [RD_OPTION_DURATION] = { .set = set_quantity, .parse = rd_units_parse_duration },
  [RD_OPTION_NAME] = {
    .set = set_string,
    .check = is_name,
    .noun = "a name",
    .advice = "printable text",
  },
  [RD_OPTION_ORIGINS] = {
    .set = set_list,
    .check = is_graph,
    .noun = "an origin",
    .advice = "ASCII such as https://*.example.org",
  },
  [RD_OPTION_PATH] = {
    .set = set_string,
    .check = is_path,
    .noun = "a path",
    .advice = "/ and then printable ASCII without ?, #, % and dot segments",
  },
  [RD_OPTION_PORT] = { .set = set_integer, .noun = "a port" },
  [RD_OPTION_SIZE] = { .set = set_quantity, .parse = rd_units_parse_size },
  [RD_OPTION_TEXT] = {
    .set = set_string,
    .check = is_text,
    .noun = "a message",
    .advice = "UTF-8 text that is not empty",
  },
};

gboolean
rd_option_set (const RdOption *option, gpointer record, const char *const *values, GError **error)
{
  const Type *type = &types[option->type];

  return type->set (type, option, G_STRUCT_MEMBER_P (record, option->offset), values, error);
}

void
rd_option_clear (const RdOption *option, gpointer record)
{
  gpointer field = G_STRUCT_MEMBER_P (record, option->offset);

  if (types[option->type].set == set_string)
    g_clear_pointer ((char **) field, g_free);
  else if (types[option->type].set == set_list)
    g_clear_pointer ((char ***) field, g_strfreev);
}
