/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Implements the admin port as a table of paths and handlers, and a WebSocket. Rejects requests
 * from web pages whose origin is not allowed (rd_origins_may_read()), and requests under an
 * untrusted host name (rd_origins_is_trusted_name()). */

#include "rd-admin.h"

#include "rd-http.h"
#include "rd-page.h"

#include <json-glib/json-glib.h>

#define WAITING_MAX 64    /* maximum number of connections without a complete request */
#define WS_PATH     "/ws" /* whatever the path on the public port is */
#define CLIENTS_MAX 100   /* maximum number of clients in /clients */

struct _RdAdmin
{
  RdManager *manager;               /* unowned: outlives us */
  RdDrain *drain;                   /* unowned: outlives us */
  RdBus *bus;                       /* unowned: outlives us */
  RdMetrics *metrics;               /* unowned: outlives us */
  RdServer *server;                 /* unowned: outlives us */
  const char *instance;             /* unowned: outlives us */
  const char *const *allow_origins; /* unowned: outlives us */
  RdPage *page;                     /* owned */
  RdHttpPort *port;                 /* owned */
};

/* Returns: (transfer none) (nullable): the value of the request header @name. If the header is
 * repeated, the result is a list, such as "a, b", which is not a valid origin or host. */
static const char *
get_header (SoupServerMessage *message, const char *name)
{
  return soup_message_headers_get_list (soup_server_message_get_request_headers (message), name);
}

/* Sends 200. The response shows that the main loop runs. */
static void
on_healthz (RdAdmin *admin, SoupServerMessage *message)
{
  rd_http_reply (message, SOUP_STATUS_OK, "text/plain; charset=utf-8", "ok\n");
}

/* Sends @answer (transfer floating), an a{sv}. */
static void
reply_json (SoupServerMessage *message, guint status, GVariant *answer)
{
  g_autoptr (GVariant) sunk = g_variant_ref_sink (answer);
  g_autofree char *json = json_gvariant_serialize_data (sunk, NULL);
  g_autofree char *body = g_strconcat (json, "\n", NULL);

  rd_http_reply (message, status, "application/json", body);
}

/* @since_us: CLOCK_MONOTONIC. */
static guint64
seconds_since (gint64 since_us)
{
  return MAX (g_get_monotonic_time () - since_us, 0) / G_USEC_PER_SEC;
}

/* Sends 503 during a drain, even while the drain still accepts new clients; otherwise 200. */
static void
on_readyz (RdAdmin *admin, SoupServerMessage *message)
{
  g_autofree char *bus_state = rd_bus_dup_state (admin->bus);

  reply_json (message,
              rd_drain_is_running (admin->drain) ? SOUP_STATUS_OK : SOUP_STATUS_SERVICE_UNAVAILABLE,
              g_variant_new_parsed ("{'state': <%s>, 'clients': <%u>, 'bus': <%s>}",
                                    rd_drain_get_state (admin->drain),
                                    rd_manager_get_connections (admin->manager), bus_state));
}

static void
on_status (RdAdmin *admin, SoupServerMessage *message)
{
  g_autofree char *bus_state = rd_bus_dup_state (admin->bus);

  reply_json (message, SOUP_STATUS_OK,
              g_variant_new_parsed ("{'state': <%s>, 'clients': <%u>, 'bus': <%s>, "
                                    "'instance': <%s>, 'uptime_seconds': <%t>, "
                                    "'generation': <%u>, 'generation_seconds': <%t>}",
                                    rd_drain_get_state (admin->drain),
                                    rd_manager_get_connections (admin->manager), bus_state,
                                    admin->instance, seconds_since (admin->metrics->started_us),
                                    admin->metrics->handover.generation,
                                    seconds_since (admin->metrics->generation_us)));
}

static void
on_clients (RdAdmin *admin, SoupServerMessage *message)
{
  reply_json (message, SOUP_STATUS_OK,
              g_variant_new_parsed ("{'clients': <%*>}",
                                    rd_manager_to_variant (admin->manager, CLIENTS_MAX)));
}

