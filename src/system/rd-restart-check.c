/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Asks systemd for the unit that this process is the main process of, and what that makes of a
 * restart. Who does not answer, or has no such unit, is not our service manager, and nothing is
 * said. Changes nothing, and nobody waits for it. */

#include "rd-restart-check.h"

#include <unistd.h>

#include "rd-restart-unit.h"
#include "rd-text.h"

#define SYSTEMD        "org.freedesktop.systemd1"
#define LIMIT_MS       10000 /* for each answer */
#define MAX_NAME_CHARS 128

struct _RdRestartCheck
{
  GDBusConnection *bus; /* owned */
  GCancellable *asking; /* owned; cancelled: this is freed */
  gboolean is_user;
  gboolean has_no_store;
  char *path; /* owned; of the unit; NULL: not known yet */
  char *name; /* owned; of the unit; NULL: not known yet */
};

/* Returns: (transfer full): the answer; NULL if there is none, or nobody to hear it any more. */
static GVariant *
finish (GObject *bus, GAsyncResult *result)
{
  g_autoptr (GError) error = NULL;
  GVariant *answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result, &error);

  if (answer == NULL)
    g_debug ("The service manager does not say what becomes of us at a restart: %s",
             error->message);
  return answer;
}

static void
ask (RdRestartCheck *self,
     const char *path,
     const char *interface,
     const char *method,
     GVariant *arguments,
     const char *reply,
     GAsyncReadyCallback on_answer)
{
  g_dbus_connection_call (self->bus, SYSTEMD, path, interface, method, arguments,
                          G_VARIANT_TYPE (reply), G_DBUS_CALL_FLAGS_NO_AUTO_START, LIMIT_MS,
                          self->asking, on_answer, self);
}

static void
ask_properties (RdRestartCheck *self, const char *interface, GAsyncReadyCallback on_answer)
{
  ask (self, self->path, "org.freedesktop.DBus.Properties", "GetAll",
       g_variant_new ("(s)", interface), "(a{sv})", on_answer);
}

static void
on_service (GObject *bus, GAsyncResult *result, gpointer user_data)
{
  RdRestartCheck *self = user_data;
  g_autoptr (GVariant) answer = finish (bus, result);
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GPtrArray) texts = NULL;
  RdRestartUnit unit;
  guint32 main_pid = 0;

  if (answer == NULL)
    return;

  properties = g_variant_get_child_value (answer, 0);
  g_variant_lookup (properties, "MainPID", "u", &main_pid);
  if (main_pid != (guint32) getpid ())
    return;

  unit = rd_restart_unit_read (properties);
  self->has_no_store = !unit.has_store;
  texts = rd_restart_unit_judge (&unit, self->name, self->is_user);
  for (guint i = 0; i < texts->len; i++)
    g_warning ("%s", (const char *) texts->pdata[i]);
}

static void
on_unit (GObject *bus, GAsyncResult *result, gpointer user_data)
{
  RdRestartCheck *self = user_data;
  g_autoptr (GVariant) answer = finish (bus, result);
  g_autoptr (GVariant) properties = NULL;
  const char *name = "";

  if (answer == NULL)
    return;

  properties = g_variant_get_child_value (answer, 0);
  g_variant_lookup (properties, "Id", "&s", &name);
  self->name = rd_text_printable (name, MAX_NAME_CHARS);
  ask_properties (self, SYSTEMD ".Service", on_service);
}

static void
on_path (GObject *bus, GAsyncResult *result, gpointer user_data)
{
  RdRestartCheck *self = user_data;
  g_autoptr (GVariant) answer = finish (bus, result);

  if (answer == NULL)
    return;

  g_variant_get (answer, "(o)", &self->path);
  ask_properties (self, SYSTEMD ".Unit", on_unit);
}

RdRestartCheck *
rd_restart_check_begin (GDBusConnection *bus, gboolean is_user)
{
  RdRestartCheck *self = g_new0 (RdRestartCheck, 1);

  self->bus = g_object_ref (bus);
  self->asking = g_cancellable_new ();
  self->is_user = is_user;
  ask (self, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "GetUnitByPID",
       g_variant_new ("(u)", 0 /* who asks */), "(o)", on_path);
  return self;
}

gboolean
rd_restart_check_may_store (const RdRestartCheck *self)
{
  return !self->has_no_store;
}

void
rd_restart_check_free (RdRestartCheck *self)
{
  g_cancellable_cancel (self->asking);
  g_object_unref (self->asking);
  g_object_unref (self->bus);
  g_free (self->path);
  g_free (self->name);
  g_free (self);
}
