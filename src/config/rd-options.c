/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The table of options, from which command line, environment, key file, defaults, --help and the
 * manual are made. What a single value may look like is rd-option's; what an option does, this file
 * never knows. */

#include "rd-options.h"

#include <glib/gi18n.h>

static const char *const bus_words[] = {
  [RD_CONFIG_BUS_SESSION] = "session",
  [RD_CONFIG_BUS_SYSTEM] = "system",
  [RD_CONFIG_BUS_NONE] = "none",
  NULL,
};

static const char *const redis_mode_words[] = {
  [RD_CONFIG_REDIS_STREAM] = "stream",
  [RD_CONFIG_REDIS_PUBSUB] = "pubsub",
  NULL,
};

G_STATIC_ASSERT (sizeof (RdConfigBus) == sizeof (guint));
G_STATIC_ASSERT (sizeof (RdConfigRedisMode) == sizeof (guint));

#define FIELD(type, member) RD_OPTION_##type, G_STRUCT_OFFSET (RdConfig, member)

/* clang-format off */
/* In the order of --help. Descriptions are for the manual, which is in English; where they name
 * an option, as --port, a page about the key file writes port. */
static const RdOption options[] = {
  { "address", "Server", "ADDRESS", FIELD (ADDRESSES, addresses), "localhost",
    .max = "16", .help = N_("Where to listen; a list"),
    .description =
      "Addresses or host names to listen on for clients. A host name stands for all of its "
      "addresses; those that this machine lacks are skipped as long as one remains. IPv6 sockets "
      "do not accept IPv4: give 0.0.0.0 and :: to listen everywhere." },
  { "port", "Server", "PORT", FIELD (PORT, port), "8000",
    "0", "65535", .help = N_("Port for clients; 0: any free one"),
    .description =
      "The TCP port for clients, on every --address. 0 picks a free one, which the log and the "
      "D-Bus property Addresses report. A port in use is an error at start." },
  { "path", "Server", "PATH", FIELD (PATH, path), "/ws",
    .max = "255", .help = N_("Path of the WebSocket"),
    .description =
      "The URL path of the WebSocket; other paths get 404. It must start with a slash, is "
      "compared literally, and may contain only printable ASCII without ?, #, %, \\ and "
      "dot segments." },
  { "max-clients", "Server", "COUNT", FIELD (COUNT, max_clients), "0",
    "0", "1000000", .help = N_("Others get 503; 0: as descriptors allow"),
    .description =
      "How many clients may be connected at once. Others are refused with 503 and Retry-After. 0 "
      "means as many as descriptors allow: the hard limit (LimitNOFILE=, ulimit -Hn) less 384, "
      "and at most a million. A number larger than that is lowered, with a warning." },
  { "max-message", "Server", "SIZE", FIELD (SIZE, max_message), "64KiB",
    "125", "16MiB", .help = N_("Who sends more is closed (1009)"),
    .description =
      "The largest message, all its fragments together, that a client may send or that may be "
      "published over D-Bus. A client that sends more is closed with code 1009. A client in the "
      "middle of a message takes up to this much memory. Must not exceed an eighth of "
      "--log-size." },
  { "log-size", "Server", "SIZE", FIELD (SIZE, log_size), "4MiB",
    "64KiB", "1GiB", .help = N_("How far a client may fall behind"),
    .description =
      "The size of the ring buffer that holds what was published last, one for all clients, "
      "rounded up to whole pages. It bounds how far a client may fall behind: before the ring "
      "overwrites what a client has not been sent, that client is closed with code 1013, at the "
      "end of a message. Must be at least eight times --max-message." },
  { "ping-interval", "Server", "TIME", FIELD (DURATION, ping_interval_us), "25s",
    "100ms", "1h", .zero_is_off = TRUE, .help = N_("Ping silent clients; 0: never"),
    .description =
      "Ping a client that has sent nothing for this long. 0 disables pings; a client that "
      "vanished without a word then stays until the kernel gives up on its connection." },
  { "ping-timeout", "Server", "TIME", FIELD (DURATION, ping_timeout_us), "10s",
    "100ms", "1h", .help = N_("Close clients without a pong"),
    .description =
      "How long a pinged client may take to answer, for which anything it sends counts, before "
      "it is closed with code 1011. A client that does not even take in what it is sent is cut "
      "off after --ping-interval and this together. No effect if --ping-interval is 0." },
  { "allow-origin", "Server", "ORIGIN", FIELD (ORIGINS, allow_origins), NULL,
    .max = "64", .help = N_("Globs; others get 403; a list [any]"),
    .description =
      "Patterns of the origins whose web pages may connect, such as https://*.example.org: * "
      "stands for any characters, ? for one. A pattern must match the whole Origin header, else "
      "the handshake gets 403. If not set, every page may connect; if set, the status page at "
      "--admin-port is no exception and needs its own origin listed. Handshakes without Origin, "
      "as from programs that are not browsers, are always accepted." },
  { "reuse-port", "Server", NULL, FIELD (BOOLEAN, reuse_port), "false",
    .help = N_("Share the port with other workers"),
    .description =
      "Let several workers of one user listen on the same --address and --port (SO_REUSEPORT); "
      "the kernel distributes new clients among them. Each worker needs this option, and an "
      "--instance and an --admin-port of its own. Messages pass from worker to worker through "
      "--redis, and not without it." },

  { "admin-address", "Admin", "ADDRESS", FIELD (ADDRESS, admin_address), "localhost",
    .help = N_("Where health and metrics are"),
    .description =
      "The address or host name to listen on for the admin port. The port asks for no password: "
      "choose an address other than loopback only if everyone who can reach it may see what it "
      "shows." },
  { "admin-port", "Admin", "PORT", FIELD (PORT, admin_port), "8001",
    "-1", "65535", .help = N_("0: any free one; -1: off"),
    .description =
      "The TCP port of the status page, health checks and metrics. 0 picks a free one, which the "
      "log reports; -1 disables it. Workers cannot share it, even with --reuse-port." },

  { "notify-interval", "Notify", "TIME", FIELD (DURATION, notify_interval_us), "10s",
    "100ms", "24h", .zero_is_off = TRUE, .help = N_("Between notifications; 0: none"),
    .description =
      "How often to send --notify-message to every client, first one interval after the start, "
      "and during a drain as well. 0 disables it." },
  { "notify-message", "Notify", "TEXT", FIELD (TEXT, notify_message), "🛰 Test notification",
    .help = N_("What they say"),
    .description =
      "The text of the periodic notification. It must be valid UTF-8, not empty, and no longer "
      "than --max-message." },

  { "drain-timeout", "Drain", "TIME", FIELD (DURATION, drain_timeout_us), "30min",
    "0", "7d", .help = N_("Wait so long for clients to leave"),
    .description =
      "How long a drain waits for clients to leave by themselves. Those that remain are sent "
      "what is pending and closed with code 1012, and have five seconds to answer. 0 closes "
      "everyone at once. The D-Bus method Drain can give another timeout, up to 30 days." },
  { "drain-interval", "Drain", "TIME", FIELD (DURATION, drain_interval_us), "5s",
    "100ms", "1h", .help = N_("Between looks at who is left"),
    .description =
      "How often a drain reports how many clients and how much time are left, in the log and "
      "over D-Bus. The service exits as soon as the last client leaves, whatever the interval." },
  { "drain-grace", "Drain", "TIME", FIELD (DURATION, drain_grace_us), "0",
    "0", "1h", .help = N_("Go on accepting so long at first"),
    .description =
      "How long to go on accepting clients after a drain has begun and /readyz answers 503, so "
      "that load balancers have time to notice. It counts towards --drain-timeout, and is waited "
      "for even if nobody is connected. 0 stops accepting at once." },

  { "redis", "Redis", "URL", FIELD (REDIS, redis), NULL,
    .is_remote = TRUE, .help = N_("Join the workers at this server [none]"),
    .description =
      "The Redis server through which workers pass messages to each other, as "
      "redis://USER:PASSWORD@HOST:PORT/DATABASE, where all but the host may be left out (the port "
      "is 6379, the database 0), as unix://USER:PASSWORD@/PATH?db=DATABASE, or as the path of a "
      "UNIX socket; %XX stands for special characters of user and password. A password on the "
      "command line can be seen by every user of the machine: give it in the key file, for nobody "
      "else to read (mode 0600), or in the environment. If the server cannot be reached, the "
      "service starts all the same and joins later; if the server refuses the user, the password "
      "or the database, the service does not start. There is no TLS: leave that to a proxy such as "
      "stunnel." },
  { "redis-mode", "Redis", "MODE", FIELD (CHOICE, redis_mode), "stream",
    .words = redis_mode_words, .help = N_("stream or pubsub: see the manual"),
    .description =
      "How messages pass. stream: through the Redis stream ringdown:log, so that a worker which "
      "was cut off from Redis reads what it missed; every client gets each message exactly once, "
      "in the order of each sender. pubsub: through --redis-channel as bare text, at most once, "
      "for a fleet of which other programs are a part. All workers need the same mode." },
  { "redis-channel", "Redis", "NAME", FIELD (NAME, redis_channel), "broadcast",
    .max = "255", .help = N_("What is published there reaches all"),
    .description =
      "The Redis channel that every worker listens on, in both modes: what anybody publishes "
      "there reaches all clients, as with redis-cli PUBLISH broadcast hello." },
  { "redis-history", "Redis", "COUNT", FIELD (COUNT, redis_history), "100000",
    "1000", "100000000", .help = N_("Messages the stream keeps"),
    .description =
      "How many messages the Redis stream keeps, or a few more. They are what a worker that was "
      "cut off can catch up with; past that it has a gap, which is logged and counted. They take "
      "up memory of the Redis server: 100000 of 128 bytes some 18 MB, of 1 KiB some 130 MB." },
  { "redis-buffer", "Redis", "SIZE", FIELD (SIZE, redis_buffer), "64MiB",
    "64KiB", "1GiB", .help = N_("What may wait while Redis is away"),
    .description =
      "How much memory may be taken by messages that were published here and that Redis may not "
      "have yet. Clients of this worker get them at once; the others when Redis is back. When "
      "it is full, the oldest messages go, which is logged and counted; when the worker ends, "
      "all that is left goes. Must be at least eight times --max-message if --redis is given." },

  { "instance", "Service", "NAME", FIELD (NAME, instance), NULL,
    .max = "64", .help = N_("Tells workers apart on the bus [none]"),
    .description =
      "A name that tells workers on one bus apart. The bus name becomes "
      "org.ringdown.Ringdown.iNAME, in which an underscore replaces each character that is not "
      "an ASCII letter or digit; no two workers may have the same. To pass messages to each other, "
      "workers need --redis as well." },
  { "replace", "Service", NULL, FIELD (BOOLEAN, replace), "false",
    .help = N_("Take over from the one that runs"),
    .description =
      "Take over from the service that runs under the same name on the --bus: its ports, its "
      "clients, and all that it knows. No client notices, and that process ends; if this one "
      "cannot take over, it goes on. If none runs, this is a start like any other." },
  { "handover-timeout", "Service", "TIME", FIELD (DURATION, handover_timeout_us), "10s",
    "100ms", "5min", .help = N_("For another process to take over"),
    .description =
      "How long an upgrade waits for the new process to be ready, while everybody is served, and "
      "then again, but no longer than 20 s, for it to take over, when nobody is. Past that this "
      "process goes on." },
  { "bus", "Service", "BUS", FIELD (CHOICE, bus), "session",
    .words = bus_words, .help = N_("D-Bus: session, system or none"),
    .description =
      "The message bus on which to offer the D-Bus interface: that of the login session, that of "
      "the system, or none. If the bus cannot be reached, the service runs without it, and logs "
      "that once. If its name there is taken, it does not start: see --instance." },
};
/* clang-format on */

const RdOption *
rd_options_get (gsize *n_options)
{
  *n_options = G_N_ELEMENTS (options);
  return options;
}
