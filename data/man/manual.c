/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Generates the documentation of options at build time: copies a template, and replaces markers
 * such as @OPTIONS@ by text from the table of options. */

#include <stdio.h>

#include "manual-text.h"
#include "rd-options.h"

static const ManualStyle page_style
  = { .indent = "", .dashes = "\\-\\-", .bold = "\\fB", .roman = "\\fR", .is_roff = TRUE };
static const ManualStyle key_page_style = { .indent = "",
                                            .dashes = "",
                                            .bold = "\\fB",
                                            .roman = "\\fR",
                                            .is_roff = TRUE,
                                            .is_key_file = TRUE };
static const ManualStyle sample_style
  = { .indent = "# ", .dashes = "", .bold = "", .roman = "", .is_key_file = TRUE };

/* Returns: (transfer full): a list such as "session, system or none". */
static char *
join_choice (const char *const *words)
{
  GString *out = g_string_new (words[0]);

  for (gsize i = 1; words[i] != NULL; i++)
    g_string_append_printf (out, "%s%s", words[i + 1] != NULL ? ", " : " or ", words[i]);
  return g_string_free (out, FALSE);
}

/* Returns: (transfer full): a description of valid values. */
static char *
describe_values (const RdOption *option)
{
  switch (option->type)
    {
    case RD_OPTION_ADDRESS:
      return g_strdup ("a host name or an IP address");
    case RD_OPTION_ADDRESSES:
      return g_strdup_printf ("host names or IP addresses, at most %s", option->max);
    case RD_OPTION_BOOLEAN:
      return g_strdup ("true or false");
    case RD_OPTION_CHOICE:
      return join_choice (option->words);
    case RD_OPTION_COUNT:
    case RD_OPTION_PORT:
      return g_strdup_printf ("a number from %s to %s", option->min, option->max);
    case RD_OPTION_DURATION:
      return g_strdup_printf ("%sa time from %s to %s", option->zero_is_off ? "0, or " : "",
                              option->min, option->max);
    case RD_OPTION_NAME:
      return g_strdup_printf ("printable text of at most %s characters", option->max);
    case RD_OPTION_ORIGINS:
      return g_strdup_printf ("patterns, at most %s", option->max);
    case RD_OPTION_PATH:
      return g_strdup_printf ("a path of at most %s characters", option->max);
    case RD_OPTION_REDIS:
      return g_strdup ("a redis:// or unix:// URL, or an absolute path");
    case RD_OPTION_SIZE:
      return g_strdup_printf ("a size from %s to %s", option->min, option->max);
    case RD_OPTION_TOKENS:
      return g_strdup_printf ("names of at most 64 characters, at most %s", option->max);
    case RD_OPTION_TEXT:
      return g_strdup ("text");
    }
  g_assert_not_reached ();
}

static gboolean
begins_group (const RdOption *option, const RdOption *options)
{
  return option == options || !g_str_equal (option->group, option[-1].group);
}

/* Appends a line "@label: @text". */
static void
add_fact (GString *out, const char *label, const char *text)
{
  g_string_append_printf (out, ".br\n%s: ", label);
  manual_add_text (out, &page_style, text);
  g_string_append_c (out, '\n');
}

static const char *
get_metavar (const RdOption *option)
{
  return option->metavar != NULL ? option->metavar : "BOOLEAN";
}

/* Appends a roff list entry with the heading "--port=PORT". */
static void
add_entry (GString *out, const ManualStyle *style, const RdOption *option)
{
  const gboolean is_flag = option->metavar == NULL && !style->is_key_file;
  g_autofree char *values = describe_values (option);
  g_autofree char *variable = rd_option_dup_variable (option);

  g_string_append_printf (out, ".TP\n%s%s", style->bold, style->dashes);
  manual_add_text (out, style, option->name);
  g_string_append_printf (out, is_flag ? "%s[=\\fI%s\\fR]\n" : "%s=\\fI%s\\fR\n", style->roman,
                          get_metavar (option));
  manual_add_paragraph (out, style, option->description);
  add_fact (out, "Value", values);
  add_fact (out, "Default", option->preset != NULL ? option->preset : "not set");
  if (style->is_key_file)
    add_fact (out, "Variable", variable);
}

static void
add_entries (GString *out, const ManualStyle *style, const RdOption *options, gsize n_options)
{
  for (gsize i = 0; i < n_options; i++)
    {
      if (begins_group (&options[i], options))
        g_string_append_printf (out, style->is_key_file ? ".SS [%s]\n" : ".SS %s\n",
                                options[i].group);
      add_entry (out, style, &options[i]);
    }
}

