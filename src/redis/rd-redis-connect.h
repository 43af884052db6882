/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-url.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* @connection: (transfer none): a socket as Redis wants it; NULL with @error: %G_IO_ERROR or
 * %G_RESOLVER_ERROR, without the address. */
typedef void (*RdRedisConnectFunc) (GSocketConnection *connection,
                                    const GError *error,
                                    gpointer user_data);

/* Looks up the name and connects to the first of its addresses that answers, for as long as the
 * system tries. @func is called once, by the thread-default main context, unless @cancellable is
 * cancelled before. @url: unowned. */
void rd_redis_connect (const RdRedisUrl *url,
                       GCancellable *cancellable,
                       RdRedisConnectFunc func,
                       gpointer user_data);

G_END_DECLS
