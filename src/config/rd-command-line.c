/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Reads the command line, of which --help is the page. All of it is made from the table of options,
 * but for those that are no setting: --check, --config, --help, --version. Looks at no value: that
 * is rd-option's, so that the other sources are held to the same. */

#include "rd-command-line.h"

#include <glib/gi18n.h>
#include <string.h>

#include "rd-redis-url.h"
#include "rd-text.h"

#define MAX_ECHOED_CHARS 200

static gboolean
on_option (const char *typed, const char *value, gpointer user_data, GError **error)
{
  RdSettings *settings = user_data;
  const RdOption *option = rd_settings_find (settings, NULL, typed + strlen ("--"));

  rd_settings_add (settings, RD_SOURCE_COMMAND_LINE, option, value != NULL ? value : "true");
  return TRUE;
}

static void
add_entry (GOptionGroup *group, const RdOption *option, GStringChunk *texts)
{
  g_autofree char *preset = option->preset ? g_strdup_printf (" [%s]", option->preset) : NULL;
  g_autofree char *help = g_strconcat (_ (option->help), preset, NULL);
  const GOptionEntry entries[] = {
    {
      .long_name = option->name,
      /* FILENAME: the bytes as typed, in any locale. NOALIAS: no --server-port for --port.
       * OPTIONAL_ARG: a flag; without it GLib would take --reuse-port=no for a yes. */
      .flags = G_OPTION_FLAG_FILENAME | G_OPTION_FLAG_NOALIAS
               | (option->metavar == NULL ? G_OPTION_FLAG_OPTIONAL_ARG : 0),
      .arg = G_OPTION_ARG_CALLBACK,
      .arg_data = on_option,
      .description = g_string_chunk_insert (texts, help),
      .arg_description = option->metavar,
    },
    G_OPTION_ENTRY_NULL,
  };

  g_option_group_add_entries (group, entries);
}

static void
add_texts (GOptionContext *context)
{
  const char *summary = _ ("Rings every WebSocket client, and goes down without dropping one.");
  /* Translators: TIME and SIZE are in the list of options above, and stay as they are */
  const char *values = _ (
    "TIME is in seconds, or such as 500ms, 10s, 5min, 1h30min; SIZE in bytes, or such\n"
    "as 64KiB, 4MiB. A list repeats its option, or separates by space, comma or\n"
    "semicolon.");
  const char *sources = _ (
    "Every option is also an environment variable, --drain-timeout is\n"
    "RINGDOWN_DRAIN_TIMEOUT (empty: not set), and a key of the key file, in the group\n"
    "that heads it above: [Drain] drain-timeout. The command line wins over the\n"
    "environment, the environment over the key file.");
  const char *others = _ (
    "REDIS_HOST and REDIS_PORT (one will do) also mean --redis=redis://HOST:PORT, and\n"
    "REDIS_CHANNEL means --redis-channel; they win over nothing but the key file.");
  const char *key_file = _ (
    "The key file is --config or RINGDOWN_CONFIG, else ringdown/ringdown.conf in\n"
    "$XDG_CONFIG_HOME (~/.config), else /etc/ringdown/ringdown.conf.");
  g_autofree char *description = g_strjoin ("\n\n", values, sources, others, key_file, NULL);

  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, description);
}

static GOptionGroup *
group_new (RdSettings *settings, const char *name)
{
  g_autofree char *heading = g_strdup_printf ("[%s]", name);

  return g_option_group_new (name, heading, heading, settings, NULL);
}

/* Returns: (transfer full): to be freed before @settings and @texts. */
static GOptionContext *
option_context_new (RdSettings *settings, GStringChunk *texts)
{
  GOptionContext *context = g_option_context_new (NULL);
  GOptionGroup *group = NULL;
  gsize n_options;
  const RdOption *options = rd_settings_get_options (settings, &n_options);

  add_texts (context);
  /* GLib's own --help prints in the locale's character set, where "🛰" may become "?". */
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_ignore_unknown_options (context, TRUE); /* refuse_rest() does not */

  for (gsize i = 0; i < n_options; i++)
    {
      const RdOption *option = &options[i];

      if (i == 0 || !g_str_equal (option->group, option[-1].group))
        {
          group = group_new (settings, option->group);
          g_option_context_add_group (context, group);
        }
      add_entry (group, option, texts);
    }
  return context;
}

/* Returns: FALSE with an error if options were not all that @argv had. */
static gboolean
refuse_rest (char **argv, GError **error)
{
  g_autofree char *hidden = NULL;
  g_autofree char *word = NULL;
  gboolean no_options; /* what follows "--" */

  if (argv[0] == NULL || argv[1] == NULL)
    return TRUE;

  no_options = g_str_equal (argv[1], "--") && argv[2] != NULL;
  hidden = rd_redis_url_hide_password (argv[no_options ? 2 : 1]);
  word = rd_text_printable (hidden, MAX_ECHOED_CHARS);
  if (word[0] == '-' && word[1] != '\0' && !no_options)
    {
      word[strcspn (word, "=")] = '\0';
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                   _ ("unknown option %s; see ringdown --help"), word);
      return FALSE;
    }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
               _ ("“%s” is not an option; see ringdown --help"), word);
  return FALSE;
}

gboolean
rd_command_line_read (RdCommandLine *line, RdSettings *settings, char **argv, GError **error)
{
  gboolean help = FALSE;
  gboolean version = FALSE;
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &line->config_file, _ ("Key file; must exist"),
      "FILE" },
    { "check", 0, 0, G_OPTION_ARG_NONE, &line->check,
      _ ("Print all settings and what will bite, and exit"), NULL },
    { "help", 'h', 0, G_OPTION_ARG_NONE, &help, _ ("Print this and exit"), NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, _ ("Print the version and exit"), NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GStringChunk) texts = g_string_chunk_new (1024);
  g_autoptr (GOptionContext) context = option_context_new (settings, texts);
  g_auto (GStrv) rest = g_strdupv (argv);

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse_strv (context, &rest, error) || !refuse_rest (rest, error))
    return FALSE;

  if (help)
    line->answer = g_option_context_get_help (context, FALSE, NULL);
  else if (version)
    line->answer = g_strdup ("ringdown " RINGDOWN_VERSION "\n");
  return TRUE;
}

void
rd_command_line_clear (RdCommandLine *line)
{
  g_clear_pointer (&line->config_file, g_free);
  g_clear_pointer (&line->answer, g_free);
}
