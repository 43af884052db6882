/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-client.h"

typedef struct _LoadSwarm LoadSwarm;

/* How connections ended that were open once. */
typedef struct
{
  GHashTable *disconnects; /* owned, close code -> count: of the server's accord */
  GHashTable *closes;      /* owned, close code -> count: the server's answer to our 1000 */
  guint unanswered;        /* closes that the server did not finish in time */
} LoadEndings;

/* @target: (unowned). All @size clients are idle. */
LoadSwarm *load_swarm_new (guint size, const LoadTarget *target, GError **error);
void load_swarm_free (LoadSwarm *swarm);

/* Clients from @first on connect to @target (unowned) instead. */
void load_swarm_aim (LoadSwarm *swarm, guint first, const LoadTarget *target);

/* Messages are counted in @stats from now on. @echoed: called when the client, a sender, got @n of
 * its own messages back. */
void load_swarm_set_traffic (LoadSwarm *swarm,
                             LoadStats *stats,
                             void (*echoed) (gpointer user_data, LoadClient *client, guint n),
                             gpointer user_data);

/* Connects idle clients until the first @count are open, a bounded number at a time. Fails on the
 * first that cannot connect, or when none does for LOAD_PATIENCE_US. */
gboolean load_swarm_connect (LoadSwarm *swarm, guint count, GError **error);

/* Handles what has happened, or waits for it until @deadline_us at the latest. */
void load_swarm_turn (LoadSwarm *swarm, gint64 deadline_us);

/* Turns until @deadline_us. */
void load_swarm_run (LoadSwarm *swarm, gint64 deadline_us);

/* Closes all connections properly, waits for the server to finish, LOAD_PATIENCE_US at most. */
void load_swarm_close (LoadSwarm *swarm);

LoadClient *load_swarm_get_client (LoadSwarm *swarm, guint index);
guint load_swarm_count_open (const LoadSwarm *swarm);
const LoadEndings *load_swarm_get_endings (const LoadSwarm *swarm);

enum
{
  LOAD_PATIENCE_US = 10 * G_USEC_PER_SEC,
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoadSwarm, load_swarm_free)
