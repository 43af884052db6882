/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Shortens a drain while the machine shuts down: the clients cannot stay connected anyway, and
 * systemd would wait for them. */

#include "rd-machine-shutdown.h"

#include "rd-message-bus.h"
#include "rd-units.h"

#define SYSTEMD     "org.freedesktop.systemd1"
#define TIMEOUT_MS  2000 /* time limit to connect to the system bus, and for the reply */
#define INTERVAL_US (2 * G_TIME_SPAN_SECOND) /* minimum time between two questions */

struct _RdMachineShutdown
{
  RdDrain *drain; /* owned; NULL after rd_machine_shutdown_free() */
  gint64 timeout_us;
  char *address;   /* owned: D-Bus address of the system bus */
  gint64 asked_us; /* CLOCK_MONOTONIC: time of the last question; 0: never */
};

static void
finalize (gpointer data)
{
  g_free (((RdMachineShutdown *) data)->address);
}

static void
unref (RdMachineShutdown *self)
{
  g_rc_box_release_full (self, finalize);
}

/* Returns: whether the current drain may take longer than the time limit. The remaining time is
 * rounded up to seconds. */
static gboolean
is_too_long (RdMachineShutdown *self)
{
  return self->drain != NULL
         && rd_drain_get_seconds_left (self->drain) * G_TIME_SPAN_SECOND
              >= self->timeout_us + G_TIME_SPAN_SECOND;
}

static void
on_state (GObject *bus, GAsyncResult *result, gpointer user_data)
{
  RdMachineShutdown *self = user_data; /* owned reference */
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result,
                                                              &error);
  g_autoptr (GVariant) state = NULL;
  g_autofree char *limit = rd_units_format_duration (self->timeout_us);

  if (reply != NULL)
    g_variant_get (reply, "(v)", &state);
  else
    g_debug ("Cannot ask systemd for its state: %s", error->message);
  if (state != NULL && g_variant_is_of_type (state, G_VARIANT_TYPE_STRING)
      && g_str_equal (g_variant_get_string (state, NULL), "stopping") && is_too_long (self))
    {
      g_message ("The machine is shutting down: the drain ends within %s (--shutdown-timeout)",
                 limit);
      rd_drain_begin (self->drain, self->timeout_us);
    }
  unref (self);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RdMachineShutdown *self = user_data; /* owned reference */
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = rd_message_bus_connect_finish (result, &error);

  if (bus == NULL)
    {
      g_debug ("Cannot connect to the system bus: %s", error->message);
      unref (self);
      return;
    }

  g_dbus_connection_call (
    bus, SYSTEMD, "/org/freedesktop/systemd1", "org.freedesktop.DBus.Properties", "Get",
    g_variant_new ("(ss)", SYSTEMD ".Manager", "SystemState"), G_VARIANT_TYPE ("(v)"),
    G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS, NULL, on_state, self);
}

static void
on_progress (RdMachineShutdown *self)
{
  const gint64 now_us = g_get_monotonic_time ();

  if (!is_too_long (self) || (self->asked_us > 0 && now_us < self->asked_us + INTERVAL_US))
    return;

  self->asked_us = now_us;
  rd_message_bus_connect_async (self->address, TIMEOUT_MS, on_connected, g_rc_box_acquire (self));
}

RdMachineShutdown *
rd_machine_shutdown_new (RdDrain *drain, gint64 timeout_us, char **environment)
{
  RdMachineShutdown *self = g_rc_box_new0 (RdMachineShutdown);

  self->drain = g_object_ref (drain);
  self->timeout_us = timeout_us;
  self->address = rd_message_bus_dup_address (G_BUS_TYPE_SYSTEM, environment, NULL);
  if (self->address != NULL)
    g_signal_connect_swapped (drain, "progress", G_CALLBACK (on_progress), self);
  return self;
}

void
rd_machine_shutdown_free (RdMachineShutdown *self)
{
  g_signal_handlers_disconnect_by_data (self->drain, self);
  g_clear_object (&self->drain);
  unref (self);
}
