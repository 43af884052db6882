/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Creates the components of the service from the configuration and connects them. */

#include "rd-components.h"

#include "rd-redis-bus.h"
#include "rd-redis.h"

#include <inttypes.h>

#define BATCH_PORTION 8 /* a batch from Redis fills at most 1/8 of the log */

/* Time limits and poll interval of rd_components_finish(). */
#define HANDSHAKE_TIMEOUT_US (50 * G_TIME_SPAN_MILLISECOND)
#define REDIS_TIMEOUT_US     G_TIME_SPAN_SECOND
#define FINISH_POLL_MS       5

static gboolean
has_room (gpointer user_data)
{
  return ws_engine_has_room (rd_manager_get_engine (user_data));
}

/* Creates the bus. Returns: TRUE, or FALSE with an error if Redis refuses the login. */
static gboolean
make_bus (RdComponents *self, GError **error)
{
  const RdConfig *config = self->config;
  const RdRedisBusOptions options = { .mode = config->redis_mode,
                                      .node = self->node,
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
      self->bus = rd_bus_new ();
      return TRUE;
    }

  url = rd_redis_url_parse (config->redis, error);
  if (url == NULL || !rd_redis_check_login (url, error))
    return FALSE;

  self->redis = rd_redis_new (g_steal_pointer (&url), options.mode);
  self->bus = rd_redis_bus_new (self->redis, &options);
  return TRUE;
}

static gboolean
make_core (RdComponents *self, GError **error)
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
                                         .grace_us = config->drain_grace_us,
                                         .code = config->drain_code == RD_CONFIG_DRAIN_GOING_AWAY
                                                   ? WS_CLOSE_GOING_AWAY
                                                   : WS_CLOSE_SERVICE_RESTART };

  if (config->max_clients > room)
    g_warning (
      "--max-clients is %u, but the descriptor limit allows only %u clients; raise the hard "
      "limit (LimitNOFILE=, ulimit -Hn)",
      config->max_clients, room);

  self->manager = rd_manager_new (&engine_options, error);
  if (self->manager == NULL || !make_bus (self, error))
    return FALSE;

  self->drain = rd_drain_new (self->manager, &drain_options);
  self->metrics = rd_metrics_new (self->manager, self->drain, self->bus);
  self->nodes = rd_nodes_new (self->manager, self->drain, self->node, config->instance);
  if (self->redis != NULL)
    self->registry = rd_redis_nodes_new (self->redis, self->nodes, self->drain);
  self->service = rd_service_new (self->manager, self->drain, self->bus, self->nodes,
                                  config->instance);

  g_signal_connect_object (self->manager, "message", G_CALLBACK (rd_bus_publish), self->bus,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->bus, "message", G_CALLBACK (rd_manager_broadcast), self->manager,
                           G_CONNECT_SWAPPED);
  return TRUE;
}

RdComponents *
rd_components_new (const RdConfig *config, const char *node, char **environment, GError **error)
{
  g_autoptr (RdComponents) self = g_new0 (RdComponents, 1);

  rd_descriptors_share (rd_descriptors_raise (), &self->descriptors);
  self->config = config;
  self->handover.generation = 1;
  /* random, not the process id: process ids are reused */
  self->node = node != NULL ? g_strdup (node)
                            : g_strdup_printf ("%08x%08x", g_random_int (), g_random_int ());
  if (!make_core (self, error))
    return NULL;

  self->systemd = rd_systemd_new (self->manager, self->drain, self->bus, environment);
  self->shutdown = rd_machine_shutdown_new (self->drain, config->shutdown_timeout_us, environment);
  return g_steal_pointer (&self);
}

static gboolean
make_server (RdComponents *self, GPtrArray *inherited, GPtrArray *offers, GError **error)
{
  const RdServerOptions options
    = { .binding = { .addresses = (const char *const *) self->config->addresses,
                     .port = self->config->port,
                     .reuse_port = self->config->reuse_port,
                     .role = RD_ROLE_CLIENTS,
                     .inherited = inherited,
                     .offers = offers },
        .path = self->config->path,
        .max_fd = self->descriptors.max_fd,
        .subprotocols = (const char *const *) self->config->subprotocols,
        .allow_origins = (const char *const *) self->config->allow_origins };
  g_auto (GStrv) urls = NULL;

  self->server = rd_server_new (self->manager, self->drain, self->metrics, &options, error);
  if (self->server == NULL)
    return FALSE;

  urls = rd_http_port_dup_urls (rd_server_get_port (self->server));
  rd_dbus_server1_set_addresses (RD_DBUS_SERVER1 (self->service), (const char *const *) urls);
  return TRUE;
}

