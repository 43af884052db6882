/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The parts of the service: makes them, ties them together, and lets them go in the opposite order.
 * The only file that knows them all and the configuration, so that none of them has to know
 * another. Reads as a list; what any of the parts does is its own, and when it does is the
 * application's. */

#include "rd-parts.h"

#include "rd-redis-bus.h"
#include "rd-redis-info.h"

#include <glib/gi18n.h>

/* How much of the log may be filled from Redis at once. */
#define BATCH_PORTION 8

static gboolean
has_room (gpointer user_data)
{
  return ws_engine_has_room (rd_manager_get_engine (user_data));
}

/* Returns: FALSE with an error: Redis does not let us in. */
static gboolean
make_bus (RdParts *self, GError **error)
{
  const RdConfig *config = self->config;
  const RdRedisBusOptions options
    = { .mode = config->redis_mode == RD_CONFIG_REDIS_STREAM ? RD_REDIS_STREAM : RD_REDIS_PUBSUB,
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
  if (url == NULL || !rd_redis_info_may_enter (url, error))
    return FALSE;

  self->redis = rd_redis_new (url, options.mode == RD_REDIS_STREAM);
  self->bus = rd_redis_bus_new (self->redis, &options);
  return TRUE;
}

static gboolean
make_core (RdParts *self, GError **error)
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

  if (!make_bus (self, error))
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

RdParts *
rd_parts_new (const RdConfig *config, const char *node, char **environment, GError **error)
{
  g_autoptr (RdParts) self = g_new0 (RdParts, 1);

  rd_descriptors_share (rd_descriptors_raise (), &self->descriptors);
  self->config = config;
  self->handover.generation = 1;
  /* a name of its own among the workers: a process id may come again */
  self->node = node != NULL ? g_strdup (node)
                            : g_strdup_printf ("%08x%08x", g_random_int (), g_random_int ());
  if (!make_core (self, error))
    return NULL;

  self->systemd = rd_systemd_new (self->manager, self->drain, self->bus, environment);
  return g_steal_pointer (&self);
}

static gboolean
make_server (RdParts *self, GPtrArray *inherited, GPtrArray *offers, GError **error)
{
  const RdServerOptions options
    = { .addresses = (const char *const *) self->config->addresses,
        .port = self->config->port,
        .reuse_port = self->config->reuse_port,
        .inherited = inherited,
        .offers = offers,
        .path = self->config->path,
        .max_handshakes = self->descriptors.handshakes,
        .allow_origins = (const char *const *) self->config->allow_origins };
  g_auto (GStrv) urls = NULL;

  self->server = rd_server_new (self->manager, self->drain, self->metrics, &options, error);
  if (self->server == NULL)
    return FALSE;

  urls = rd_server_dup_urls (self->server);
  rd_dbus_server1_set_addresses (RD_DBUS_SERVER1 (self->service), (const char *const *) urls);
  return TRUE;
}

static gboolean
make_admin (RdParts *self, GPtrArray *inherited, GPtrArray *offers, GError **error)
{
  g_auto (GStrv) urls = rd_server_dup_urls (self->server);
  const RdAdminOptions options
    = { .address = self->config->admin_address,
        .port = MAX (self->config->admin_port, 0),
        .inherited = inherited,
        .offers = offers,
        .client_urls = (const char *const *) urls,
        .allow_origins = (const char *const *) self->config->allow_origins };

  if (self->config->admin_port < 0 && inherited->len == 0)
    return TRUE;

  self->admin = rd_admin_new (self->manager, self->drain, self->bus, self->metrics, &options,
                              error);
  return self->admin != NULL;
}

gboolean
rd_parts_listen (RdParts *self, RdInherited *inherited, GPtrArray *offers, GError **error)
{
  return make_server (self, inherited->clients, offers, error)
         && make_admin (self, inherited->admin, offers, error);
}

void
rd_parts_start (RdParts *self, gint64 due_us)
{
  g_auto (GStrv) urls = rd_server_dup_urls (self->server);
  g_auto (GStrv) admin_urls = self->admin != NULL ? rd_admin_dup_urls (self->admin) : NULL;

  for (gsize i = 0; urls[i] != NULL; i++)
    g_message (_ ("Listening on %s"), urls[i]);
  for (gsize i = 0; admin_urls != NULL && admin_urls[i] != NULL; i++)
    g_message (_ ("Admin on %s"), admin_urls[i]);

  self->notifier = rd_notifier_new (self->bus, self->config->notify_interval_us,
                                    self->config->notify_message, due_us);
  if (self->redis != NULL)
    rd_redis_start (self->redis);
}

/* Lets go of what does something by itself. */
static void
stop (RdParts *self)
{
  g_clear_pointer (&self->notifier, rd_notifier_free);
  g_clear_pointer (&self->server, rd_server_free);
  g_clear_pointer (&self->registry, rd_redis_nodes_free);
}

void
rd_parts_retire (RdParts *self)
{
  self->relay = rd_relay_new ();
  rd_service_retire (self->service, self->relay);
  stop (self);
}

void
rd_parts_free (RdParts *self)
{
  g_clear_pointer (&self->systemd, rd_systemd_free);
  stop (self);
  g_clear_pointer (&self->admin, rd_admin_free);
  g_clear_pointer (&self->metrics, rd_metrics_free);
  g_clear_object (&self->service);
  g_clear_pointer (&self->relay, rd_relay_free);
  g_clear_object (&self->nodes);
  g_clear_object (&self->drain);
  g_clear_object (&self->bus);
  g_clear_object (&self->redis);
  g_clear_object (&self->manager);
  g_free (self->node);
  g_free (self);
}
