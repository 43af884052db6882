/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Parses, checks and formats the value of an option, according to the option's type. */

#include "rd-option.h"

#include <gio/gio.h>
#include <string.h>

#include "rd-address.h"
#include "rd-redis-url.h"
#include "rd-text.h"
#include "rd-units.h"

#define N_TYPES         (RD_OPTION_TEXT + 1)
#define MAX_TOKEN_CHARS 64

typedef struct
{
  /* Parses @text and sets @field. This pointer is NULL for lists, which set_list() sets. */
  gboolean (*set) (const RdOption *option, gpointer field, const char *text, GError **error);

  /* Returns whether @text is valid. @text: a string, or a word of a list. This pointer is NULL for
   * all other types. */
  gboolean (*check) (const char *text);

  /* For error messages: "“x” is not @noun; give @valid". */
  const char *noun;
  const char *valid;

  /* Parses a number with a unit. This pointer is NULL unless the type is a duration or a size. */
  gboolean (*parse) (const char *text, gint64 *number, GError **error);
} Type;

static const Type types[N_TYPES];

/* Sets an error with the message "“@text” FAULT"; FAULT: the formatted @format. Returns: FALSE. */
G_GNUC_PRINTF (3, 4)
static gboolean
refuse_as (const char *text, GError **error, const char *format, ...)
{
  g_autofree char *shown = rd_text_printable (text, RD_OPTION_MAX_QUOTED);
  g_autofree char *fault = NULL;
  va_list args;

  va_start (args, format);
  fault = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "“%s” %s", shown, fault);
  return FALSE;
}

static gboolean
is_graph (const char *text)
{
  while (g_ascii_isgraph (*text))
    text++;
  return *text == '\0';
}

/* Returns whether @text is ASCII with characters and parts that an origin can have. */
static gboolean
is_origin_text (const char *text)
{
  return is_graph (text) && strpbrk (text, "\"#%<>\\^`{|}") == NULL
         && !g_regex_match_simple ("^https?://(:|$)", text, G_REGEX_CASELESS, 0);
}

/* Returns: (transfer full): the pattern that was probably meant by @text, which must pass
 * is_origin_text(). The result is equal to @text unless @text can never match: browsers send
 * SCHEME://HOST in lower case, without user, path and default port (RFC 6454 §6.2). */
static char *
correct_origin (const char *text)
{
  /* clang-format off */
  static const char *const rules[][2] = { /* regular expression, replacement */
    { "^[^/:]+:", "\\L\\0" },
    { "^(https?|wss?|[^:]*[*?][^:]*):.*|^[^:]*$|^[^/]*$", "\\L\\0" }, /* other schemes keep case */
    { "^ws(s?):", "http\\1:" },
    { "^(https?):/?(?![/*?])", "\\1://" },
    { "^([^/]*//)?+[^/]*@", "\\1" },
    { "^([^/]*//)?+([^/]*)/.*", "\\1\\2" },
    { "^(http://.*):80$|^(https://.*):443$", "\\1\\2" },
    { "^(?!null$|[*?]|https?:?/?[*?]|[^/]+://)/*(.*)", "http://\\1 or https://\\1" },
  };
  /* clang-format on */
  g_autofree char *pattern = g_strdup (text);

  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      g_autoptr (GRegex) regex = g_regex_new (rules[i][0], G_REGEX_CASELESS, 0, NULL);
      g_autofree char *before = g_steal_pointer (&pattern);

      pattern = g_regex_replace (regex, before, -1, 0, rules[i][1], 0, NULL);
    }
  return g_steal_pointer (&pattern);
}

/* Sets the error for the invalid value @text of @option. Returns: FALSE. */
static gboolean
refuse (const RdOption *option, const char *text, GError **error)
{
  const Type *type = &types[option->type];
  g_autofree char *words = NULL;
  g_autofree char *pattern = NULL;

  if (option->type == RD_OPTION_REDIS)
    return rd_redis_url_parse (text, error) != NULL; /* always FALSE here */
  if (option->words != NULL)
    {
      words = g_strjoinv (", ", (char **) option->words);
      return refuse_as (text, error, "is not one of %s", words);
    }
  if (type->parse == NULL && option->min != NULL)
    return refuse_as (text, error, "is not %s; give a number from %s to %s", type->noun,
                      option->min, option->max);
  if (type->parse != NULL)
    return refuse_as (text, error, "is out of range; give %s%s to %s",
                      option->zero_is_off ? "0 (off) or " : "", option->min, option->max);
  if (option->type == RD_OPTION_ORIGINS && is_origin_text (text))
    {
      pattern = correct_origin (text);
      return refuse_as (text, error, "can never match; give %s", pattern);
    }
  return refuse_as (text, error, "is not %s; give %s", type->noun, type->valid);
}

