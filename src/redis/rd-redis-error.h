/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>
#include <hiredis/hiredis.h>

G_BEGIN_DECLS

#define RD_REDIS_ERROR (rd_redis_error_quark ())

typedef enum
{
  RD_REDIS_ERROR_REFUSED,  /* user, password or database: will not go away by itself */
  RD_REDIS_ERROR_REPLY,    /* the server answered with another error: LOADING, … */
  RD_REDIS_ERROR_SILENT,   /* nothing came for too long */
  RD_REDIS_ERROR_PROTOCOL, /* what came is no Redis protocol */
  RD_REDIS_ERROR_TOO_BIG,  /* a reply was too long */
} RdRedisError;

GQuark rd_redis_error_quark (void);

/* @reply: an error reply. Returns: (transfer full): the server's own words, fit to be shown. */
char *rd_redis_error_dup_words (const redisReply *reply);

/* @reply: an error reply. Returns: (transfer full): %RD_REDIS_ERROR_REFUSED or
 * %RD_REDIS_ERROR_REPLY, in the server's own words. */
GError *rd_redis_error_new_reply (const redisReply *reply);

/* @error: one of GIO's, on connecting, reading or writing. Returns: (transfer full): the same, but
 * with no more in its message than the system's reason. */
GError *rd_redis_error_new_system (const GError *error);

G_END_DECLS
