/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The name of the service on the message bus: a service that is started ends if it cannot have it;
 * one that has the clients of another process by then goes on without, and does not let them wait
 * for a bus that is silent. Who else may have the name is the bus's to know. */

#include "rd-name.h"

#include <glib/gi18n.h>

#define LIMIT_US (2 * G_TIME_SPAN_SECOND) /* nobody is served meanwhile */

static gpointer
cancel_in_time (gpointer user_data)
{
  g_autoptr (GCancellable) limit = user_data;

  g_usleep (LIMIT_US);
  g_cancellable_cancel (limit);
  return NULL;
}

/* Returns: (transfer full) (nullable): will be cancelled, by a thread, as no loop runs yet; NULL:
 * there can be no thread. */
static GCancellable *
new_limit (void)
{
  g_autoptr (GCancellable) limit = g_cancellable_new ();
  GThread *thread = g_thread_try_new ("limit", cancel_in_time, g_object_ref (limit), NULL);

  if (thread == NULL)
    {
      g_object_unref (limit); /* that of the thread */
      return NULL;
    }

  g_thread_unref (thread);
  return g_steal_pointer (&limit);
}

gboolean
rd_name_take (GApplication *application, gboolean has_clients, GError **error)
{
  g_autoptr (GCancellable) limit = has_clients ? new_limit () : NULL;
  const char *name = g_application_get_application_id (application);
  g_autoptr (GError) reason = NULL;

  if (g_application_register (application, limit, &reason))
    return TRUE;
  if (!has_clients)
    {
      g_propagate_prefixed_error (
        error, g_steal_pointer (&reason),
        /* Translators: a name on the message bus; the reason follows */
        _ ("cannot take the name %s (does one run already? --replace takes over from it, another "
           "beside it takes --instance=NAME): "),
        name);
      return FALSE;
    }

  g_warning (_ ("Cannot take the name %s on the message bus, running on without it: %s"), name,
             reason->message);
  g_application_set_flags (application,
                           g_application_get_flags (application) | G_APPLICATION_NON_UNIQUE);
  return g_application_register (application, NULL, error);
}
