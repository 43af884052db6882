/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "peer.h"

G_BEGIN_DECLS

/* All peers of a test, and the main context that serves them. */
typedef struct
{
  GMainContext *context; /* owned */
  GPtrArray *peers;      /* element-type Peer, owned */
} Crowd;

/* @context: (transfer none); NULL: the default context. */
Crowd *crowd_new (GMainContext *context);
void crowd_free (Crowd *crowd);

/* Returns: (transfer none). @server_fd: (out) (transfer full). */
Peer *crowd_add (Crowd *crowd, int *server_fd);

/* Runs the main loop and reads for all peers that are not stalled, until nothing happens. */
void crowd_settle (Crowd *crowd);

/* Settles, then waits for the next timer, at most 1 ms. */
void crowd_wait (Crowd *crowd);

/* Settles and waits until @condition holds; fails after 60 s. */
#define CROWD_WAIT_FOR(crowd, condition)                                     \
  G_STMT_START                                                               \
  {                                                                          \
    const gint64 give_up_us = g_get_monotonic_time () + 60 * G_USEC_PER_SEC; \
    crowd_settle (crowd);                                                    \
    while (!(condition))                                                     \
      {                                                                      \
        if (g_get_monotonic_time () > give_up_us)                            \
          g_error ("%s:%d: in vain: %s", __FILE__, __LINE__, #condition);    \
        crowd_wait (crowd);                                                  \
      }                                                                      \
  }                                                                          \
  G_STMT_END

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Crowd, crowd_free)

G_END_DECLS
