/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-table.h"

/* Sets the cookie and the remote address in @record. An IPv4-mapped IPv6 address is stored as IPv4
 * (ipv6(7), IPV6_V6ONLY). */
void ws_socket_read_peer (WsRecord *record);

/* Whether @fd has the cookie of @record. */
gboolean ws_socket_is_of (int fd, const WsRecord *record);

/* Sets TCP_NODELAY, TCP_NOTSENT_LOWAT (a slow client's backlog stays in the log, not in the kernel)
 * and the send timeout, if @timeout_us is not 0 (tcp(7)). */
void ws_socket_tune (int fd, gint64 timeout_us);

/* Sets the time after which the kernel ends a connection whose peer acknowledges nothing (tcp(7),
 * TCP_USER_TIMEOUT). @timeout_us: 0: system default. */
void ws_socket_set_send_timeout (int fd, gint64 timeout_us);
