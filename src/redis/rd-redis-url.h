/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define RD_REDIS_URL_MAX      1024 /* bytes */
#define RD_REDIS_PORT         6379
#define RD_REDIS_DATABASE_MAX 65535

/* Where a Redis server is, and who asks. */
typedef struct
{
  char *host;     /* NULL: at @path */
  guint port;     /* 0: at @path */
  char *path;     /* of a UNIX socket; NULL: at @host */
  char *user;     /* nullable: the default one */
  char *password; /* nullable: none is asked for; may be empty for a @user who has none */
  guint database;
} RdRedisUrl;

/* Reads "redis://[[user]:password@]host[:port][/db]", "unix://[[user]:password@]/path[?db=N]", in
 * which user, password and path may be percent-encoded (RFC 3986 §2.1), or the path of a UNIX
 * socket as it is. Returns: (transfer full): NULL with %G_IO_ERROR_INVALID_ARGUMENT; the message
 * quotes @text without its password. */
RdRedisUrl *rd_redis_url_parse (const char *text, GError **error);
void rd_redis_url_free (RdRedisUrl *url);
RdRedisUrl *rd_redis_url_copy (const RdRedisUrl *url);

/* Returns: (transfer full): the URL as it may be shown, any password replaced by "***". */
char *rd_redis_url_dup_display (const RdRedisUrl *url);

/* Returns: (transfer full): which server, and which database there, whoever asks: what is to be
 * found at one such place is found at no other. Not for people. */
char *rd_redis_url_dup_place (const RdRedisUrl *url);

/* Returns: (transfer full): @text, which is a URL however wrong, or has one in it, or none, with
 * all that may be a password replaced by "***". */
char *rd_redis_url_hide_password (const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisUrl, rd_redis_url_free)

G_END_DECLS
