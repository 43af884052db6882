/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A connection to Redis, from the way there to its end: is let in, knows which reply is whose, and
 * notices when nobody is there any more. Never connects again, and never knows what a command means
 * but for those of the greeting.
 *
 * Whatever it calls may free it: so nothing of it is touched after such a call. */

#include "rd-redis-link.h"

#include "rd-redis-connect.h"
#include "rd-redis-wire.h"
#include "rd-units.h"

#include <glib/gi18n.h>
#include <unistd.h>

/* A command that was not answered yet. */
typedef struct
{
  GList node; /* in commands */
  RdRedisReplyFunc func;
  gpointer user_data; /* unowned */
} Command;

struct _RdRedisLink
{
  const RdRedisLinkEvents *events; /* unowned: outlives us */
  gpointer user_data;              /* unowned */
  RdRedisPatience patience;
  RdRedisUrl *url;           /* owned */
  GCancellable *cancellable; /* owned: of the attempt to connect */
  GMainContext *context;     /* owned */
  GSource *timer;            /* owned */
  RdRedisWire *wire;         /* owned; NULL: not connected yet, or over */
  GQueue commands;           /* Command, owned; the oldest first */

  gboolean is_ready;
  gboolean is_subscribing; /* asked to be a subscriber: what comes for what follows is pushed */
  gboolean is_subscriber;
  gboolean is_over;
  gint64 probed_us; /* monotonic: when the server was asked for a sign of life; 0: never */
};

static void
clear_timer (RdRedisLink *link)
{
  if (link->timer != NULL)
    g_source_destroy (link->timer);
  g_clear_pointer (&link->timer, g_source_unref);
}

/* Ends all that could call us. */
static void
close_link (RdRedisLink *link)
{
  link->is_over = TRUE;
  g_cancellable_cancel (link->cancellable);
  clear_timer (link);
  g_clear_pointer (&link->wire, rd_redis_wire_free);
}

void
rd_redis_link_free (RdRedisLink *link)
{
  Command *command;

  close_link (link);
  while ((command = g_queue_peek_head (&link->commands)) != NULL)
    {
      g_queue_unlink (&link->commands, &command->node);
      g_free (command);
    }
  g_object_unref (link->cancellable);
  g_main_context_unref (link->context);
  rd_redis_url_free (link->url);
  g_free (link);
}

static void
fail (RdRedisLink *link, const GError *error)
{
  close_link (link);
  link->events->failed (error, link->user_data);
}

static void
fail_reply (RdRedisLink *link, const redisReply *reply)
{
  g_autoptr (GError) error = rd_redis_error_new_reply (reply);

  fail (link, error);
}

/* Commands */

static void
send_words (RdRedisLink *link, const char *const *words)
{
  rd_redis_wire_send (link->wire, g_strv_length ((char **) words), words, NULL);
}

static void
expect_reply (RdRedisLink *link, RdRedisReplyFunc func, gpointer user_data)
{
  Command *command = g_new0 (Command, 1);

  command->node.data = command;
  command->func = func;
  command->user_data = user_data;
  g_queue_push_tail_link (&link->commands, &command->node);
}

void
rd_redis_link_call (RdRedisLink *link,
                    RdRedisReplyFunc func,
                    gpointer user_data,
                    int argc,
                    const char *const *argv,
                    const gsize *sizes)
{
  if (link->is_over)
    return;

  g_return_if_fail (link->is_ready && !link->is_subscribing);
  expect_reply (link, func, user_data);
  rd_redis_wire_send (link->wire, argc, argv, sizes);
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

/* What PING is answered with where all else is pushed. */
static gboolean
is_pong (const redisReply *reply)
{
  return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
         && reply->element[0]->type == REDIS_REPLY_STRING
         && g_str_equal (reply->element[0]->str, "pong");
}

static void
fail_unasked (RdRedisLink *link)
{
  g_autoptr (GError) error = g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                                                  _ ("it sends replies that nothing asked for"));

  fail (link, error);
}

static void
push (RdRedisLink *link, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_ERROR)
    fail_reply (link, reply);
  else if (!link->is_subscriber)
    fail_unasked (link);
  else if (!is_pong (reply) && link->events->pushed != NULL)
    link->events->pushed (reply, link->user_data);
}

static void
on_reply (const redisReply *reply, gpointer user_data)
{
  RdRedisLink *link = user_data;
  g_autofree Command *command = g_queue_peek_head (&link->commands);

  if (command == NULL)
    {
      push (link, reply);
      return;
    }

  g_queue_unlink (&link->commands, &command->node);
  if (command->func != NULL)
    command->func (reply, command->user_data);
}

static void
on_broken (const GError *error, gpointer user_data)
{
  fail (user_data, error);
}

static const RdRedisWireEvents wire_events = { .reply = on_reply, .broken = on_broken };

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
  if (link->is_over)
    return;

  g_return_if_fail (link->is_ready);
  expect_reply (link, on_subscribed, link);
  link->is_subscribing = TRUE;
  send_words (link, (const char *const[]){ "SUBSCRIBE", channel, NULL });
}

/* Time */

static gboolean on_timer (gpointer user_data);

static void
arm_timer (RdRedisLink *link, gint64 at_us)
{
  const gint64 wait_us = MAX (at_us - g_get_monotonic_time (), 0);

  clear_timer (link);
  link->timer = g_timeout_source_new (wait_us / G_TIME_SPAN_MILLISECOND + 1);
  g_source_set_callback (link->timer, on_timer, link, NULL);
  g_source_attach (link->timer, link->context);
}

