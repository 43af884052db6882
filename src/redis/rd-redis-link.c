/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A connection to Redis with the login, the queue of commands that wait for a reply, and the
 * detection of a server that does not answer.
 *
 * Every event may free the link: so nothing of it is used after an event. */

#include "rd-redis-link.h"

#include "rd-redis-connection.h"
#include "rd-units.h"

#include <unistd.h>

static const RdRedisTimeouts default_timeouts = {
  .connect_ms = RD_REDIS_CONNECT_S * 1000,
  .probe_ms = RD_REDIS_PROBE_S * 1000,
  .answer_ms = RD_REDIS_ANSWER_S * 1000,
};

/* A command without its reply. */
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
  const RdRedisUrl *url;         /* unowned: outlives us */
  GSource *timer;                /* owned */
  RdRedisConnection *connection; /* owned; NULL: closed */
  GQueue commands;               /* Command, owned; the oldest first */

  gboolean is_ready;
  gboolean is_subscribing; /* SUBSCRIBE was sent: later replies are pushed */
  gboolean is_subscriber;  /* SUBSCRIBE was answered */
  gint64 probed_us;        /* monotonic: when the server was last asked for an answer */
};

static void
clear_timer (RdRedisLink *link)
{
  if (link->timer != NULL)
    g_source_destroy (link->timer);
  g_clear_pointer (&link->timer, g_source_unref);
}

/* Stops all events. */
static void
close_link (RdRedisLink *link)
{
  clear_timer (link);
  g_clear_pointer (&link->connection, rd_redis_connection_free);
}

void
rd_redis_link_free (RdRedisLink *link)
{
  close_link (link);
  g_queue_clear_full (&link->commands, g_free);
  g_free (link);
}

/* Closes the link. @error: (transfer full). */
static void
fail (RdRedisLink *link, GError *error)
{
  g_autoptr (GError) reason = error;

  close_link (link);
  link->events->failed (reason, link->user_data);
}

/* Commands */

static void
send_words (RdRedisLink *link, const char *const *words)
{
  rd_redis_connection_send (link->connection, g_strv_length ((char **) words), words, NULL);
}

static void
expect_reply (RdRedisLink *link, RdRedisReplyFunc func, gpointer user_data)
{
  Command *command = g_new (Command, 1);

  *command = (Command){ func, user_data };
  g_queue_push_tail (&link->commands, command);
}

/* Sends a command of the link itself; @words are ended by NULL. */
static void
call (RdRedisLink *link, RdRedisReplyFunc func, const char *const *words)
{
  expect_reply (link, func, link);
  send_words (link, words);
}

void
rd_redis_link_call (RdRedisLink *link,
                    RdRedisReplyFunc func,
                    gpointer user_data,
                    int argc,
                    const char *const *argv,
                    const gsize *sizes)
{
  if (link->connection == NULL)
    return;

  g_return_if_fail (link->is_ready && !link->is_subscribing);
  expect_reply (link, func, user_data);
  rd_redis_connection_send (link->connection, argc, argv, sizes);
}

void
rd_redis_link_call_valist (RdRedisLink *link,
                           RdRedisReplyFunc func,
                           gpointer user_data,
                           va_list words)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  const char *word;

  while ((word = va_arg (words, const char *)) != NULL)
    g_ptr_array_add (argv, (gpointer) word);

  rd_redis_link_call (link, func, user_data, argv->len, (const char *const *) argv->pdata, NULL);
}

void
rd_redis_link_call_words (RdRedisLink *link, RdRedisReplyFunc func, gpointer user_data, ...)
{
  va_list words;

  va_start (words, user_data);
  rd_redis_link_call_valist (link, func, user_data, words);
  va_end (words);
}

gboolean
rd_redis_link_is_idle (const RdRedisLink *link)
{
  return link->commands.length == 0;
}

/* Replies */

/* Returns: whether @reply is the answer to the PING of a subscriber. */
static gboolean
is_pong (const redisReply *reply)
{
  return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
         && reply->element[0]->type == REDIS_REPLY_STRING
         && g_str_equal (reply->element[0]->str, "pong");
}

static void
push (RdRedisLink *link, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_ERROR)
    fail (link, rd_redis_error_new_reply (reply));
  else if (!link->is_subscriber)
    fail (link, g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                                     "the server sent a reply without a command"));
  else if (!is_pong (reply) && link->events->pushed != NULL)
    link->events->pushed (reply, link->user_data);
}

static void
on_reply (const redisReply *reply, gpointer user_data)
{
  RdRedisLink *link = user_data;
  g_autofree Command *command = g_queue_pop_head (&link->commands);

  if (command == NULL)
    push (link, reply);
  else if (command->func != NULL)
    command->func (reply, command->user_data);
}

static void
on_subscribed (const redisReply *reply, gpointer user_data)
{
  RdRedisLink *link = user_data;

  link->is_subscriber = TRUE;
  push (link, reply);
}

void
rd_redis_link_subscribe (RdRedisLink *link, const char *channel)
{
  if (link->connection == NULL)
    return;

  g_return_if_fail (link->is_ready);
  link->is_subscribing = TRUE;
  call (link, on_subscribed, (const char *const[]){ "SUBSCRIBE", channel, NULL });
}

