/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Holds D-Bus method calls while a new worker takes over, then forwards the calls to the new worker
 * and the replies to the callers. */

#include "rd-call-forwarder.h"

#include "rd-error.h"

#define TIMEOUT_MS 1000 /* time limit for the reply to a forwarded call */

struct _RdCallForwarder
{
  GPtrArray *held;      /* owned; GDBusMethodInvocation */
  GCancellable *cancel; /* owned */
  guint n_pending;      /* number of forwarded calls that have no reply yet */
  void (*func) (gpointer user_data);
  gpointer user_data;
};

/* A forwarded call. */
typedef struct
{
  RdCallForwarder *forwarder;        /* unowned; already freed if the call was cancelled */
  GDBusMethodInvocation *invocation; /* owned */
} Call;

RdCallForwarder *
rd_call_forwarder_new (void)
{
  RdCallForwarder *self = g_new0 (RdCallForwarder, 1);

  self->held = g_ptr_array_new_with_free_func (g_object_unref);
  self->cancel = g_cancellable_new ();
  return self;
}

void
rd_call_forwarder_free (RdCallForwarder *self)
{
  g_cancellable_cancel (self->cancel);
  g_object_unref (self->cancel);
  g_ptr_array_unref (self->held);
  g_free (self);
}

void
rd_call_forwarder_hold (RdCallForwarder *self, GDBusMethodInvocation *invocation)
{
  g_ptr_array_add (self->held, invocation);
}

void
rd_call_forwarder_refuse (GDBusMethodInvocation *invocation)
{
  g_dbus_method_invocation_return_error_literal (
    invocation, RD_ERROR, RD_ERROR_BUSY, "a new worker is taking over the service; try again");
}

void
rd_call_forwarder_refuse_held (RdCallForwarder *self)
{
  while (self->held->len > 0)
    rd_call_forwarder_refuse (g_ptr_array_steal_index (self->held, 0));
}

static void
finish_if_done (RdCallForwarder *self)
{
  if (self->n_pending == 0)
    self->func (self->user_data); /* must be last: may free @self */
}

static void
on_reply (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Call *call = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);
  const gboolean is_cancelled = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  if (reply != NULL)
    g_dbus_method_invocation_return_value (call->invocation, reply);
  else
    {
      g_dbus_error_strip_remote_error (error);
      g_dbus_method_invocation_return_gerror (call->invocation, error);
    }
  if (is_cancelled)
    return;

  call->forwarder->n_pending--;
  finish_if_done (call->forwarder);
}

static void
forward (RdCallForwarder *self,
         GDBusConnection *connection,
         const char *name,
         GDBusMethodInvocation *invocation)
{
  Call *call = g_new (Call, 1);

  *call = (Call){ .forwarder = self, .invocation = invocation };
  self->n_pending++;
  g_dbus_connection_call (connection, name, g_dbus_method_invocation_get_object_path (invocation),
                          g_dbus_method_invocation_get_interface_name (invocation),
                          g_dbus_method_invocation_get_method_name (invocation),
                          g_dbus_method_invocation_get_parameters (invocation), NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS, self->cancel, on_reply,
                          call);
}

void
rd_call_forwarder_release (RdCallForwarder *self,
                           GDBusConnection *connection,
                           const char *name,
                           void (*func) (gpointer user_data),
                           gpointer user_data)
{
  self->func = func;
  self->user_data = user_data;
  while (self->held->len > 0)
    forward (self, connection, name, g_ptr_array_steal_index (self->held, 0));
  finish_if_done (self);
}
