/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The program ringdownctl: parses the command line, and runs a command or prints help. On failure,
 * prints one line to standard error and exits with status 1. */

#include "ctl-command.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

#include "rd-startup.h"
#include "rd-text.h"

#define MAX_MESSAGE_CHARS 1000

/* Offset of @member in CtlArguments, for the arg_data of a GOptionEntry. */
#define CTL_FIELD(member) GSIZE_TO_POINTER (G_STRUCT_OFFSET (CtlArguments, member))

typedef struct
{
  const char *name;
  const char *argument;        /* placeholder: "ID", or "[MESSAGE]" if optional; NULL if none */
  const char *summary;         /* shown in the list of commands; marked for translation */
  const char *description;     /* shown by COMMAND --help; marked for translation */
  const GOptionEntry *options; /* nullable: options that only this command has */
  CtlRun *run;
} CtlCommand;

static gboolean run_help (const CtlArguments *arguments, CtlOutput *output, GError **error);

/* clang-format off */
static const GOptionEntry common_options[] = {
  { "system", 0, 0, G_OPTION_ARG_NONE, CTL_FIELD (system),
    N_ ("System bus instead of the session bus"), NULL },
  { "instance", 0, 0, G_OPTION_ARG_FILENAME, CTL_FIELD (instance),
    N_ ("Instance name given to “ringdown --instance”"), N_ ("NAME") },
  { "address", 0, 0, G_OPTION_ARG_FILENAME, CTL_FIELD (address),
    N_ ("D-Bus address to use instead of the session bus"), N_ ("ADDRESS") },
  { "json", 0, 0, G_OPTION_ARG_NONE, CTL_FIELD (json), N_ ("Output as JSON"), NULL },
  { "help", 'h', 0, G_OPTION_ARG_NONE, CTL_FIELD (help), N_ ("This help"), NULL },
  { "version", 0, 0, G_OPTION_ARG_NONE, CTL_FIELD (version), N_ ("Version of ringdownctl"), NULL },
  G_OPTION_ENTRY_NULL,
};

static const GOptionEntry disconnect_options[] = {
  { "code", 0, 0, G_OPTION_ARG_FILENAME, CTL_FIELD (code),
    N_ ("WebSocket close code, from 1000 to 4999 [1000]"), N_ ("CODE") },
  { "reason", 0, 0, G_OPTION_ARG_FILENAME, CTL_FIELD (reason),
    N_ ("Reason sent to the client, at most 123 bytes"), N_ ("TEXT") },
  G_OPTION_ENTRY_NULL,
};

static const GOptionEntry drain_options[] = {
  { "timeout", 0, 0, G_OPTION_ARG_FILENAME, CTL_FIELD (timeout),
    N_ ("Time limit instead of the configured one"), N_ ("TIME") },
  { "wait", 0, 0, G_OPTION_ARG_NONE, CTL_FIELD (wait),
    N_ ("Wait until the service has ended, and show progress"), NULL },
  G_OPTION_ENTRY_NULL,
};

static const GOptionEntry status_options[] = {
  { "all", 0, 0, G_OPTION_ARG_NONE, CTL_FIELD (all),
    N_ ("All nodes that share the Redis server, and their totals"), NULL },
  G_OPTION_ENTRY_NULL,
};

