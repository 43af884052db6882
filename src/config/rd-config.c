/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The configuration: which source wins, and the rules that bind two options together. What a single
 * value may look like is rd-option's, which options there are rd-options'; what an option does,
 * this file never knows. */

#include "rd-config.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rd-command-line.h"
#include "rd-key-file.h"
#include "rd-names.h"
#include "rd-redis-variables.h"

#define MIN_MESSAGES 8 /* that a buffer of messages has to have room for */

/* @name: of the option that says how large the buffer is. */
static gboolean
check_room (const RdConfig *config,
            const RdSettings *settings,
            const char *name,
            guint64 size,
            GError **error)
{
  g_autofree char *room = rd_settings_quote (settings, name);
  g_autofree char *message = rd_settings_quote (settings, "max-message");
  g_autofree char *fault = NULL;

  if (size >= MIN_MESSAGES * config->max_message)
    return TRUE;

  /* Translators: both are settings with their values: --log-size “1MiB” */
  fault = g_strdup_printf (_ ("%s is less than 8 times %s; raise the one or lower the other"), room,
                           message);
  rd_settings_set_pair_error (settings, error, name, "max-message", fault);
  return FALSE;
}

static gboolean
check_notification (const RdConfig *config, const RdSettings *settings, GError **error)
{
  g_autofree char *notification = rd_settings_quote (settings, "notify-message");
  g_autofree char *message = rd_settings_quote (settings, "max-message");
  g_autofree char *fault = NULL;

  if (strlen (config->notify_message) <= config->max_message)
    return TRUE;

  /* Translators: both are settings with their values: --max-message “64KiB” */
  fault = g_strdup_printf (_ ("%s is longer than %s; shorten the one or raise the other"),
                           notification, message);
  rd_settings_set_pair_error (settings, error, "notify-message", "max-message", fault);
  return FALSE;
}

static gboolean
check_pairs (const RdConfig *config, const RdSettings *settings, GError **error)
{
  return check_room (config, settings, "log-size", config->log_size, error)
         && (config->redis == NULL
             || check_room (config, settings, "redis-buffer", config->redis_buffer, error))
         && check_notification (config, settings, error);
}

static gboolean
read_sources (RdSettings *settings,
              RdConfig *config,
              const RdCommandLine *line,
              char **envp,
              GError **error)
{
  /* What was typed is checked first, so that it is told first; being strongest, it comes again. */
  if (!rd_settings_apply (settings, RD_SOURCE_COMMAND_LINE, config, error)
      || !rd_key_file_read (settings, line->config_file, envp, error))
    return FALSE;

  rd_settings_add_environment (settings, envp);
  if (!rd_redis_variables_read (settings, envp, error))
    return FALSE;
  for (RdSource source = RD_SOURCE_PRESET; source <= RD_SOURCE_COMMAND_LINE; source++)
    {
      if (!rd_settings_apply (settings, source, config, error))
        return FALSE;
    }
  return check_pairs (config, settings, error);
}

G_NORETURN static void
print_and_exit (const char *answer)
{
  fputs (answer, stdout);
  exit (fflush (stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

RdConfig *
rd_config_load (char **argv, char **envp, RdSettings **to_check, GError **error)
{
  g_autoptr (RdConfig) config = g_new0 (RdConfig, 1);
  gsize n_options;
  const RdOption *options = rd_options_get (&n_options);
  g_autoptr (RdSettings) settings = rd_settings_new (options, n_options);
  g_auto (RdCommandLine) line = { NULL };

  *to_check = NULL;
  if (!rd_command_line_read (&line, settings, argv, error))
    return NULL;
  if (line.answer != NULL)
    print_and_exit (line.answer);
  if (!read_sources (settings, config, &line, envp, error))
    return NULL;

  if (line.check)
    *to_check = g_steal_pointer (&settings);
  return g_steal_pointer (&config);
}

char *
rd_config_dup_application_id (const RdConfig *config)
{
  if (config->bus == RD_CONFIG_BUS_NONE)
    return NULL;

  return rd_names_dup_bus_name (config->instance);
}

void
rd_config_free (RdConfig *config)
{
  gsize n_options;
  const RdOption *options = rd_options_get (&n_options);

  for (gsize i = 0; i < n_options; i++)
    rd_option_clear (&options[i], config);
  g_free (config);
}
