/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A port that speaks HTTP, with a bound to everything a stranger can make of it: how many
 * connections, how long each lasts, how much of a request is kept. What is served is the
 * handlers'. */

#include "rd-http-port.h"

#include "rd-binding.h"
#include "rd-connections.h"
#include "rd-http.h"
#include "rd-listener.h"

#include <malloc.h>

#define BATCH       16 /* connections accepted in one turn of the main loop */
#define CROWD_SHARE 8  /* of the connections there may be, so small a part is a crowd */

struct _RdHttpPort
{
  RdBinding *binding;         /* owned */
  RdListener *listener;       /* owned */
  GPtrArray *offers;          /* RdSocket, owned, nullable: until we have taken over */
  RdConnections *connections; /* owned */
  SoupServer *soup;           /* owned */
  GSocketAddress *nowhere;    /* owned */
  RdRole role;
  guint max_connections;
  gboolean was_crowded; /* and the heap has not been trimmed since */
  guint trim_id;
  const RdHttpPortEvents *events; /* unowned: outlives us */
  gpointer user_data;             /* unowned */
};

/* No request here has a body: what comes as one is not kept. libsoup reads it to its end before it
 * answers, or until the connection's time is up. */
static void
on_headers (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  SoupEncoding encoding = soup_message_headers_get_encoding (headers);

  if (encoding == SOUP_ENCODING_NONE
      || (encoding == SOUP_ENCODING_CONTENT_LENGTH
          && soup_message_headers_get_content_length (headers) == 0))
    return;

  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  rd_http_refuse (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE,
                  "Requests with a body are not understood here.");
}

static void
on_unknown (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  rd_http_refuse (message, SOUP_STATUS_NOT_FOUND, "There is nothing here.");
}

static void
on_connection (GSocketConnection *connection, gpointer user_data)
{
  RdHttpPort *port = user_data;
  g_autoptr (GSocketConnection) owned G_GNUC_UNUSED = connection;
  g_autoptr (GError) error = NULL;

  if (connection == NULL)
    {
      if (port->events->exhausted != NULL)
        port->events->exhausted (port->user_data);
      rd_connections_cut_oldest (port->connections); /* for the next one */
      return;
    }

  rd_connections_watch (port->connections, connection);
  if (!soup_server_accept_iostream (port->soup, G_IO_STREAM (connection), port->nowhere,
                                    port->nowhere, &error))
    g_debug ("Connection not served: %s", error->message);
}

static void
on_cut (gboolean in_time, gpointer user_data)
{
  RdHttpPort *port = user_data;
  void (*tell) (gpointer) = in_time ? port->events->crowded : port->events->expired;

  if (tell != NULL)
    tell (port->user_data);
}

static gboolean
on_idle (gpointer user_data)
{
  RdHttpPort *port = user_data;

  port->trim_id = 0;
  port->was_crowded = FALSE;
  malloc_trim (0);
  return G_SOURCE_REMOVE;
}

/* With a crowd under way, new ones come one by one, so that these are done first. What a crowd has
 * used of the heap lies between its clients' memory, and goes back to the system only by trimming.
 */
static void
on_changed (guint count, gpointer user_data)
{
  RdHttpPort *port = user_data;
  const gboolean is_crowded = count > port->max_connections / CROWD_SHARE;
  const gboolean is_full = count >= port->max_connections;

  rd_listener_set_pace (port->listener, is_full ? 0 : is_crowded ? 1 : BATCH);
  if (is_crowded)
    port->was_crowded = TRUE;
  else if (port->was_crowded && count == 0 && port->trim_id == 0)
    port->trim_id = g_idle_add_full (G_PRIORITY_LOW, on_idle, port, NULL);
}

static RdBinding *
bind_port (const RdHttpPortOptions *options, GError **error)
{
  const RdBindingOptions binding_options = { .addresses = options->addresses,
                                             .port = options->port,
                                             .reuse_port = options->reuse_port,
                                             .role = options->role,
                                             .offers = options->offers };

  return options->inherited->len > 0
           ? rd_binding_new_inherited (options->inherited, options->role, error)
           : rd_binding_new (&binding_options, error);
}

static const RdConnectionsEvents connections_events = { .cut = on_cut, .changed = on_changed };

