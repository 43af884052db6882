/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A fake Redis server in the thread of the test. */

#include "redis-server-fixture.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_S 30 /* longer than any test takes */

static int
get_fd (RedisServer *server)
{
  return g_socket_get_fd (g_socket_connection_get_socket (server->client));
}

void
redis_text_append (GString *text, const redisReply *string)
{
  for (gsize i = 0; i < string->len; i++)
    if (string->str[i] == '\0')
      g_string_append (text, "\\0");
    else
      g_string_append_c (text, string->str[i]);
}

static void
queue_commands (RedisServer *server)
{
  for (;;)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (redisReply) command = rd_redis_reader_next (server->reader, &error);
      GString *words;

      g_assert_no_error (error);
      if (command == NULL)
        return;

      words = g_string_new (NULL);
      g_assert_cmpint (command->type, ==, REDIS_REPLY_ARRAY);
      for (gsize i = 0; i < command->elements; i++)
        {
          g_assert_cmpint (command->element[i]->type, ==, REDIS_REPLY_STRING);
          g_string_append (words, i > 0 ? " " : "");
          redis_text_append (words, command->element[i]);
        }
      g_queue_push_tail (&server->commands, g_string_free (words, FALSE));
    }
}

static gboolean
on_input (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  RedisServer *server = user_data;
  char buffer[65536];
  const gssize n = recv (g_socket_get_fd (socket), buffer, sizeof buffer, MSG_DONTWAIT);

  if (n > 0)
    {
      rd_redis_reader_feed (server->reader, buffer, n);
      queue_commands (server);
      return G_SOURCE_CONTINUE;
    }

  if (n < 0)
    g_assert_cmpint (errno, ==, ECONNRESET); /* the client had unread input */
  server->has_ended = TRUE;
  return G_SOURCE_REMOVE;
}

static void
drop_client (RedisServer *server)
{
  redis_server_set_paused (server, TRUE);
  g_clear_object (&server->client);
  g_clear_pointer (&server->reader, rd_redis_reader_free);
  g_queue_clear_full (&server->commands, g_free);
  server->has_ended = FALSE;
}

static gboolean
on_incoming (GSocketService *service,
             GSocketConnection *connection,
             GObject *source,
             gpointer user_data)
{
  RedisServer *server = user_data;

  drop_client (server);
  server->client = g_object_ref (connection);
  server->reader = rd_redis_reader_new ();
  redis_server_set_paused (server, FALSE);
  if (server->banner != NULL)
    redis_server_send (server, server->banner);
  if (server->hangs_up)
    redis_server_close (server);
  return TRUE;
}

static RedisServer *
new_at (GSocketAddress *address, char *directory)
{
  RedisServer *server = g_new0 (RedisServer, 1);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GError) error = NULL;

  server->directory = directory;
  server->url = g_new0 (RdRedisUrl, 1);
  g_queue_init (&server->commands);
  server->service = g_socket_service_new ();
  g_socket_listener_add_address (G_SOCKET_LISTENER (server->service), address, G_SOCKET_TYPE_STREAM,
                                 G_SOCKET_PROTOCOL_DEFAULT, NULL, &bound, &error);
  g_assert_no_error (error);
  g_signal_connect (server->service, "incoming", G_CALLBACK (on_incoming), server);
  if (G_IS_UNIX_SOCKET_ADDRESS (bound))
    server->url->path = g_strdup (g_unix_socket_address_get_path (G_UNIX_SOCKET_ADDRESS (bound)));
  else
    {
      server->url->host = g_strdup ("127.0.0.1");
      server->url->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
    }
  return server;
}

RedisServer *
redis_server_new_tcp (void)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);

  return new_at (address, NULL);
}

RedisServer *
redis_server_new_unix (void)
{
  g_autoptr (GError) error = NULL;
  char *directory = g_dir_make_tmp ("ringdown-redis-XXXXXX", &error);
  g_autofree char *path = NULL;
  g_autoptr (GSocketAddress) address = NULL;

  g_assert_no_error (error);
  path = g_build_filename (directory, "socket", NULL);
  address = g_unix_socket_address_new (path);
  return new_at (address, directory);
}

