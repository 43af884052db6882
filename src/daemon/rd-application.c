/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The application: makes the parts, ties them together, and lets them go in the opposite order. The
 * only file that knows them all and the configuration, so that none of them has to know another.
 * Reads as a list; what any of the parts does is its own. */

#include "rd-application.h"

#include "rd-admin.h"
#include "rd-descriptors.h"
#include "rd-drain.h"
#include "rd-inherited.h"
#include "rd-local-bus.h"
#include "rd-manager.h"
#include "rd-metrics.h"
#include "rd-names.h"
#include "rd-nodes.h"
#include "rd-notifier.h"
#include "rd-redis-bus.h"
#include "rd-redis-info.h"
#include "rd-redis-nodes.h"
#include "rd-server.h"
#include "rd-service.h"
#include "rd-systemd.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <signal.h>

/* What is under way when all clients have left: answers to late handshakes, messages for Redis. */
#define LAST_ANSWERS_US  (50 * G_TIME_SPAN_MILLISECOND)
#define LAST_MESSAGES_US G_TIME_SPAN_SECOND
#define FAREWELL_POLL_MS 5

/* How much of the log may be filled from Redis at once. */
#define BATCH_PORTION 8

struct _RdApplication
{
  GApplication parent_instance;

  const RdConfig *config; /* unowned: outlives us */
  RdDescriptors descriptors;
  RdInherited *inherited; /* owned */
  RdRedis *redis;         /* owned, nullable: none */
  RdBus *bus;             /* owned */
  RdManager *manager;     /* owned */
  RdDrain *drain;         /* owned */
  RdMetrics *metrics;     /* owned */
  RdNodes *nodes;         /* owned */
  RdRedisNodes *registry; /* owned, nullable: without Redis */
  RdNotifier *notifier;   /* owned */
  RdServer *server;       /* owned */
  RdAdmin *admin;         /* owned, nullable: switched off */
  RdService *service;     /* owned */
  RdSystemd *systemd;     /* owned */
  gint64 farewell_us;     /* monotonic: since all clients have left */
  GError *error;          /* owned: why it could not start */
};

G_DEFINE_FINAL_TYPE (RdApplication, rd_application, G_TYPE_APPLICATION)

static gboolean
on_termination_signal (gpointer user_data)
{
  RdApplication *self = user_data;

  rd_systemd_stopping (self->systemd);
  rd_drain_interrupt (self->drain);
  return G_SOURCE_CONTINUE;
}

/* A handshake under way is still told that it came too late. */
static gboolean
is_answering (RdApplication *self, gint64 passed_us)
{
  return passed_us < LAST_ANSWERS_US && self->server != NULL
         && rd_server_get_handshakes (self->server) > 0;
}

/* The last messages are for the clients of other workers, and follow what was missed. */
static gboolean
is_sending (RdApplication *self, gint64 passed_us)
{
  RdBusStats stats;

  if (self->redis == NULL || passed_us >= LAST_MESSAGES_US)
    return FALSE;

  rd_bus_get_stats (self->bus, &stats);
  return rd_redis_is_up (self->redis) && (stats.pending > 0 || !rd_redis_is_idle (self->redis));
}

static void
tell_unsent (RdApplication *self)
{
  RdBusStats stats;

  rd_bus_get_stats (self->bus, &stats);
  if (stats.pending > 0)
    g_warning (ngettext ("%" PRIu64 " message did not get to Redis before the end: the clients of "
                         "other workers miss it",
                         "%" PRIu64 " messages did not get to Redis before the end: the clients of "
                         "other workers miss them",
                         stats.pending),
               stats.pending);
}

static gboolean
on_farewell (gpointer user_data)
{
  RdApplication *self = user_data;
  const gint64 passed_us = g_get_monotonic_time () - self->farewell_us;

  if (is_answering (self, passed_us) || is_sending (self, passed_us))
    return G_SOURCE_CONTINUE;

  tell_unsent (self);
  g_application_quit (G_APPLICATION (self));
  return G_SOURCE_REMOVE;
}

static void
on_drain_state (RdApplication *self)
{
  if (!rd_drain_is_drained (self->drain))
    return;

  self->farewell_us = g_get_monotonic_time ();
  if (self->registry != NULL)
    rd_redis_nodes_leave (self->registry);
  if (on_farewell (self) == G_SOURCE_CONTINUE)
    g_timeout_add (FAREWELL_POLL_MS, on_farewell, self);
}

static void
on_bus_closed (GDBusConnection *connection)
{
  g_warning (_ ("The message bus is gone: running on without D-Bus until the next start"));
}

static gboolean
has_room (gpointer user_data)
{
  return rd_manager_has_room (user_data);
}

