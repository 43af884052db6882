/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The table of options, from which command line, environment, key file, defaults and --help are
 * made; which source wins; and the rules that bind two options together. What a single value may
 * look like is rd-option's; what an option does, this file never knows. */

#include "rd-config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rd-command-line.h"
#include "rd-key-file.h"
#include "rd-option.h"
#include "rd-settings.h"

#define MIN_MESSAGES_IN_LOG 8

static const char *const bus_words[] = {
  [RD_CONFIG_BUS_SESSION] = "session",
  [RD_CONFIG_BUS_SYSTEM] = "system",
  [RD_CONFIG_BUS_NONE] = "none",
  NULL,
};

G_STATIC_ASSERT (sizeof (RdConfigBus) == sizeof (guint));

#define FIELD(type, member) RD_OPTION_##type, G_STRUCT_OFFSET (RdConfig, member)

/* clang-format off */
/* In the order of --help, and with the defaults of --help. */
static const RdOption options[] = {
  { "address", "Server", "ADDRESS", FIELD (ADDRESSES, addresses), "localhost",
    .max = "16", .help = "Where to listen; a list" },
  { "port", "Server", "PORT", FIELD (PORT, port), "8000",
    "0", "65535", .help = "Port for clients; 0: any free one" },
  { "path", "Server", "PATH", FIELD (PATH, path), "/ws",
    .max = "255", .help = "Path of the WebSocket" },
  { "max-clients", "Server", "COUNT", FIELD (COUNT, max_clients), "0",
    "0", "1000000", .help = "Others get 503; 0: as descriptors allow" },
  { "max-message", "Server", "SIZE", FIELD (SIZE, max_message), "64KiB",
    "125", "16MiB", .help = "Who sends more is closed (1009)" },
  { "log-size", "Server", "SIZE", FIELD (SIZE, log_size), "4MiB",
    "64KiB", "1GiB", .help = "How far a client may fall behind" },
  { "ping-interval", "Server", "TIME", FIELD (DURATION, ping_interval_us), "25s",
    "100ms", "1h", .zero_is_off = TRUE, .help = "Ping silent clients; 0: never" },
  { "ping-timeout", "Server", "TIME", FIELD (DURATION, ping_timeout_us), "10s",
    "100ms", "1h", .help = "Close clients without a pong" },
  { "allow-origin", "Server", "ORIGIN", FIELD (ORIGINS, allow_origins), NULL,
    .max = "64", .help = "Globs; others get 403; a list [any]" },
  { "reuse-port", "Server", NULL, FIELD (BOOLEAN, reuse_port), "false",
    .help = "Share the port with other workers" },

  { "admin-address", "Admin", "ADDRESS", FIELD (ADDRESS, admin_address), "localhost",
    .help = "Where health and metrics are" },
  { "admin-port", "Admin", "PORT", FIELD (PORT, admin_port), "8001",
    "-1", "65535", .help = "0: any free one; -1: off" },

  { "notify-interval", "Notify", "TIME", FIELD (DURATION, notify_interval_us), "10s",
    "100ms", "24h", .zero_is_off = TRUE, .help = "Between notifications; 0: none" },
  { "notify-message", "Notify", "TEXT", FIELD (TEXT, notify_message), "🛰 Test notification",
    .help = "What they say" },

  { "drain-timeout", "Drain", "TIME", FIELD (DURATION, drain_timeout_us), "30min",
    "0", "7d", .help = "Wait so long for clients to leave" },
  { "drain-interval", "Drain", "TIME", FIELD (DURATION, drain_interval_us), "5s",
    "100ms", "1h", .help = "Between looks at who is left" },
  { "drain-grace", "Drain", "TIME", FIELD (DURATION, drain_grace_us), "0",
    "0", "1h", .help = "Go on accepting so long at first" },

  { "instance", "Service", "NAME", FIELD (NAME, instance), NULL,
    .max = "64", .help = "Tells workers apart on the bus [none]" },
  { "bus", "Service", "BUS", FIELD (CHOICE, bus), "session",
    .words = bus_words, .help = "D-Bus: session, system or none" },
};
/* clang-format on */

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
  g_autoptr (RdSettings) settings = rd_settings_new (options, G_N_ELEMENTS (options));

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
  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    rd_option_clear (&options[i], config);
  g_free (config);
}
