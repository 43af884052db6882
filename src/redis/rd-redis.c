/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Connects to a Redis server, pauses between connection attempts, and requests INFO. */

#include "rd-redis.h"

#include "rd-text.h"
#include "rd-units.h"

#include <string.h>

#define FIRST_PAUSE_MS 100
#define DOUBLINGS      6 /* doublings of FIRST_PAUSE_MS needed to reach RD_REDIS_BACKOFF_MAX_MS */

#define INFO_LIMIT_MS   2000
#define MAX_VALUE_CHARS 60

struct _RdRedis
{
  GObject parent_instance;

  RdRedisUrl *url; /* owned */
  char *name;      /* owned */
  char *place;     /* owned */
  guint n_links;
  RdRedisLink *links[RD_REDIS_N_USES]; /* owned; NULL: closed, or not in use */
  guint n_ready;
  gint64 up_us;   /* monotonic: when all links last became ready */
  guint attempts; /* connection attempts since the last success */
  guint retry_id;
};

G_DEFINE_FINAL_TYPE (RdRedis, rd_redis, G_TYPE_OBJECT)

static void
close_links (RdRedis *self)
{
  for (guint i = 0; i < RD_REDIS_N_USES; i++)
    g_clear_pointer (&self->links[i], rd_redis_link_free);
  self->n_ready = 0;
}

static void
on_ready (gpointer user_data)
{
  RdRedis *self = user_data;

  if (++self->n_ready < self->n_links)
    return;

  self->up_us = g_get_monotonic_time ();
  g_signal_emit_by_name (self, "up");
}

static void
on_failed (const GError *error, gpointer user_data)
{
  rd_redis_fail (user_data, error);
}

static void
on_pushed (const redisReply *message, gpointer user_data)
{
  g_signal_emit_by_name (user_data, "pushed", message);
}

static const RdRedisLinkEvents link_events
  = { .ready = on_ready, .failed = on_failed, .pushed = on_pushed };

void
rd_redis_start (RdRedis *self)
{
  self->retry_id = 0;
  for (guint i = 0; i < self->n_links; i++)
    self->links[i] = rd_redis_link_new (self->url, NULL, &link_events, self);
}

void
rd_redis_stop (RdRedis *self)
{
  close_links (self);
  g_clear_handle_id (&self->retry_id, g_source_remove);
  self->attempts = 0;
  g_signal_emit_by_name (self, "down", NULL);
}

void
rd_redis_fail (RdRedis *self, const GError *why)
{
  g_autoptr (GError) reason = g_error_copy (why); /* closing a link may free @why */

  if (rd_redis_is_up (self) && g_get_monotonic_time () - self->up_us > RD_REDIS_STABLE_US)
    self->attempts = 0;
  close_links (self);
  if (self->retry_id == 0)
    self->retry_id = g_timeout_add_once (rd_redis_backoff_next (&self->attempts),
                                         (GSourceOnceFunc) rd_redis_start, self);
  g_signal_emit_by_name (self, "down", reason);
}

gboolean
rd_redis_is_up (RdRedis *self)
{
  return self->n_ready == self->n_links;
}

gboolean
rd_redis_is_idle (RdRedis *self)
{
  return !rd_redis_is_up (self) || rd_redis_link_is_idle (self->links[RD_REDIS_COMMANDS]);
}

const char *
rd_redis_get_name (RdRedis *self)
{
  return self->name;
}

const char *
rd_redis_get_place (RdRedis *self)
{
  return self->place;
}

RdRedisLink *
rd_redis_get_link (RdRedis *self, RdRedisUse use)
{
  return rd_redis_is_up (self) ? self->links[use] : NULL;
}

static void
rd_redis_finalize (GObject *object)
{
  RdRedis *self = RD_REDIS (object);

  close_links (self);
  g_clear_handle_id (&self->retry_id, g_source_remove);
  g_free (self->place);
  g_free (self->name);
  rd_redis_url_free (self->url);
  G_OBJECT_CLASS (rd_redis_parent_class)->finalize (object);
}

