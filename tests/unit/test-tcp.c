/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* TCP sockets: sharing of ports, and kinds of descriptors. */

#include <sys/socket.h>

#include "rd-socket.h"

/* Returns: (transfer full) (nullable): a socket bound to @ip and @port. @port: (inout): 0: any free
 * port. */
static GSocket *
bind_to (const char *ip, guint *port, gboolean reuse_port, GError **error)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (ip, *port);
  g_autoptr (GSocketAddress) bound = NULL;
  GSocket *socket = rd_socket_bind (address, reuse_port, error);

  if (socket == NULL)
    return NULL;
  bound = g_socket_get_local_address (socket, error);
  g_assert_nonnull (bound);
  *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  return socket;
}

static void
assert_listens (const char *ip, guint port, gboolean reuse_port, GSocket **socket)
{
  g_autoptr (GError) error = NULL;

  *socket = bind_to (ip, &port, reuse_port, &error);
  g_assert_no_error (error);
  g_assert_true (g_socket_listen (*socket, &error));
}

static void
sockets_with_reuse_port_share_a_port (void)
{
  guint port = 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) one = bind_to ("127.0.0.1", &port, TRUE, &error);
  g_autoptr (GSocket) other = NULL;

  g_assert_no_error (error);
  g_assert_true (g_socket_listen (one, &error));
  assert_listens ("127.0.0.1", port, TRUE, &other);
}

static void
sockets_without_reuse_port_do_not_share (void)
{
  const gboolean reuse[][2] = { { FALSE, FALSE }, { TRUE, FALSE }, { FALSE, TRUE } };

  for (gsize i = 0; i < G_N_ELEMENTS (reuse); i++)
    {
      guint port = 0;
      g_autoptr (GError) error = NULL;
      g_autoptr (GSocket) one = bind_to ("127.0.0.1", &port, reuse[i][0], &error);

      g_assert_no_error (error);
      g_assert_true (g_socket_listen (one, &error));
      g_assert_null (bind_to ("127.0.0.1", &port, reuse[i][1], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
      g_assert_cmpstr (error->message, ==, "Address already in use");
    }
}

static void
ipv4_and_ipv6_are_separate (void)
{
  guint port = 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) one = bind_to ("::", &port, FALSE, &error);
  g_autoptr (GSocket) other = NULL;

  g_assert_no_error (error);
  g_assert_true (g_socket_listen (one, &error));
  assert_listens ("0.0.0.0", port, FALSE, &other);
}

static void
sockets_do_not_block (void)
{
  guint port = 0;
  g_autoptr (GSocket) socket = bind_to ("127.0.0.1", &port, FALSE, NULL);

  g_assert_false (g_socket_get_blocking (socket));
}

static void
addresses_of_other_machines_are_refused (void)
{
  guint port = 0;
  g_autoptr (GError) error = NULL;

  g_assert_null (bind_to ("192.0.2.1", &port, FALSE, &error));
  g_assert_nonnull (error);
}

static void
kinds_of_descriptors_are_distinguished (void)
{
  guint port = 0;
  g_autoptr (GSocket) tcp = bind_to ("::1", &port, FALSE, NULL);
  g_autoptr (GSocket) udp = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                          G_SOCKET_PROTOCOL_UDP, NULL);
  const int fd = g_socket_get_fd (tcp);

  g_assert_false (rd_socket_get_option (-1, SO_DOMAIN) >= 0);
  g_assert_false (rd_socket_is_tcp (-1));
  g_assert_true (rd_socket_get_option (g_socket_get_fd (udp), SO_DOMAIN) >= 0);
  g_assert_false (rd_socket_is_tcp (g_socket_get_fd (udp)));
  g_assert_false (rd_socket_is_listening (g_socket_get_fd (udp)));
  g_assert_true (rd_socket_is_tcp (fd));
  g_assert_false (rd_socket_is_listening (fd));
  g_assert_true (g_socket_listen (tcp, NULL));
  g_assert_true (rd_socket_is_listening (fd));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tcp/reuse-port", sockets_with_reuse_port_share_a_port);
  g_test_add_func ("/tcp/in-use", sockets_without_reuse_port_do_not_share);
  g_test_add_func ("/tcp/families", ipv4_and_ipv6_are_separate);
  g_test_add_func ("/tcp/blocking", sockets_do_not_block);
  g_test_add_func ("/tcp/other-machine", addresses_of_other_machines_are_refused);
  g_test_add_func ("/tcp/descriptors", kinds_of_descriptors_are_distinguished);

  return g_test_run ();
}
