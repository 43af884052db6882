/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-roster.h"

G_BEGIN_DECLS

/* How far the log has been sent to all clients. All zero but for the roster is the beginning. */
typedef struct
{
  WsRoster *roster;   /* unowned: outlives us */
  gboolean is_active; /* a pass over all clients is under way: */
  guint slot;         /*   it comes to this slot next, */
  guint64 head;       /*   and carries up to here */
  guint64 done;       /* all who could be written to have what is before this offset, */
  guint64 done_count; /*   so many messages */
  guint64 low;        /* no client on the log has a cursor below */
} WsFlush;

/* Goes on with the pass, or begins one if there is something to send, for a few milliseconds. */
void ws_flush_run (WsFlush *flush);

/* Whether ws_flush_run() has more to do. */
gboolean ws_flush_is_pending (const WsFlush *flush);

/* A client has moved to @slot of the table. */
void ws_flush_visit (WsFlush *flush, guint slot);

/* Keeps an append of @size payload bytes from overwriting what anybody could still be sent: whoever
 * is that far behind is sent what the socket takes, and taken off the log if that is not enough. */
void ws_flush_make_room (WsFlush *flush, gsize size);

G_END_DECLS