static void
rd_redis_class_init (RdRedisClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = rd_redis_finalize;

  g_signal_new ("up", RD_TYPE_REDIS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  g_signal_new ("down", RD_TYPE_REDIS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                G_TYPE_POINTER);
  g_signal_new ("refused", RD_TYPE_REDIS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                G_TYPE_STRING);
  g_signal_new ("pushed", RD_TYPE_REDIS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                G_TYPE_POINTER);
}

static void
rd_redis_init (RdRedis *self)
{
}

RdRedis *
rd_redis_new (RdRedisUrl *url, RdRedisMode mode)
{
  RdRedis *self = g_object_new (RD_TYPE_REDIS, NULL);

  self->url = url;
  self->name = rd_redis_url_dup_display (url);
  self->place = rd_redis_url_dup_place (url);
  self->n_links = mode == RD_REDIS_STREAM ? RD_REDIS_N_USES : RD_REDIS_CONSUMER;
  return self;
}

/* Pauses */

guint
rd_redis_backoff_next (guint *attempts)
{
  const guint longest = MIN (FIRST_PAUSE_MS << MIN (*attempts, DOUBLINGS), RD_REDIS_BACKOFF_MAX_MS);

  ++*attempts;
  return g_random_int_range (longest / 2, longest + 1);
}

/* INFO */

typedef struct
{
  RdRedisLink *link; /* owned */
  char *info;        /* owned; NULL: not received yet */
  GError *error;     /* owned; NULL: none */
} Inquiry;

static void
on_info (const redisReply *reply, gpointer user_data)
{
  Inquiry *inquiry = user_data;

  inquiry->info = g_strdup (reply->type == REDIS_REPLY_STRING ? reply->str : "");
}

static void
on_inquiry_ready (gpointer user_data)
{
  Inquiry *inquiry = user_data;

  rd_redis_link_call_words (inquiry->link, on_info, inquiry, "INFO", NULL);
}

static void
on_inquiry_failed (const GError *error, gpointer user_data)
{
  Inquiry *inquiry = user_data;

  if (inquiry->error == NULL)
    inquiry->error = g_error_copy (error);
}

static gboolean
on_inquiry_late (gpointer user_data)
{
  Inquiry *inquiry = user_data;
  g_autofree char *limit = rd_units_format_duration (INFO_LIMIT_MS * G_TIME_SPAN_MILLISECOND);

  if (inquiry->error == NULL)
    inquiry->error = g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer within %s", limit);
  return G_SOURCE_REMOVE;
}

/* Returns: (transfer full) (nullable): why the server with the reply @info to INFO cannot be used.
 */
static GError *
find_wrong_server (const char *info)
{
  g_autofree char *cluster = rd_redis_info_dup (info, "cluster_enabled");
  g_autofree char *role = rd_redis_info_dup (info, "role");

  if (g_strcmp0 (cluster, "1") == 0)
    return g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_CLUSTER,
                                "the server is in cluster mode, which is not supported");
  if (g_strcmp0 (role, "slave") == 0)
    return g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_REPLICA, "the server is a replica");
  return NULL;
}

static const RdRedisLinkEvents inquiry_events = { .ready = on_inquiry_ready,
                                                  .failed = on_inquiry_failed };

char *
rd_redis_info_ask (const RdRedisUrl *url, GError **error)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) limit = g_timeout_source_new (INFO_LIMIT_MS);
  Inquiry inquiry = { NULL, NULL, NULL };

  g_main_context_push_thread_default (context);
  g_source_set_callback (limit, on_inquiry_late, &inquiry, NULL);
  g_source_attach (limit, context);
  inquiry.link = rd_redis_link_new (url, NULL, &inquiry_events, &inquiry);
  while (inquiry.info == NULL && inquiry.error == NULL)
    g_main_context_iteration (context, TRUE);

  g_source_destroy (limit);
  rd_redis_link_free (inquiry.link);
  /* A cancelled connection attempt releases its memory in these iterations. */
  while (g_main_context_iteration (context, FALSE))
    ;
  g_main_context_pop_thread_default (context);

  if (inquiry.info != NULL)
    {
      g_clear_error (&inquiry.error);
      inquiry.error = find_wrong_server (inquiry.info);
    }
  if (inquiry.error == NULL)
    return inquiry.info;

  g_free (inquiry.info);
  g_propagate_error (error, inquiry.error);
  return NULL;
}

gboolean
rd_redis_check_login (const RdRedisUrl *url, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autofree char *info = rd_redis_info_ask (url, &reason);
  g_autofree char *name = rd_redis_url_dup_display (url);

  const gboolean is_refused = g_error_matches (reason, RD_REDIS_ERROR, RD_REDIS_ERROR_REFUSED);

  if (!is_refused && !g_error_matches (reason, RD_REDIS_ERROR, RD_REDIS_ERROR_CLUSTER))
    return TRUE;

  g_propagate_prefixed_error (error, g_steal_pointer (&reason), "Redis at %s %s: ", name,
                              is_refused ? "refused the login" : "cannot be used");
  return FALSE;
}

char *
rd_redis_info_dup (const char *info, const char *name)
{
  g_auto (GStrv) lines = g_strsplit (info, "\n", -1);
  g_autofree char *prefix = g_strconcat (name, ":", NULL);

  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, prefix))
      return rd_text_printable (g_strchomp (*line + strlen (prefix)), MAX_VALUE_CHARS);
  return NULL;
}