static const CtlCommand commands[] = {
  {
    .name = "status",
    .summary = N_ ("Show the state and the counters of the service"),
    .description =
      N_ ("Shows the state and the addresses of the service, and its client and message\n"
         "counts. During a drain, also shows the time left and a progress bar, which is\n"
         "full when all clients have left. After an upgrade, also shows a report of the\n"
         "hand-over."),
    .options = status_options,
    .run = ctl_status,
  },
  {
    .name = "clients",
    .summary = N_ ("List the connected clients"),
    .description =
      N_ ("Lists the connected clients, oldest first: ID, address, age of the connection,\n"
         "bytes received from and sent to the client, and bytes not yet sent."),
    .run = ctl_clients,
  },
  {
    .name = "publish",
    .argument = N_ ("[MESSAGE]"),
    .summary = N_ ("Send a message to all clients"),
    .description =
      N_ ("Sends MESSAGE to all clients, and prints the ID of the message. Without MESSAGE,\n"
         "or with “-”, reads the message from standard input and removes one newline at\n"
         "its end. Put “--” before a MESSAGE that begins with “-”."),
    .run = ctl_publish,
  },
  {
    .name = "disconnect",
    .argument = N_ ("ID"),
    .summary = N_ ("Close the connection to a client"),
    .description =
      N_ ("Closes the connection to the client with this ID, after sending the messages\n"
         "still queued for it. “ringdownctl clients” lists the IDs."),
    .options = disconnect_options,
    .run = ctl_disconnect,
  },
  {
    .name = "upgrade",
    .summary = N_ ("Replace the server process; clients stay connected"),
    .description =
      N_ ("Starts a new worker, which takes over all clients from the old worker. A worker\n"
         "is the process that serves the clients. The new worker runs the version that is\n"
         "installed now, and reads the configuration. Clients stay connected. If the new\n"
         "worker fails to start, the old worker continues. Prints a report of the\n"
         "hand-over."),
    .run = ctl_upgrade,
  },
  {
    .name = "drain",
    .summary = N_ ("End the service once all clients have left"),
    .description =
      N_ ("Refuses new clients, waits for the connected clients to leave, closes the\n"
         "remaining connections at the time limit, and ends the service. TIME is in\n"
         "seconds, unless it has units: 10s, 5min, 1h30min. If a drain is already running,\n"
         "--timeout changes its limit."),
    .options = drain_options,
    .run = ctl_drain,
  },
  {
    .name = "cancel-drain",
    .summary = N_ ("Cancel a drain, and accept new clients again"),
    .description =
      N_ ("Cancels a drain: the service accepts new clients again. This is impossible once\n"
         "the service has begun to close the remaining connections."),
    .run = ctl_cancel_drain,
  },
  {
    .name = "shutdown",
    .summary = N_ ("Drain with the configured time limit, as on SIGTERM"),
    .description =
      N_ ("Starts a drain with the configured time limit, as SIGTERM does. Has no effect\n"
         "during a drain."),
    .options = &drain_options[1], /* without --timeout */
    .run = ctl_shutdown,
  },
  {
    .name = "monitor",
    .summary = N_ ("Show connections, messages and drains as they happen"),
    .description =
      N_ ("Shows each connection and disconnection, message counts, and changes of the\n"
         "service state, until Ctrl+C or until the service ends. Continues through an\n"
         "upgrade."),
    .run = ctl_monitor,
  },
  {
    .name = "help",
    .argument = N_ ("[COMMAND]"),
    .summary = N_ ("Print help for ringdownctl or a command"),
    .description = N_ ("Prints help for COMMAND, or for ringdownctl."),
    .run = run_help,
  },
};
/* clang-format on */

static void
arguments_clear (CtlArguments *self)
{
  g_free (self->address);
  g_free (self->instance);
  g_free (self->code);
  g_free (self->reason);
  g_free (self->timeout);
  g_free (self->argument);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CtlArguments, arguments_clear)

static const CtlCommand *
find_command (const char *name, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (g_str_equal (commands[i].name, name))
        return &commands[i];
    }

  ctl_fail (error, _ ("“%s” is not a command; see ringdownctl --help"), name);
  return NULL;
}

static char *
format_commands (void)
{
  static const RdTableColumn columns[] = { { RD_TABLE_KEEP }, { RD_TABLE_KEEP } };
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), 2, 2);

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      const char *argument = commands[i].argument != NULL ? _ (commands[i].argument) : "";
      g_autofree char *synopsis = g_strdup_printf ("%s %s", commands[i].name, argument);

      rd_table_add (table, g_strchomp (synopsis), _ (commands[i].summary), NULL);
    }
  return rd_table_format (table, 0);
}