static gboolean
set_boolean (const RdOption *option, gpointer field, const char *text, GError **error)
{
  static const char *const yes[] = { "true", "yes", "1", NULL };
  static const char *const no[] = { "false", "no", "0", NULL };

  if (!g_strv_contains (yes, text) && !g_strv_contains (no, text))
    return refuse (option, text, error);

  *(gboolean *) field = g_strv_contains (yes, text);
  return TRUE;
}

static gboolean
set_choice (const RdOption *option, gpointer field, const char *text, GError **error)
{
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
set_integer (const RdOption *option, gpointer field, const char *text, GError **error)
{
  gint64 min = g_ascii_strtoll (option->min, NULL, 10);
  gint64 max = g_ascii_strtoll (option->max, NULL, 10);
  gint64 number;

  if (!g_ascii_string_to_signed (text, 10, min, max, &number, NULL))
    return refuse (option, text, error);

  *(int *) field = (int) number;
  return TRUE;
}

static gboolean
set_quantity (const RdOption *option, gpointer field, const char *text, GError **error)
{
  const Type *type = &types[option->type];
  g_autoptr (GError) reason = NULL;
  gint64 min = 0, max = 0, number = 0;

  type->parse (option->min, &min, NULL);
  type->parse (option->max, &max, NULL);
  if (!type->parse (text, &number, &reason)
      && g_error_matches (reason, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_INVALID))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, reason->message);
      return FALSE;
    }
  if (reason != NULL || ((number < min || number > max) && !(number == 0 && option->zero_is_off)))
    return refuse (option, text, error);

  *(gint64 *) field = number;
  return TRUE;
}

static gboolean
set_string (const RdOption *option, gpointer field, const char *text, GError **error)
{
  guint64 max_chars = option->max ? g_ascii_strtoull (option->max, NULL, 10) : G_MAXUINT64;
  char **string = field;

  if (text != NULL && !types[option->type].check (text))
    return refuse (option, text, error);
  if (text != NULL && (guint64) g_utf8_strlen (text, -1) > max_chars)
    return refuse_as (text, error, "is too long; give at most %s characters", option->max);

  g_free (*string);
  *string = g_strdup (text);
  return TRUE;
}

/* Returns: (nullable): the last element of @values, or NULL if @values is empty. */
static const char *
last (const char *const *values)
{
  return *values != NULL ? values[g_strv_length ((char **) values) - 1] : NULL;
}

static gboolean
add_words (const RdOption *option, GStrvBuilder *list, const char *text, GError **error)
{
  g_auto (GStrv) words = g_strsplit_set (text, " \t\r\n,;", -1);

  for (char **word = words; *word != NULL; word++)
    {
      if (**word == '\0')
        continue;
      if (!types[option->type].check (*word))
        return refuse (option, *word, error);
      g_strv_builder_add (list, *word);
    }
  return TRUE;
}

static gboolean
set_list (const RdOption *option, gpointer field, const char *const *values, GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) list = NULL;
  char ***strv = field;
  guint length;

  for (const char *const *text = values; *text != NULL; text++)
    {
      if (!add_words (option, builder, *text, error))
        return FALSE;
    }

  list = g_strv_builder_end (builder);
  length = g_strv_length (list);
  if (length > g_ascii_strtoull (option->max, NULL, 10))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "too many values (%u); give at most %s", length, option->max);
      return FALSE;
    }
  if (length == 0 && *values != NULL)
    return refuse_as (last (values), error, "is an empty list; give at least one value");

  g_strfreev (*strv);
  *strv = g_steal_pointer (&list);
  return TRUE;
}

static gboolean
is_origin (const char *text)
{
  g_autofree char *pattern = is_origin_text (text) ? correct_origin (text) : NULL;

  return g_strcmp0 (pattern, text) == 0;
}

static gboolean
is_name (const char *text)
{
  g_autofree char *printable = rd_text_printable (text, G_MAXSIZE);

  return *text != '\0' && g_str_equal (text, printable);
}

/* Rejects %XX, dot segments and backslashes: libsoup or browsers normalize them, so a path that
 * contains them would never match. */
static gboolean
is_path (const char *text)
{
  return *text == '/' && is_graph (text) && strpbrk (text, "?#%\\") == NULL
         && !g_regex_match_simple ("/\\.\\.?(/|$)", text, 0, 0);
}

