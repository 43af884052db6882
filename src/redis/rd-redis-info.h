/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-url.h"

G_BEGIN_DECLS

/* Asks the server at @url what it is, and waits for that, for 2 s at most, without serving anybody
 * else. Returns: (transfer full): what INFO says, lines of "name:value"
 * (https://redis.io/commands/info), empty if the server does not tell us; NULL with an error as
 * those of a link, %RD_REDIS_ERROR_REFUSED if the server does not let us in. */
char *rd_redis_info_ask (const RdRedisUrl *url, GError **error);

/* Whether the server at @url lets us in, as far as can be seen now; asks as above. One that is
 * absent, silent or not ready yet may do so later. Returns: FALSE with %RD_REDIS_ERROR_REFUSED and
 * a message that names the server. */
gboolean rd_redis_info_may_enter (const RdRedisUrl *url, GError **error);

/* Returns: (transfer full) (nullable): the value of @name in @info, fit to be shown. */
char *rd_redis_info_dup (const char *info, const char *name);

G_END_DECLS