/* Timeouts */

static gboolean on_timer (gpointer user_data);

static void
arm_timer (RdRedisLink *link, gint64 at_us)
{
  const gint64 wait_us = MAX (at_us - g_get_monotonic_time (), 0);

  clear_timer (link);
  link->timer = g_timeout_source_new (wait_us / G_TIME_SPAN_MILLISECOND + 1);
  g_source_set_callback (link->timer, on_timer, link, NULL);
  g_source_attach (link->timer, g_main_context_get_thread_default ());
}

/* Fails with the message "no WHAT within TIMEOUT". */
static void
fail_late (RdRedisLink *link, GQuark domain, int code, const char *what, guint timeout_ms)
{
  g_autofree char *timeout = rd_units_format_duration (timeout_ms * G_TIME_SPAN_MILLISECOND);

  fail (link, g_error_new (domain, code, "no %s within %s", what, timeout));
}

/* Returns: whether nothing was received since the last probe. */
static gboolean
is_waiting (const RdRedisLink *link)
{
  return link->probed_us >= rd_redis_connection_get_received_us (link->connection);
}

static void
probe (RdRedisLink *link, gint64 now_us)
{
  link->probed_us = now_us;
  if (!link->is_subscribing)
    expect_reply (link, NULL, NULL);
  send_words (link, (const char *const[]){ "PING", NULL });
}

/* Sends PING when nothing was received for probe_ms, and fails when nothing was received for
 * answer_ms after that. After a pause of this process, the answer may have arrived unread. */
static void
check_silence (RdRedisLink *link)
{
  const gint64 now_us = g_get_monotonic_time ();
  const gint64 probe_us = link->timeouts.probe_ms * G_TIME_SPAN_MILLISECOND;
  const gint64 answer_us = link->timeouts.answer_ms * G_TIME_SPAN_MILLISECOND;
  const gint64 received_us = rd_redis_connection_get_received_us (link->connection);

  if (is_waiting (link) && now_us >= link->probed_us + answer_us
      && !rd_redis_connection_has_unread (link->connection))
    {
      fail_late (link, RD_REDIS_ERROR, RD_REDIS_ERROR_SILENT, "answer", link->timeouts.answer_ms);
      return;
    }

  if (!is_waiting (link) && now_us >= received_us + probe_us)
    probe (link, now_us);
  arm_timer (link, is_waiting (link) ? MIN (link->probed_us + answer_us, now_us + probe_us)
                                     : received_us + probe_us);
}

static gboolean
on_timer (gpointer user_data)
{
  RdRedisLink *link = user_data;

  if (rd_redis_connection_is_open (link->connection))
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

static void
on_select (const redisReply *reply, gpointer user_data)
{
  if (reply->type == REDIS_REPLY_ERROR)
    fail (user_data, rd_redis_error_new_reply (reply));
}

static void
on_ping (const redisReply *reply, gpointer user_data)
{
  RdRedisLink *link = user_data;

  link->is_ready = reply->type != REDIS_REPLY_ERROR;
  if (!link->is_ready)
    fail (link, rd_redis_error_new_reply (reply));
  else
    link->events->ready (link->user_data);
}

/* Sends AUTH, SELECT and PING at once: the first error is the reason of a refusal. The name is for
 * CLIENT LIST; a server may refuse it. */
static void
log_in (RdRedisLink *link)
{
  const RdRedisUrl *url = link->url;
  const char *password = url->password != NULL ? url->password : "";
  g_autofree char *database = g_strdup_printf ("%u", url->database);
  g_autofree char *name = g_strdup_printf ("ringdown-%d", (int) getpid ());

  if (url->user != NULL)
    call (link, on_auth, (const char *const[]){ "AUTH", url->user, password, NULL });
  else if (url->password != NULL)
    call (link, on_auth, (const char *const[]){ "AUTH", password, NULL });
  if (url->database != 0)
    call (link, on_select, (const char *const[]){ "SELECT", database, NULL });
  call (link, on_ping, (const char *const[]){ "PING", NULL });
  call (link, NULL, (const char *const[]){ "CLIENT", "SETNAME", name, NULL });
}

static void
on_opened (gpointer user_data)
{
  RdRedisLink *link = user_data;

  log_in (link);
  link->probed_us = g_get_monotonic_time ();
  check_silence (link);
}

static void
on_closed (const GError *error, gpointer user_data)
{
  fail (user_data, g_error_copy (error));
}

static const RdRedisConnectionEvents connection_events
  = { .opened = on_opened, .reply = on_reply, .closed = on_closed };

RdRedisLink *
rd_redis_link_new (const RdRedisUrl *url,
                   const RdRedisTimeouts *timeouts,
                   const RdRedisLinkEvents *events,
                   gpointer user_data)
{
  RdRedisLink *link = g_new0 (RdRedisLink, 1);

  link->events = events;
  link->user_data = user_data;
  link->timeouts = timeouts != NULL ? *timeouts : default_timeouts;
  link->url = url;
  g_queue_init (&link->commands);
  link->connection = rd_redis_connection_new (url, &connection_events, link);
  arm_timer (link, g_get_monotonic_time () + link->timeouts.connect_ms * G_TIME_SPAN_MILLISECOND);
  return link;
}
