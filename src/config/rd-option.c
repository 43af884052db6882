/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What a value of each type may be, and how it gets into its field and out again. The words that
 * tell a person what to give instead are here and in rd-units.c. Knows no option by name, and not
 * where a value comes from. */

#include "rd-option.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>

#include "rd-address.h"
#include "rd-redis-url.h"
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

  /* Returns: (transfer full) (nullable): what @set would take for the same. */
  char *(*format) (const Type *type, const RdOption *option, gconstpointer field);

  /* A string's, or that of each word of a list. */
  gboolean (*check) (const char *text);

  /* A quantity's: a number with units. */
  gboolean (*parse) (const char *text, gint64 *number, GError **error);
  char *(*format_number) (guint64 number);
};

/* Returns: (transfer full): a sentence: what @shown is not, and what to give instead. */
static char *
describe_fault (const RdOption *option, const char *shown)
{
  g_autofree char *words = NULL;

  switch (option->type)
    {
    case RD_OPTION_ADDRESS:
    case RD_OPTION_ADDRESSES:
      return g_strdup_printf (_ ("“%s” is not an address; give a host name or an IP address"),
                              shown);
    case RD_OPTION_BOOLEAN:
      return g_strdup_printf (_ ("“%s” is not a boolean; give true, yes, 1, false, no or 0"),
                              shown);
    case RD_OPTION_CHOICE:
      words = g_strjoinv (", ", (char **) option->words);
      /* Translators: the second is a list of words, such as session, system, none */
      return g_strdup_printf (_ ("“%s” is not one of %s"), shown, words);
    case RD_OPTION_COUNT:
      return g_strdup_printf (_ ("“%s” is not a count; give a number from %s to %s"), shown,
                              option->min, option->max);
    case RD_OPTION_DURATION:
    case RD_OPTION_SIZE:
      if (option->zero_is_off)
        return g_strdup_printf (_ ("“%s” is out of range; give 0 (off) or %s to %s"), shown,
                                option->min, option->max);
      return g_strdup_printf (_ ("“%s” is out of range; give %s to %s"), shown, option->min,
                              option->max);
    case RD_OPTION_NAME:
      return g_strdup_printf (_ ("“%s” is not a name; give printable text"), shown);
    case RD_OPTION_ORIGINS:
      return g_strdup_printf (_ ("“%s” is not an origin; give ASCII such as https://*.example.org"),
                              shown);
    case RD_OPTION_PATH:
      return g_strdup_printf (
        _ ("“%s” is not a path; give / and then printable ASCII without ?, #, %%, \\ and dot "
           "segments"),
        shown);
    case RD_OPTION_PORT:
      return g_strdup_printf (_ ("“%s” is not a port; give a number from %s to %s"), shown,
                              option->min, option->max);
    case RD_OPTION_REDIS:
      break; /* rd-redis-url's to tell */
    case RD_OPTION_TEXT:
      return g_strdup_printf (_ ("“%s” is not a message; give UTF-8 text that is not empty"),
                              shown);
    }

  g_assert_not_reached ();
}

/* Returns: FALSE with an error: @text is not what the type of @option says. */
static gboolean
refuse (const RdOption *option, const char *text, GError **error)
{
  g_autofree char *shown = rd_text_printable (text, MAX_QUOTED_CHARS);
  g_autofree char *fault = describe_fault (option, shown);

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, fault);
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
    return refuse (option, text, error);

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

  for (guint i = 0; option->words[i] != NULL; i++)
    {
      if (g_str_equal (option->words[i], text))
        {
          *(guint *) field = i;
          return TRUE;
        }
    }
  return refuse (option, text, error);
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
    return refuse (option, text, error);

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
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, reason->message);
      return FALSE;
    }
  if (reason != NULL || !is_in_range (type, option, number))
    return refuse (option, text, error);

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
    return refuse (option, text, error);
  if (text != NULL && (guint64) g_utf8_strlen (text, -1) > max_chars)
    {
      g_autofree char *shown = rd_text_printable (text, MAX_QUOTED_CHARS);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _ ("“%s” is too long; give at most %s characters"), shown, option->max);
      return FALSE;
    }

  g_free (*string);
  *string = g_strdup (text);
  return TRUE;
}

static gboolean
set_redis (const Type *type,
           const RdOption *option,
           gpointer field,
           const char *const *values,
           GError **error)
{
  const char *text = last (values);
  g_autoptr (RdRedisUrl) url = text != NULL ? rd_redis_url_parse (text, error) : NULL;
  char **string = field;

  if (text != NULL && url == NULL)
    return FALSE;

  g_free (*string);
  *string = g_strdup (text);
  return TRUE;
}

