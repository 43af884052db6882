/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* State of validation between two bytes of a text. Initialize with zeros. */
typedef struct
{
  guint8 missing; /* continuation bytes expected */
  guint8 low;     /* range of the next byte: low … high */
  guint8 high;
} WsUtf8;

/* Validates the next @size bytes of a text (RFC 3629, RFC 6455 §8.1). Returns: FALSE at the first
 * invalid byte; use @utf8 no more then. */
gboolean ws_utf8_feed (WsUtf8 *utf8, const guint8 *data, gsize size);

/* Whether the text ends between characters. */
gboolean ws_utf8_is_complete (const WsUtf8 *utf8);

/* Whether the bytes are valid UTF-8. Unlike g_utf8_validate(), NUL is valid. */
gboolean ws_utf8_is_text (const guint8 *data, gsize size);
