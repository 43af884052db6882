/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The table of options. It defines the command line, the environment variables, the keys of the key
 * file, the text of --help and the options in the manual. */

#include "rd-options.h"

#include <glib/gi18n.h>

static const char *const bus_words[] = {
  [RD_CONFIG_BUS_SESSION] = "session",
  [RD_CONFIG_BUS_SYSTEM] = "system",
  [RD_CONFIG_BUS_NONE] = "none",
  NULL,
};

static const char *const drain_code_words[] = {
  [RD_CONFIG_DRAIN_SERVICE_RESTART] = "1012",
  [RD_CONFIG_DRAIN_GOING_AWAY] = "1001",
  NULL,
};

static const char *const log_level_words[] = {
  [RD_CONFIG_LOG_WARNING] = "warning",
  [RD_CONFIG_LOG_MESSAGE] = "message",
  [RD_CONFIG_LOG_INFO] = "info",
  [RD_CONFIG_LOG_DEBUG] = "debug",
  NULL,
};

static const char *const redis_mode_words[] = {
  [RD_REDIS_STREAM] = "stream",
  [RD_REDIS_PUBSUB] = "pubsub",
  NULL,
};

G_STATIC_ASSERT (sizeof (RdConfigBus) == sizeof (guint));
G_STATIC_ASSERT (sizeof (RdConfigDrainCode) == sizeof (guint));
G_STATIC_ASSERT (sizeof (RdConfigLogLevel) == sizeof (guint));
G_STATIC_ASSERT (sizeof (RdRedisMode) == sizeof (guint));

#define FIELD(type, member) RD_OPTION_##type, G_STRUCT_OFFSET (RdConfig, member)

/* clang-format off */
/* The options are in the order of --help. Their descriptions are part of the manual. In
 * ringdown.conf(5), descriptions show option names without leading dashes: "port", not "--port". */
