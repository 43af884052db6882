/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The admin port, for probes and scrapers: a table of paths and who answers them. It shows and
 * never changes anything, so that whoever reaches it can do no harm; and it answers to the end,
 * also while the service drains. */

#include "rd-admin.h"

#include "rd-http-port.h"
#include "rd-http.h"

#include <json-glib/json-glib.h>

#define CONNECTIONS_MAX     64
#define LIFETIME_US         (10 * G_USEC_PER_SEC)
#define CROWDED_LIFETIME_US (G_USEC_PER_SEC / 4) /* while there is no room for more */

struct _RdAdmin
{
  RdManager *manager; /* owned */
  RdDrain *drain;     /* owned */
  RdBus *bus;         /* owned */
  RdMetrics *metrics; /* unowned: outlives us */
  RdHttpPort *port;   /* owned */
};

/* Alive: the main loop came round to answer. */
static void
on_healthz (RdAdmin *admin, SoupServerMessage *message)
{
  rd_http_reply (message, SOUP_STATUS_OK, "text/plain; charset=utf-8", "ok\n");
}

/* Ready: new clients are welcome. */
static void
on_readyz (RdAdmin *admin, SoupServerMessage *message)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *bus_state = rd_bus_dup_state (admin->bus);
  g_autofree char *json = NULL;
  g_autofree char *body = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "state");
  json_builder_add_string_value (builder, rd_drain_get_state (admin->drain));
  json_builder_set_member_name (builder, "clients");
  json_builder_add_int_value (builder, rd_manager_get_connections (admin->manager));
  json_builder_set_member_name (builder, "bus");
  json_builder_add_string_value (builder, bus_state);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json = json_to_string (root, FALSE);
  body = g_strconcat (json, "\n", NULL);

  rd_http_reply (
    message, rd_drain_is_running (admin->drain) ? SOUP_STATUS_OK : SOUP_STATUS_SERVICE_UNAVAILABLE,
    "application/json", body);
}

static void
on_metrics (RdAdmin *admin, SoupServerMessage *message)
{
  g_autofree char *text = rd_metrics_render (admin->metrics);

  rd_http_reply (message, SOUP_STATUS_OK, "text/plain; version=0.0.4; charset=utf-8", text);
}

static const struct
{
  const char *path;
  void (*func) (RdAdmin *admin, SoupServerMessage *message);
} routes[] = {
  { "/healthz", on_healthz },
  { "/readyz", on_readyz },
  { "/metrics", on_metrics },
};

static void
on_request (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  if (!rd_http_require_get (message))
    return;

  for (gsize i = 0; i < G_N_ELEMENTS (routes); i++)
    if (g_str_equal (path, routes[i].path))
      {
        routes[i].func (user_data, message);
        return;
      }

  rd_http_refuse (message, SOUP_STATUS_NOT_FOUND,
                  "There is nothing here; try /healthz, /readyz or /metrics.");
}

static const RdHttpPortEvents port_events = { 0 };

RdAdmin *
rd_admin_new (RdManager *manager,
              RdDrain *drain,
              RdBus *bus,
              RdMetrics *metrics,
              const char *address,
              guint port,
              GError **error)
{
  g_autoptr (RdAdmin) admin = g_new0 (RdAdmin, 1);
  const char *const addresses[] = { address, NULL };
  const RdHttpPortOptions port_options = { .addresses = addresses,
                                           .port = port,
                                           .max_connections = CONNECTIONS_MAX,
                                           .lifetime_us = LIFETIME_US,
                                           .crowded_lifetime_us = CROWDED_LIFETIME_US };

  admin->manager = g_object_ref (manager);
  admin->drain = g_object_ref (drain);
  admin->bus = g_object_ref (bus);
  admin->metrics = metrics;
  admin->port = rd_http_port_new (&port_options, &port_events, admin, error);
  if (admin->port == NULL)
    return NULL;

  rd_http_port_add_handler (admin->port, "/", on_request, admin);
  return g_steal_pointer (&admin);
}

void
rd_admin_free (RdAdmin *admin)
{
  g_clear_pointer (&admin->port, rd_http_port_free);
  g_object_unref (admin->bus);
  g_object_unref (admin->drain);
  g_object_unref (admin->manager);
  g_free (admin);
}

char **
rd_admin_dup_urls (RdAdmin *admin)
{
  return rd_http_port_dup_urls (admin->port, "http://", "");
}
