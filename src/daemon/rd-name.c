/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Acquires the D-Bus name of the service. */

#include "rd-name.h"

static gpointer
cancel_later (gpointer user_data)
{
  g_autoptr (GCancellable) cancellable = user_data;

  g_usleep (RD_NAME_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND);
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* Acquires the name of the old worker. A thread measures the time, because no main loop is
 * running. */
static gboolean
take (GApplication *application, GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) reason = NULL;

  g_thread_unref (g_thread_new ("timeout", cancel_later, g_object_ref (cancellable)));
  g_application_set_flags (application, RD_NAME_FLAGS | G_APPLICATION_REPLACE);
  if (g_application_register (application, cancellable, &reason))
    return TRUE;

  g_warning ("Cannot acquire the bus name %s, running without it: %s",
             g_application_get_application_id (application), reason->message);
  g_application_set_flags (application, RD_NAME_FLAGS | G_APPLICATION_NON_UNIQUE);
  return g_application_register (application, NULL, error);
}

gboolean
rd_name_acquire (GApplication *application, gboolean is_takeover, GError **error)
{
  if (is_takeover)
    return take (application, error);
  if (g_application_register (application, NULL, error))
    return TRUE;

  g_prefix_error (error,
                  "cannot acquire the bus name %s (if the service is already running, use "
                  "--replace to take over, or --instance=NAME to run another instance): ",
                  g_application_get_application_id (application));
  return FALSE;
}
