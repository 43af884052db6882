/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The way to a server, by name, address or path; with names that have several addresses GIO tries
 * them side by side. Says nothing to the server, and never tries twice: how long and how often are
 * the caller's. */

#include "rd-redis-connect.h"

#include "rd-redis-error.h"

#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* What outlives the caller, who may be gone when the attempt ends. */
typedef struct
{
  GCancellable *cancellable; /* owned */
  RdRedisConnectFunc func;
  gpointer user_data; /* unowned: valid unless cancelled */
} Attempt;

static void
attempt_free (Attempt *attempt)
{
  g_object_unref (attempt->cancellable);
  g_free (attempt);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Attempt, attempt_free)

static void
set_up (GSocket *socket)
{
  g_socket_set_keepalive (socket, TRUE);
  if (g_socket_get_family (socket) != G_SOCKET_FAMILY_UNIX)
    g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, TRUE, NULL);
}

static void
on_connected (GObject *client, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Attempt) attempt = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) reason = NULL;
  g_autoptr (GSocketConnection) connection = g_socket_client_connect_finish (
    G_SOCKET_CLIENT (client), result, &error);

  if (g_cancellable_is_cancelled (attempt->cancellable))
    return;

  if (connection != NULL)
    set_up (g_socket_connection_get_socket (connection));
  else
    reason = rd_redis_error_new_system (error);
  attempt->func (connection, reason, attempt->user_data);
}

void
rd_redis_connect (const RdRedisUrl *url,
                  GCancellable *cancellable,
                  RdRedisConnectFunc func,
                  gpointer user_data)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnectable) server
    = url->path != NULL ? G_SOCKET_CONNECTABLE (g_unix_socket_address_new (url->path))
                        : g_network_address_new (url->host, url->port);
  Attempt *attempt = g_new0 (Attempt, 1);

  attempt->cancellable = g_object_ref (cancellable);
  attempt->func = func;
  attempt->user_data = user_data;
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_connect_async (client, server, cancellable, on_connected, attempt);
}
