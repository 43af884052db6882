/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The error domain of the floor, and how what a server or the system says becomes an error of ours:
 * in their words, which fit on a line, without those that our caller knows better. Never decides
 * what to do about it. */

#include "rd-redis-error.h"

#include "rd-text.h"

#define MESSAGE_MAX_CHARS 200

/* How the replies begin that will be the same next time, from Redis 4 on. */
static const char *const refusals[] = {
  "NOAUTH ",
  "WRONGPASS ",
  "NOPERM ",
  "DENIED ", /* protected mode: only loopback is let in */
  "ERR AUTH ",
  "ERR Client sent AUTH,",
  "ERR invalid password",
  "ERR wrong number of arguments for 'auth'", /* there are no users before Redis 6 */
  "ERR DB index ",
  "ERR invalid DB index",
  "ERR SELECT ", /* of a cluster */
};

GQuark
rd_redis_error_quark (void)
{
  return g_quark_from_static_string ("rd-redis-error-quark");
}

static RdRedisError
classify (const char *text)
{
  for (gsize i = 0; i < G_N_ELEMENTS (refusals); i++)
    if (g_str_has_prefix (text, refusals[i]))
      return RD_REDIS_ERROR_REFUSED;

  return RD_REDIS_ERROR_REPLY;
}

char *
rd_redis_error_dup_words (const redisReply *reply)
{
  return rd_text_printable (reply->str, MESSAGE_MAX_CHARS);
}

GError *
rd_redis_error_new_reply (const redisReply *reply)
{
  g_autofree char *words = rd_redis_error_dup_words (reply);

  return g_error_new_literal (RD_REDIS_ERROR, classify (reply->str), words);
}

/* The last clause is the reason; those before it say what we were about, and to which address:
 * "Could not connect to localhost: Connection refused". */
GError *
rd_redis_error_new_system (const GError *error)
{
  const char *colon = g_strrstr (error->message, ": ");

  return g_error_new_literal (error->domain, error->code,
                              colon != NULL ? colon + 2 : error->message);
}