/* Returns: FALSE with an error: Redis does not let us in. */
static gboolean
make_bus (RdApplication *self, const char *node, GError **error)
{
  const RdConfig *config = self->config;
  const RdRedisBusOptions options
    = { .mode = config->redis_mode == RD_CONFIG_REDIS_STREAM ? RD_REDIS_STREAM : RD_REDIS_PUBSUB,
        .node = node,
        .channel = config->redis_channel,
        .history = config->redis_history,
        .buffer_size = config->redis_buffer,
        .max_message = config->max_message,
        .batch_size = config->log_size / BATCH_PORTION,
        .has_room = has_room,
        .room_data = self->manager };
  g_autoptr (RdRedisUrl) url = NULL;

  if (config->redis == NULL)
    {
      self->bus = rd_local_bus_new ();
      return TRUE;
    }

  url = rd_redis_url_parse (config->redis, error);
  if (url == NULL || !rd_redis_info_may_enter (url, error))
    return FALSE;

  self->redis = rd_redis_new (url, options.mode == RD_REDIS_STREAM);
  self->bus = rd_redis_bus_new (self->redis, &options);
  return TRUE;
}

static gboolean
make_core (RdApplication *self, GError **error)
{
  const RdConfig *config = self->config;
  const guint room = self->descriptors.clients;
  const WsEngineOptions engine_options
    = { .log_size = config->log_size,
        .max_message = config->max_message,
        .max_clients = config->max_clients > 0 ? MIN (config->max_clients, room) : room,
        .ping_interval_us = config->ping_interval_us,
        .ping_timeout_us = config->ping_timeout_us };
  const RdDrainOptions drain_options = { .timeout_us = config->drain_timeout_us,
                                         .interval_us = config->drain_interval_us,
                                         .grace_us = config->drain_grace_us };
  /* a name of its own among the workers: a process id may come again */
  g_autofree char *node = g_strdup_printf ("%08x%08x", g_random_int (), g_random_int ());

  if (config->max_clients > room)
    g_warning (ngettext ("--max-clients is %u, but descriptors allow for %u client only; raise the "
                         "hard limit (LimitNOFILE=, ulimit -Hn)",
                         "--max-clients is %u, but descriptors allow for %u clients only; raise "
                         "the hard limit (LimitNOFILE=, ulimit -Hn)",
                         room),
               config->max_clients, room);

  self->manager = rd_manager_new (&engine_options, error);
  if (self->manager == NULL)
    return FALSE;

  if (!make_bus (self, node, error))
    return FALSE;

  self->drain = rd_drain_new (self->manager, &drain_options);
  self->metrics = rd_metrics_new (self->manager, self->drain, self->bus);
  self->nodes = rd_nodes_new (self->manager, self->drain, node, config->instance);
  if (self->redis != NULL)
    self->registry = rd_redis_nodes_new (self->redis, self->nodes, self->drain);
  self->service = rd_service_new (self->manager, self->drain, self->bus, self->nodes,
                                  config->instance);

  g_signal_connect_object (self->manager, "message", G_CALLBACK (rd_bus_publish), self->bus,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->bus, "message", G_CALLBACK (rd_manager_broadcast), self->manager,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->drain, "notify::state", G_CALLBACK (on_drain_state), self,
                           G_CONNECT_SWAPPED);
  return TRUE;
}

/* Opens the ports: from here on there are clients. */
static gboolean
listen_on_ports (RdApplication *self, GError **error)
{
  const RdConfig *config = self->config;
  const RdServerOptions options = { .addresses = (const char *const *) config->addresses,
                                    .port = config->port,
                                    .reuse_port = config->reuse_port,
                                    .inherited = self->inherited->clients,
                                    .path = config->path,
                                    .max_handshakes = self->descriptors.handshakes,
                                    .allow_origins = (const char *const *) config->allow_origins };
  g_auto (GStrv) urls = NULL;
  g_auto (GStrv) admin_urls = NULL;

  self->server = rd_server_new (self->manager, self->drain, self->metrics, &options, error);
  if (self->server == NULL)
    return FALSE;
  if (config->admin_port >= 0 || self->inherited->admin->len > 0)
    {
      self->admin = rd_admin_new (self->manager, self->drain, self->bus, self->metrics,
                                  config->admin_address, MAX (config->admin_port, 0),
                                  self->inherited->admin, error);
      if (self->admin == NULL)
        return FALSE;
      admin_urls = rd_admin_dup_urls (self->admin);
    }

  urls = rd_server_dup_urls (self->server);
  rd_dbus_server1_set_addresses (RD_DBUS_SERVER1 (self->service), (const char *const *) urls);
  if (self->admin != NULL)
    rd_admin_set_clients_port (self->admin, (const char *const *) urls, options.allow_origins);
  for (gsize i = 0; urls[i] != NULL; i++)
    g_message (_ ("Listening on %s"), urls[i]);
  for (gsize i = 0; admin_urls != NULL && admin_urls[i] != NULL; i++)
    g_message (_ ("Admin on %s"), admin_urls[i]);
  return TRUE;
}

