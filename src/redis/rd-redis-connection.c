/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A connection to a Redis server in the main loop.
 *
 * Every event may free the connection. So it is reference counted: each callback of the main loop
 * holds a reference, and checks is_closed() after each event. */

#include "rd-redis-connection.h"

#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#define READ_BYTES (64 << 10) /* at most, for each read */
#define KEPT_BYTES (1 << 20)  /* of memory, at most, when all output was sent */

struct _RdRedisConnection
{
  const RdRedisConnectionEvents *events; /* unowned: outlives us */
  gpointer user_data;                    /* unowned */

  GCancellable *cancellable; /* owned; cancelled: closed */
  GSocketConnection *stream; /* owned; NULL: not open yet */
  GSource *in;               /* owned; NULL: not open */
  GSource *out;              /* owned; NULL: no output */
  RdRedisReader *reader;     /* owned */
  RdRedisOutput output;
  gint64 received_us; /* monotonic */
};

/* Output */

void
rd_redis_output_append (RdRedisOutput *output,
                        int argc,
                        const char *const *argv,
                        const gsize *sizes)
{
  char *command = NULL;
  const gint64 size = redisFormatCommandArgv (&command, argc, (const char **) argv, sizes);

  if (size < 0)
    g_error ("Out of memory for a Redis command");
  g_byte_array_append (output->bytes, (const guint8 *) command, size);
  redisFreeCommand (command);
}

const guint8 *
rd_redis_output_peek (const RdRedisOutput *output, gsize *size)
{
  *size = output->bytes->len - output->sent;
  return output->bytes->data + output->sent;
}

/* Removes sent bytes once they are more than half, so that each byte is moved once on average. */
void
rd_redis_output_advance (RdRedisOutput *output, gsize size)
{
  output->sent += size;
  if (output->sent <= output->bytes->len / 2)
    return;

  if (output->sent == output->bytes->len && output->sent > KEPT_BYTES)
    {
      g_byte_array_unref (output->bytes);
      *output = (RdRedisOutput){ .bytes = g_byte_array_new () };
      return;
    }

  g_byte_array_remove_range (output->bytes, 0, output->sent);
  output->sent = 0;
}

/* End */

static gboolean
is_closed (const RdRedisConnection *connection)
{
  return g_cancellable_is_cancelled (connection->cancellable);
}

