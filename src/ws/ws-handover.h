/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-client-set.h"

/* Clients of a process, packed by ws_engine_pack() for the process that calls ws_engine_new_from().
 * The structure does not own the descriptors. When ws_handover_unpack() takes ownership of a
 * descriptor, it sets the descriptor to -1 here. */
typedef struct
{
  int log_fd;      /* memory file of the log */
  int table_fd;    /* memory file of the table */
  GArray *sockets; /* owned; int: the socket of each slot; -1 or missing if not handed over */
  GVariant *state; /* owned: all other state; ws_handover_unpack() checks its type */

  /* Set by ws_handover_unpack(). */
  guint moved;  /* clients that stay connected */
  guint closed; /* clients to close: no socket, over max_clients, or cursor before the log tail */
} WsHandover;

/* Packs @set for another process. Returns: (transfer full). */
WsHandover *ws_handover_pack (const WsClientSet *set);

/* Creates a client set with its own table. The set uses the log of the other process, or a copy of
 * it if @options has another log size. Sends and receives nothing, and does not write to the memory
 * of the other process.
 *
 * Counts clients without a socket as closed with 1012. When sending begins, the set closes clients
 * over max_clients (code 1012) and clients whose cursor is before the tail of the log (code 1013).
 * Returns: (transfer full) (nullable): the set, or NULL with a #GFileError, for example if a layout
 * is not supported or data is damaged. */
WsClientSet *ws_handover_unpack (WsHandover *handover,
                                 const WsEngineOptions *options,
                                 GError **error);

void ws_handover_free (WsHandover *handover);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsHandover, ws_handover_free)
