/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Holds D-Bus method calls during an upgrade and forwards them to the new worker. */
typedef struct _RdCallForwarder RdCallForwarder;

RdCallForwarder *rd_call_forwarder_new (void);

/* Frees @self. Forwarded calls that have no reply yet fail with %G_IO_ERROR_CANCELLED. */
void rd_call_forwarder_free (RdCallForwarder *self);

/* Holds a call until it is forwarded or refused. @invocation: (transfer full): call without file
 * descriptors. */
void rd_call_forwarder_hold (RdCallForwarder *self, GDBusMethodInvocation *invocation);

/* Replies to a call with %RD_ERROR_BUSY. @invocation: (transfer full). */
void rd_call_forwarder_refuse (GDBusMethodInvocation *invocation);

/* Replies to all held calls with %RD_ERROR_BUSY. */
void rd_call_forwarder_refuse_held (RdCallForwarder *self);

/* Forwards all held calls to the bus name @name and returns the replies to the callers. @func:
 * called when all replies have arrived, or immediately if no call is held. */
void rd_call_forwarder_release (RdCallForwarder *self,
                                GDBusConnection *connection,
                                const char *name,
                                void (*func) (gpointer user_data),
                                gpointer user_data);
