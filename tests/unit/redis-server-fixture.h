/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-reply.h"
#include "rd-redis-url.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* A Redis server that says what a test lets it say, to one client at a time, in the thread-default
 * main context. */
typedef struct
{
  GSocketService *service; /* owned */
  char *directory;         /* owned, nullable: of the UNIX socket */
  RdRedisUrl *url;         /* owned */
  const char *blurt;       /* nullable: what it says unasked to whoever comes */
  gboolean is_full;        /* … and then hangs up */

  GSocketConnection *client; /* owned; NULL: nobody came yet */
  GSource *in;               /* owned; NULL: it is deaf */
  RdRedisReader *reader;     /* owned */
  GQueue commands;           /* char *, owned: came, and were not looked at yet */
  gboolean has_ended;        /* the client has hung up */
} RedisServer;

RedisServer *redis_server_new_tcp (void);
RedisServer *redis_server_new_unix (void);
void redis_server_free (RedisServer *server);

/* Runs the main context until it is met. @what: what should have happened, if it never is. */
void redis_server_wait (gboolean (*is_met) (gpointer user_data),
                        gpointer user_data,
                        const char *what);

/* Appends a string of Redis', its NULs as "\\0". */
void redis_text_append (GString *text, const redisReply *string);

/* Waits until somebody has come. */
void redis_server_await_client (RedisServer *server);

/* Waits for the next command, and asserts that it is @words, with spaces between them. */
void redis_server_expect (RedisServer *server, const char *words);

/* Waits until the client has hung up; and asserts that it has said nothing more. */
void redis_server_await_end (RedisServer *server);
void redis_server_expect_end (RedisServer *server);

/* Asserts that all goes out at once. */
void redis_server_send (RedisServer *server, const char *text);
void redis_server_send_bytes (RedisServer *server, gconstpointer data, gsize size);

/* Expects the greeting of a client who need not say who it is; and lets it in. */
void redis_server_expect_greeting (RedisServer *server);
void redis_server_let_in (RedisServer *server);

/* Reads no more, or again. */
void redis_server_set_deaf (RedisServer *server, gboolean is_deaf);

/* Lets nobody in any more. */
void redis_server_stop (RedisServer *server);

/* Hangs up: properly, or so that the client's next write fails. */
void redis_server_close (RedisServer *server);
void redis_server_reset (RedisServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RedisServer, redis_server_free)

G_END_DECLS
