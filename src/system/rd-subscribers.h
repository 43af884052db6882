/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-dbus.h"
#include "rd-manager.h"

/* The bus peers that asked for the signals ClientConnected and ClientDisconnected. The signals are
 * emitted while there is at least one subscriber. */
typedef struct _RdSubscribers RdSubscribers;

/* @manager, @server1: (transfer none): outlive the subscribers. Returns: (transfer full). */
RdSubscribers *rd_subscribers_new (RdManager *manager, RdDBusServer1 *server1);
void rd_subscribers_free (RdSubscribers *self);

/* Adds the peer with the unique @name on the bus of @connection, until it leaves the bus. */
void rd_subscribers_add (RdSubscribers *self, GDBusConnection *connection, const char *name);
void rd_subscribers_remove (RdSubscribers *self, const char *name);

/* Returns: (transfer floating): the unique names, type as. */
GVariant *rd_subscribers_pack (const RdSubscribers *self);

/* Adds @names (type as); skips strings that are not unique names. */
void rd_subscribers_unpack (RdSubscribers *self, GVariant *names, GDBusConnection *connection);
