/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Connects the service to a message bus and owns its bus name. If the bus is missing, closes the
 * connection or does not answer, tries again every %RD_NAME_RETRY_S. */
typedef struct _RdName RdName;

#define RD_NAME_TIMEOUT_MS          5000 /* time limit of each step: to connect, to get the name */
#define RD_NAME_TAKEOVER_TIMEOUT_MS 2000 /* the same in a takeover */
#define RD_NAME_RETRY_S             3

/* @address: D-Bus address of the bus. @name: bus name. @object: exported at %RD_OBJECT_PATH.
 * @is_takeover: whether this process takes over from an old worker, which may own the name. @lost:
 * called when another process has got the name. Returns: (transfer full). */
RdName *rd_name_new (const char *address,
                     const char *name,
                     GDBusInterfaceSkeleton *object,
                     gboolean is_takeover,
                     void (*lost) (gpointer user_data),
                     gpointer user_data);

/* Sends all queued D-Bus messages, then releases the name. Blocks for at most 1 s. */
void rd_name_free (RdName *self);

/* Connects to the bus. Call this once, first. Blocks for at most the time limit. */
void rd_name_connect (RdName *self);

/* Acquires the name, after rd_name_connect(). Blocks for at most the time limit. Returns: TRUE, or
 * FALSE with an error if another process owns the name. Also TRUE, with a message in the log, if
 * there is no bus or the bus does not answer, and in any case in a takeover. */
gboolean rd_name_acquire (RdName *self, GError **error);

/* Stops the attempts to reconnect, because a new worker has taken over. */
void rd_name_retire (RdName *self);

/* Returns: (transfer none) (nullable): the connection to the bus. */
GDBusConnection *rd_name_get_connection (const RdName *self);
gboolean rd_name_is_owned (const RdName *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdName, rd_name_free)
