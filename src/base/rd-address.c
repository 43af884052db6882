/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Checks the syntax of host names and IP addresses; looks up host names with a time limit. */

#include "rd-address.h"

#define MAX_LENGTH 253 /* maximum number of characters of a host name */

#define LABEL "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"

gboolean
rd_address_is_valid (const char *text)
{
  const char *name = "^" LABEL "(\\." LABEL ")*\\.?\\z";
  const char *number_at_end = "(^|\\.)[0-9]+\\.?\\z"; /* a name must not end in a number */
  gsize length = 0;

  while (g_ascii_isgraph (text[length]))
    length++;
  if (text[length] != '\0' || length > MAX_LENGTH)
    return FALSE;

  if (g_hostname_is_ip_address (text))
    return TRUE;
  return g_regex_match_simple (name, text, G_REGEX_CASELESS, 0)
         && !g_regex_match_simple (number_at_end, text, 0, 0);
}

static void
on_found (GObject *resolver, GAsyncResult *result, gpointer user_data)
{
  g_set_object ((GAsyncResult **) user_data, result);
}

static gboolean
on_timeout (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

GList *
rd_address_look_up (const char *name, gint64 deadline_us, GError **error)
{
  const gint64 left_us = MAX (deadline_us - g_get_monotonic_time (), 0);
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSource) timeout = g_timeout_source_new (left_us / G_TIME_SPAN_MILLISECOND);
  g_autoptr (GResolver) resolver = g_resolver_get_default ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) reason = NULL;
  GList *inets;

  g_source_set_callback (timeout, on_timeout, cancellable, NULL);
  g_source_attach (timeout, context);
  g_main_context_push_thread_default (context);
  g_resolver_lookup_by_name_async (resolver, name, cancellable, on_found, &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  g_source_destroy (timeout);

  inets = g_resolver_lookup_by_name_finish (resolver, result, &reason);
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         "no answer from the name server in time; check /etc/resolv.conf, or give "
                         "an IP address");
  else if (reason != NULL)
    g_propagate_error (error, g_steal_pointer (&reason));
  return inets;
}
