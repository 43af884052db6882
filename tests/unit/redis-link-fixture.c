/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Logs the events of a link as text, and frees the link at a chosen event. */

#include "redis-link-fixture.h"

#include "descriptors.h"

#include <string.h>

#define LONG_MS (3600 * 1000)

static void
write_reply (GString *events, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_INTEGER)
    g_string_append_printf (events, "%lld", reply->integer);
  else if (reply->type == REDIS_REPLY_NIL)
    g_string_append (events, "nil");
  else if (reply->type != REDIS_REPLY_ARRAY)
    redis_text_append (events, reply);
  else
    {
      for (gsize i = 0; i < reply->elements; i++)
        {
          g_string_append_c (events, i == 0 ? '[' : ' ');
          write_reply (events, reply->element[i]);
        }
      g_string_append (events, reply->elements == 0 ? "[]" : "]");
    }
}

static void
end_event (LinkFixture *fixture)
{
  g_string_append_c (fixture->events, ';');
  if (++fixture->n_events == fixture->free_at)
    link_fixture_free_link (fixture);
}

void
link_fixture_log_reply (const redisReply *reply, gpointer user_data)
{
  LinkFixture *fixture = user_data;

  g_string_append_c (fixture->events, '=');
  write_reply (fixture->events, reply);
  end_event (fixture);
}

static void
on_ready (gpointer user_data)
{
  LinkFixture *fixture = user_data;

  g_string_append (fixture->events, "ready");
  if (fixture->when_ready != NULL)
    fixture->when_ready (fixture);
  end_event (fixture);
}

static void
on_failed (const GError *error, gpointer user_data)
{
  LinkFixture *fixture = user_data;

  g_assert_null (fixture->error);
  fixture->error = g_error_copy (error);
  g_string_append (fixture->events, "failed");
  end_event (fixture);
}

static void
on_pushed (const redisReply *message, gpointer user_data)
{
  LinkFixture *fixture = user_data;

  g_string_append_c (fixture->events, '>');
  write_reply (fixture->events, message);
  end_event (fixture);
}

static const RdRedisLinkEvents link_events
  = { .ready = on_ready, .failed = on_failed, .pushed = on_pushed };

void
link_fixture_set_up (LinkFixture *fixture, gconstpointer unused)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  /* GLib opens a descriptor for each main context, and one for tasks. */
  g_type_ensure (G_TYPE_TASK);
  g_main_context_iteration (context, FALSE);
  fixture->descriptors = descriptors_count ();
  fixture->server = redis_server_new_tcp ();
  fixture->timeouts
    = (RdRedisTimeouts){ .connect_ms = LONG_MS, .probe_ms = LONG_MS, .answer_ms = LONG_MS };
  fixture->events = g_string_new (NULL);
}

/* Returns: whether no more descriptors are open than before the test. Fewer may be open: before the
 * test, a resolver thread of the previous test may have had one. */
static gboolean
has_closed_all (gpointer user_data)
{
  const LinkFixture *fixture = user_data;

  return descriptors_count () <= fixture->descriptors;
}

void
link_fixture_tear_down (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_settle ();
  g_assert_cmpstr (fixture->events->str, ==, "");
  link_fixture_free_link (fixture);
  link_fixture_settle ();
  g_assert_cmpstr (fixture->events->str, ==, "");
  redis_server_free (fixture->server);
  redis_server_wait (has_closed_all, fixture, "all descriptors are closed");
  g_string_free (fixture->events, TRUE);
  g_clear_error (&fixture->error);
}

void
link_fixture_connect (LinkFixture *fixture)
{
  fixture->link = rd_redis_link_new (fixture->server->url, &fixture->timeouts, &link_events,
                                     fixture);
}

void
link_fixture_connect_ready (LinkFixture *fixture)
{
  link_fixture_connect (fixture);
  redis_server_accept_login (fixture->server);
  link_fixture_expect (fixture, "ready;");
}

void
link_fixture_free_link (LinkFixture *fixture)
{
  g_clear_pointer (&fixture->link, rd_redis_link_free);
}

typedef struct
{
  const LinkFixture *fixture;
  gsize size;
} Progress;

static gboolean
is_complete (gpointer user_data)
{
  const Progress *progress = user_data;

  return progress->fixture->events->len >= progress->size;
}

void
link_fixture_expect (LinkFixture *fixture, const char *events)
{
  Progress progress = { fixture, strlen (events) };

  redis_server_wait (is_complete, &progress, events);
  g_assert_cmpstr (fixture->events->str, ==, events);
  g_string_truncate (fixture->events, 0);
}

void
link_fixture_expect_failure (LinkFixture *fixture, GQuark domain, int code, const char *message)
{
  link_fixture_expect (fixture, "failed;");
  g_assert_error (fixture->error, domain, code);
  g_assert_cmpstr (fixture->error->message, ==, message);
}

void
link_fixture_settle (void)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  while (g_main_context_iteration (context, FALSE))
    continue;
}

static gboolean
on_passed (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

static gboolean
is_true (gpointer user_data)
{
  return *(gboolean *) user_data;
}

void
link_fixture_wait (guint ms)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  g_autoptr (GSource) timer = g_timeout_source_new (ms);
  gboolean has_passed = FALSE;

  g_source_set_callback (timer, on_passed, &has_passed, NULL);
  g_source_attach (timer, context);
  redis_server_wait (is_true, &has_passed, "time passes");
}
