/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Those on a message bus who have asked for something, for as long as they are there. */
typedef struct _RdAudience RdAudience;

/* @changed: called whenever somebody comes or goes. Returns: (transfer full). */
RdAudience *rd_audience_new (void (*changed) (gpointer), gpointer user_data);
void rd_audience_free (RdAudience *audience);

/* @name: a unique name on the bus of @connection. Who is there already, or not there, is no
 * fault. */
void rd_audience_add (RdAudience *audience, GDBusConnection *connection, const char *name);
void rd_audience_remove (RdAudience *audience, const char *name);

gboolean rd_audience_is_empty (const RdAudience *audience);

/* Returns: (transfer floating): their names, as. */
GVariant *rd_audience_pack (const RdAudience *audience);

/* Adds them. @names: an as; what is no unique name is left out. */
void rd_audience_unpack (RdAudience *audience, GVariant *names, GDBusConnection *connection);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdAudience, rd_audience_free)

G_END_DECLS
