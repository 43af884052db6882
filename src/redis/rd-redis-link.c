/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A connection to Redis: the login, the queue of commands that wait for a reply, and the detection
 * of a server that stops responding.
 *
 * Any event callback or reply function may free the link. The link is therefore reference
 * counted: the callbacks of its socket hold a reference and check is_closed() after each reply. */

#include "rd-redis-link.h"

#include "rd-units.h"

#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define READ_BYTES (64 << 10) /* maximum number of bytes per read */

static const RdRedisTimeouts default_timeouts
  = { .connect_ms = 5000, .probe_ms = 2000, .answer_ms = 6000 };

/* A command that waits for its reply. */
typedef struct
{
  RdRedisReplyFunc func;
  gpointer user_data; /* unowned */
} Command;

struct _RdRedisLink
{
  const RdRedisLinkEvents *events; /* unowned: outlives us */
  gpointer user_data;              /* unowned */
  RdRedisTimeouts timeouts;
  const RdRedisUrl *url; /* unowned: outlives us */

  GCancellable *cancellable; /* owned; is cancelled when the link closes */
  GSocketConnection *stream; /* owned; NULL: not connected yet */
  GSource *timer;            /* owned; NULL: closed */
  GSource *in;               /* owned; NULL: not connected */
  GSource *out;              /* owned; NULL: nothing to send */
  GString *output;           /* owned: commands that are not being sent yet */
  GBytes *sending;           /* owned: rest of the commands that are being sent; NULL: none */
  RdRedisReader *reader;     /* owned */
  GQueue commands;           /* Command, owned; oldest first */

  gboolean is_ready;      /* the login has succeeded */
  gboolean is_subscriber; /* SUBSCRIBE was sent: pushed() gets its reply and all later replies */
  gint64 probed_us;       /* monotonic: when PING was last sent */
  gint64 received_us;     /* monotonic: when the link connected or last received bytes */
};

/* Closing */

static gboolean
is_closed (const RdRedisLink *link)
{
  return g_cancellable_is_cancelled (link->cancellable);
}

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Stops all events. Frees no memory: callers up the stack may still use the link. */
static void
stop (RdRedisLink *link)
{
  g_cancellable_cancel (link->cancellable);
  clear_source (&link->timer);
  clear_source (&link->in);
  clear_source (&link->out);
  if (link->stream != NULL)
    g_io_stream_close (G_IO_STREAM (link->stream), NULL, NULL);
}

/* Closes the link and reports @error (transfer full), unless the link is already closed. */
static void
fail (RdRedisLink *link, GError *error)
{
  g_autoptr (GError) reason = error;

  if (is_closed (link))
    return;

  stop (link);
  link->events->failed (reason, link->user_data);
}

static void
finalize (gpointer data)
{
  RdRedisLink *link = data;

  g_queue_clear_full (&link->commands, g_free);
  rd_redis_reader_free (link->reader);
  g_string_free (link->output, TRUE);
  g_clear_pointer (&link->sending, g_bytes_unref);
  g_clear_object (&link->stream);
  g_object_unref (link->cancellable);
}

static void
unref (RdRedisLink *link)
{
  g_rc_box_release_full (link, finalize);
}

void
rd_redis_link_free (RdRedisLink *link)
{
  stop (link);
  unref (link);
}

/* Replies */

/* Closes the link if @reply, an error or the reply to ROLE, is that of a replica or a cluster. */
static void
check_server (const redisReply *reply, gpointer user_data)
{
  RdRedisLink *link = user_data;
  g_autoptr (GSocketAddress) address = g_socket_connection_get_remote_address (link->stream, NULL);
  GError *error = rd_redis_error_new_server (reply, address);

  if (error != NULL)
    fail (link, error);
}

/* Returns: whether @reply is the reply to a PING from a subscriber. */
static gboolean
is_pong (const redisReply *reply)
{
  return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
         && reply->element[0]->type == REDIS_REPLY_STRING
         && g_str_equal (reply->element[0]->str, "pong");
}

static void
push (const redisReply *reply, gpointer user_data)
{
  RdRedisLink *link = user_data;

  if (reply->type == REDIS_REPLY_ERROR)
    fail (link, rd_redis_error_new_reply (reply));
  else if (!link->is_subscriber)
    fail (link, g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                                     "the server sent a reply while no command was pending"));
  else if (!is_pong (reply) && link->events->pushed != NULL)
    link->events->pushed (reply, link->user_data);
}

/* Input and output */

static GSocket *
get_socket (RdRedisLink *link)
{
  return g_socket_connection_get_socket (link->stream);
}

static void
emit_replies (RdRedisLink *link)
{
  while (!is_closed (link))
    {
      GError *error = NULL;
      g_autoptr (redisReply) reply = rd_redis_reader_next (link->reader, &error);
      g_autofree Command *command = reply != NULL ? g_queue_pop_head (&link->commands) : NULL;

      if (error != NULL)
        fail (link, error);
      if (reply == NULL)
        return;

      if (reply->type == REDIS_REPLY_ERROR && link->is_ready)
        check_server (reply, link); /* any command may be the first one that is refused */
      if (is_closed (link))
        return;

      if (command == NULL)
        push (reply, link);
      else if (command->func != NULL)
        command->func (reply, command->user_data);
    }
}