static void
unwatch (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Stops all events. Frees nothing: callers up the stack may still use it. */
static void
stop (RdRedisConnection *connection)
{
  g_cancellable_cancel (connection->cancellable);
  unwatch (&connection->in);
  unwatch (&connection->out);
  if (connection->stream != NULL)
    g_io_stream_close (G_IO_STREAM (connection->stream), NULL, NULL);
}

static void
fail (RdRedisConnection *connection, const GError *error)
{
  if (is_closed (connection))
    return;

  stop (connection);
  connection->events->closed (error, connection->user_data);
}

/* @error: of GIO. Its last clause is the system's reason; the clauses before it name the operation
 * and the address: "Could not connect to localhost: Connection refused". */
static void
fail_system (RdRedisConnection *connection, const GError *error)
{
  const char *colon = g_strrstr (error->message, ": ");
  g_autoptr (GError) reason = g_error_new_literal (error->domain, error->code,
                                                   colon != NULL ? colon + 2 : error->message);

  fail (connection, reason);
}

static void
finalize (gpointer data)
{
  RdRedisConnection *connection = data;

  rd_redis_reader_free (connection->reader);
  g_byte_array_unref (connection->output.bytes);
  g_clear_object (&connection->stream);
  g_object_unref (connection->cancellable);
}

static void
unref (RdRedisConnection *connection)
{
  g_rc_box_release_full (connection, finalize);
}

void
rd_redis_connection_free (RdRedisConnection *connection)
{
  stop (connection);
  unref (connection);
}

/* Input and output */

static GSocket *
get_socket (RdRedisConnection *connection)
{
  return g_socket_connection_get_socket (connection->stream);
}

/* Returns: (transfer full). */
static GSource *
watch (RdRedisConnection *connection, GIOCondition condition, GSocketSourceFunc func)
{
  GSource *source = g_socket_create_source (get_socket (connection), condition, NULL);

  g_source_set_callback (source, G_SOURCE_FUNC (func), connection, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

static void
emit_replies (RdRedisConnection *connection)
{
  while (!is_closed (connection))
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (redisReply) reply = rd_redis_reader_next (connection->reader, &error);

      if (error != NULL)
        fail (connection, error);
      if (reply == NULL)
        return;

      connection->events->reply (reply, connection->user_data);
    }
}

/* Reads once and emits the replies that are now complete. Returns: FALSE if there was nothing to
 * read, or the connection is closed. */
static gboolean
receive (RdRedisConnection *connection)
{
  char buffer[READ_BYTES];
  g_autoptr (GError) error = NULL;
  const gssize n = g_socket_receive (get_socket (connection), buffer, sizeof buffer, NULL, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return FALSE;

  if (n == 0)
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                                 "the server closed the connection");
  if (error != NULL)
    {
      fail_system (connection, error);
      return FALSE;
    }

  connection->received_us = g_get_monotonic_time ();
  rd_redis_reader_feed (connection->reader, buffer, n);
  emit_replies (connection);
  return !is_closed (connection);
}

/* Writes once. */
static void
transmit (RdRedisConnection *connection)
{
  gsize size;
  const guint8 *bytes = rd_redis_output_peek (&connection->output, &size);
  g_autoptr (GError) error = NULL;
  const gssize n = g_socket_send (get_socket (connection), (const char *) bytes, size, NULL,
                                  &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return;

  if (error != NULL)
    {
      /* The server's last replies give a better reason than the failed write. */
      while (receive (connection))
        continue;
      fail_system (connection, error);
      return;
    }

  rd_redis_output_advance (&connection->output, n);
  if ((gsize) n == size)
    unwatch (&connection->out);
}

static gboolean
on_input (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  RdRedisConnection *connection = g_rc_box_acquire (user_data);

  receive (connection);
  unref (connection);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_output (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  RdRedisConnection *connection = g_rc_box_acquire (user_data);

  transmit (connection);
  unref (connection);
  return G_SOURCE_CONTINUE;
}

void
rd_redis_connection_send (RdRedisConnection *connection,
                          int argc,
                          const char *const *argv,
                          const gsize *sizes)
{
  if (!rd_redis_connection_is_open (connection))
    return;

  rd_redis_output_append (&connection->output, argc, argv, sizes);
  if (connection->out == NULL)
    connection->out = watch (connection, G_IO_OUT, on_output);
}

/* Beginning */

static void
open_socket (RdRedisConnection *connection, GSocketConnection *stream)
{
  GSocket *socket = g_socket_connection_get_socket (stream);

  g_socket_set_blocking (socket, FALSE);
  g_socket_set_keepalive (socket, TRUE);
  if (g_socket_get_family (socket) != G_SOCKET_FAMILY_UNIX)
    g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, TRUE, NULL);

  connection->stream = g_object_ref (stream);
  connection->in = watch (connection, G_IO_IN, on_input);
  connection->received_us = g_get_monotonic_time ();
  connection->events->opened (connection->user_data);
}

static void
on_connected (GObject *client, GAsyncResult *result, gpointer user_data)
{
  RdRedisConnection *connection = user_data; /* owned */
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) stream = g_socket_client_connect_finish (G_SOCKET_CLIENT (client),
                                                                         result, &error);

  if (stream == NULL)
    fail_system (connection, error);
  else if (!is_closed (connection))
    open_socket (connection, stream);
  unref (connection);
}

RdRedisConnection *
rd_redis_connection_new (const RdRedisUrl *url,
                         const RdRedisConnectionEvents *events,
                         gpointer user_data)
{
  RdRedisConnection *connection = g_rc_box_new0 (RdRedisConnection);
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnectable) server
    = url->path != NULL ? G_SOCKET_CONNECTABLE (g_unix_socket_address_new (url->path))
                        : g_network_address_new (url->host, url->port);

  connection->events = events;
  connection->user_data = user_data;
  connection->cancellable = g_cancellable_new ();
  connection->reader = rd_redis_reader_new ();
  connection->output.bytes = g_byte_array_new ();
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_connect_async (client, server, connection->cancellable, on_connected,
                                 g_rc_box_acquire (connection));
  return connection;
}

gboolean
rd_redis_connection_is_open (const RdRedisConnection *connection)
{
  return connection->in != NULL;
}

gint64
rd_redis_connection_get_received_us (const RdRedisConnection *connection)
{
  return connection->received_us;
}

gboolean
rd_redis_connection_has_unread (RdRedisConnection *connection)
{
  return g_socket_condition_check (get_socket (connection), G_IO_IN) != 0;
}