static gboolean
is_token (const char *text)
{
  const gsize n = strspn (text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS RD_TEXT_TOKEN_SYMBOLS);

  return text[n] == '\0' && n >= 1 && n <= MAX_TOKEN_CHARS;
}

static gboolean
is_redis_url (const char *text)
{
  g_autoptr (RdRedisUrl) url = rd_redis_url_parse (text, NULL);

  return url != NULL;
}

static gboolean
is_text (const char *text)
{
  return *text != '\0' && g_utf8_validate (text, -1, NULL);
}

/* clang-format off */
static const Type types[N_TYPES] = {
  [RD_OPTION_ADDRESS] = { set_string, rd_address_is_valid,
                          "an address", "a host name or an IP address" },
  [RD_OPTION_ADDRESSES] = { NULL, rd_address_is_valid,
                            "an address", "a host name or an IP address" },
  [RD_OPTION_BOOLEAN] = { set_boolean, NULL, "a boolean", "true, yes, 1, false, no or 0" },
  [RD_OPTION_CHOICE] = { set_choice },
  [RD_OPTION_COUNT] = { set_integer, NULL, "a count" },
  [RD_OPTION_DURATION] = { set_quantity, .parse = rd_units_parse_duration },
  [RD_OPTION_NAME] = { set_string, is_name, "a name", "printable text" },
  [RD_OPTION_ORIGINS] = { NULL, is_origin, "an origin", "ASCII such as https://*.example.org" },
  [RD_OPTION_PATH] = { set_string, is_path, "a path",
                       "“/”, then printable ASCII with no ?, #, %, \\ or dot segments" },
  [RD_OPTION_PORT] = { set_integer, NULL, "a port" },
  [RD_OPTION_REDIS] = { set_string, is_redis_url },
  [RD_OPTION_SIZE] = { set_quantity, .parse = rd_units_parse_size },
  [RD_OPTION_TOKENS] = { NULL, is_token, "a subprotocol",
                         "at most 64 ASCII letters, digits or " RD_TEXT_TOKEN_SYMBOLS },
  [RD_OPTION_TEXT] = { set_string, is_text, "a message", "UTF-8 text that is not empty" },
};
/* clang-format on */

gboolean
rd_option_set (const RdOption *option, gpointer record, const char *const *values, GError **error)
{
  const Type *type = &types[option->type];
  gpointer field = G_STRUCT_MEMBER_P (record, option->offset);

  return type->set != NULL ? type->set (option, field, last (values), error)
                           : set_list (option, field, values, error);
}

char *
rd_option_format (const RdOption *option, gconstpointer record)
{
  gconstpointer field = (const guint8 *) record + option->offset;
  g_autoptr (RdRedisUrl) url = NULL;
  const char *text;
  char **list;

  switch (option->type)
    {
    case RD_OPTION_ADDRESSES:
    case RD_OPTION_ORIGINS:
    case RD_OPTION_TOKENS:
      list = *(char **const *) field;
      return *list != NULL ? g_strjoinv (" ", list) : NULL;
    case RD_OPTION_BOOLEAN:
      return g_strdup (*(const gboolean *) field ? "true" : "false");
    case RD_OPTION_CHOICE:
      return g_strdup (option->words[*(const guint *) field]);
    case RD_OPTION_COUNT:
    case RD_OPTION_PORT:
      return g_strdup_printf ("%d", *(const int *) field);
    case RD_OPTION_DURATION:
      return rd_units_format_duration (*(const guint64 *) field);
    case RD_OPTION_SIZE:
      return rd_units_format_size (*(const guint64 *) field);
    case RD_OPTION_REDIS:
      text = *(char *const *) field;
      url = text != NULL ? rd_redis_url_parse (text, NULL) : NULL;
      return url != NULL ? rd_redis_url_dup_display (url) : NULL;
    case RD_OPTION_ADDRESS:
    case RD_OPTION_NAME:
    case RD_OPTION_PATH:
    case RD_OPTION_TEXT:
      return g_strdup (*(char *const *) field);
    }

  g_assert_not_reached ();
}

char *
rd_option_dup_variable (const RdOption *option)
{
  g_autofree char *upper = g_ascii_strup (option->name, -1);

  return g_strconcat ("RINGDOWN_", g_strdelimit (upper, "-", '_'), NULL);
}

void
rd_option_clear (const RdOption *option, gpointer record)
{
  gpointer field = G_STRUCT_MEMBER_P (record, option->offset);

  if (types[option->type].set == set_string)
    g_clear_pointer ((char **) field, g_free);
  else if (types[option->type].set == NULL)
    g_clear_pointer ((char ***) field, g_strfreev);
}
