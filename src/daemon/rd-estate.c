/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What goes from one process to the next beside sockets and memory: each part writes down its own,
 * under a name, and finds it again there. A part that finds nothing begins anew. How it gets from
 * here to there is others' care. */

#include "rd-estate.h"

#include "rd-redis-bus-pack.h"

#include <unistd.h>

#define CLIENTS   "clients"
#define DUE       "notification-due"
#define METRICS   "metrics"
#define LISTENERS "signal-listeners"
#define REDIS     "redis"

static gboolean
has_redis (const RdComponents *parts)
{
  return parts->redis != NULL;
}

void
rd_estate_settle (RdComponents *parts)
{
  rd_http_port_pause (rd_server_get_port (parts->server));
  if (has_redis (parts))
    rd_redis_bus_hold (RD_REDIS_BUS (parts->bus), TRUE);
}

gboolean
rd_estate_is_settled (RdComponents *parts)
{
  return !rd_http_port_is_busy (rd_server_get_port (parts->server))
         && (!has_redis (parts) || rd_redis_bus_is_idle (RD_REDIS_BUS (parts->bus)));
}

void
rd_estate_unsettle (RdComponents *parts)
{
  if (has_redis (parts))
    rd_redis_bus_hold (RD_REDIS_BUS (parts->bus), FALSE);
  rd_http_port_resume (rd_server_get_port (parts->server));
}

void
rd_estate_freeze (RdComponents *parts)
{
  parts->paused_us = g_get_monotonic_time ();
  if (parts->admin != NULL)
    rd_http_port_pause (rd_admin_get_port (parts->admin));
  /* first: what waits for its turn is still published */
  if (has_redis (parts))
    rd_redis_stop (parts->redis);
  ws_engine_pause (rd_manager_get_engine (parts->manager));
}

void
rd_estate_thaw (RdComponents *parts)
{
  ws_engine_resume (rd_manager_get_engine (parts->manager));
  if (has_redis (parts))
    rd_redis_start (parts->redis);
  if (parts->admin != NULL)
    rd_http_port_resume (rd_admin_get_port (parts->admin));
}

GVariant *
rd_estate_greet (RdComponents *parts)
{
  GVariantDict dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&dict, "version", "s", RINGDOWN_VERSION);
  g_variant_dict_insert (&dict, "pid", "u", (guint32) getpid ());
  g_variant_dict_insert (&dict, "node", "s", parts->node);
  g_variant_dict_insert (&dict, "generation", "u", parts->handover.generation);
  g_variant_dict_insert (&dict, "clients", "u", rd_manager_get_connections (parts->manager));
  return g_variant_dict_end (&dict);
}

GVariant *
rd_estate_pack (RdComponents *parts, GVariant *clients)
{
  GVariantDict dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&dict, CLIENTS, "v", clients);
  g_variant_dict_insert (&dict, DUE, "x", rd_notifier_get_due_us (parts->notifier));
  g_variant_dict_insert_value (&dict, METRICS, rd_metrics_pack (parts->metrics));
  g_variant_dict_insert_value (&dict, LISTENERS,
                               rd_subscribers_pack (rd_service_get_subscribers (parts->service)));
  if (has_redis (parts))
    g_variant_dict_insert_value (&dict, REDIS, rd_redis_bus_pack (RD_REDIS_BUS (parts->bus)));
  return g_variant_dict_end (&dict);
}

static gboolean
unpack_redis (RdComponents *parts, GVariantDict *dict, GError **error)
{
  g_autoptr (GVariant) packed = g_variant_dict_lookup_value (
    dict, REDIS, G_VARIANT_TYPE (RD_REDIS_BUS_PACKED_TYPE));

  if (packed == NULL && has_redis (parts))
    rd_redis_bus_skip_ahead (RD_REDIS_BUS (parts->bus));
  if (packed == NULL)
    return TRUE;

  return has_redis (parts) ? rd_redis_bus_unpack (RD_REDIS_BUS (parts->bus), packed, error)
                           : rd_redis_bus_leave_behind (packed, error);
}

gboolean
rd_estate_unpack (RdComponents *parts,
                  GVariant *state,
                  WsHandover *handover,
                  gint64 *due_us,
                  GError **error)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (state);
  g_autoptr (GVariant) clients = g_variant_dict_lookup_value (&dict, CLIENTS,
                                                              G_VARIANT_TYPE_VARIANT);
  g_autoptr (GVariant) metrics = g_variant_dict_lookup_value (&dict, METRICS,
                                                              G_VARIANT_TYPE ("a{st}"));
  g_autoptr (GVariant) listeners = g_variant_dict_lookup_value (&dict, LISTENERS,
                                                                G_VARIANT_TYPE_STRING_ARRAY);

  if (clients == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           "the old worker sent no client state; it is faulty: drain it "
                           "(SIGTERM), then start the new one");
      return FALSE;
    }

  handover->state = g_variant_get_variant (clients);
  if (!unpack_redis (parts, &dict, error)
      || !rd_manager_take_over (parts->manager, handover, error))
    return FALSE;

  /* version 0.1.0 sends 0 if its notifier is off */
  if (!g_variant_dict_lookup (&dict, DUE, "x", due_us) || *due_us == 0)
    *due_us = RD_NOTIFIER_NEVER;
  if (metrics != NULL)
    rd_metrics_unpack (parts->metrics, metrics);
  if (listeners != NULL && parts->connection != NULL)
    rd_subscribers_unpack (rd_service_get_subscribers (parts->service), listeners,
                           parts->connection);
  return TRUE;
}
