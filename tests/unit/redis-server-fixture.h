/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-protocol.h"
#include "rd-redis-url.h"

#include <gio/gio.h>

/* A fake Redis server for one client at a time. The test provides everything that the server sends.
 * Runs in the thread-default main context. */
typedef struct
{
  GSocketService *service; /* owned */
  char *directory;         /* owned, nullable: directory of the UNIX socket */
  RdRedisUrl *url;         /* owned */
  const char *banner;      /* nullable: sent to each client when it connects */
  gboolean hangs_up;       /* closes the connection after the banner */

  GSocketConnection *client; /* owned; NULL: no client yet */
  GSource *in;               /* owned; NULL: paused */
  RdRedisReader *reader;     /* owned */
  GQueue commands;    /* char *, owned: received commands that the test has not expected yet */
  gboolean has_ended; /* the client has closed the connection */
} RedisServer;

RedisServer *redis_server_new_tcp (void);
RedisServer *redis_server_new_unix (void);
void redis_server_free (RedisServer *server);

/* Runs the main context until @is_met returns TRUE; aborts after 30 s. @what: condition, for the
 * error message. */
void redis_server_wait (gboolean (*is_met) (gpointer user_data),
                        gpointer user_data,
                        const char *what);

/* Appends a string reply to @text; writes each NUL byte as "\\0". */
void redis_text_append (GString *text, const redisReply *string);

/* Waits for a client. */
void redis_server_await_client (RedisServer *server);

/* Waits for the next command and asserts that it is @words, separated by spaces. */
void redis_server_expect (RedisServer *server, const char *words);

/* Waits until the client closes the connection; redis_server_expect_close() also asserts that all
 * received commands were expected. */
void redis_server_await_close (RedisServer *server);
void redis_server_expect_close (RedisServer *server);

/* Sends data to the client; asserts that the socket buffer has room for all of it. */
void redis_server_send (RedisServer *server, const char *text);
void redis_server_send_bytes (RedisServer *server, gconstpointer data, gsize size);

/* Replies to the login of a client without a password. */
#define REDIS_ROLE_MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define REDIS_LOGGED_IN   "+PONG\r\n+OK\r\n" REDIS_ROLE_MASTER

/* Expects the login of a client without a password; redis_server_accept_login() also accepts it. */
void redis_server_expect_login (RedisServer *server);
void redis_server_accept_login (RedisServer *server);

/* Stops or resumes reading. */
void redis_server_set_paused (RedisServer *server, gboolean is_paused);

/* Stops listening. */
void redis_server_stop (RedisServer *server);

/* Closes (FIN) or resets (RST) the connection to the client. */
void redis_server_close (RedisServer *server);
void redis_server_reset (RedisServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RedisServer, redis_server_free)