void
redis_server_stop (RedisServer *server)
{
  g_socket_service_stop (server->service);
  g_socket_listener_close (G_SOCKET_LISTENER (server->service));
}

void
redis_server_free (RedisServer *server)
{
  drop_client (server);
  redis_server_stop (server);
  g_object_unref (server->service);
  if (server->directory != NULL)
    {
      g_assert_no_errno (g_unlink (server->url->path));
      g_assert_no_errno (g_rmdir (server->directory));
    }
  g_free (server->directory);
  rd_redis_url_free (server->url);
  g_free (server);
}

static gboolean
on_timeout (gpointer what)
{
  g_error ("%s: not within %d s", (const char *) what, WAIT_S);
  return G_SOURCE_REMOVE;
}

void
redis_server_wait (gboolean (*is_met) (gpointer user_data), gpointer user_data, const char *what)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  g_autoptr (GSource) alarm = g_timeout_source_new_seconds (WAIT_S);

  g_source_set_callback (alarm, on_timeout, (gpointer) what, NULL);
  g_source_attach (alarm, context);
  while (!is_met (user_data))
    g_main_context_iteration (context, TRUE);
  g_source_destroy (alarm);
}

static gboolean
has_client (gpointer user_data)
{
  return ((RedisServer *) user_data)->client != NULL;
}

void
redis_server_await_client (RedisServer *server)
{
  redis_server_wait (has_client, server, "a client connects");
}

static gboolean
has_command (gpointer user_data)
{
  RedisServer *server = user_data;

  return server->has_ended || !g_queue_is_empty (&server->commands);
}

void
redis_server_expect (RedisServer *server, const char *words)
{
  g_autofree char *command = NULL;

  redis_server_wait (has_command, server, words);
  command = g_queue_pop_head (&server->commands);
  g_assert_cmpstr (command, ==, words);
}

static gboolean
has_ended (gpointer user_data)
{
  return ((RedisServer *) user_data)->has_ended;
}

void
redis_server_await_close (RedisServer *server)
{
  redis_server_wait (has_ended, server, "the client closes the connection");
}

void
redis_server_expect_close (RedisServer *server)
{
  redis_server_await_close (server);
  g_assert_cmpstr (g_queue_peek_head (&server->commands), ==, NULL);
}

void
redis_server_send_bytes (RedisServer *server, gconstpointer data, gsize size)
{
  redis_server_await_client (server);
  g_assert_cmpint (send (get_fd (server), data, size, MSG_NOSIGNAL | MSG_DONTWAIT), ==, size);
}

void
redis_server_send (RedisServer *server, const char *text)
{
  redis_server_send_bytes (server, text, strlen (text));
}

void
redis_server_expect_login (RedisServer *server)
{
  g_autofree char *set_name = g_strdup_printf ("CLIENT SETNAME ringdown-%d", (int) getpid ());

  redis_server_expect (server, "PING");
  redis_server_expect (server, set_name);
  redis_server_expect (server, "ROLE");
}

void
redis_server_accept_login (RedisServer *server)
{
  redis_server_expect_login (server);
  redis_server_send (server, REDIS_LOGGED_IN);
}

void
redis_server_set_paused (RedisServer *server, gboolean is_paused)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  if (server->in != NULL)
    g_source_destroy (server->in);
  g_clear_pointer (&server->in, g_source_unref);
  if (is_paused)
    return;

  server->in = g_socket_create_source (g_socket_connection_get_socket (server->client), G_IO_IN,
                                       NULL);
  g_source_set_callback (server->in, G_SOURCE_FUNC (on_input), server, NULL);
  g_source_attach (server->in, context);
}

void
redis_server_close (RedisServer *server)
{
  redis_server_await_client (server);
  drop_client (server);
}

void
redis_server_reset (RedisServer *server)
{
  const struct linger at_once = { .l_onoff = 1 };

  redis_server_await_client (server);
  g_assert_no_errno (setsockopt (get_fd (server), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  drop_client (server);
}
