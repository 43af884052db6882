/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-error.h"

G_BEGIN_DECLS

/* Parses the replies of a Redis server from bytes, however they are split. No I/O. */
typedef struct _RdRedisReader RdRedisReader;

/* Limit of a reply, bytes of the Redis protocol. A bulk string or an array that would exceed it is
 * not stored, but replaced by an error reply with the text below; the rest of the reply is parsed
 * as usual. */
#define RD_REDIS_REPLY_MAX     (64 << 20)
#define RD_REDIS_REPLY_TOO_BIG "TOOBIG"

RdRedisReader *rd_redis_reader_new (void);
void rd_redis_reader_free (RdRedisReader *reader);

/* Copies the next bytes. */
void rd_redis_reader_feed (RdRedisReader *reader, gconstpointer data, gsize size);

/* Returns: (transfer full): the next complete reply, to be freed with freeReplyObject(). NULL: it
 * is incomplete, or, from then on, %RD_REDIS_ERROR_PROTOCOL, or %RD_REDIS_ERROR_TOO_BIG (an endless
 * line). */
redisReply *rd_redis_reader_next (RdRedisReader *reader, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisReader, rd_redis_reader_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (redisReply, freeReplyObject)

G_END_DECLS
