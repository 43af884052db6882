/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-error.h"

G_BEGIN_DECLS

/* Makes replies of what a server sends, however it is cut into pieces. No I/O. */
typedef struct _RdRedisReader RdRedisReader;

#define RD_REDIS_REPLY_MAX (64 << 20) /* bytes on the wire */

RdRedisReader *rd_redis_reader_new (void);
void rd_redis_reader_free (RdRedisReader *reader);

/* Copies what came next. */
void rd_redis_reader_feed (RdRedisReader *reader, gconstpointer data, gsize size);

/* Returns: (transfer full): the next whole reply, for freeReplyObject(). NULL: it is not all there
 * yet, or never will be, with %RD_REDIS_ERROR_PROTOCOL or %RD_REDIS_ERROR_TOO_BIG, and then each
 * time. A reply over the limit is noticed when the limit has come. */
redisReply *rd_redis_reader_next (RdRedisReader *reader, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisReader, rd_redis_reader_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (redisReply, freeReplyObject)

G_END_DECLS