RdHttpPort *
rd_http_port_new (const RdHttpPortOptions *options,
                  const RdHttpPortEvents *events,
                  gpointer user_data,
                  GError **error)
{
  g_autoptr (RdBinding) binding = bind_port (options, error);
  RdHttpPort *port;

  if (binding == NULL)
    return NULL;

  port = g_new0 (RdHttpPort, 1);
  port->role = options->role;
  port->max_connections = options->max_connections;
  port->events = events;
  port->user_data = user_data;
  port->connections = rd_connections_new (options->max_connections, options->lifetime_us,
                                          options->crowded_lifetime_us, &connections_events, port);
  port->soup = soup_server_new (NULL, NULL);
  /* libsoup insists on addresses, which nobody here asks it for; to look up the real ones would
   * cost two system calls a connection, and fail for one that is gone already */
  port->nowhere = g_inet_socket_address_new_from_string ("0.0.0.0", 0);
  soup_server_add_early_handler (port->soup, NULL, on_headers, NULL, NULL);
  soup_server_add_handler (port->soup, NULL, on_unknown, NULL, NULL);
  port->binding = g_steal_pointer (&binding);
  port->listener = rd_listener_new (port->binding, on_connection, port);
  rd_listener_set_pace (port->listener, BATCH);
  if (options->offers != NULL)
    port->offers = g_ptr_array_ref (options->offers);
  else
    rd_listener_resume (port->listener);

  return port;
}

void
rd_http_port_free (RdHttpPort *port)
{
  g_clear_handle_id (&port->trim_id, g_source_remove);
  g_clear_pointer (&port->connections, rd_connections_free);
  soup_server_disconnect (port->soup);
  g_object_unref (port->soup);
  g_object_unref (port->nowhere);
  rd_listener_free (port->listener);
  rd_binding_free (port->binding);
  g_clear_pointer (&port->offers, g_ptr_array_unref);
  g_free (port);
}

void
rd_http_port_add_handler (RdHttpPort *port,
                          const char *path,
                          SoupServerCallback callback,
                          gpointer user_data)
{
  /* libsoup asks only the handlers of the longest path: those for all paths are not inherited */
  soup_server_add_early_handler (port->soup, path, on_headers, NULL, NULL);
  soup_server_add_handler (port->soup, path, callback, user_data, NULL);
}

void
rd_http_port_release (RdHttpPort *port, GSocketConnection *connection)
{
  rd_connections_release (port->connections, connection);
}

void
rd_http_port_stop (RdHttpPort *port)
{
  rd_listener_stop (port->listener);
}

gboolean
rd_http_port_reopen (RdHttpPort *port, GError **error)
{
  return rd_listener_reopen (port->listener, error);
}

void
rd_http_port_pause (RdHttpPort *port)
{
  rd_listener_pause (port->listener);
}

/* What is not configured any more: serves who waits there, and has it listen no longer, whatever
 * process may still have it, so that nobody waits there for ever. */
static void
close_leftovers (RdHttpPort *port)
{
  for (guint i = port->offers->len; i > 0; i--)
    {
      const RdSocket *offer = port->offers->pdata[i - 1];

      if (offer->role != port->role)
        continue;
      rd_listener_accept_waiting (port->listener, offer->socket);
      g_socket_shutdown (offer->socket, TRUE, TRUE, NULL);
      g_ptr_array_remove_index (port->offers, i - 1);
    }
}

void
rd_http_port_resume (RdHttpPort *port)
{
  if (port->offers != NULL)
    {
      rd_binding_share (port->binding);
      close_leftovers (port);
      g_clear_pointer (&port->offers, g_ptr_array_unref);
    }

  rd_listener_resume (port->listener);
}

void
rd_http_port_offer (RdHttpPort *port, GPtrArray *offers)
{
  GPtrArray *sockets = rd_binding_get_sockets (port->binding);

  for (guint i = 0; i < sockets->len; i++)
    g_ptr_array_add (offers, rd_socket_copy (sockets->pdata[i]));
}

void
rd_http_port_close (RdHttpPort *port)
{
  rd_listener_close (port->listener);
}

guint
rd_http_port_get_connections (RdHttpPort *port)
{
  return rd_connections_get_count (port->connections);
}

char **
rd_http_port_dup_urls (RdHttpPort *port, const char *scheme, const char *path)
{
  char **urls = rd_binding_dup_addresses (port->binding);

  for (gsize i = 0; urls[i] != NULL; i++)
    {
      g_autofree char *address = urls[i];

      urls[i] = g_strconcat (scheme, address, path, NULL);
    }

  return urls;
}
