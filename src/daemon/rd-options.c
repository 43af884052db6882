/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The table of options, from which command line, environment, key file, defaults, --help and the
 * manual are made. What a single value may look like is rd-option's; what an option does, this file
 * never knows. */

#include "rd-options.h"

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

const RdOption *
rd_options_get (gsize *n_options)
{
  *n_options = G_N_ELEMENTS (options);
  return options;
}
