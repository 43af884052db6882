/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Acquires the D-Bus name of the service. */

#include "rd-name.h"

gboolean
rd_name_choose_bus (gboolean is_system, GError **error)
{
  g_autofree char *address = NULL;

  if (!is_system)
    return TRUE;

  address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, error);
  return address != NULL && g_setenv ("DBUS_SESSION_BUS_ADDRESS", address, TRUE);
}

static gpointer
cancel_later (gpointer user_data)
{
  g_autoptr (GCancellable) cancellable = user_data;

  g_usleep (RD_NAME_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND);
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* Registers @application on D-Bus, or fails after %RD_NAME_TIMEOUT_MS. A thread measures the time,
 * because no main loop is running. */
static gboolean
register_in_time (GApplication *application, GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GThread *thread = g_thread_try_new ("timeout", cancel_later, g_object_ref (cancellable), NULL);

  if (thread != NULL)
    g_thread_unref (thread);
  else
    g_object_unref (cancellable);
  return g_application_register (application, cancellable, error);
}

static void
add_flag (GApplication *application, GApplicationFlags flag)
{
  g_application_set_flags (application, g_application_get_flags (application) | flag);
}

gboolean
rd_name_take (GApplication *application, gboolean is_takeover, GError **error)
{
  const char *name = g_application_get_application_id (application);
  g_autoptr (GError) reason = NULL;

  if (!is_takeover)
    {
      if (g_application_register (application, NULL, error))
        return TRUE;
      g_prefix_error (error,
                      "cannot acquire the bus name %s (if the service is already running, use "
                      "--replace to take over, or --instance=NAME to run another instance): ",
                      name);
      return FALSE;
    }

  add_flag (application, G_APPLICATION_REPLACE);
  if (register_in_time (application, &reason))
    return TRUE;

  g_warning ("Cannot acquire the bus name %s, running without it: %s", name, reason->message);
  add_flag (application, G_APPLICATION_NON_UNIQUE);
  return g_application_register (application, NULL, error);
}
