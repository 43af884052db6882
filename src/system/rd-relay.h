/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Calls that came to this process when another one was about to be the service: they are held, and
 * answered by that one once it is. */
typedef struct _RdRelay RdRelay;

RdRelay *rd_relay_new (void);
void rd_relay_free (RdRelay *self);

/* @invocation: (transfer full): of a call without descriptors. */
void rd_relay_hold (RdRelay *self, GDBusMethodInvocation *invocation);

/* Answers %RD_ERROR_BUSY. @invocation: (transfer full). */
void rd_relay_refuse (GDBusMethodInvocation *invocation);

/* Answers so all that is still held: nobody else will. */
void rd_relay_refuse_held (RdRelay *self);

/* Passes on to @name what is held. @func: called when all of it has been answered: from within
 * this, if there is nothing. */
void rd_relay_release (RdRelay *self,
                       GDBusConnection *connection,
                       const char *name,
                       void (*func) (gpointer user_data),
                       gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRelay, rd_relay_free)

G_END_DECLS
