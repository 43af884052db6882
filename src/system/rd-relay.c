/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Has method calls answered by another process: holds them until it is there, asks it the same, and
 * hands back what it says. So nobody who calls the service just when it changes hands is turned
 * away. Looks into none of them. */

#include "rd-relay.h"

#include "rd-error.h"

#include <glib/gi18n.h>

#define TIMEOUT_MS 1000 /* for an answer */

struct _RdRelay
{
  GPtrArray *held;      /* owned; GDBusMethodInvocation */
  GCancellable *cancel; /* owned */
  guint n_asked;        /* and not answered yet */
  void (*func) (gpointer user_data);
  gpointer user_data;
};

/* A call that was passed on. */
typedef struct
{
  RdRelay *relay;                    /* unowned: gone if cancelled */
  GDBusMethodInvocation *invocation; /* owned */
} Call;

RdRelay *
rd_relay_new (void)
{
  RdRelay *self = g_new0 (RdRelay, 1);

  self->held = g_ptr_array_new_with_free_func (g_object_unref);
  self->cancel = g_cancellable_new ();
  return self;
}

void
rd_relay_refuse (GDBusMethodInvocation *invocation)
{
  g_dbus_method_invocation_return_error_literal (
    invocation, RD_ERROR, RD_ERROR_BUSY,
    _ ("another process takes over the service at this moment; ask again"));
}

void
rd_relay_refuse_held (RdRelay *self)
{
  while (self->held->len > 0)
    rd_relay_refuse (g_ptr_array_steal_index (self->held, 0));
}

void
rd_relay_free (RdRelay *self)
{
  g_cancellable_cancel (self->cancel);
  g_object_unref (self->cancel);
  g_ptr_array_unref (self->held);
  g_free (self);
}

void
rd_relay_hold (RdRelay *self, GDBusMethodInvocation *invocation)
{
  g_ptr_array_add (self->held, invocation);
}

static void
tell_if_done (RdRelay *self)
{
  if (self->n_asked == 0)
    self->func (self->user_data); /* last: it may free us */
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Call *call = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                               &error);
  const gboolean is_cancelled = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  if (answer != NULL)
    g_dbus_method_invocation_return_value (call->invocation, answer);
  else
    {
      g_dbus_error_strip_remote_error (error);
      g_dbus_method_invocation_return_gerror (call->invocation, error);
    }
  if (is_cancelled)
    return;

  call->relay->n_asked--;
  tell_if_done (call->relay);
}

static void
pass_on (RdRelay *self,
         GDBusConnection *connection,
         const char *name,
         GDBusMethodInvocation *invocation)
{
  Call *call = g_new (Call, 1);

  *call = (Call){ .relay = self, .invocation = invocation };
  self->n_asked++;
  g_dbus_connection_call (connection, name, g_dbus_method_invocation_get_object_path (invocation),
                          g_dbus_method_invocation_get_interface_name (invocation),
                          g_dbus_method_invocation_get_method_name (invocation),
                          g_dbus_method_invocation_get_parameters (invocation), NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS, self->cancel, on_answer,
                          call);
}

void
rd_relay_release (RdRelay *self,
                  GDBusConnection *connection,
                  const char *name,
                  void (*func) (gpointer user_data),
                  gpointer user_data)
{
  self->func = func;
  self->user_data = user_data;
  while (self->held->len > 0)
    pass_on (self, connection, name, g_ptr_array_steal_index (self->held, 0));
  tell_if_done (self);
}