/* Reads once and handles the replies that are complete. */
static void
receive (RdRedisLink *link)
{
  char buffer[READ_BYTES];
  g_autoptr (GError) error = NULL;
  const gssize n = g_socket_receive (get_socket (link), buffer, sizeof buffer, NULL, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return;

  if (n == 0)
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                                 "the server closed the connection");
  if (error != NULL)
    {
      fail (link, rd_redis_error_new_system (error));
      return;
    }

  link->received_us = g_get_monotonic_time ();
  rd_redis_reader_feed (link->reader, buffer, n);
  emit_replies (link);
}

/* Sends the output with one write. A failed write is not reported: the connection is closed then,
 * and receive() reads the last replies, which may contain the reason, and reports the end. */
static void
transmit (RdRedisLink *link)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  gssize n;

  if (link->sending == NULL)
    {
      link->sending = g_string_free_to_bytes (link->output);
      link->output = g_string_new (NULL);
    }
  n = g_socket_send (get_socket (link), g_bytes_get_data (link->sending, NULL),
                     g_bytes_get_size (link->sending), NULL, &error);
  if (error != NULL)
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        clear_source (&link->out);
      return;
    }

  bytes = g_steal_pointer (&link->sending);
  if ((gsize) n < g_bytes_get_size (bytes))
    link->sending = g_bytes_new_from_bytes (bytes, n, g_bytes_get_size (bytes) - n);
  else if (link->output->len == 0)
    clear_source (&link->out);
}

static gboolean
on_socket (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  RdRedisLink *link = g_rc_box_acquire (user_data);

  if (condition & G_IO_OUT)
    transmit (link);
  else
    receive (link);
  unref (link);
  return G_SOURCE_CONTINUE;
}

