/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Loads the configuration: reads the command line and the REDIS_* variables, applies all sources in
 * order of precedence, and checks options that depend on each other. */

#include "rd-config.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rd-address.h"
#include "rd-message-bus.h"
#include "rd-redis-url.h"
#include "rd-text.h"

#define MIN_MESSAGES 8 /* minimum size of a message buffer, as a multiple of --max-message */

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
      /* FILENAME: GLib does not convert the value to UTF-8. NOALIAS: GLib does not accept
       * --server-port as an alias of --port. OPTIONAL_ARG: a flag accepts a value: --replace=no. */
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

/* Returns: (transfer full): the text that --help prints after the list of options. */
static char *
dup_description (void)
{
  return g_strjoin (
    "\n\n",
    /* Translators: do not translate TIME and SIZE, which --help also shows in the options above */
    _ ("TIME is in seconds, unless it has units: 500ms, 10s, 5min, 1h30min. SIZE is in\n"
       "bytes, unless it has a unit: 64KiB, 4MiB. To give several addresses, origins or\n"
       "subprotocols, repeat the option, or separate them with spaces, commas or\n"
       "semicolons."),
    _ ("Each option in a [Group] is also an environment variable (RINGDOWN_DRAIN_TIMEOUT\n"
       "for --drain-timeout), and a key in that [Group] of the configuration file. The\n"
       "command line overrides the environment, and the environment overrides the\n"
       "configuration file. Empty variables are ignored."),
    _ ("REDIS_HOST and REDIS_PORT also set --redis, and REDIS_CHANNEL sets\n"
       "--redis-channel. They override the configuration file, but not the command line\n"
       "or RINGDOWN_ variables."),
    _ ("The configuration file (a key file: groups of KEY=VALUE lines) is given by\n"
       "--config or RINGDOWN_CONFIG. Without these, it is ringdown/ringdown.conf in\n"
       "$XDG_CONFIG_HOME (default ~/.config), or else /etc/ringdown/ringdown.conf."),
    NULL);
}

/* Returns: (transfer full): the command line parser; @settings and @texts must outlive it. */
static GOptionContext *
option_context_new (RdSettings *settings, GStringChunk *texts)
{
  GOptionContext *context = g_option_context_new (NULL);
  GOptionGroup *group = NULL;
  g_autofree char *description = dup_description ();

  g_option_context_set_summary (
    context, _ ("WebSocket notification server that restarts without dropping clients."));
  g_option_context_set_description (context, description);
  /* GLib's own --help converts the text to the locale's character set, which may lack "🛰" */
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_ignore_unknown_options (context, TRUE); /* refuse_rest() reports them */

  for (gsize i = 0; i < settings->n_options; i++)
    {
      const RdOption *option = &settings->options[i];

      if (i == 0 || !g_str_equal (option->group, option[-1].group))
        {
          g_autofree char *heading = g_strdup_printf ("[%s]", option->group);

          group = g_option_group_new (option->group, heading, heading, settings, NULL);
          g_option_context_add_group (context, group);
        }
      add_entry (group, option, texts);
    }
  return context;
}

/* Returns: TRUE if parsing has left only argv[0] in @argv; otherwise FALSE with an error. */
static gboolean
refuse_rest (char **argv, GError **error)
{
  const char *word = argv[0] != NULL ? argv[1] : NULL;
  g_autofree char *name = NULL;
  g_autofree char *shown = NULL;
  gboolean is_option;

  if (word == NULL)
    return TRUE;

  is_option = word[0] == '-' && word[1] != '\0' && !g_str_equal (word, "--");
  if (g_str_equal (word, "--") && argv[2] != NULL)
    word = argv[2];
  name = is_option ? g_strndup (word, strcspn (word, "=")) : g_strdup (word);
  shown = rd_settings_dup_printable (name);
  g_set_error (error, G_OPTION_ERROR,
               is_option ? G_OPTION_ERROR_UNKNOWN_OPTION : G_OPTION_ERROR_FAILED,
               is_option ? "unknown option %s; see ringdown --help"
                         : "“%s” is not an option; see ringdown --help",
               shown);
  return FALSE;
}

/* Adds the values in @argv to @settings. @config_file: (inout) (transfer full): set to the value of
 * --config. @check: (inout): set to TRUE by --check. @answer: (inout) (transfer full): set to the
 * output of --help or --version. Returns: TRUE, or FALSE with an error. */
static gboolean
read_command_line (RdSettings *settings,
                   char **argv,
                   char **config_file,
                   gboolean *check,
                   char **answer,
                   GError **error)
{
  gboolean help = FALSE;
  gboolean version = FALSE;
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, config_file, _ ("Configuration file (must exist)"),
      "FILE" },
    { "check", 0, 0, G_OPTION_ARG_NONE, check, _ ("Print the settings and any problems, and exit"),
      NULL },
    { "help", 'h', 0, G_OPTION_ARG_NONE, &help, _ ("Print this help and exit"), NULL },
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
    *answer = g_option_context_get_help (context, FALSE, NULL);
  else if (version)
    *answer = g_strdup ("ringdown " RINGDOWN_VERSION "\n");
  return TRUE;
}

/* Sets an error with the message "@name: “@value” is not @fault". Returns: FALSE. */
static gboolean
refuse_variable (const char *name, const char *value, const char *fault, GError **error)
{
  g_autofree char *shown = rd_text_printable (value, RD_OPTION_MAX_QUOTED);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s: “%s” is not %s", name, shown,
               fault);
  return FALSE;
}

/* Adds the Redis server @host:@port. A NULL @host means localhost; a NULL @port means the
 * default port. At least one of them must not be NULL. Returns: TRUE, or FALSE with an error. */
