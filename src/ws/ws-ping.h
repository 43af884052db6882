/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-roster.h"

G_BEGIN_DECLS

/* Who is silent is pinged, and who stays silent is given up (RFC 6455 §5.5.2). Plain values. */
typedef struct
{
  WsRoster *roster;   /* unowned: outlives us */
  gint64 interval_us; /* a client silent for so long is pinged; 0: never */
  gint64 timeout_us;  /* then given up if it stays silent */
} WsPing;

/* @client was heard of: it has until the next ping. */
void ws_ping_arm (const WsPing *ping, WsClient *client);

/* The same for one that comes from another process, which may have pinged it already, and by an
 * interval of its own. */
void ws_ping_go_on (const WsPing *ping, WsClient *client, gint64 now_us);

/* The timer of @client, which is open, has fired. */
void ws_ping_check (const WsPing *ping, WsClient *client, gint64 now_us);

G_END_DECLS