/* Creates a source that calls on_socket() on @condition. Returns: (transfer full). */
static GSource *
watch (RdRedisLink *link, GIOCondition condition)
{
  GSource *source = g_socket_create_source (get_socket (link), condition, NULL);

  g_source_set_callback (source, G_SOURCE_FUNC (on_socket), link, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

/* Commands */

void
rd_redis_link_call (RdRedisLink *link, RdRedisReplyFunc func, gpointer user_data, GBytes *data, ...)
{
  const Command command = { func, user_data };
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  char *word;
  va_list list;

  if (link == NULL || is_closed (link))
    return;

  va_start (list, data);
  do
    g_ptr_array_add (words, word = va_arg (list, char *));
  while (word != NULL);
  va_end (list);

  rd_redis_command_append (link->output, (const char *const *) words->pdata, data);
  if (!link->is_subscriber)
    g_queue_push_tail (&link->commands, g_memdup2 (&command, sizeof command));
  if (link->out == NULL)
    link->out = watch (link, G_IO_OUT);
}

gboolean
rd_redis_link_is_idle (const RdRedisLink *link)
{
  return link->commands.length == 0;
}

void
rd_redis_link_subscribe (RdRedisLink *link, const char *channel)
{
  rd_redis_link_call_words (link, push, link, "SUBSCRIBE", channel, NULL);
  link->is_subscriber = TRUE;
}

void
rd_redis_link_check_role (RdRedisLink *link)
{
  rd_redis_link_call_words (link, check_server, link, "ROLE", NULL);
}

/* Timeouts */

static gboolean on_timer (gpointer user_data);

static void
arm_timer (RdRedisLink *link, gint64 at_us)
{
  const gint64 wait_us = MAX (at_us - g_get_monotonic_time (), 0);

  clear_source (&link->timer);
  link->timer = g_timeout_source_new (wait_us / G_TIME_SPAN_MILLISECOND + 1);
  g_source_set_callback (link->timer, on_timer, link, NULL);
  g_source_attach (link->timer, g_main_context_get_thread_default ());
}

/* Closes the link with the error "no WHAT within TIMEOUT". */
static void
fail_late (RdRedisLink *link, GQuark domain, int code, const char *what, guint timeout_ms)
{
  g_autofree char *timeout = rd_units_format_duration (timeout_ms * G_TIME_SPAN_MILLISECOND);

  fail (link, g_error_new (domain, code, "no %s within %s", what, timeout));
}

/* Returns: whether nothing was received since the last PING. */
static gboolean
is_waiting (const RdRedisLink *link)
{
  return link->probed_us >= link->received_us;
}

/* Sends PING after probe_ms without input; if no input follows within answer_ms, closes the link.
 * Before it closes the link, checks for unread input: this process may have been suspended. */
static void
check_silence (RdRedisLink *link)
{
  const gint64 now_us = g_get_monotonic_time ();
  const gint64 probe_us = link->timeouts.probe_ms * G_TIME_SPAN_MILLISECOND;
  const gint64 answer_us = link->timeouts.answer_ms * G_TIME_SPAN_MILLISECOND;

  if (is_waiting (link) && now_us >= link->probed_us + answer_us
      && g_socket_condition_check (get_socket (link), G_IO_IN) == 0)
    {
      fail_late (link, RD_REDIS_ERROR, RD_REDIS_ERROR_SILENT, "answer", link->timeouts.answer_ms);
      return;
    }

  if (!is_waiting (link) && now_us >= link->received_us + probe_us)
    {
      link->probed_us = now_us;
      rd_redis_link_call_words (link, NULL, NULL, "PING", NULL);
    }
  arm_timer (link, is_waiting (link) ? MIN (link->probed_us + answer_us, now_us + probe_us)
                                     : link->received_us + probe_us);
}

static gboolean
on_timer (gpointer user_data)
{
  RdRedisLink *link = user_data;

  if (link->in != NULL)
    check_silence (link);
  else
    fail_late (link, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "connection", link->timeouts.connect_ms);
  return G_SOURCE_REMOVE;
}

/* Login */

static void
on_auth (const redisReply *reply, gpointer user_data)
{
  if (reply->type == REDIS_REPLY_ERROR)
    fail (user_data, rd_redis_error_new_auth (reply));
}

/* Handles the reply to SELECT or PING. */
static void
on_checked (const redisReply *reply, gpointer user_data)
{
  if (reply->type != REDIS_REPLY_ERROR)
    return;

  check_server (reply, user_data);
  fail (user_data, rd_redis_error_new_reply (reply)); /* unless check_server() has closed it */
}

static void
on_role (const redisReply *reply, gpointer user_data)
{
  RdRedisLink *link = user_data;

  check_server (reply, link);
  if (is_closed (link))
    return;

  link->is_ready = TRUE;
  link->events->ready (link->user_data);
}

/* Sends AUTH, SELECT, PING and ROLE without waiting for replies. An error reply closes the link,
 * except to ROLE, which a user may not be permitted to send. Also sends CLIENT SETNAME, which sets
 * the name that CLIENT LIST shows; its reply is ignored. */
static void
log_in (RdRedisLink *link)
{
  const RdRedisUrl *url = link->url;
  const char *password = url->password != NULL ? url->password : "";
  g_autofree char *database = g_strdup_printf ("%u", url->database);
  g_autofree char *name = g_strdup_printf ("ringdown-%d", (int) getpid ());

  if (url->user != NULL)
    rd_redis_link_call_words (link, on_auth, link, "AUTH", url->user, password, NULL);
  else if (url->password != NULL)
    rd_redis_link_call_words (link, on_auth, link, "AUTH", password, NULL);
  if (url->database != 0)
    rd_redis_link_call_words (link, on_checked, link, "SELECT", database, NULL);
  rd_redis_link_call_words (link, on_checked, link, "PING", NULL);
  rd_redis_link_call_words (link, NULL, NULL, "CLIENT", "SETNAME", name, NULL);
  rd_redis_link_call_words (link, on_role, link, "ROLE", NULL);
}

/* Connecting */

/* Logs in on a new connection. @stream: (transfer full). */
static void
open_link (RdRedisLink *link, GSocketConnection *stream)
{
  GSocket *socket = g_socket_connection_get_socket (stream);

  g_socket_set_blocking (socket, FALSE);
  if (g_socket_get_family (socket) != G_SOCKET_FAMILY_UNIX)
    g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, TRUE, NULL);

  link->stream = stream;
  link->in = watch (link, G_IO_IN);
  log_in (link);
  link->received_us = link->probed_us = g_get_monotonic_time ();
  check_silence (link);
}

static void
on_connected (GObject *client, GAsyncResult *result, gpointer user_data)
{
  RdRedisLink *link = user_data; /* owned reference */
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) stream = g_socket_client_connect_finish (G_SOCKET_CLIENT (client),
                                                                         result, &error);

  if (stream == NULL)
    fail (link, rd_redis_error_new_system (error));
  else if (!is_closed (link))
    open_link (link, g_steal_pointer (&stream));
  unref (link);
}

RdRedisLink *
rd_redis_link_new (const RdRedisUrl *url,
                   const RdRedisTimeouts *timeouts,
                   const RdRedisLinkEvents *events,
                   gpointer user_data)
{
  RdRedisLink *link = g_rc_box_new0 (RdRedisLink);
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnectable) server
    = url->path != NULL ? G_SOCKET_CONNECTABLE (g_unix_socket_address_new (url->path))
                        : g_network_address_new (url->host, url->port);

  link->events = events;
  link->user_data = user_data;
  link->timeouts = timeouts != NULL ? *timeouts : default_timeouts;
  link->url = url;
  link->cancellable = g_cancellable_new ();
  link->output = g_string_new (NULL);
  link->reader = rd_redis_reader_new ();
  arm_timer (link, g_get_monotonic_time () + link->timeouts.connect_ms * G_TIME_SPAN_MILLISECOND);
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_connect_async (client, server, link->cancellable, on_connected,
                                 g_rc_box_acquire (link));
  return link;
}
