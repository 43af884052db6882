/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Listening sockets passed from one process to another: valid and invalid descriptions. */

#include <unistd.h>

#include "rd-sockets.h"

/* Returns: (transfer full): a socket that listens on loopback and a free port. */
static GSocket *
make_listener (void)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GError) error = NULL;
  GSocket *socket = rd_socket_bind (address, FALSE, &error);

  g_assert_no_error (error);
  g_assert_true (g_socket_listen (socket, &error));
  return socket;
}

static void
add_socket (GPtrArray *sockets, RdRole role, guint asked_port, gboolean is_inherited)
{
  g_autoptr (GSocket) socket = make_listener ();
  g_autoptr (GError) error = NULL;
  RdSocket *added = rd_socket_new (socket, role, asked_port, is_inherited, &error);

  g_assert_no_error (error);
  g_ptr_array_add (sockets, added);
}

static GArray *
make_fd_array (int fd)
{
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));

  return g_array_append_val (fds, fd);
}

/* Serializes @variant and reads it back. Returns: (transfer full). */
static GVariant *
serialize (GVariant *variant)
{
  g_autoptr (GVariant) serialized = g_variant_ref_sink (variant);
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (serialized);

  return g_variant_ref_sink (
    g_variant_new_from_bytes (g_variant_get_type (serialized), bytes, FALSE));
}

static void
sockets_are_restored (void)
{
  g_autoptr (GPtrArray) sockets = rd_sockets_new ();
  g_autoptr (GVariant) descriptions = NULL;
  g_autoptr (GArray) fds = NULL;
  g_autoptr (GPtrArray) restored = NULL;
  g_autoptr (GError) error = NULL;

  add_socket (sockets, RD_ROLE_CLIENTS, 0, FALSE);
  add_socket (sockets, RD_ROLE_ADMIN, 8001, FALSE);
  add_socket (sockets, RD_ROLE_CLIENTS, 0, TRUE);
  descriptions = serialize (rd_sockets_describe (sockets));
  fds = rd_sockets_dup_fds (sockets);
  restored = rd_sockets_new_described (descriptions, fds, &error);
  g_assert_no_error (error);

  g_assert_cmpuint (restored->len, ==, sockets->len);
  for (guint i = 0; i < sockets->len; i++)
    {
      const RdSocket *one = sockets->pdata[i];
      const RdSocket *other = restored->pdata[i];

      g_assert_true (rd_socket_is_same_address (one->address, other->address));
      g_assert_cmpint (one->role, ==, other->role);
      g_assert_cmpuint (one->asked_port, ==, other->asked_port);
      g_assert_cmpint (one->is_inherited, ==, other->is_inherited);
      g_assert_cmpint (g_socket_get_fd (one->socket), !=, g_socket_get_fd (other->socket));
    }
}

static void
empty_list_is_restored (void)
{
  g_autoptr (GPtrArray) none = rd_sockets_new ();
  g_autoptr (GVariant) descriptions = serialize (rd_sockets_describe (none));
  g_autoptr (GArray) fds = rd_sockets_dup_fds (none);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) restored = rd_sockets_new_described (descriptions, fds, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (restored->len, ==, 0);
}

static void
inherited_sockets_are_removed (void)
{
  g_autoptr (GPtrArray) sockets = rd_sockets_new ();

  add_socket (sockets, RD_ROLE_CLIENTS, 0, TRUE);
  add_socket (sockets, RD_ROLE_ADMIN, 8001, FALSE);
  add_socket (sockets, RD_ROLE_ADMIN, 0, TRUE);
  rd_sockets_drop_inherited (sockets);
  g_assert_cmpuint (sockets->len, ==, 1);
  g_assert_cmpuint (((const RdSocket *) sockets->pdata[0])->asked_port, ==, 8001);
}

static void
expect_refusal (GVariant *descriptions, const GArray *fds, const char *why)
{
  g_autoptr (GVariant) serialized = serialize (descriptions);
  g_autoptr (GError) error = NULL;

  g_assert_null (rd_sockets_new_described (serialized, fds, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  g_assert_nonnull (strstr (error->message, why));
}

static void
invalid_descriptions_are_refused (void)
{
  const char *const cases[] = {
    "@aa{sv} [{}]",
    "[{'role': <'clients'>, 'asked-port': <@u 0>}]",
    "[{'role': <'clients'>, 'inherited': <false>}]",
    "[{'asked-port': <@u 0>, 'inherited': <false>}]",
    "[{'role': <'cooks'>, 'asked-port': <@u 0>, 'inherited': <false>}]",
    "[{'role': <@u 0>, 'asked-port': <@u 0>, 'inherited': <false>}]",
    "[{'role': <'admin'>, 'asked-port': <'any'>, 'inherited': <false>}]",
  };
  g_autoptr (GSocket) socket = make_listener ();
  g_autoptr (GArray) fds = make_fd_array (g_socket_get_fd (socket));

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    expect_refusal (g_variant_new_parsed (cases[i]), fds, "invalid data");
}

static void
counts_of_descriptions_and_sockets_must_match (void)
{
  g_autoptr (GPtrArray) sockets = rd_sockets_new ();
  g_autoptr (GArray) fds = NULL;

  add_socket (sockets, RD_ROLE_CLIENTS, 0, FALSE);
  fds = rd_sockets_dup_fds (sockets);
  add_socket (sockets, RD_ROLE_ADMIN, 0, FALSE);
  expect_refusal (rd_sockets_describe (sockets), fds, "passed 1 listening sockets");
  expect_refusal (g_variant_new_parsed ("@aa{sv} []"), fds, "passed 1 listening sockets");
  expect_refusal (g_variant_new_parsed ("['a']"), fds, "passed 1 listening sockets");
}

static void
descriptors_that_do_not_listen_are_refused (void)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocket) idle = rd_socket_bind (address, FALSE, NULL);
  g_autoptr (GSocket) listening = make_listener ();
  g_autoptr (GPtrArray) sockets = rd_sockets_new ();
  const int bad[] = { g_socket_get_fd (idle), STDIN_FILENO, -1 };

  add_socket (sockets, RD_ROLE_CLIENTS, 0, FALSE);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GArray) fds = make_fd_array (bad[i]);

      expect_refusal (rd_sockets_describe (sockets), fds, "invalid data");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sockets/arrive", sockets_are_restored);
  g_test_add_func ("/sockets/none", empty_list_is_restored);
  g_test_add_func ("/sockets/drop-inherited", inherited_sockets_are_removed);
  g_test_add_func ("/sockets/refused/description", invalid_descriptions_are_refused);
  g_test_add_func ("/sockets/refused/count", counts_of_descriptions_and_sockets_must_match);
  g_test_add_func ("/sockets/refused/idle", descriptors_that_do_not_listen_are_refused);

  return g_test_run ();
}
