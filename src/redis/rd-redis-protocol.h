/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>
#include <hiredis/hiredis.h>

#define RD_REDIS_ERROR (rd_redis_error_quark ())

typedef enum
{
  RD_REDIS_ERROR_REFUSED,  /* refused user, password or database: a retry does not help */
  RD_REDIS_ERROR_CLUSTER,  /* the server is in cluster mode */
  RD_REDIS_ERROR_REPLICA,  /* the server is a replica */
  RD_REDIS_ERROR_REPLY,    /* any other error reply: LOADING, … */
  RD_REDIS_ERROR_SILENT,   /* no answer in time */
  RD_REDIS_ERROR_PROTOCOL, /* invalid or unexpected reply */
  RD_REDIS_ERROR_TOO_BIG,  /* a line is longer than %RD_REDIS_LINE_MAX */
} RdRedisError;

GQuark rd_redis_error_quark (void);

/* Returns: (transfer full): the text of an error reply on one line of at most 200 characters,
 * without the command's arguments, which Redis may repeat and which may be secret. */
char *rd_redis_error_dup_words (const redisReply *reply);

/* Converts an error reply. Returns: (transfer full): %RD_REDIS_ERROR_REFUSED, _CLUSTER, _REPLICA or
 * _REPLY, with the text of rd_redis_error_dup_words(). */
GError *rd_redis_error_new_reply (const redisReply *reply);

/* Like rd_redis_error_new_reply(), for an error reply to AUTH. Copies only the error code from the
 * reply, since the text after the code may contain the password. Returns: (transfer full). */
GError *rd_redis_error_new_auth (const redisReply *reply);

/* Returns: (transfer full) (nullable): %RD_REDIS_ERROR_REPLICA or %RD_REDIS_ERROR_CLUSTER if
 * @reply, an error or the reply to ROLE, is that of such a server. @address: (nullable): of the
 * server. */
GError *rd_redis_error_new_server (const redisReply *reply, GSocketAddress *address);

/* Returns: (transfer full): a copy of a GIO error, without operation and address in its message. */
GError *rd_redis_error_new_system (const GError *error);

/* Appends a serialized command (https://redis.io/docs/reference/protocol-spec) to @output. @words:
 * NULL-terminated arguments, including the command name. @data: (nullable): the last argument. */
void rd_redis_command_append (GString *output, const char *const *words, GBytes *data);

/* An incremental parser of replies from a Redis server. No I/O. */
typedef struct _RdRedisReader RdRedisReader;

/* Maximum size of a reply, in bytes of the Redis protocol. If an element makes a reply too big, the
 * error RD_REDIS_REPLY_TOO_BIG replaces this element; the other elements are kept. */
#define RD_REDIS_REPLY_MAX     (64 << 20)
#define RD_REDIS_REPLY_TOO_BIG "TOOBIG"

/* Maximum size of an incomplete line (the first line of an element), in bytes. */
#define RD_REDIS_LINE_MAX (1 << 20)

RdRedisReader *rd_redis_reader_new (void);
void rd_redis_reader_free (RdRedisReader *reader);

/* Adds a copy of the next @size bytes of input. */
void rd_redis_reader_feed (RdRedisReader *reader, gconstpointer data, gsize size);

/* Returns: (transfer full) (nullable): the next complete reply, to be freed with freeReplyObject();
 * NULL without an error if more input is needed; NULL with %RD_REDIS_ERROR_PROTOCOL or
 * %RD_REDIS_ERROR_TOO_BIG if the input is invalid: then no reply can follow. */
redisReply *rd_redis_reader_next (RdRedisReader *reader, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisReader, rd_redis_reader_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (redisReply, freeReplyObject)
