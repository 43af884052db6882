/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-protocol.h"
#include "ws-log.h"

/* Returns: (transfer full): the reply in @wire, bytes of the Redis protocol. */
redisReply *make_reply (const char *wire);

/* Each appends an element to @wire: the header of an array of @n elements, a string, a number, an
 * id. */
void wire_array (GString *wire, gsize n);
void wire_string (GString *wire, const char *string);
void wire_number (GString *wire, guint64 number);
void wire_id (GString *wire, const WsId *id);

/* Appends [@id, [node, @node, seq, @sequence, text, @text]]. */
void wire_entry (GString *wire,
                 const WsId *id,
                 const char *node,
                 guint64 sequence,
                 const char *text);

/* Appends the answer of Redis 7 to XINFO STREAM. @first: NULL for an empty stream. */
void wire_info (GString *wire, guint64 length, const WsId *first, const WsId *last, guint64 added);
