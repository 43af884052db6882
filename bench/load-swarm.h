/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-client.h"

typedef struct _LoadSwarm LoadSwarm;

/* Ends of open connections. */
typedef struct
{
  GHashTable *disconnects; /* owned, close code -> count: closed by the server */
  GHashTable *closes;      /* owned, close code -> count: closed by us, code of the answer */
  guint unanswered;        /* closed by us, not answered in time */
} LoadEndings;

/* Makes @size idle clients for @target (transfer none). */
LoadSwarm *load_swarm_new (guint size, const LoadTarget *target, GError **error);
void load_swarm_free (LoadSwarm *swarm);

/* Sets another @target (transfer none) for the clients from @first on. */
void load_swarm_set_target (LoadSwarm *swarm, guint first, const LoadTarget *target);

/* Counts messages in @stats from now on. @echoed: called when a sender has received @n of its
 * own messages. */
void load_swarm_set_traffic (LoadSwarm *swarm,
                             LoadStats *stats,
                             void (*echoed) (gpointer user_data, LoadClient *client, guint n),
                             gpointer user_data);

/* Connects idle clients until the first @count are open, a limited number at a time. Fails if a
 * client cannot connect, or none does within LOAD_TIMEOUT_US. */
gboolean load_swarm_connect (LoadSwarm *swarm, guint count, GError **error);

/* Waits for events, until @deadline_us at the latest, and handles them. */
void load_swarm_iterate (LoadSwarm *swarm, gint64 deadline_us);

/* Handles events until @deadline_us. */
void load_swarm_run (LoadSwarm *swarm, gint64 deadline_us);

/* Closes all connections with code 1000, and waits for the answers, LOAD_TIMEOUT_US at most. */
void load_swarm_close (LoadSwarm *swarm);

LoadClient *load_swarm_get_client (LoadSwarm *swarm, guint index);
guint load_swarm_count_open (const LoadSwarm *swarm);
const LoadEndings *load_swarm_get_endings (const LoadSwarm *swarm);

enum
{
  LOAD_TIMEOUT_US = 10 * G_USEC_PER_SEC,
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoadSwarm, load_swarm_free)
