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

/* A listening TCP socket, with the data that another process needs to take it over. */
typedef struct
{
  GSocket *socket;         /* owned */
  GSocketAddress *address; /* owned: the local address */
  RdRole role;
  guint asked_port;      /* the configured port; 0: any free port */
  gboolean is_inherited; /* the service manager passed the socket, and keeps a copy */
} RdSocket;

/* Creates an RdSocket for @socket (transfer none), which must be a listening TCP socket.
 * Returns: (transfer full) (nullable): the RdSocket, or NULL with an error. */
RdSocket *rd_socket_new (GSocket *socket,
                         RdRole role,
                         guint asked_port,
                         gboolean is_inherited,
                         GError **error);

/* Returns: (transfer full): a copy of @self that references the same GSocket. */
RdSocket *rd_socket_copy (const RdSocket *self);

/* Frees @self and unreferences its GSocket. Dropping the last reference closes the GSocket. */
void rd_socket_free (RdSocket *self);

/* Returns: (transfer full): @address as text, such as "127.0.0.1:8000" or "[::1]:8000". */
char *rd_socket_dup_name (GSocketAddress *address);

/* Returns whether @one and @other have the same IP address and port. */
gboolean rd_socket_is_same_address (GSocketAddress *one, GSocketAddress *other);

/* Returns whether listening on @one excludes listening on @other: TRUE if both have the same family
 * and port, and the IP addresses are equal or at least one is a wildcard (0.0.0.0 or "::"). */
gboolean rd_socket_is_overlapping (GSocketAddress *one, GSocketAddress *other);

/* Binds a new non-blocking TCP socket to @address, but does not listen. Sets SO_REUSEADDR, sets
 * IPV6_V6ONLY for an IPv6 address, and sets SO_REUSEPORT if @reuse_port (socket(7), ipv6(7)).
 * Returns: (transfer full) (nullable): the socket, or NULL with an error such as
 * %G_IO_ERROR_ADDRESS_IN_USE. */
GSocket *rd_socket_bind (GSocketAddress *address, gboolean reuse_port, GError **error);

/* Returns the value of the SOL_SOCKET option @option of @fd (socket(7)); -1 on failure. */
int rd_socket_get_option (int fd, int option);

/* Returns whether @fd is a TCP socket, listening or not. */
gboolean rd_socket_is_tcp (int fd);

/* Returns whether @fd is a listening TCP socket. */
gboolean rd_socket_is_listening (int fd);