static gboolean
add_server (RdSettings *settings,
            const RdOption *redis,
            const char *host,
            const char *port,
            GError **error)
{
  guint64 number = RD_REDIS_PORT;
  g_autofree char *url = NULL;

  if (host != NULL && !rd_address_is_valid (host))
    return refuse_variable ("REDIS_HOST", host, "an address; give a host name or an IP address",
                            error);
  if (port != NULL && !g_ascii_string_to_unsigned (port, 10, 1, G_MAXUINT16, &number, NULL))
    return refuse_variable ("REDIS_PORT", port, "a port; give a number from 1 to 65535", error);

  url = rd_redis_url_dup_display (
    &(RdRedisUrl){ .host = (char *) (host != NULL ? host : "localhost"), .port = (guint) number });
  rd_settings_add_other_variable (settings, redis, host != NULL ? "REDIS_HOST" : "REDIS_PORT", url);
  return TRUE;
}

/* Adds the values of REDIS_HOST, REDIS_PORT and REDIS_CHANNEL. Other programs also use these
 * variables, so a value that another source overrides is not checked. */
static gboolean
read_redis_variables (RdSettings *settings, char **envp, GError **error)
{
  const RdOption *redis = rd_settings_find (settings, NULL, "redis");
  const RdOption *redis_channel = rd_settings_find (settings, NULL, "redis-channel");
  const char *channel = rd_settings_get_variable (envp, "REDIS_CHANNEL");
  const char *host = rd_settings_get_variable (envp, "REDIS_HOST");
  const char *port = rd_settings_get_variable (envp, "REDIS_PORT");

  if (channel != NULL
      && rd_settings_get_source (settings, redis_channel) <= RD_SOURCE_OTHER_VARIABLE)
    rd_settings_add_other_variable (settings, redis_channel, "REDIS_CHANNEL", channel);
  if (rd_settings_get_source (settings, redis) > RD_SOURCE_OTHER_VARIABLE)
    return TRUE;
  if (port != NULL && rd_settings_ignore_link (settings, "REDIS_PORT", port))
    port = NULL;
  return (host == NULL && port == NULL) || add_server (settings, redis, host, port, error);
}

/* Checks options whose limits depend on --max-message. Returns: TRUE, or FALSE with an error. */
static gboolean
check_message_size (const RdConfig *config, const RdSettings *settings, GError **error)
{
  const guint64 min_size = MIN_MESSAGES * config->max_message;
  const char *name = NULL;

  if (config->log_size < min_size)
    name = "log-size";
  else if (config->redis != NULL && config->redis_buffer < min_size)
    name = "redis-buffer";
  if (name != NULL)
    return rd_settings_refuse_pair (settings, name, "is less than 8 times", "max-message",
                                    "raise the first or lower the second", error);
  return strlen (config->notify_message) <= config->max_message
         || rd_settings_refuse_pair (settings, "notify-message", "is longer than", "max-message",
                                     "shorten the first or raise the second", error);
}

static gboolean
read_sources (RdSettings *settings,
              RdConfig *config,
              const char *config_file,
              char **envp,
              GError **error)
{
  /* Apply the command line here to report its errors first; the loop below applies it again */
  if (!rd_settings_apply (settings, RD_SOURCE_COMMAND_LINE, config, error))
    return FALSE;

  rd_settings_add_environment (settings, envp);
  if (!rd_settings_add_key_file (settings, config_file, envp, error)
      || !read_redis_variables (settings, envp, error))
    return FALSE;
  for (RdSource source = RD_SOURCE_PRESET; source <= RD_SOURCE_COMMAND_LINE; source++)
    {
      if (!rd_settings_apply (settings, source, config, error))
        return FALSE;
    }
  return check_message_size (config, settings, error);
}

RdConfig *
rd_config_load (char **argv, char **envp, RdSettings **to_check, GError **error)
{
  g_autoptr (RdConfig) config = g_new0 (RdConfig, 1);
  gsize n_options;
  const RdOption *options = rd_options_get (&n_options);
  g_autoptr (RdSettings) settings = rd_settings_new (options, n_options);
  g_autofree char *config_file = NULL;
  g_autofree char *answer = NULL;
  gboolean check = FALSE;

  *to_check = NULL;
  if (!read_command_line (settings, argv, &config_file, &check, &answer, error))
    return NULL;
  if (answer != NULL)
    {
      fputs (answer, stdout);
      exit (fflush (stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
  if (!read_sources (settings, config, config_file, envp, error))
    return NULL;

  config->warnings = g_strv_builder_end (settings->warnings);
  config->notes = g_strv_builder_end (settings->notes);
  if (check)
    *to_check = g_steal_pointer (&settings);
  return g_steal_pointer (&config);
}

char *
rd_config_dup_application_id (const RdConfig *config)
{
  if (config->bus == RD_CONFIG_BUS_NONE)
    return NULL;

  return rd_message_bus_dup_name (config->instance);
}

char *
rd_config_dup_bus_address (const RdConfig *config, char **environment, GError **error)
{
  return rd_message_bus_dup_address (config->bus == RD_CONFIG_BUS_SYSTEM ? G_BUS_TYPE_SYSTEM
                                                                         : G_BUS_TYPE_SESSION,
                                     environment, error);
}

void
rd_config_free (RdConfig *config)
{
  gsize n_options;
  const RdOption *options = rd_options_get (&n_options);

  for (gsize i = 0; i < n_options; i++)
    rd_option_clear (&options[i], config);
  g_strfreev (config->warnings);
  g_strfreev (config->notes);
  g_free (config);
}
