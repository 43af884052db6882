/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Asks a server once what it is, for those who want to know before it counts: opens a connection,
 * waits a little for the answer, and is gone. Changes nothing there. What the answers mean to us,
 * this file does not know. */

#include "rd-redis-info.h"

#include <glib/gi18n.h>
#include <string.h>

#include "rd-redis-link.h"
#include "rd-text.h"
#include "rd-units.h"

#define LIMIT_MS        2000
#define MAX_VALUE_CHARS 60

typedef struct
{
  RdRedisLink *link; /* owned */
  char *info;        /* owned; NULL: not yet */
  GError *error;     /* owned; NULL: none yet */
} Inquiry;

static gboolean
is_over (const Inquiry *inquiry)
{
  return inquiry->info != NULL || inquiry->error != NULL;
}

static void
on_reply (const redisReply *reply, gpointer user_data)
{
  Inquiry *inquiry = user_data;

  if (!is_over (inquiry))
    inquiry->info = g_strdup (reply->type == REDIS_REPLY_STRING ? reply->str : "");
}

static void
on_ready (gpointer user_data)
{
  Inquiry *inquiry = user_data;

  rd_redis_link_call_words (inquiry->link, on_reply, inquiry, "INFO", NULL);
}

static void
on_failed (const GError *error, gpointer user_data)
{
  Inquiry *inquiry = user_data;

  if (!is_over (inquiry))
    inquiry->error = g_error_copy (error);
}

static gboolean
on_limit (gpointer user_data)
{
  Inquiry *inquiry = user_data;
  g_autofree char *limit = rd_units_format_duration (LIMIT_MS * G_TIME_SPAN_MILLISECOND);

  if (!is_over (inquiry))
    inquiry->error = g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _ ("no answer within %s"),
                                  limit);
  return G_SOURCE_REMOVE;
}

static const RdRedisLinkEvents events = { .ready = on_ready, .failed = on_failed };

char *
rd_redis_info_ask (const RdRedisUrl *url, GError **error)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) limit = g_timeout_source_new (LIMIT_MS);
  Inquiry inquiry = { NULL, NULL, NULL };

  g_main_context_push_thread_default (context);
  g_source_set_callback (limit, on_limit, &inquiry, NULL);
  g_source_attach (limit, context);
  inquiry.link = rd_redis_link_new (url, &events, &inquiry);
  while (!is_over (&inquiry))
    g_main_context_iteration (context, TRUE);

  g_source_destroy (limit);
  rd_redis_link_free (inquiry.link);
  while (g_main_context_iteration (context, FALSE))
    ; /* what was cancelled ends */
  g_main_context_pop_thread_default (context);

  if (inquiry.error != NULL)
    g_propagate_error (error, inquiry.error);
  return inquiry.info;
}

gboolean
rd_redis_info_may_enter (const RdRedisUrl *url, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autofree char *info = rd_redis_info_ask (url, &reason);
  g_autofree char *name = rd_redis_url_dup_display (url);

  if (!g_error_matches (reason, RD_REDIS_ERROR, RD_REDIS_ERROR_REFUSED))
    return TRUE;

  g_propagate_prefixed_error (error, g_steal_pointer (&reason),
                              /* Translators: where a server is; the reason follows */
                              _ ("Redis at %s does not let us in: "), name);
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
