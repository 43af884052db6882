/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-client-set.h"

/* All that a process needs to go on with the clients of another: see ws_engine_pack() and
 * ws_engine_new_from(). The descriptors are not its own: who packs keeps them, and who unpacks
 * leaves -1 in the place of those it took. */
typedef struct
{
  int log_fd;      /* memory of the log */
  int table_fd;    /* memory of the table */
  GArray *sockets; /* owned; int: those of the clients, in the order of the table; -1, or none at
                    * the end: it could not be handed over */
  GVariant *state; /* owned: what is in neither of them; whoever unpacks checks its type */

  /* Set by who unpacks. */
  guint moved;  /* clients that stay */
  guint closed; /* those who do not: without a socket, one too many, too far behind for the log */
} WsHandover;

/* Returns: (transfer full). */
WsHandover *ws_handover_pack (const WsClientSet *set);

/* Makes a client set with a table of its own; the log is the same, unless @options has another
 * size. Nothing is sent or received, and nothing written that the other process can see.
 *
 * Clients whose socket is missing are counted as closed with 1012. Those beyond the most there may
 * be are told 1012, and those who are behind further than the log reaches 1013, once sending
 * begins. Returns: (transfer full): NULL with a #GFileError, also where anything is of another
 * layout, or damaged in a way that could do harm. */
WsClientSet *ws_handover_unpack (WsHandover *handover,
                                 const WsEngineOptions *options,
                                 GError **error);

void ws_handover_free (WsHandover *handover);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsHandover, ws_handover_free)
