/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What a link tells, written down as text; and one who frees it at the worst of times. */

#include "redis-link-fixture.h"

#include "descriptors.h"

#include <string.h>

#define LONG_MS (3600 * 1000)

static void
write_reply (GString *diary, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_INTEGER)
    g_string_append_printf (diary, "%lld", reply->integer);
  else if (reply->type == REDIS_REPLY_NIL)
    g_string_append (diary, "nil");
  else if (reply->type != REDIS_REPLY_ARRAY)
    redis_text_append (diary, reply);
  else
    {
      for (gsize i = 0; i < reply->elements; i++)
        {
          g_string_append_c (diary, i == 0 ? '[' : ' ');
          write_reply (diary, reply->element[i]);
        }
      g_string_append (diary, reply->elements == 0 ? "[]" : "]");
    }
}

static void
end_entry (LinkFixture *fixture)
{
  g_string_append_c (fixture->diary, ';');
  if (++fixture->n_entries == fixture->free_at)
    link_fixture_free_link (fixture);
}

void
link_fixture_note (const redisReply *reply, gpointer user_data)
{
  LinkFixture *fixture = user_data;

  g_string_append_c (fixture->diary, '=');
  write_reply (fixture->diary, reply);
  end_entry (fixture);
}

static void
on_ready (gpointer user_data)
{
  LinkFixture *fixture = user_data;

  g_string_append (fixture->diary, "ready");
  if (fixture->when_ready != NULL)
    fixture->when_ready (fixture);
  end_entry (fixture);
}

static void
on_failed (const GError *error, gpointer user_data)
{
  LinkFixture *fixture = user_data;

  g_assert_null (fixture->error);
  fixture->error = g_error_copy (error);
  g_string_append (fixture->diary, "failed");
  end_entry (fixture);
}

static void
on_pushed (const redisReply *message, gpointer user_data)
{
  LinkFixture *fixture = user_data;

  g_string_append_c (fixture->diary, '>');
  write_reply (fixture->diary, message);
  end_entry (fixture);
}

static const RdRedisLinkEvents events
  = { .ready = on_ready, .failed = on_failed, .pushed = on_pushed };

void
link_fixture_set_up (LinkFixture *fixture, gconstpointer unused)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  /* GLib keeps a descriptor for each main context, and tasks have one of their own. */
  g_type_ensure (G_TYPE_TASK);
  g_main_context_iteration (context, FALSE);
  fixture->descriptors = descriptors_count ();
  fixture->server = redis_server_new_tcp ();
  fixture->timeouts
    = (RdRedisTimeouts){ .connect_ms = LONG_MS, .probe_ms = LONG_MS, .answer_ms = LONG_MS };
  fixture->diary = g_string_new (NULL);
}

/* Fewer will do: when they were counted, the thread that looked up a name for the case before may
 * have had one, as nobody waits for it. */
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
  g_assert_cmpstr (fixture->diary->str, ==, "");
  link_fixture_free_link (fixture);
  link_fixture_settle ();
  g_assert_cmpstr (fixture->diary->str, ==, "");
  redis_server_free (fixture->server);
  redis_server_wait (has_closed_all, fixture, "all descriptors are closed");
  g_string_free (fixture->diary, TRUE);
  g_clear_error (&fixture->error);
}

void
link_fixture_connect (LinkFixture *fixture)
{
  fixture->link = rd_redis_link_new (fixture->server->url, &fixture->timeouts,
                                                   &events, fixture);
}

void
link_fixture_connect_ready (LinkFixture *fixture)
{
  link_fixture_connect (fixture);
  redis_server_let_in (fixture->server);
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
} Page;

static gboolean
is_full (gpointer user_data)
{
  const Page *page = user_data;

  return page->fixture->diary->len >= page->size;
}

void
link_fixture_expect (LinkFixture *fixture, const char *diary)
{
  Page page = { fixture, strlen (diary) };

  redis_server_wait (is_full, &page, diary);
  g_assert_cmpstr (fixture->diary->str, ==, diary);
  g_string_truncate (fixture->diary, 0);
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
link_fixture_pass (guint ms)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  g_autoptr (GSource) clock = g_timeout_source_new (ms);
  gboolean has_passed = FALSE;

  g_source_set_callback (clock, on_passed, &has_passed, NULL);
  g_source_attach (clock, context);
  redis_server_wait (is_true, &has_passed, "time passes");
}
