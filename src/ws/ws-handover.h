/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-client-set.h"

/* State that a process needs to take over the clients of another process: see ws_engine_pack() and
 * ws_engine_new_from(). The descriptors are not owned: the packing process keeps them, and
 * ws_handover_unpack() sets each descriptor that it takes over to -1. */
typedef struct
{
  int log_fd;      /* memory of the log */
  int table_fd;    /* memory of the table */
  GArray *sockets; /* owned; int: client sockets by slot; -1 or missing: not handed over */
  GVariant *state; /* owned: all other state; ws_handover_unpack() checks its type */

  /* Set by ws_handover_unpack(). */
  guint moved;  /* clients that stay connected */
  guint closed; /* clients closed: no socket, over max_clients, or too far behind for the log */
} WsHandover;

/* Packs @set for another process. Returns: (transfer full). */
WsHandover *ws_handover_pack (const WsClientSet *set);

/* Creates a client set with its own table. It uses the log of the other process, or a copy if
 * @options has another log size. Sends, receives and writes nothing that the other process can see.
 *
 * A client without a socket is counted as closed with 1012. After sending begins, clients over
 * max_clients are closed with 1012, and clients whose cursor is before the tail of the log with
 * 1013. Returns: (transfer full) (nullable): the set, or NULL with a #GFileError, also if a layout
 * is not supported or data is damaged. */
WsClientSet *ws_handover_unpack (WsHandover *handover,
                                 const WsEngineOptions *options,
                                 GError **error);

void ws_handover_free (WsHandover *handover);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsHandover, ws_handover_free)
