/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Holds D-Bus method calls during an upgrade, for the new worker to answer. */
typedef struct _RdCallForwarder RdCallForwarder;

RdCallForwarder *rd_call_forwarder_new (void);

/* Forwarded calls without a reply yet fail with %G_IO_ERROR_CANCELLED. */
void rd_call_forwarder_free (RdCallForwarder *self);

/* Holds a call. @invocation: (transfer full): a call without descriptors. */
void rd_call_forwarder_hold (RdCallForwarder *self, GDBusMethodInvocation *invocation);

/* Answers a call with %RD_ERROR_BUSY. @invocation: (transfer full). */
void rd_call_forwarder_refuse (GDBusMethodInvocation *invocation);

/* Answers all held calls with %RD_ERROR_BUSY. */
void rd_call_forwarder_refuse_held (RdCallForwarder *self);

/* Forwards all held calls to @name and returns the replies to their callers. @func: called when
 * every call has its reply; immediately if no call is held. */
void rd_call_forwarder_release (RdCallForwarder *self,
                                GDBusConnection *connection,
                                const char *name,
                                void (*func) (gpointer user_data),
                                gpointer user_data);
