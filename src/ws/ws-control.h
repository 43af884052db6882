/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-frame.h"

G_BEGIN_DECLS

/* A client's control frames that wait; exists only while some do. At most one ping, one pong
 * (§5.5.3: an answer to the latest ping will do) and one close, so that nobody can make it grow.
 * Its fields are WsClient's. */
typedef struct
{
  guint64 at;      /* they go out when the cursor is here: a boundary */
  GByteArray *out; /* owned: encoded, being sent */
  guint sent;      /* bytes of it */
  gboolean ping_due;
  gboolean pong_due;
  gboolean close_due;
  gboolean close_in_out; /* it is among the bytes being sent */
  guint8 pong_size;
  guint8 pong[WS_CONTROL_PAYLOAD_MAX];
  guint8 close_size;
  guint8 close[WS_CONTROL_FRAME_MAX];
} WsControl;

/* Returns: (transfer full): with nothing due. */
WsControl *ws_control_new (guint64 at);
void ws_control_free (WsControl *control);

/* Whether anything waits to be encoded. */
gboolean ws_control_is_due (const WsControl *control);

/* Encodes what is due, now that the cursor is at a boundary: it goes into @out. */
void ws_control_encode (WsControl *control);

/* A #GVariant type: what ws_control_pack() makes. */
#define WS_CONTROL_PACKED_TYPE "(tubbbbayayay)"

/* Writes it down for another process. Returns: (transfer floating). */
GVariant *ws_control_pack (const WsControl *control);

/* Returns: (transfer full): what was written down; NULL if nothing can wait like that. */
WsControl *ws_control_unpack (GVariant *packed);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsControl, ws_control_free)

G_END_DECLS
