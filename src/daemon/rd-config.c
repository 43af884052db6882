/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The configuration: which source wins, and the rules that bind two options together. What a single
 * value may look like is rd-option's, which options there are rd-options'; what an option does,
 * this file never knows. */

#include "rd-config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rd-command-line.h"
#include "rd-key-file.h"
#include "rd-settings.h"

#define MIN_MESSAGES_IN_LOG 8

static gboolean
check_pairs (const RdConfig *config, const RdSettings *settings, GError **error)
{
  if (config->log_size < MIN_MESSAGES_IN_LOG * config->max_message)
    return rd_settings_refuse_pair (settings, "log-size", "is less than 8 times", "max-message",
                                    "raise the one or lower the other", error);
  if (strlen (config->notify_message) > config->max_message)
    return rd_settings_refuse_pair (settings, "notify-message", "is longer than", "max-message",
                                    "shorten the one or raise the other", error);
  return TRUE;
}

static gboolean
read_sources (RdSettings *settings,
              RdConfig *config,
              char **argv,
              char **envp,
              char **answer,
              GError **error)
{
  g_autofree char *config_file = NULL;

  if (!rd_command_line_read (settings, argv, &config_file, answer, error))
    return FALSE;
  if (*answer != NULL)
    return TRUE;

  /* What was typed is checked first, so that it is told first; being strongest, it comes again. */
  if (!rd_settings_apply (settings, RD_SOURCE_COMMAND_LINE, config, error)
      || !rd_key_file_read (settings, config_file, envp, error))
    return FALSE;

  rd_settings_add_environment (settings, envp);
  for (RdSource source = RD_SOURCE_PRESET; source <= RD_SOURCE_COMMAND_LINE; source++)
    {
      if (!rd_settings_apply (settings, source, config, error))
        return FALSE;
    }
  return check_pairs (config, settings, error);
}

/* @answer: (out) (transfer full): what --help or --version print; then there is no configuration.
 */
static RdConfig *
load (char **argv, char **envp, char **answer, GError **error)
{
  g_autoptr (RdConfig) config = g_new0 (RdConfig, 1);
  gsize n_options;
  const RdOption *options = rd_options_get (&n_options);
  g_autoptr (RdSettings) settings = rd_settings_new (options, n_options);

  if (!read_sources (settings, config, argv, envp, answer, error) || *answer != NULL)
    return NULL;
  return g_steal_pointer (&config);
}

RdConfig *
rd_config_load (char **argv, char **envp, GError **error)
{
  char *answer = NULL;
  RdConfig *config = load (argv, envp, &answer, error);

  if (answer == NULL)
    return config;

  fputs (answer, stdout);
  g_free (answer);
  exit (fflush (stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
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