static const RdOption options[] = {
  { "address", "Server", "ADDRESS", FIELD (ADDRESSES, addresses), "localhost",
    .max = "16", .help = N_("Addresses to listen on"),
    .description =
      "Addresses or host names to listen on for clients. A host name means all of its addresses; "
      "addresses that this machine does not have are skipped if at least one other remains. IPv6 "
      "sockets do not accept IPv4: to listen everywhere, give 0.0.0.0 and ::." },
  { "port", "Server", "PORT", FIELD (PORT, port), "8000",
    "0", "65535", .help = N_("Port for clients (0: any free port)"),
    .description =
      "The TCP port for clients, on every --address. 0 selects a free port, which the log and the "
      "D-Bus property Addresses show. If the port is in use, the service does not start." },
  { "path", "Server", "PATH", FIELD (PATH, path), "/ws",
    .max = "255", .help = N_("WebSocket path"),
    .description =
      "The URL path of the WebSocket. Requests for other paths get 404. The path must start with a "
      "slash, and may contain only printable ASCII without ?, #, %, \\ and dot segments. It is "
      "compared literally." },
  { "max-clients", "Server", "COUNT", FIELD (COUNT, max_clients), "0",
    "0", "1000000", .help = N_("Client limit (0: file descriptor limit)"),
    .description =
      "The maximum number of clients. When it is reached, new clients get 503 with Retry-After. 0 "
      "means as many as file descriptors allow: the hard limit (LimitNOFILE=, ulimit -Hn) minus "
      "384, at most a million. A number above this limit is lowered to it, with a warning." },
  { "max-message", "Server", "SIZE", FIELD (SIZE, max_message), "64KiB",
    "125", "16MiB", .help = N_("Message size limit"),
    .description =
      "The maximum size of a message, with all its fragments, that a client may send or that may "
      "be published over D-Bus. A client that sends a larger message is closed with code 1009. The "
      "service may need this much memory for each client that is sending a message. Must be at "
      "most an eighth of --log-size." },
  { "log-size", "Server", "SIZE", FIELD (SIZE, log_size), "4MiB",
    "64KiB", "1GiB", .help = N_("Buffer for recent messages"),
    .description =
      "The size of the message log, a ring buffer of recent messages that all clients share. It "
      "is rounded up to whole pages. It limits how far a client can fall behind: a client is "
      "closed with code 1013, at the end of a message, before messages that it has not received "
      "are overwritten. Must be at least eight times --max-message." },
  { "ping-interval", "Server", "TIME", FIELD (DURATION, ping_interval_us), "25s",
    "100ms", "1h", .zero_is_off = TRUE, .help = N_("Idle time before a ping (0: no pings)"),
    .description =
      "How long a client may be silent before the service sends a ping to it. 0 disables pings: a "
      "client whose network fails then stays connected until the kernel closes its connection." },
  { "ping-timeout", "Server", "TIME", FIELD (DURATION, ping_timeout_us), "10s",
    "100ms", "1h", .help = N_("Time limit for a pong"),
    .description =
      "The time limit for a client to answer a ping. Any data from the client counts as an answer. "
      "A client that does not answer is closed with code 1011. A client that does not read its "
      "messages cannot answer a ping either: it is disconnected after --ping-interval plus this "
      "time, or earlier, with code 1013, if it is further behind than --log-size. No effect if "
      "--ping-interval is 0." },
  { "allow-origin", "Server", "ORIGIN", FIELD (ORIGINS, allow_origins), NULL,
    .max = "64", .help = N_("Allowed origins (glob patterns) [same host]"),
    .description =
      "Patterns of origins, such as https://*.example.org, whose web pages may connect. * matches "
      "any characters, ? matches one; a pattern must match the whole Origin header. Pages from the "
      "host that they connect to may always connect: the hosts in the Origin and Host headers are "
      "equal, with any scheme and port. All other pages get 403. The pattern * allows all pages; "
      "null allows local files and sandboxed pages, and some programs need file:// for local "
      "files. Origins are in lower case, and have no path and no default port; a pattern that can "
      "never match is refused. Behind a proxy that changes the Host header, give the origins of "
      "your pages. The option also applies to --admin-port. Handshakes without Origin are always "
      "accepted: browsers send it, and most other programs do not." },
  { "subprotocol", "Server", "NAME", FIELD (TOKENS, subprotocols), NULL,
    .max = "16", .help = N_("Accepted WebSocket subprotocols [none]"),
    .description =
      "Names of WebSocket subprotocols (RFC 6455) that are accepted, for clients that insist on "
      "one. The first name in a client's offer that is accepted is selected. If the offer contains "
      "no accepted name, the connection has no subprotocol, and most browsers fail it. Names are "
      "case-sensitive. A subprotocol does not change the messages." },
  { "reuse-port", "Server", NULL, FIELD (BOOLEAN, reuse_port), "false",
    .help = N_("Port sharing (SO_REUSEPORT)"),
    .description =
      "Let several nodes of the same user listen on the same --address and --port (SO_REUSEPORT). "
      "The kernel distributes new clients among them. Each node needs this option, and its own "
      "--instance and --admin-port. To exchange messages, nodes also need --redis." },

  { "admin-address", "Admin", "ADDRESS", FIELD (ADDRESS, admin_address), "localhost",
    .help = N_("Address for health checks and metrics"),
    .description =
      "The address or host name to listen on for the admin port. The port has no password: use an "
      "address other than loopback only if everyone who can reach it may see what it shows." },
  { "admin-port", "Admin", "PORT", FIELD (PORT, admin_port), "8001",
    "-1", "65535", .help = N_("Admin port (0: any free port; -1: none)"),
    .description =
      "The TCP port of the status page, health checks and metrics. 0 selects a free port, which "
      "the log shows; -1 disables it. Nodes cannot share it, even with --reuse-port." },

  { "notify-interval", "Notify", "TIME", FIELD (DURATION, notify_interval_us), "10s",
    "100ms", "24h", .zero_is_off = TRUE, .help = N_("Periodic notification interval (0: none)"),
    .description =
      "The interval at which --notify-message is sent to every client, even during a drain. The "
      "first notification is sent one interval after the start. 0 disables notifications." },
  { "notify-message", "Notify", "TEXT", FIELD (TEXT, notify_message), "🛰 Test notification",
    .help = N_("Periodic notification text"),
    .description =
      "The text of the periodic notification. It must be valid UTF-8, not empty, and not longer "
      "than --max-message." },

  { "drain-timeout", "Drain", "TIME", FIELD (DURATION, drain_timeout_us), "30min",
    "0", "7d", .help = N_("Drain time limit"),
    .description =
      "How long a drain waits for clients to disconnect. After this time the remaining clients are "
      "sent their pending messages, closed with --drain-code, and have five seconds to answer. 0 "
      "closes all clients at once. The D-Bus method Drain can set another limit, up to 30 days." },
  { "shutdown-timeout", "Drain", "TIME", FIELD (DURATION, shutdown_timeout_us), "1min 30s",
    "0", "7d", .help = N_("Drain time limit at machine shutdown"),
    .description =
      "How long a drain takes at most from the moment when the machine begins to shut down or "
      "reboot. The clients cannot stay connected then, and systemd would wait for the drain. The "
      "service asks systemd over the system bus while it drains. A shorter --drain-timeout is not "
      "changed." },
  { "drain-interval", "Drain", "TIME", FIELD (DURATION, drain_interval_us), "5s",
    "100ms", "1h", .help = N_("Progress report interval"),
    .description =
      "The interval at which a drain reports the number of clients and the remaining time, in the "
      "log and over D-Bus. It does not delay the exit: the service exits when the last client "
      "disconnects." },
  { "drain-grace", "Drain", "TIME", FIELD (DURATION, drain_grace_us), "0",
    "0", "1h", .help = N_("Delay before new clients are refused"),
    .description =
      "How long a drain continues to accept new clients while /readyz already answers 503, so that "
      "load balancers have time to notice. This time is part of --drain-timeout, and the service "
      "does not exit before it has passed, even without clients. 0 refuses new clients at once." },
  { "drain-code", "Drain", "CODE", FIELD (CHOICE, drain_code), "1012",
    .words = drain_code_words, .help = N_("Close code of a drain: 1012 or 1001"),
    .description =
      "The code with which a drain closes the remaining clients: 1012 (service restart) or 1001 "
      "(going away). Some client libraries treat 1012 as an error, and some do not reconnect after "
      "1001: see ringdown(1), section CLIENTS." },

  { "redis", "Redis", "URL", FIELD (REDIS, redis), NULL,
    .help = N_("Redis server shared by all nodes [none]"),
    .description =
      "The Redis server through which nodes exchange messages. One of: "
      "redis://USER:PASSWORD@HOST:PORT/DATABASE, where only the host is required (the default port "
      "is 6379, the default database 0); unix://USER:PASSWORD@/PATH?db=DATABASE; or the path of a "
      "UNIX socket. %XX encodes special characters in user and password. All users of the machine "
      "can see a password on the command line: use the environment, or a private key file (mode "
      "0600 or 0640). If the server cannot be reached, the service starts "
      "nevertheless, and connects later. If the server refuses the user, the password or the "
      "database, the service does not start. TLS needs a proxy such as stunnel." },
  { "redis-mode", "Redis", "MODE", FIELD (CHOICE, redis_mode), "stream",
    .words = redis_mode_words, .help = N_("Message transport: stream or pubsub"),
    .description =
      "How nodes exchange messages. stream uses the Redis stream ringdown:log, so that a node that "
      "was disconnected from Redis reads the messages it missed: every client gets each message "
      "exactly once, and the messages of one sender stay in order. pubsub sends plain text through "
      "--redis-channel, where other programs can read and send messages, too; messages can be "
      "lost, but none comes twice. All nodes need the same mode." },
  { "redis-channel", "Redis", "NAME", FIELD (NAME, redis_channel), "broadcast",
    .max = "255", .help = N_("Redis channel for external publishers"),
    .description =
      "The Redis channel that every node subscribes to, in both modes. Messages published there "
      "reach all clients, as with redis-cli PUBLISH broadcast hello." },
  { "redis-history", "Redis", "COUNT", FIELD (COUNT, redis_history), "100000",
    "1000", "100000000", .help = N_("Messages kept in the Redis stream"),
    .description =
      "The number of messages that the Redis stream keeps; Redis may keep a few more. A node that "
      "was disconnected from Redis reads these messages afterwards; if it missed more, this is "
      "logged and counted. The stream uses memory of the Redis server: 100000 messages take about "
      "18 MB if they have 128 bytes, and about 130 MB if they have 1 KiB." },
  { "redis-buffer", "Redis", "SIZE", FIELD (SIZE, redis_buffer), "64MiB",
    "64KiB", "1GiB", .help = N_("Message buffer for Redis outages"),
    .description =
      "The memory limit for messages of this node that Redis has not confirmed. The clients of "
      "this node get these messages at once, and the clients of other nodes get them when Redis is "
      "back. If the buffer is full, the oldest messages are dropped, which is logged and counted. "
      "Messages still in the buffer when the node exits are lost. Must be at least eight times "
      "--max-message if --redis is given." },

  { "instance", "Service", "NAME", FIELD (NAME, instance), NULL,
    .max = "64", .help = N_("Instance name on D-Bus [none]"),
    .description =
      "A name that distinguishes several services on one message bus (D-Bus). The D-Bus name of "
      "the service becomes org.ringdown.Ringdown.iNAME, with an underscore for each character that "
      "is not an ASCII letter or digit. Only one service can use each name. To exchange messages, "
      "nodes need --redis as well." },
  { "log-level", "Service", "LEVEL", FIELD (CHOICE, log_level), "message",
    .words = log_level_words, .help = N_("Log level: warning, message, info, debug"),
    .description =
      "The least important messages that are logged: warning, message, info or debug. debug adds a "
      "line for each client that connects or disconnects, and for each connection that is refused, "
      "with the reason and the address. See ringdown(1), section LOG." },
  { "replace", "Service", NULL, FIELD (BOOLEAN, replace), "false",
    .help = N_("Takeover of a running service"),
    .description =
      "Take over the ports, the clients and their state from the service that has the same D-Bus "
      "name on the --bus. Clients stay connected, and the old process exits. If the takeover "
      "fails, the old process continues. If no such service runs, this is a normal start." },
  { "handover-timeout", "Service", "TIME", FIELD (DURATION, handover_timeout_us), "10s",
    "100ms", "5min", .help = N_("Hand-over time limit"),
    .description =
      "How long an upgrade waits for the new process to become ready, while the old one serves the "
      "clients. The takeover that follows, during which no client is served, has the same limit, "
      "but at most 20 s. After a timeout the old process continues." },
  { "bus", "Service", "BUS", FIELD (CHOICE, bus), "session",
    .words = bus_words, .help = N_("D-Bus bus (session, system or none)"),
    .description =
      "The message bus (D-Bus) on which the service can be controlled: the session bus, the system "
      "bus, or none. If the bus cannot be reached, or does not answer, the service logs this and "
      "runs without it, until it can connect. If another service has the same D-Bus name, the "
      "service does not start: see --instance." },
};
/* clang-format on */

const RdOption *
rd_options_get (gsize *n_options)
{
  *n_options = G_N_ELEMENTS (options);
  return options;
}
