/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>
#include <hiredis/hiredis.h>

#define RD_REDIS_ERROR (rd_redis_error_quark ())

typedef enum
{
  RD_REDIS_ERROR_REFUSED,  /* user, password or database: a retry does not help */
  RD_REDIS_ERROR_REPLY,    /* any other error reply: LOADING, … */
  RD_REDIS_ERROR_SILENT,   /* no answer in time */
  RD_REDIS_ERROR_PROTOCOL, /* not the Redis protocol */
  RD_REDIS_ERROR_TOO_BIG,  /* a reply over the limit */
} RdRedisError;

GQuark rd_redis_error_quark (void);

/* Returns: (transfer full): the text of an error reply on one line, cut to 200 characters, without
 * the command's arguments, which Redis repeats in some errors and which may be secret. */
char *rd_redis_error_dup_words (const redisReply *reply);

/* Returns: (transfer full): an error reply as %RD_REDIS_ERROR_REFUSED or %RD_REDIS_ERROR_REPLY,
 * with the text above. */
GError *rd_redis_error_new_reply (const redisReply *reply);

/* Returns: (transfer full): the same for an error reply to AUTH, but with a text of ours after the
 * server's error code, since the server's text may have the password in it. */
GError *rd_redis_error_new_auth (const redisReply *reply);

/* Returns: (transfer full): an error of GIO without the operation and the address in its text. */
GError *rd_redis_error_new_system (const GError *error);

/* Commands that the socket has not taken yet, as bytes
 * (https://redis.io/docs/reference/protocol-spec). Unbounded: the caller limits what it appends. */
typedef struct
{
  GByteArray *bytes; /* owned */
  gsize sent;        /* of these, at the beginning */
} RdRedisOutput;

/* Appends a command of @argc words. @sizes: the size of each, bytes; NULL: they are strings. */
void rd_redis_output_append (RdRedisOutput *output,
                             int argc,
                             const char *const *argv,
                             const gsize *sizes);

/* Returns: the bytes to send next, valid until the next call. @size: their number, 0 if none. */
const guint8 *rd_redis_output_peek (const RdRedisOutput *output, gsize *size);

/* Drops @size bytes, which were sent. */
void rd_redis_output_advance (RdRedisOutput *output, gsize size);

/* Parses the replies of a Redis server from bytes, however they are split. No I/O. */
typedef struct _RdRedisReader RdRedisReader;

/* Limit of a reply, bytes of the Redis protocol. A bulk string or an array that would exceed it is
 * not stored, but replaced by an error reply with the text below; the rest of the reply is parsed
 * as usual. */
#define RD_REDIS_REPLY_MAX     (64 << 20)
#define RD_REDIS_REPLY_TOO_BIG "TOOBIG"

/* Limit of an error, a status or a number that is incomplete, bytes: the parser scans it again with
 * each piece. */
#define RD_REDIS_LINE_MAX (1 << 20)

RdRedisReader *rd_redis_reader_new (void);
void rd_redis_reader_free (RdRedisReader *reader);

/* Copies the next bytes. */
void rd_redis_reader_feed (RdRedisReader *reader, gconstpointer data, gsize size);

/* Returns: (transfer full): the next complete reply, for freeReplyObject(), or NULL. NULL with
 * %RD_REDIS_ERROR_PROTOCOL, or %RD_REDIS_ERROR_TOO_BIG for a line over its limit, is final. */
redisReply *rd_redis_reader_next (RdRedisReader *reader, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisReader, rd_redis_reader_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (redisReply, freeReplyObject)
