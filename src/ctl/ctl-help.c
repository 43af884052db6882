/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The pages of help, and the command “help”. They are made from the tables of commands and options,
 * so that they cannot differ from what is understood. Never talks to the service, so that help can
 * be had without one. */

#include "ctl-help.h"

#include <glib/gi18n.h>

#include "ctl-arguments.h"
#include "ctl-commands.h"
#include "ctl-error.h"
#include "rd-table.h"

#define INDENT 2
#define GAP    2

static const RdTableColumn columns[] = { { .is_right = FALSE }, { .is_right = FALSE } };

static void
add (RdTable *table, const char *term, const char *summary)
{
  rd_table_add (table, term, summary, NULL);
}

static void
append_commands (GString *page)
{
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), INDENT, GAP);
  g_autofree char *rows = NULL;
  const CtlCommand *command;

  for (guint i = 0; (command = ctl_commands_nth (i)) != NULL; i++)
    {
      g_autofree char *term = command->arguments == NULL
                                ? g_strdup (command->name)
                                : g_strdup_printf ("%s %s", command->name, _ (command->arguments));

      add (table, term, _ (command->summary));
    }
  rows = rd_table_format (table, 0);
  g_string_append_printf (page, "\n%s\n%s", _ ("Commands:"), rows);
}

static void
append_options (GString *page, const char *title, const CtlOption *options)
{
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), INDENT, GAP);
  g_autofree char *rows = NULL;

  for (const CtlOption *option = options; option != NULL && option->name != NULL; option++)
    {
      g_autofree char *term = NULL;

      if (option->metavar != NULL)
        term = g_strdup_printf ("    --%s=%s", option->name, _ (option->metavar));
      else
        term = g_strdup_printf ("%s--%s", g_str_equal (option->name, "help") ? "-h, " : "    ",
                                option->name);
      add (table, term, _ (option->summary));
    }
  rows = rd_table_format (table, 0);
  g_string_append_printf (page, "\n%s\n%s", title, rows);
}

static void
append_program (GString *page)
{
  g_string_append (page, _ ("Usage: ringdownctl [OPTION…] COMMAND [ARGUMENT…]\n"
                            "\n"
                            "Shows and controls a running Ringdown service, over D-Bus.\n"));
  append_commands (page);
  append_options (page, _ ("Options:"), ctl_commands_get_common_options ());
  g_string_append_printf (page, "\n%s\n",
                          _ ("“ringdownctl COMMAND --help” tells more about each command."));
}

static void
append_command (GString *page, const CtlCommand *command)
{
  const char *arguments = command->arguments != NULL ? _ (command->arguments) : "";
  g_autofree char *usage
    /* Translators: a command and its arguments */
    = g_strdup_printf (_ ("Usage: ringdownctl %s [OPTION…] %s"), command->name, arguments);

  g_string_append_printf (page, "%s\n\n%s\n", g_strchomp (usage), _ (command->description));
  if (command->options != NULL)
    append_options (page, _ ("Options of this command:"), command->options);
  append_options (page, _ ("Options of all commands:"), ctl_commands_get_common_options ());
}

void
ctl_help_print (const CtlCommand *command, CtlOutput *output)
{
  g_autoptr (GString) page = g_string_new (NULL);

  if (command == NULL)
    append_program (page);
  else
    append_command (page, command);
  ctl_output_print (output, page->str);
}

static gboolean
run_help (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  const char *name = ctl_arguments_nth (arguments, 0);
  const CtlCommand *command = name != NULL ? ctl_commands_find (name) : NULL;

  if (name != NULL && command == NULL)
    {
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                   _ ("“%s” is not a command; see ringdownctl --help"), name);
      return FALSE;
    }

  ctl_help_print (command, output);
  return TRUE;
}

/* clang-format off */
const CtlCommand ctl_help_command = {
  .name = "help",
  .arguments = N_ ("[COMMAND]"),
  .max_arguments = 1,
  .summary = N_ ("Show help for the program or a command"),
  .description = N_ ("Shows the help of COMMAND, or of the program."),
  .run = run_help,
};
/* clang-format on */