static void
rd_application_startup (GApplication *application)
{
  RdApplication *self = RD_APPLICATION (application);

  G_APPLICATION_CLASS (rd_application_parent_class)->startup (application);

  if (self->config->bus != RD_CONFIG_BUS_NONE
      && g_application_get_dbus_connection (application) == NULL)
    g_message (_ ("No message bus can be reached: running on without D-Bus"));

  /* never removed: another signal in the last moments would kill us, and spoil the exit status */
  g_unix_signal_add (SIGTERM, on_termination_signal, self);
  g_unix_signal_add (SIGINT, on_termination_signal, self);
  if (!listen_on_ports (self, &self->error))
    {
      /* not at once: g_application_run() has to come to take leave of the bus */
      g_idle_add_once ((GSourceOnceFunc) g_application_quit, application);
      return;
    }

  self->notifier = rd_notifier_new (self->bus, self->config->notify_interval_us,
                                    self->config->notify_message, 0);
  if (self->redis != NULL)
    rd_redis_start (self->redis);
  rd_systemd_ready (self->systemd);
  g_application_hold (application);
}

/* Anybody on the bus may ask for it: there is no window to raise. */
static void
rd_application_activate (GApplication *application)
{
}

static gboolean
rd_application_dbus_register (GApplication *application,
                              GDBusConnection *connection,
                              const char *object_path,
                              GError **error)
{
  RdApplication *self = RD_APPLICATION (application);

  /* a bus that goes away is no reason for us to go too */
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  g_signal_connect_object (connection, "closed", G_CALLBACK (on_bus_closed), self, 0);
  return g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->service), connection,
                                           RD_OBJECT_PATH, error);
}

static void
rd_application_dbus_unregister (GApplication *application,
                                GDBusConnection *connection,
                                const char *object_path)
{
  g_dbus_interface_skeleton_unexport (
    G_DBUS_INTERFACE_SKELETON (RD_APPLICATION (application)->service));
}

static void
rd_application_finalize (GObject *object)
{
  RdApplication *self = RD_APPLICATION (object);

  g_clear_pointer (&self->systemd, rd_systemd_free);
  g_clear_pointer (&self->notifier, rd_notifier_free);
  g_clear_pointer (&self->server, rd_server_free);
  g_clear_pointer (&self->admin, rd_admin_free);
  g_clear_pointer (&self->metrics, rd_metrics_free);
  g_clear_object (&self->service);
  g_clear_pointer (&self->registry, rd_redis_nodes_free);
  g_clear_object (&self->nodes);
  g_clear_object (&self->drain);
  g_clear_object (&self->bus);
  g_clear_object (&self->redis);
  g_clear_object (&self->manager);
  g_clear_pointer (&self->inherited, rd_inherited_free);
  g_clear_error (&self->error);
  G_OBJECT_CLASS (rd_application_parent_class)->finalize (object);
}

static void
rd_application_class_init (RdApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = rd_application_finalize;
  application_class->activate = rd_application_activate;
  application_class->startup = rd_application_startup;
  application_class->dbus_register = rd_application_dbus_register;
  application_class->dbus_unregister = rd_application_dbus_unregister;
}

static void
rd_application_init (RdApplication *self)
{
}

RdApplication *
rd_application_new (const RdConfig *config, GError **error)
{
  g_autofree char *id = rd_config_dup_application_id (config);
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (RdApplication) self = g_object_new (RD_TYPE_APPLICATION, "application-id", id, "flags",
                                                 G_APPLICATION_IS_SERVICE, NULL);

  self->config = config;
  rd_systemd_clear_environment ();
  self->inherited = rd_inherited_new (environment, RD_INHERITED_FIRST, error);
  if (self->inherited == NULL)
    return NULL;

  rd_descriptors_share (rd_descriptors_raise (), &self->descriptors);
  if (!make_core (self, error))
    return NULL;

  self->systemd = rd_systemd_new (self->manager, self->drain, self->bus, environment);

  /* GApplication knows but the session bus; it may take another for that */
  if (config->bus == RD_CONFIG_BUS_SYSTEM)
    {
      g_autofree char *address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, error);

      if (address == NULL)
        return NULL;
      g_setenv ("DBUS_SESSION_BUS_ADDRESS", address, TRUE);
    }

  return g_steal_pointer (&self);
}

gboolean
rd_application_run (RdApplication *self, GError **error)
{
  GApplication *application = G_APPLICATION (self);

  if (!g_application_register (application, NULL, error))
    {
      g_prefix_error (
        error,
        /* Translators: a name on the message bus; the reason follows */
        _ ("cannot take the name %s (does one run already? another takes --instance=NAME): "),
        g_application_get_application_id (application));
      return FALSE;
    }

  g_application_run (application, 0, NULL);
  if (self->error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}