static gboolean
make_admin (RdComponents *self, GPtrArray *inherited, GPtrArray *offers, GError **error)
{
  const char *const addresses[] = { self->config->admin_address, NULL };
  const RdAdminOptions options
    = { .binding = { .addresses = addresses,
                     .port = MAX (self->config->admin_port, 0),
                     .role = RD_ROLE_ADMIN,
                     .inherited = inherited,
                     .offers = offers },
        .server = self->server,
        .instance = rd_dbus_server1_get_instance (RD_DBUS_SERVER1 (self->service)),
        .allow_origins = (const char *const *) self->config->allow_origins };

  if (self->config->admin_port < 0 && inherited->len == 0)
    return TRUE;

  self->admin = rd_admin_new (self->manager, self->drain, self->bus, self->metrics, &options,
                              error);
  return self->admin != NULL;
}

gboolean
rd_components_listen (RdComponents *self, RdInherited *inherited, GPtrArray *offers, GError **error)
{
  return make_server (self, inherited->clients, offers, error)
         && make_admin (self, inherited->admin, offers, error);
}

static void
log_urls (const char *what, RdHttpPort *port)
{
  g_auto (GStrv) urls = rd_http_port_dup_urls (port);

  for (gsize i = 0; urls[i] != NULL; i++)
    g_message ("%s on %s", what, urls[i]);
}

void
rd_components_start (RdComponents *self, gint64 due_us)
{
  log_urls ("Listening", rd_server_get_port (self->server));
  if (self->admin != NULL)
    log_urls ("Admin", rd_admin_get_port (self->admin));

  self->notifier = rd_notifier_new (self->bus, self->config->notify_interval_us,
                                    self->config->notify_message, due_us);
  if (self->redis != NULL)
    rd_redis_start (self->redis);
}

static gboolean
on_finish_poll (gpointer user_data)
{
  RdComponents *self = user_data;
  const gint64 passed_us = g_get_monotonic_time () - self->drained_us;
  RdBusStats stats;

  if (passed_us < HANDSHAKE_TIMEOUT_US && self->server != NULL
      && rd_http_port_get_connections (rd_server_get_port (self->server)) > 0)
    return G_SOURCE_CONTINUE;

  rd_bus_get_stats (self->bus, &stats);
  if (passed_us < REDIS_TIMEOUT_US && self->redis != NULL && rd_redis_is_up (self->redis)
      && (stats.pending > 0 || !rd_redis_is_idle (self->redis)))
    return G_SOURCE_CONTINUE;

  if (stats.pending > 0)
    g_warning ("Messages not sent to Redis before the exit: %" PRIu64
               "; clients of other nodes will not receive them",
               stats.pending);
  self->finish_id = 0;
  self->finish_func (self->finish_data);
  return G_SOURCE_REMOVE;
}

void
rd_components_finish (RdComponents *self, GSourceOnceFunc func, gpointer user_data)
{
  if (self->finish_id > 0)
    return;

  if (self->registry != NULL)
    rd_redis_nodes_leave (self->registry);
  self->finish_func = func;
  self->finish_data = user_data;
  self->drained_us = g_get_monotonic_time ();
  self->finish_id = g_timeout_add (FINISH_POLL_MS, on_finish_poll, self);
}

static void
stop (RdComponents *self)
{
  g_clear_pointer (&self->notifier, rd_notifier_free);
  g_clear_pointer (&self->registry, rd_redis_nodes_free);
}

void
rd_components_retire (RdComponents *self)
{
  self->forwarder = rd_call_forwarder_new ();
  rd_service_retire (self->service, self->forwarder);
  rd_server_retire (self->server); /* the admin port still needs it */
  stop (self);
}

void
rd_components_free (RdComponents *self)
{
  g_clear_handle_id (&self->finish_id, g_source_remove);
  g_clear_pointer (&self->systemd, rd_systemd_free);
  g_clear_pointer (&self->shutdown, rd_machine_shutdown_free);
  stop (self);
  g_clear_pointer (&self->admin, rd_admin_free);
  g_clear_pointer (&self->server, rd_server_free);
  g_clear_pointer (&self->metrics, g_free);
  g_clear_object (&self->service);
  g_clear_pointer (&self->forwarder, rd_call_forwarder_free);
  g_clear_object (&self->nodes);
  g_clear_object (&self->drain);
  g_clear_object (&self->bus);
  g_clear_object (&self->redis);
  g_clear_object (&self->manager);
  g_clear_object (&self->connection);
  g_free (self->node);
  g_free (self);
}
