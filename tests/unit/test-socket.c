/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Options and addresses of client sockets. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ws-socket.h"

typedef struct
{
  int client;
  int server;
  guint16 client_port;
} Connection;

/* Connects to this machine over TCP. */
static void
connect_to_self (Connection *connection, sa_family_t family)
{
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
  struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  struct sockaddr *name = family == AF_INET ? (struct sockaddr *) &in4 : (struct sockaddr *) &in6;
  socklen_t size = family == AF_INET ? sizeof in4 : sizeof in6;
  const int listener = socket (family, SOCK_STREAM | SOCK_CLOEXEC, 0);

  connection->client = socket (family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_no_errno (bind (listener, name, size));
  g_assert_no_errno (listen (listener, 1));
  g_assert_no_errno (getsockname (listener, name, &size));
  g_assert_no_errno (connect (connection->client, name, size));
  connection->server = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  g_assert_cmpint (connection->server, >=, 0);
  g_assert_no_errno (getsockname (connection->client, name, &size));
  connection->client_port = ntohs (family == AF_INET ? in4.sin_port : in6.sin6_port);
  close (listener);
}

/* Connects over IPv4 to a dual-stack IPv6 socket. */
static void
connect_through_ipv6 (Connection *connection)
{
  struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
  struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  struct sockaddr *name = (struct sockaddr *) &in4;
  const int listener = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int only_ipv6 = 0;
  socklen_t size = sizeof any;

  g_assert_no_errno (
    setsockopt (listener, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof only_ipv6));
  g_assert_no_errno (bind (listener, (struct sockaddr *) &any, size));
  g_assert_no_errno (listen (listener, 1));
  g_assert_no_errno (getsockname (listener, (struct sockaddr *) &any, &size));

  in4.sin_port = any.sin6_port;
  size = sizeof in4;
  connection->client = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_no_errno (connect (connection->client, name, size));
  connection->server = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  g_assert_cmpint (connection->server, >=, 0);
  g_assert_no_errno (getsockname (connection->client, name, &size));
  connection->client_port = ntohs (in4.sin_port);
  close (listener);
}

static void
disconnect (Connection *connection)
{
  close (connection->client);
  close (connection->server);
}

static void
socket_is_identified_by_its_cookie (void)
{
  Connection connection;
  WsRecord record = { 0 };
  int other;

  connect_to_self (&connection, AF_INET);
  record.fd = connection.server;
  ws_socket_read_peer (&record);
  other = dup (connection.server);
  g_assert_true (ws_socket_is_of (connection.server, &record));
  g_assert_true (ws_socket_is_of (other, &record)); /* a duplicate has the same cookie */
  g_assert_false (ws_socket_is_of (connection.client, &record));
  g_assert_false (ws_socket_is_of (-1, &record));
  record.cookie = 0;
  g_assert_false (ws_socket_is_of (connection.server, &record));
  g_assert_false (ws_socket_is_of (-1, &record));
  close (other);
  disconnect (&connection);
}

static int
get_option (int fd, int option)
{
  int value = -1;
  socklen_t size = sizeof value;

  g_assert_no_errno (getsockopt (fd, IPPROTO_TCP, option, &value, &size));
  return value;
}

static guint64
get_cookie (int fd)
{
  guint64 cookie = 0;
  socklen_t size = sizeof cookie;

  g_assert_no_errno (getsockopt (fd, SOL_SOCKET, SO_COOKIE, &cookie, &size));
  return cookie;
}

static void
peer_address_is_ipv4 (void)
{
  const guint8 loopback[16] = { 127, 0, 0, 1 };
  WsRecord record = { 0 };
  Connection connection;

  connect_to_self (&connection, AF_INET);
  record.fd = connection.server;
  ws_socket_read_peer (&record);
  g_assert_cmpuint (record.family, ==, AF_INET);
  g_assert_cmpmem (record.address, sizeof record.address, loopback, sizeof loopback);
  g_assert_cmpuint (record.port, ==, connection.client_port);
  g_assert_cmpuint (record.cookie, ==, get_cookie (connection.server));
  g_assert_cmpuint (record.cookie, !=, 0);
  disconnect (&connection);
}

static void
peer_address_is_ipv6 (void)
{
  WsRecord record = { 0 };
  Connection connection;

  connect_to_self (&connection, AF_INET6);
  record.fd = connection.server;
  ws_socket_read_peer (&record);
  g_assert_cmpuint (record.family, ==, AF_INET6);
  g_assert_cmpmem (record.address, sizeof record.address, &in6addr_loopback,
                   sizeof in6addr_loopback);
  g_assert_cmpuint (record.port, ==, connection.client_port);
  disconnect (&connection);
}

static void
peer_address_is_ipv4_on_a_dual_stack_socket (void)
{
  const guint8 loopback[16] = { 127, 0, 0, 1 };
  WsRecord record = { 0 };
  Connection connection;

  connect_through_ipv6 (&connection);
  record.fd = connection.server;
  ws_socket_read_peer (&record);
  g_assert_cmpuint (record.family, ==, AF_INET);
  g_assert_cmpmem (record.address, sizeof record.address, loopback, sizeof loopback);
  g_assert_cmpuint (record.port, ==, connection.client_port);
  disconnect (&connection);
}

static void
peer_without_an_address_is_no_error (void)
{
  WsRecord record = { 0 };
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  record.fd = fds[0];
  ws_socket_read_peer (&record);
  g_assert_cmpuint (record.family, ==, AF_UNSPEC);
  g_assert_cmpuint (record.port, ==, 0);
  g_assert_cmpuint (record.cookie, ==, get_cookie (fds[0]));
  ws_socket_tune (fds[0], G_USEC_PER_SEC); /* no effect on other sockets than TCP */
  close (fds[0]);
  close (fds[1]);
}

static void
unsent_bytes_are_limited_and_small_messages_not_delayed (void)
{
  Connection connection;

  connect_to_self (&connection, AF_INET);
  ws_socket_tune (connection.server, 35 * G_USEC_PER_SEC);
  g_assert_cmpint (get_option (connection.server, TCP_NODELAY), ==, 1);
  g_assert_cmpint (get_option (connection.server, TCP_NOTSENT_LOWAT), ==, 64 * 1024);
  g_assert_cmpint (get_option (connection.server, TCP_USER_TIMEOUT), ==, 35000);
  disconnect (&connection);
}

static void
send_timeout_of_0_is_the_default (void)
{
  Connection connection;

  connect_to_self (&connection, AF_INET);
  ws_socket_tune (connection.server, 0);
  g_assert_cmpint (get_option (connection.server, TCP_NODELAY), ==, 1);
  g_assert_cmpint (get_option (connection.server, TCP_USER_TIMEOUT), ==, 0);
  disconnect (&connection);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/socket/peer/ipv4", peer_address_is_ipv4);
  g_test_add_func ("/socket/peer/ipv6", peer_address_is_ipv6);
  g_test_add_func ("/socket/peer/ipv4-in-ipv6", peer_address_is_ipv4_on_a_dual_stack_socket);
  g_test_add_func ("/socket/peer/none", peer_without_an_address_is_no_error);
  g_test_add_func ("/socket/tune", unsent_bytes_are_limited_and_small_messages_not_delayed);
  g_test_add_func ("/socket/tune/no-timeout", send_timeout_of_0_is_the_default);
  g_test_add_func ("/socket/cookie", socket_is_identified_by_its_cookie);

  return g_test_run ();
}
