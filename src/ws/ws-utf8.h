/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* State of the validation after a part of a text. Initialize with zeros. */
typedef struct
{
  guint8 missing; /* number of continuation bytes still expected */
  guint8 low;     /* minimum value of the next byte */
  guint8 high;    /* maximum value of the next byte */
} WsUtf8;

/* Validates the next @size bytes of a text (RFC 3629, RFC 6455 §8.1). Returns: TRUE, or FALSE if a
 * byte is invalid; do not use @utf8 after that. */
gboolean ws_utf8_feed (WsUtf8 *utf8, const guint8 *data, gsize size);

/* Returns: whether the last character of the text is complete. */
gboolean ws_utf8_is_complete (const WsUtf8 *utf8);

/* Returns: whether the bytes are valid UTF-8. Unlike in g_utf8_validate(), NUL is valid. */
gboolean ws_utf8_is_text (const guint8 *data, gsize size);