/* Returns: (transfer full): a copy of @options that makes GOption store values in @arguments. */
static GOptionEntry *
bind_options (const GOptionEntry *options, CtlArguments *arguments)
{
  GArray *bound = g_array_new (TRUE, FALSE, sizeof (GOptionEntry));

  for (const GOptionEntry *option = options; option->long_name != NULL; option++)
    {
      GOptionEntry copy = *option;

      copy.flags |= G_OPTION_FLAG_NOALIAS; /* reject --drain-timeout as an alias of --timeout */
      copy.arg_data = (guint8 *) arguments + GPOINTER_TO_SIZE (option->arg_data);
      g_array_append_val (bound, copy);
    }
  return (GOptionEntry *) (gpointer) g_array_free (bound, FALSE);
}

/* Returns: (transfer full): a parser for the options of @command or, if @command is NULL, for the
 * options before the command. */
static GOptionContext *
option_context_new (const CtlCommand *command, CtlArguments *arguments)
{
  g_autofree GOptionEntry *common = bind_options (common_options, arguments);
  GOptionContext *context;

  if (command == NULL)
    {
      g_autofree char *list = format_commands ();
      g_autofree char *summary = g_strdup_printf (
        "%s\n\n%s\n%s", _ ("Inspects and controls a running Ringdown service."), _ ("Commands:"),
        g_strchomp (list));

      context = g_option_context_new (_ ("COMMAND [ARGUMENT]"));
      g_option_context_set_summary (context, summary);
      g_option_context_set_description (
        context, _ ("“ringdownctl COMMAND --help” prints the options of a command."));
      g_option_context_set_strict_posix (context, TRUE);
    }
  else
    {
      context = g_option_context_new (command->argument != NULL ? _ (command->argument) : NULL);
      g_option_context_set_summary (context, _ (command->description));
    }

  g_option_context_set_help_enabled (context, FALSE); /* print_help() uses CtlOutput instead */
  g_option_context_add_main_entries (context, common, GETTEXT_PACKAGE);
  if (command != NULL && command->options != NULL)
    {
      g_autofree GOptionEntry *options = bind_options (command->options, arguments);
      GOptionGroup *group = g_option_group_new (command->name, _ ("Command Options:"), "", NULL,
                                                NULL);

      g_option_group_add_entries (group, options);
      g_option_group_set_translation_domain (group, GETTEXT_PACKAGE);
      g_option_context_add_group (context, group);
    }
  return context;
}

/* Fails if @words give a value to a flag in @options, since GOption accepts --json=no as --json. */
static gboolean
check_flags (char **words, const GOptionEntry *options, GError **error)
{
  for (; options != NULL && options->long_name != NULL; options++)
    {
      g_autofree char *start = g_strdup_printf ("--%s=", options->long_name);

      for (char **word = words; *word != NULL && !g_str_equal (*word, "--"); word++)
        {
          if (options->arg == G_OPTION_ARG_NONE && g_str_has_prefix (*word, start))
            return ctl_fail (error, _ ("--%s takes no value, but “%s” is given"),
                             options->long_name, *word + strlen (start));
        }
    }
  return TRUE;
}

static gboolean
check_words (char **words, GError **error)
{
  for (char **word = words; *word != NULL; word++)
    {
      if (!g_utf8_validate (*word, -1, NULL))
        return ctl_fail (error, _ ("“%s” is not UTF-8"), *word);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (!check_flags (words, commands[i].options, error))
        return FALSE;
    }
  return check_flags (words, common_options, error);
}

/* Parses the options of @command (if NULL, the options before the command) into @arguments.
 * Returns: (transfer full) (nullable): the words that are not options, or NULL with an error. */
static char **
parse_options (char **argv, const CtlCommand *command, CtlArguments *arguments, GError **error)
{
  g_autoptr (GOptionContext) context = option_context_new (command, arguments);
  g_autoptr (GStrvBuilder) rest = g_strv_builder_new ();
  g_auto (GStrv) words = g_strdupv (argv);
  g_autoptr (GError) cause = NULL;
  gboolean has_separator = FALSE;

  if (!g_option_context_parse_strv (context, &words, &cause))
    {
      if (command == NULL)
        ctl_fail (error, _ ("%s; see ringdownctl --help"), cause->message);
      else
        ctl_fail (error, _ ("%s; see ringdownctl %s --help"), cause->message, command->name);
      return NULL;
    }

  for (guint i = 1; i < g_strv_length (words); i++)
    {
      if (!has_separator && g_str_equal (words[i], "--"))
        has_separator = TRUE;
      else
        g_strv_builder_add (rest, words[i]);
    }
  return g_strv_builder_end (rest);
}

