/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-table.h"

G_BEGIN_DECLS

/* Fills in what the kernel knows of the socket in @record: its cookie, and who is at the other end;
 * that is an IPv4 address also where an IPv6 socket takes in both (ipv6(7), IPV6_V6ONLY). */
void ws_socket_read_peer (WsRecord *record);

/* Whether @fd is the socket that @record is of: by its cookie. */
gboolean ws_socket_is_of (int fd, const WsRecord *record);

/* Prepares a client's socket (tcp(7)): no delay for small messages; a slow client's backlog waits
 * in the log, not in the kernel; its patience, as below. */
void ws_socket_tune (int fd, gint64 timeout_us);

/* A peer that takes nothing for @timeout_us is given up (tcp(7), TCP_USER_TIMEOUT); 0: as the
 * system has it. */
void ws_socket_set_send_timeout (int fd, gint64 timeout_us);

G_END_DECLS
