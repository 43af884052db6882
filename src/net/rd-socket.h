/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* The port that a listening socket belongs to. */
typedef enum
{
  RD_ROLE_CLIENTS,
  RD_ROLE_ADMIN,
} RdRole;

/* A listening TCP socket, with the facts that another process needs to take it over. */
typedef struct
{
  GSocket *socket;         /* owned */
  GSocketAddress *address; /* owned: the local address */
  RdRole role;
  guint asked_port;      /* the configured port; 0: any free port */
  gboolean is_inherited; /* passed by the service manager, which keeps a copy */
} RdSocket;

/* Wraps @socket (transfer none), which must be a listening TCP socket.
 * Returns: (transfer full): NULL with an error. */
RdSocket *rd_socket_new (GSocket *socket,
                         RdRole role,
                         guint asked_port,
                         gboolean is_inherited,
                         GError **error);

/* Returns: (transfer full): a copy with a reference to the same GSocket. */
RdSocket *rd_socket_copy (const RdSocket *self);

/* Drops the reference to the GSocket; dropping the last one closes it. */
void rd_socket_free (RdSocket *self);

/* Returns: (transfer full): "127.0.0.1:8000", "[::1]:8000". */
char *rd_socket_dup_name (GSocketAddress *address);

/* Returns whether @one and @other are the same IP address and port. */
gboolean rd_socket_is_same_address (GSocketAddress *one, GSocketAddress *other);

/* Returns whether only one of two sockets can listen on these addresses: they have the same family
 * and port, and the same IP address, or one has the wildcard address (0.0.0.0 or ::). */
gboolean rd_socket_is_overlapping (GSocketAddress *one, GSocketAddress *other);

/* Binds a non-blocking TCP socket to @address, which is IPv4 or IPv6, with SO_REUSEADDR,
 * IPV6_V6ONLY and, with @reuse_port, SO_REUSEPORT (socket(7), ipv6(7)). Does not listen.
 * Returns: (transfer full): NULL with the error of bind(2), such as %G_IO_ERROR_ADDRESS_IN_USE. */
GSocket *rd_socket_bind (GSocketAddress *address, gboolean reuse_port, GError **error);

/* Returns the value of the SOL_SOCKET @option of @fd (socket(7)); -1: @fd is not a socket. */
int rd_socket_get_option (int fd, int option);

/* Returns whether @fd is a TCP socket, listening or not. */
gboolean rd_socket_is_tcp (int fd);

/* Returns whether @fd is a listening TCP socket. */
gboolean rd_socket_is_listening (int fd);