/* Stores the argument of @command in @arguments. Fails if there are too few or too many arguments.
 * @words: the command and its arguments. */
static gboolean
take_argument (char **words, const CtlCommand *command, CtlArguments *arguments, GError **error)
{
  const gboolean is_required = command->argument != NULL && command->argument[0] != '[';
  const guint n_most = command->argument != NULL ? 1 : 0;
  const guint n_given = g_strv_length (words) - 1;

  if (n_given > n_most)
    return ctl_fail (error, _ ("unexpected argument “%s”; see ringdownctl %s --help"),
                     words[n_most + 1], command->name);
  if (n_given == 0 && is_required)
    /* Translators: for example: disconnect needs ID; see ringdownctl disconnect --help */
    return ctl_fail (error, _ ("%s needs %s; see ringdownctl %s --help"), command->name,
                     _ (command->argument), command->name);
  arguments->argument = g_strdup (words[1]);
  return TRUE;
}

/* Parses @argv. Sets @command to NULL if --help or --version is given without a command. */
static gboolean
parse (char **argv, const CtlCommand **command, CtlArguments *arguments, GError **error)
{
  g_auto (CtlArguments) before = { 0 };
  g_auto (GStrv) words = NULL;

  if (!check_words (argv, error))
    return FALSE;
  words = parse_options (argv, NULL, &before, error); /* options before the command */
  if (words == NULL)
    return FALSE;

  *command = NULL;
  if (words[0] == NULL)
    {
      arguments->help = before.help;
      arguments->version = before.version;
      return before.help || before.version
             || ctl_fail (error, _ ("no command given; see ringdownctl --help"));
    }

  *command = find_command (words[0], error);
  if (*command == NULL)
    return FALSE;
  g_strfreev (words);
  words = parse_options (argv, *command, arguments, error);
  if (words == NULL)
    return FALSE;
  return arguments->help || arguments->version || take_argument (words, *command, arguments, error);
}

static void
print_help (const CtlCommand *command, CtlOutput *output)
{
  CtlArguments unused;
  g_autoptr (GOptionContext) context = option_context_new (command, &unused);
  g_autofree char *name = g_strdup_printf ("ringdownctl %s", command != NULL ? command->name : "");
  g_autofree char *help = NULL;

  g_set_prgname (g_strchomp (name)); /* the name in the usage line of the help */
  help = g_option_context_get_help (context, FALSE, NULL);
  help[strlen (help) - 1] = '\0'; /* drops the last newline, which ctl_output_print() adds again */
  ctl_output_print (output, help);
}

static gboolean
run_help (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  const CtlCommand *command = NULL;

  if (arguments->argument != NULL)
    {
      command = find_command (arguments->argument, error);
      if (command == NULL)
        return FALSE;
    }
  print_help (command, output);
  return TRUE;
}

static gboolean
run (char **argv, GError **error)
{
  g_auto (CtlArguments) arguments = { 0 };
  g_autoptr (CtlOutput) output = NULL;
  const CtlCommand *command;

  if (!parse (argv, &command, &arguments, error))
    return FALSE;

  output = ctl_output_new (arguments.json);
  if (arguments.help)
    print_help (command, output);
  else if (arguments.version)
    ctl_output_print (output, "ringdownctl " RINGDOWN_VERSION);
  else if (!command->run (&arguments, output, error))
    return ctl_service_explain (&arguments, error);
  return ctl_output_check (output, error);
}

/* Ignores GIO warnings about wrong D-Bus types, because an untrusted service can cause them. */
static void
ignore (const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *message = NULL;

  rd_startup ();
  g_set_prgname ("ringdownctl");
  g_log_set_handler ("GLib-GIO", G_LOG_LEVEL_WARNING, ignore, NULL);

  if (run (argv, &error))
    return 0;

  message = rd_text_printable (error->message, MAX_MESSAGE_CHARS);
  fprintf (stderr, "ringdownctl: %s\n", message);
  return 1;
}