/* Appends the section OPTIONS of ringdown(1). */
static void
add_options (GString *out, const RdOption *options, gsize n_options)
{
  add_entries (out, &page_style, options, n_options);
}

/* Appends the section KEYS of ringdown.conf(5). */
static void
add_keys (GString *out, const RdOption *options, gsize n_options)
{
  add_entries (out, &key_page_style, options, n_options);
}

/* Appends a sample key file: all keys with their defaults, as comments. */
static void
add_sample (GString *out, const RdOption *options, gsize n_options)
{
  for (gsize i = 0; i < n_options; i++)
    {
      const RdOption *option = &options[i];
      g_autofree char *values = describe_values (option);

      if (begins_group (option, options))
        g_string_append_printf (out, "\n[%s]\n", option->group);
      g_string_append_c (out, '\n');
      manual_add_paragraph (out, &sample_style, option->description);
      if (option->preset != NULL)
        g_string_append_printf (out, "# Value: %s\n#%s=%s\n", values, option->name, option->preset);
      else
        g_string_append_printf (out, "# Value: %s; not set by default\n# %s=%s\n", values,
                                option->name, get_metavar (option));
    }
}

/* Appends the options for shell completion, with "=" if they need a value. */
static void
add_words (GString *out, const RdOption *options, gsize n_options)
{
  for (gsize i = 0; i < n_options; i++)
    g_string_append_printf (out, "    --%s%s\n", options[i].name,
                            options[i].metavar != NULL ? "=" : "");
}

/* Appends the values for shell completion. */
static void
add_choices (GString *out, const RdOption *options, gsize n_options)
{
  for (gsize i = 0; i < n_options; i++)
    {
      g_autofree char *words = NULL;

      if (options[i].words == NULL)
        continue;
      words = g_strjoinv (" ", (char **) options[i].words);
      g_string_append_printf (out, "    --%s) words=(%s) ;;\n", options[i].name, words);
    }
}

typedef struct
{
  const char *name;
  void (*add) (GString *out, const RdOption *options, gsize n_options);
} Marker;

static const Marker markers[] = {
  { "@OPTIONS@", add_options }, { "@KEYS@", add_keys },       { "@SAMPLE@", add_sample },
  { "@WORDS@", add_words },     { "@CHOICES@", add_choices },
};

/* Appends @line with its markers replaced. Returns: FALSE if it is an unknown marker. */
static gboolean
add_line (GString *out, const char *line)
{
  gsize n_options;
  const RdOption *options = rd_options_get (&n_options);
  g_auto (GStrv) folders = g_strsplit (DATADIR, "/", -1);
  g_autofree char *datadir = g_strjoinv ("/\\:", folders); /* allows a line break in a long path */
  g_autoptr (GString) text = g_string_new (line);

  for (gsize i = 0; i < G_N_ELEMENTS (markers); i++)
    {
      if (g_str_equal (line, markers[i].name))
        {
          markers[i].add (out, options, n_options);
          return TRUE;
        }
    }

  g_string_replace (text, "@DATADIR@", datadir, 0);
  g_string_replace (text, "@VERSION@", RINGDOWN_VERSION, 0);
  g_string_append_printf (out, "%s\n", text->str);
  return *line != '@';
}

/* Returns: (transfer full): @template with its markers replaced, or NULL with an error. */
static char *
fill (const char *template, GError **error)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GString) out = g_string_new (NULL);

  if (!g_file_get_contents (template, &text, NULL, error))
    return NULL;

  lines = g_strsplit (g_strchomp (text), "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      if (!add_line (out, *line))
        {
          g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: unknown marker %s", template,
                       *line);
          return NULL;
        }
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* Returns: FALSE with an error if an option has no description. */
static gboolean
require_descriptions (GError **error)
{
  gsize n_options;
  const RdOption *options = rd_options_get (&n_options);

  for (gsize i = 0; i < n_options; i++)
    {
      if (options[i].description != NULL)
        continue;
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "the option %s has no description",
                   options[i].name);
      return FALSE;
    }
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  if (argc != 3)
    {
      fprintf (stderr, "usage: manual TEMPLATE OUTPUT\n");
      return 2;
    }

  if (require_descriptions (&error))
    text = fill (argv[1], &error);
  if (text != NULL && g_file_set_contents (argv[2], text, -1, &error))
    return 0;

  fprintf (stderr, "manual: %s\n", error->message);
  return 1;
}
