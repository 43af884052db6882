/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-table.h"

/* Stores the cookie and the remote address of the socket record->fd in @record. An IPv4-mapped IPv6
 * address is stored as IPv4 (ipv6(7), IPV6_V6ONLY). */
void ws_socket_read_peer (WsRecord *record);

/* Compares the SO_COOKIE of @fd with @record. Returns: whether @fd is the socket of @record. */
gboolean ws_socket_is_of (int fd, const WsRecord *record);

/* Sets TCP_NODELAY, TCP_NOTSENT_LOWAT and, if @timeout_us is not 0, the send timeout (tcp(7)).
 * TCP_NOTSENT_LOWAT keeps the backlog of a slow client in the log instead of in the kernel. */
void ws_socket_tune (int fd, gint64 timeout_us);

/* Sets the time after which the kernel closes a connection whose peer does not acknowledge data
 * (tcp(7), TCP_USER_TIMEOUT). If @timeout_us is 0, sets the system default. */
void ws_socket_set_send_timeout (int fd, gint64 timeout_us);