static gboolean
add_words (const Type *type,
           const RdOption *option,
           GStrvBuilder *list,
           const char *text,
           GError **error)
{
  g_auto (GStrv) words = g_strsplit_set (text, " \t\r\n,;", -1);

  for (char **word = words; *word != NULL; word++)
    {
      if (**word == '\0')
        continue;
      if (!type->check (*word))
        return refuse (option, *word, error);
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
  guint length;

  for (const char *const *text = values; *text != NULL; text++)
    {
      if (!add_words (type, option, builder, *text, error))
        return FALSE;
    }

  list = g_strv_builder_end (builder);
  length = g_strv_length (list);
  if (length > g_ascii_strtoull (option->max, NULL, 10))
    {
      g_set_error (
        error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
        ngettext ("%u is too many; give at most %s", "%u are too many; give at most %s", length),
        length, option->max);
      return FALSE;
    }
  if (length == 0 && *values != NULL)
    {
      g_autofree char *shown = rd_text_printable (last (values), MAX_QUOTED_CHARS);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _ ("“%s” is an empty list; give at least one"), shown);
      return FALSE;
    }

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
  /* what libsoup compares it with is decoded and without dot segments; browsers make / of \ */
  return *text == '/' && is_graph (text) && strpbrk (text, "?#%\\") == NULL
         && !g_regex_match_simple ("/\\.\\.?(/|$)", text, 0, 0);
}

static gboolean
is_text (const char *text)
{
  return *text != '\0' && g_utf8_validate (text, -1, NULL);
}

static char *
format_boolean (const Type *type, const RdOption *option, gconstpointer field)
{
  return g_strdup (*(const gboolean *) field ? "true" : "false");
}

static char *
format_choice (const Type *type, const RdOption *option, gconstpointer field)
{
  return g_strdup (option->words[*(const guint *) field]);
}

static char *
format_integer (const Type *type, const RdOption *option, gconstpointer field)
{
  return g_strdup_printf ("%d", *(const int *) field);
}

static char *
format_quantity (const Type *type, const RdOption *option, gconstpointer field)
{
  return type->format_number (*(const guint64 *) field);
}

static char *
format_string (const Type *type, const RdOption *option, gconstpointer field)
{
  return g_strdup (*(char *const *) field);
}

static char *
format_redis (const Type *type, const RdOption *option, gconstpointer field)
{
  const char *text = *(char *const *) field;
  g_autoptr (RdRedisUrl) url = text != NULL ? rd_redis_url_parse (text, NULL) : NULL;

  return url != NULL ? rd_redis_url_dup_display (url) : NULL;
}

static char *
format_list (const Type *type, const RdOption *option, gconstpointer field)
{
  char **list = *(char **const *) field;

  return *list != NULL ? g_strjoinv (" ", list) : NULL;
}

static const Type types[] = {
  [RD_OPTION_ADDRESS] = { set_string, format_string, .check = rd_address_is_valid },
  [RD_OPTION_ADDRESSES] = { set_list, format_list, .check = rd_address_is_valid },
  [RD_OPTION_BOOLEAN] = { set_boolean, format_boolean },
  [RD_OPTION_CHOICE] = { set_choice, format_choice },
  [RD_OPTION_COUNT] = { set_integer, format_integer },
  [RD_OPTION_DURATION] = {
    set_quantity,
    format_quantity,
    .parse = rd_units_parse_duration,
    .format_number = rd_units_format_duration,
  },
  [RD_OPTION_NAME] = { set_string, format_string, .check = is_name },
  [RD_OPTION_ORIGINS] = { set_list, format_list, .check = is_graph },
  [RD_OPTION_PATH] = { set_string, format_string, .check = is_path },
  [RD_OPTION_PORT] = { set_integer, format_integer },
  [RD_OPTION_REDIS] = { set_redis, format_redis },
  [RD_OPTION_SIZE] = {
    set_quantity,
    format_quantity,
    .parse = rd_units_parse_size,
    .format_number = rd_units_format_size,
  },
  [RD_OPTION_TEXT] = { set_string, format_string, .check = is_text },
};

gboolean
rd_option_set (const RdOption *option, gpointer record, const char *const *values, GError **error)
{
  const Type *type = &types[option->type];

  return type->set (type, option, G_STRUCT_MEMBER_P (record, option->offset), values, error);
}

char *
rd_option_format (const RdOption *option, gconstpointer record)
{
  const Type *type = &types[option->type];

  return type->format (type, option, (const guint8 *) record + option->offset);
}

void
rd_option_clear (const RdOption *option, gpointer record)
{
  gpointer field = G_STRUCT_MEMBER_P (record, option->offset);

  if (types[option->type].set == set_string || types[option->type].set == set_redis)
    g_clear_pointer ((char **) field, g_free);
  else if (types[option->type].set == set_list)
    g_clear_pointer ((char ***) field, g_strfreev);
}
