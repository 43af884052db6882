/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

#define RD_REDIS_URL_MAX      1024 /* bytes */
#define RD_REDIS_PORT         6379 /* default */
#define RD_REDIS_DATABASE_MAX 65535

/* Address of a Redis server, with login and database. */
typedef struct
{
  char *host;     /* NULL: @path is the address */
  guint port;     /* 0: @path is the address */
  char *path;     /* path of a UNIX socket; NULL: @host is the address */
  char *user;     /* NULL: the default user */
  char *password; /* NULL: no login; may be empty if @user is set */
  guint database;
} RdRedisUrl;

/* Parses "redis://[[user]:password@]host[:port][/db]", "unix://[[user]:password@]/path[?db=N]", or
 * the plain path of a UNIX socket. The user, the password and the path after unix:// may be
 * percent-encoded (RFC 3986 §2.1). Returns: (transfer full) (nullable): the URL, or NULL with
 * %G_IO_ERROR_INVALID_ARGUMENT; the message omits @text, which may contain a password. */
RdRedisUrl *rd_redis_url_parse (const char *text, GError **error);
void rd_redis_url_free (RdRedisUrl *url);

/* Returns: (transfer full): the URL for display, with "***" instead of the password. */
char *rd_redis_url_dup_display (const RdRedisUrl *url);

/* Returns: (transfer full): an identifier of the server address and the database, without the
 * login; not for display. */
char *rd_redis_url_dup_place (const RdRedisUrl *url);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisUrl, rd_redis_url_free)
