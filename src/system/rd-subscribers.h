/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-dbus.h"
#include "rd-manager.h"

/* The D-Bus peers that subscribed to ClientConnected and ClientDisconnected. These signals are
 * broadcast on D-Bus while there is at least one subscriber. */
typedef struct _RdSubscribers RdSubscribers;

/* @manager, @server1: (transfer none): must outlive the result. Returns: (transfer full). */
RdSubscribers *rd_subscribers_new (RdManager *manager, RdDBusServer1 *server1);
void rd_subscribers_free (RdSubscribers *self);

/* Adds the peer with the unique bus name @name; removes it when it disconnects from D-Bus. */
void rd_subscribers_add (RdSubscribers *self, GDBusConnection *connection, const char *name);
void rd_subscribers_remove (RdSubscribers *self, const char *name);

/* Returns: (transfer floating): unique bus names of all subscribers, a GVariant of type "as". */
GVariant *rd_subscribers_pack (const RdSubscribers *self);

/* Adds the peers whose unique bus names are in @names, a GVariant of type "as"; skips strings that
 * are not unique bus names. */
void rd_subscribers_unpack (RdSubscribers *self, GVariant *names, GDBusConnection *connection);
