/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Returns: (transfer full): a TCP socket, non-blocking, bound to @address of IPv4 or IPv6, as the
 * service has them: another may take it over at once (SO_REUSEADDR), IPv6 leaves IPv4 alone, and
 * with @reuse_port other workers of this user may listen there too (SO_REUSEPORT, socket(7)). It
 * does not listen. NULL with an error: %G_IO_ERROR_ADDRESS_IN_USE and others of bind(2). */
GSocket *rd_tcp_bind (GSocketAddress *address, gboolean reuse_port, GError **error);

/* Whether @fd is a socket at all, is one of TCP, and listens: each implies the one before. */
gboolean rd_tcp_is_socket (int fd);
gboolean rd_tcp_is_tcp (int fd);
gboolean rd_tcp_is_listening (int fd);

G_END_DECLS
