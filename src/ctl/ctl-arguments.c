/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Reads the command line by the tables of commands and options, and refuses what is not in them:
 * unknown, missing, surplus, or not UTF-8. Looks at no value: what it means is for the command.
 * Not GOption, which lets --json=no pass for --json, and glues its errors from pieces. */

#include "ctl-arguments.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ctl-commands.h"
#include "ctl-error.h"

struct _CtlArguments
{
  const CtlCommand *command; /* nullable */
  GPtrArray *words;          /* owned strings */
  GHashTable *values;        /* name of the option -> its value, owned; empty for a flag */
};

static const CtlOption *
find_option_in (const CtlOption *options, const char *name)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      if (g_str_equal (options->name, name))
        return options;
    }
  return NULL;
}

static const CtlOption *
find_option (const CtlArguments *self, const char *name)
{
  const CtlOption *option = find_option_in (ctl_commands_get_common_options (), name);

  if (option == NULL && self->command != NULL)
    option = find_option_in (self->command->options, name);
  return option;
}

/* @typed: with its dashes. */
static const CtlOption *
require_option (const CtlArguments *self, const char *typed, GError **error)
{
  const CtlOption *option = NULL;

  if (g_str_equal (typed, "-h"))
    option = find_option (self, "help");
  else if (g_str_has_prefix (typed, "--"))
    option = find_option (self, typed + strlen ("--"));
  if (option != NULL)
    return option;

  if (self->command != NULL)
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 _ ("%s has no option %s; see ringdownctl %s --help"), self->command->name, typed,
                 self->command->name);
  else
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 _ ("unknown option %s; see ringdownctl --help"), typed);
  return NULL;
}

/* Takes the option that @word is. @next: (nullable): the word behind it. @took_next: whether that
 * is its value. */
static gboolean
take_option (CtlArguments *self,
             const char *word,
             const char *next,
             gboolean *took_next,
             GError **error)
{
  const char *value = g_str_has_prefix (word, "--") ? strchr (word, '=') : NULL;
  g_autofree char *typed = value != NULL ? g_strndup (word, value - word) : g_strdup (word);
  const CtlOption *option = require_option (self, typed, error);

  *took_next = FALSE;
  if (option == NULL)
    return FALSE;
  if (option->metavar == NULL && value != NULL)
    {
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("--%s takes no value, but “%s” is given"),
                   option->name, value + 1);
      return FALSE;
    }
  if (option->metavar != NULL && value == NULL && next == NULL)
    {
      /* Translators: as in: --timeout needs a value: --timeout=TIME */
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("--%s needs a value: --%s=%s"),
                   option->name, option->name, _ (option->metavar));
      return FALSE;
    }

  *took_next = option->metavar != NULL && value == NULL;
  if (option->metavar == NULL)
    value = "";
  else
    value = value != NULL ? value + 1 : next;
  g_hash_table_insert (self->values, (gpointer) option->name, g_strdup (value));
  return TRUE;
}

static gboolean
take_word (CtlArguments *self, const char *word, GError **error)
{
  if (self->command != NULL)
    {
      g_ptr_array_add (self->words, g_strdup (word));
      return TRUE;
    }

  self->command = ctl_commands_find (word);
  if (self->command == NULL)
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 _ ("“%s” is not a command; see ringdownctl --help"), word);
  return self->command != NULL;
}

static gboolean
check_encoding (const char *const *words, GError **error)
{
  for (gsize i = 0; words[i] != NULL; i++)
    {
      if (g_utf8_validate (words[i], -1, NULL))
        continue;

      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("“%s” is not UTF-8"), words[i]);
      return FALSE;
    }
  return TRUE;
}

static gboolean
take_all (CtlArguments *self, const char *const *words, GError **error)
{
  gboolean is_past_options = FALSE;

  for (gsize i = 0; words[i] != NULL; i++)
    {
      const gboolean is_option = !is_past_options && words[i][0] == '-' && words[i][1] != '\0';
      gboolean took_next = FALSE;
      gboolean is_good;

      if (is_option && g_str_equal (words[i], "--"))
        {
          is_past_options = TRUE;
          continue;
        }

      is_good = is_option ? take_option (self, words[i], words[i + 1], &took_next, error)
                          : take_word (self, words[i], error);
      if (!is_good)
        return FALSE;
      if (took_next)
        i++;
    }
  return TRUE;
}

/* Whether there is a command, and as many arguments as it takes. */
static gboolean
check_number (const CtlArguments *self, GError **error)
{
  const CtlCommand *command = self->command;

  if (command == NULL)
    {
      g_set_error_literal (error, CTL_ERROR, CTL_ERROR_FAILED,
                           _ ("no command given; see ringdownctl --help"));
      return FALSE;
    }
  if (self->words->len < command->min_arguments)
    {
      /* Translators: as in: disconnect needs ID; see ringdownctl disconnect --help */
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("%s needs %s; see ringdownctl %s --help"),
                   command->name, _ (command->arguments), command->name);
      return FALSE;
    }
  if (self->words->len > command->max_arguments)
    {
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                   _ ("“%s” is one argument too many; see ringdownctl %s --help"),
                   (const char *) g_ptr_array_index (self->words, command->max_arguments),
                   command->name);
      return FALSE;
    }
  return TRUE;
}

CtlArguments *
ctl_arguments_parse (const char *const *words, GError **error)
{
  g_autoptr (CtlArguments) self = g_new0 (CtlArguments, 1);

  self->words = g_ptr_array_new_with_free_func (g_free);
  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  if (!check_encoding (words, error) || !take_all (self, words, error))
    return NULL;
  if (ctl_arguments_has (self, "help") || ctl_arguments_has (self, "version"))
    return g_steal_pointer (&self);
  if (!check_number (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

void
ctl_arguments_free (CtlArguments *self)
{
  g_ptr_array_unref (self->words);
  g_hash_table_unref (self->values);
  g_free (self);
}

const CtlCommand *
ctl_arguments_get_command (const CtlArguments *self)
{
  return self->command;
}

const char *
ctl_arguments_nth (const CtlArguments *self, guint index)
{
  return index < self->words->len ? g_ptr_array_index (self->words, index) : NULL;
}

gboolean
ctl_arguments_has (const CtlArguments *self, const char *option)
{
  return g_hash_table_contains (self->values, option);
}

const char *
ctl_arguments_get (const CtlArguments *self, const char *option)
{
  return g_hash_table_lookup (self->values, option);
}
