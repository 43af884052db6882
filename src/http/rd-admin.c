/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Implements the admin port as a table of paths and handlers. Rejects requests from web pages
 * whose origin is not allowed (rd_origins_may_read()), and requests under an untrusted host name
 * (rd_origins_is_trusted_name()). */

#include "rd-admin.h"

#include "rd-http.h"
#include "rd-page.h"

#include <json-glib/json-glib.h>

#define WAITING_MAX 64 /* maximum number of connections without a complete request */

struct _RdAdmin
{
  RdManager *manager;               /* unowned: outlives us */
  RdDrain *drain;                   /* unowned: outlives us */
  RdBus *bus;                       /* unowned: outlives us */
  RdMetrics *metrics;               /* unowned: outlives us */
  const char *const *client_urls;   /* unowned: outlives us */
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

/* Sends 503 during a drain, even while the drain still accepts new clients; otherwise 200. */
static void
on_readyz (RdAdmin *admin, SoupServerMessage *message)
{
  g_autofree char *bus_state = rd_bus_dup_state (admin->bus);
  g_autoptr (GVariant) answer = g_variant_ref_sink (g_variant_new_parsed (
    "{'state': <%s>, 'clients': <%u>, 'bus': <%s>}", rd_drain_get_state (admin->drain),
    rd_manager_get_connections (admin->manager), bus_state));
  g_autofree char *json = json_gvariant_serialize_data (answer, NULL);
  g_autofree char *body = g_strconcat (json, "\n", NULL);

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

static void
on_page (RdAdmin *admin, SoupServerMessage *message)
{
  SoupMessageHeaders *answer = soup_server_message_get_response_headers (message);
  g_autofree char *host = rd_host_parse (get_header (message, "Host"));
  g_auto (GStrv) urls = rd_page_find_urls (admin->client_urls, host != NULL ? host : "localhost");
  g_autofree char *policy = rd_page_dup_policy (admin->page, (const char *const *) urls);
  g_autofree char *html = rd_page_render (admin->page, (const char *const *) urls);

  soup_message_headers_replace (answer, "Content-Security-Policy", policy);
  soup_message_headers_replace (answer, "Referrer-Policy", "no-referrer");
  rd_http_reply (message, SOUP_STATUS_OK, "text/html; charset=utf-8", html);
}

static const struct
{
  const char *path;
  void (*func) (RdAdmin *admin, SoupServerMessage *message);
} routes[] = {
  { "/", on_page },
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
                  "No such path; use /, /healthz, /readyz or /metrics.");
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
  const RdHttpPortOptions port_options
    = { .binding = &options->binding, .scheme = "http", .path = "", .max_waiting = WAITING_MAX };

  admin->manager = manager;
  admin->drain = drain;
  admin->bus = bus;
  admin->metrics = metrics;
  admin->page = rd_page_new (ws_engine_get_options (rd_manager_get_engine (manager))->max_message);
  admin->client_urls = options->client_urls;
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