static void
fail_unreached (RdRedisLink *link)
{
  g_autofree char *wait = rd_units_format_duration (link->patience.connect_ms
                                                    * G_TIME_SPAN_MILLISECOND);
  g_autoptr (GError) error = g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                          /* Translators: a duration: "5s" */
                                          _ ("no connection within %s"), wait);

  fail (link, error);
}

static void
fail_silent (RdRedisLink *link)
{
  g_autofree char *wait = rd_units_format_duration (link->patience.answer_ms
                                                    * G_TIME_SPAN_MILLISECOND);
  g_autoptr (GError) error = g_error_new (RD_REDIS_ERROR, RD_REDIS_ERROR_SILENT,
                                          /* Translators: a duration: "6s" */
                                          _ ("no answer within %s"), wait);

  fail (link, error);
}

/* Something has been asked for already, but nothing has come since. */
static gboolean
is_asked (const RdRedisLink *link)
{
  return link->probed_us >= rd_redis_wire_get_heard_us (link->wire);
}

static void
probe (RdRedisLink *link, gint64 now_us)
{
  link->probed_us = now_us;
  if (!link->is_subscribing)
    expect_reply (link, NULL, NULL);
  send_words (link, (const char *const[]){ "PING", NULL });
}

/* Asks the server for a sign of life when none comes by itself, and gives it up when none comes for
 * that either. If it was us who slept, the sign lies there unread. */
static void
check_silence (RdRedisLink *link)
{
  const gint64 now_us = g_get_monotonic_time ();
  const gint64 probe_us = link->patience.probe_ms * G_TIME_SPAN_MILLISECOND;
  const gint64 answer_us = link->patience.answer_ms * G_TIME_SPAN_MILLISECOND;
  const gint64 heard_us = rd_redis_wire_get_heard_us (link->wire);

  if (is_asked (link) && now_us >= link->probed_us + answer_us
      && !rd_redis_wire_has_unread (link->wire))
    {
      fail_silent (link);
      return;
    }

  if (!is_asked (link) && now_us >= heard_us + probe_us)
    probe (link, now_us);
  arm_timer (link, is_asked (link) ? MIN (link->probed_us + answer_us, now_us + probe_us)
                                   : heard_us + probe_us);
}

static gboolean
on_timer (gpointer user_data)
{
  RdRedisLink *link = user_data;

  if (link->wire == NULL)
    fail_unreached (link);
  else
    check_silence (link);
  return G_SOURCE_REMOVE;
}

/* Greeting */

static void
on_greeted (const redisReply *reply, gpointer user_data)
{
  if (reply->type == REDIS_REPLY_ERROR)
    fail_reply (user_data, reply);
}

static void
on_let_in (const redisReply *reply, gpointer user_data)
{
  RdRedisLink *link = user_data;

  if (reply->type == REDIS_REPLY_ERROR)
    {
      fail_reply (link, reply);
      return;
    }

  link->is_ready = TRUE;
  link->events->ready (link->user_data);
}

static void
greet (RdRedisLink *link, RdRedisReplyFunc func, const char *const *words)
{
  expect_reply (link, func, link);
  send_words (link, words);
}

/* The first error decides: a server that wants nobody says so before it was asked anything. The
 * name is what CLIENT LIST shows; a server that wants none does not matter. */
static void
send_greeting (RdRedisLink *link)
{
  const RdRedisUrl *url = link->url;
  g_autofree char *database = g_strdup_printf ("%u", url->database);
  g_autofree char *name = g_strdup_printf ("ringdown-%d", (int) getpid ());

  if (url->user != NULL)
    greet (
      link, on_greeted,
      (const char *const[]){ "AUTH", url->user, url->password != NULL ? url->password : "", NULL });
  else if (url->password != NULL)
    greet (link, on_greeted, (const char *const[]){ "AUTH", url->password, NULL });
  if (url->database != 0)
    greet (link, on_greeted, (const char *const[]){ "SELECT", database, NULL });
  greet (link, on_let_in, (const char *const[]){ "PING", NULL });
  greet (link, NULL, (const char *const[]){ "CLIENT", "SETNAME", name, NULL });
}

static void
on_connected (GSocketConnection *connection, const GError *error, gpointer user_data)
{
  RdRedisLink *link = user_data;

  if (connection == NULL)
    {
      fail (link, error);
      return;
    }

  link->wire = rd_redis_wire_new (connection, &wire_events, link);
  send_greeting (link);
  link->probed_us = g_get_monotonic_time ();
  check_silence (link);
}

RdRedisLink *
rd_redis_link_new_with_patience (const RdRedisUrl *url,
                                 const RdRedisPatience *patience,
                                 const RdRedisLinkEvents *events,
                                 gpointer user_data)
{
  RdRedisLink *link = g_new0 (RdRedisLink, 1);

  link->events = events;
  link->user_data = user_data;
  link->patience = *patience;
  link->url = rd_redis_url_copy (url);
  link->cancellable = g_cancellable_new ();
  link->context = g_main_context_ref_thread_default ();
  g_queue_init (&link->commands);
  rd_redis_connect (url, link->cancellable, on_connected, link);
  arm_timer (link, g_get_monotonic_time () + patience->connect_ms * G_TIME_SPAN_MILLISECOND);
  return link;
}

RdRedisLink *
rd_redis_link_new (const RdRedisUrl *url, const RdRedisLinkEvents *events, gpointer user_data)
{
  const RdRedisPatience patience = {
    .connect_ms = RD_REDIS_CONNECT_S * 1000,
    .probe_ms = RD_REDIS_PROBE_S * 1000,
    .answer_ms = RD_REDIS_ANSWER_S * 1000,
  };

  return rd_redis_link_new_with_patience (url, &patience, events, user_data);
}
