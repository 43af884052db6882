/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where a text message stands between two of its bytes; all zero is the beginning. */
typedef struct
{
  guint8 missing; /* continuation bytes still to come */
  guint8 low;     /* the next of them lies in low … high */
  guint8 high;
} WsUtf8;

/* Validates the next @size bytes of a message, wherever it was cut (RFC 3629, RFC 6455 §8.1).
 * Returns: FALSE at the first byte that no continuation can make valid; @utf8 is of no use then. */
gboolean ws_utf8_feed (WsUtf8 *utf8, const guint8 *data, gsize size);

/* Whether the message may end here: no character is left half. */
gboolean ws_utf8_is_complete (const WsUtf8 *utf8);

/* Whether the @size bytes are a whole text; unlike g_utf8_validate() says, NUL may be in it. */
gboolean ws_utf8_is_text (const guint8 *data, gsize size);

G_END_DECLS