static void
on_metrics (RdAdmin *admin, SoupServerMessage *message)
{
  g_autofree char *text = rd_metrics_render (admin->metrics);

  rd_http_reply (message, SOUP_STATUS_OK, "text/plain; version=0.0.4; charset=utf-8", text);
}

static void
on_page (RdAdmin *admin, SoupServerMessage *message)
{
  SoupMessageHeaders *answer = soup_server_message_get_response_headers (message);

  soup_message_headers_replace (answer, "Content-Security-Policy", admin->page->policy);
  soup_message_headers_replace (answer, "Referrer-Policy", "no-referrer");
  rd_http_reply (message, SOUP_STATUS_OK, "text/html; charset=utf-8", admin->page->html);
}

static const struct
{
  const char *path;
  void (*func) (RdAdmin *admin, SoupServerMessage *message);
} routes[] = {
  { "/", on_page },         { "/healthz", on_healthz }, { "/readyz", on_readyz },
  { "/status", on_status }, { "/clients", on_clients }, { "/metrics", on_metrics },
};

static void
on_request (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  RdAdmin *admin = user_data;
  const char *origin = get_header (message, "Origin");
  const char *authority = get_header (message, "Host");
  g_autofree char *refusal = NULL;

  if (!rd_http_require_get (message))
    return;
  if (!rd_origins_may_read (admin->allow_origins, origin, authority))
    refusal = rd_origins_dup_refusal (origin);
  else if (!rd_origins_is_trusted_name (admin->allow_origins, authority))
    refusal = rd_origins_dup_host_refusal (authority);
  if (refusal != NULL)
    {
      rd_http_refuse (message, SOUP_STATUS_FORBIDDEN, refusal);
      return;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (routes); i++)
    if (g_str_equal (path, routes[i].path))
      {
        routes[i].func (admin, message);
        return;
      }

  rd_http_refuse (message, SOUP_STATUS_NOT_FOUND,
                  "No such path; use /, /healthz, /readyz, /metrics, /status, /clients or /ws.");
}

/* Leaves requests under an untrusted host name to on_request(), which refuses them. */
static gboolean
on_handshake (int fd, const RdRequest *request, RdPendingState *state, gpointer user_data)
{
  RdAdmin *admin = user_data;
  const char *authority = soup_message_headers_get_list (request->headers, "Host");

  return rd_origins_is_trusted_name (admin->allow_origins, authority)
         && rd_server_answer (admin->server, WS_PATH, fd, request, state);
}

RdAdmin *
rd_admin_new (RdManager *manager,
              RdDrain *drain,
              RdBus *bus,
              RdMetrics *metrics,
              const RdAdminOptions *options,
              GError **error)
{
  g_autoptr (RdAdmin) admin = g_new0 (RdAdmin, 1);
  const RdHttpPortOptions port_options = { .binding = &options->binding,
                                           .scheme = "http",
                                           .path = "",
                                           .max_waiting = WAITING_MAX,
                                           .func = on_handshake,
                                           .user_data = admin };

  admin->manager = manager;
  admin->drain = drain;
  admin->bus = bus;
  admin->metrics = metrics;
  admin->page = rd_page_new (ws_engine_get_options (rd_manager_get_engine (manager))->max_message);
  admin->server = options->server;
  admin->instance = options->instance;
  admin->allow_origins = options->allow_origins;
  admin->port = rd_http_port_new (&port_options, error);
  if (admin->port == NULL)
    return NULL;

  rd_http_port_add_handler (admin->port, "/", on_request, admin);
  return g_steal_pointer (&admin);
}

void
rd_admin_free (RdAdmin *admin)
{
  g_clear_pointer (&admin->port, rd_http_port_free);
  rd_page_free (admin->page);
  g_free (admin);
}

RdHttpPort *
rd_admin_get_port (RdAdmin *admin)
{
  return admin->port;
}
