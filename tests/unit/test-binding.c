/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The sockets of a port after a takeover: sockets of the old worker for unchanged addresses, new
 * sockets for new addresses. */

#include <sys/socket.h>

#include "rd-binding.h"
#include "rd-sockets.h"

#define STRV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static RdBinding *
try_binding (const char *const *addresses, guint port, GPtrArray *offers, GError **error)
{
  const RdBindingOptions options
    = { .addresses = addresses, .port = port, .role = RD_ROLE_CLIENTS, .offers = offers };

  return rd_binding_new (&options, error);
}

static RdBinding *
make_binding (const char *const *addresses, guint port, GPtrArray *offers)
{
  g_autoptr (GError) error = NULL;
  RdBinding *binding = try_binding (addresses, port, offers, &error);

  g_assert_no_error (error);
  return binding;
}

static void
assert_refused (const char *const *addresses, guint port, GPtrArray *offers)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (try_binding (addresses, port, offers, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_nonnull (strstr (error->message, "the port is in use"));
}

/* Returns: (transfer full) (element-type RdSocket): copies of the sockets of the old worker. */
static GPtrArray *
make_offers (RdBinding *binding)
{
  GPtrArray *listening = rd_binding_get_sockets (binding);
  GPtrArray *offers = rd_sockets_new ();

  for (guint i = 0; i < listening->len; i++)
    g_ptr_array_add (offers, rd_socket_copy (listening->pdata[i]));
  return offers;
}

static guint
get_port (RdBinding *binding)
{
  const RdSocket *first = rd_binding_get_sockets (binding)->pdata[0];

  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (first->address));
}

/* Asserts that @binding has all sockets of @other and @n additional sockets. */
static void
assert_has_sockets_of (RdBinding *binding, RdBinding *other, guint n)
{
  GPtrArray *ours = rd_binding_get_sockets (binding);
  GPtrArray *theirs = rd_binding_get_sockets (other);

  g_assert_cmpuint (ours->len, ==, theirs->len + n);
  for (guint i = 0; i < theirs->len; i++)
    {
      gboolean is_found = FALSE;

      for (guint k = 0; k < ours->len; k++)
        is_found |= ((RdSocket *) ours->pdata[k])->socket
                    == ((RdSocket *) theirs->pdata[i])->socket;
      g_assert_true (is_found);
    }
}

static void
assert_addresses (RdBinding *binding, const char *const *ips)
{
  g_auto (GStrv) addresses = rd_binding_dup_addresses (binding);

  g_assert_cmpuint (g_strv_length (addresses), ==, g_strv_length ((char **) ips));
  for (gsize i = 0; ips[i] != NULL; i++)
    {
      g_autofree char *expected = g_strdup_printf ("%s:%u", ips[i], get_port (binding));

      g_assert_true (g_strv_contains ((const char *const *) addresses, expected));
    }
}

static gboolean
has_reuse_port (RdBinding *binding, guint index)
{
  const RdSocket *socket = rd_binding_get_sockets (binding)->pdata[index];
  int value = -1;

  g_assert_true (g_socket_get_option (socket->socket, SOL_SOCKET, SO_REUSEPORT, &value, NULL));
  return value != 0;
}

static void
unchanged_addresses_keep_their_sockets (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("127.0.0.1", "127.0.0.2"), 0, NULL);
  const guint port = get_port (old);
  g_autoptr (GPtrArray) offers = make_offers (old);
  g_autoptr (RdBinding) new = make_binding (STRV ("127.0.0.2", "127.0.0.1"), port, offers);

  assert_has_sockets_of (new, old, 0);
  assert_addresses (new, STRV ("127.0.0.1", "127.0.0.2"));
  g_assert_cmpuint (offers->len, ==, 0);
}

static void
new_addresses_are_bound_and_unused_offers_remain (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("127.0.0.1", "127.0.0.2"), 0, NULL);
  g_autoptr (GPtrArray) offers = make_offers (old);
  g_autoptr (RdBinding) new = make_binding (STRV ("127.0.0.2", "127.0.0.3"), get_port (old),
                                            offers);
  g_autofree char *left = g_strdup_printf ("127.0.0.1:%u", get_port (old));
  g_autofree char *name = NULL;

  assert_addresses (new, STRV ("127.0.0.2", "127.0.0.3"));
  g_assert_cmpuint (offers->len, ==, 1);
  name = g_socket_connectable_to_string (
    G_SOCKET_CONNECTABLE (((RdSocket *) offers->pdata[0])->address));
  g_assert_cmpstr (name, ==, left);
}

static void
a_fixed_port_is_taken_over_from_any_role (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("127.0.0.1"), 0, NULL);
  g_autoptr (GPtrArray) offers = make_offers (old);
  g_autoptr (RdBinding) new = NULL;
  const RdSocket *socket;

  ((RdSocket *) offers->pdata[0])->role = RD_ROLE_ADMIN;
  new = make_binding (STRV ("127.0.0.1"), get_port (old), offers);
  assert_has_sockets_of (new, old, 0);
  socket = rd_binding_get_sockets (new)->pdata[0];
  g_assert_cmpint (socket->role, ==, RD_ROLE_CLIENTS);
  g_assert_cmpuint (socket->asked_port, ==, get_port (old));
}

static void
port_0_keeps_the_chosen_port (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("127.0.0.1"), 0, NULL);
  g_autoptr (GPtrArray) offers = make_offers (old);
  g_autoptr (RdBinding) new = make_binding (STRV ("127.0.0.3", "127.0.0.1"), 0, offers);

  assert_has_sockets_of (new, old, 1);
  assert_addresses (new, STRV ("127.0.0.1", "127.0.0.3"));
  g_assert_cmpuint (((RdSocket *) rd_binding_get_sockets (new)->pdata[0])->asked_port, ==, 0);
}

static void
port_0_reuses_neither_a_fixed_port_nor_a_port_of_another_role (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("127.0.0.1"), 0, NULL);
  g_autoptr (GPtrArray) offers = make_offers (old);
  RdSocket *offered = offers->pdata[0];

  offered->role = RD_ROLE_ADMIN;
  {
    g_autoptr (RdBinding) new = make_binding (STRV ("127.0.0.1"), 0, offers);

    g_assert_cmpuint (get_port (new), !=, get_port (old));
  }
  offered->role = RD_ROLE_CLIENTS;
  offered->asked_port = get_port (old);
  {
    g_autoptr (RdBinding) new = make_binding (STRV ("127.0.0.1"), 0, offers);

    g_assert_cmpuint (get_port (new), !=, get_port (old));
  }
  g_assert_cmpuint (offers->len, ==, 1);
}

static void
port_0_gets_another_port_if_the_chosen_one_is_in_use (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("127.0.0.1"), 0, NULL);
  g_autoptr (RdBinding) other = make_binding (STRV ("127.0.0.2"), get_port (old), NULL);
  g_autoptr (GPtrArray) offers = make_offers (old);
  g_autoptr (RdBinding) new = make_binding (STRV ("127.0.0.1", "127.0.0.2"), 0, offers);

  g_assert_cmpuint (get_port (new), !=, get_port (old));
  assert_addresses (new, STRV ("127.0.0.1", "127.0.0.2"));
  g_assert_cmpuint (offers->len, ==, 1);
}

static void
a_port_of_another_program_is_refused_without_changes (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("127.0.0.1"), 0, NULL);
  g_autoptr (RdBinding) other = make_binding (STRV ("127.0.0.2"), get_port (old), NULL);
  g_autoptr (GPtrArray) offers = make_offers (old);

  assert_refused (STRV ("127.0.0.1", "127.0.0.2"), get_port (old), offers);
  assert_refused (STRV ("0.0.0.0"), get_port (old), offers);
  g_assert_cmpuint (offers->len, ==, 1);
  g_assert_false (has_reuse_port (old, 0));
}

/* Connects to @ip. Returns: (transfer full) (nullable): the address of the socket in @binding that
 * accepts the connection; NULL: none. */
static char *
dup_accepting_address (RdBinding *binding, const char *ip)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) connection = g_socket_client_connect_to_host (
    client, ip, get_port (binding), NULL, &error);
  GPtrArray *sockets = rd_binding_get_sockets (binding);

  g_assert_no_error (error);
  for (guint i = 0; i < sockets->len; i++)
    {
      const RdSocket *socket = sockets->pdata[i];
      g_autoptr (GSocket) accepted = g_socket_accept (socket->socket, NULL, NULL);

      if (accepted != NULL)
        return g_inet_address_to_string (
          g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (socket->address)));
    }

  return NULL;
}

static void
assert_accepting_address (RdBinding *binding, const char *ip, const char *expected)
{
  g_autofree char *actual = dup_accepting_address (binding, ip);

  g_assert_cmpstr (actual, ==, expected);
}

static void
the_wildcard_address_uses_the_overlapping_socket (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("127.0.0.1"), 0, NULL);
  g_autoptr (GPtrArray) offers = make_offers (old);
  g_autoptr (RdBinding) new = make_binding (STRV ("0.0.0.0"), get_port (old), offers);

  assert_has_sockets_of (new, old, 1);
  assert_addresses (new, STRV ("0.0.0.0"));
  g_assert_cmpuint (offers->len, ==, 0);
  g_assert_false (has_reuse_port (old, 0));
  assert_accepting_address (new, "127.0.0.1", "127.0.0.1");
  assert_accepting_address (new, "127.0.0.2", "0.0.0.0");
}

static void
one_address_is_bound_beside_the_wildcard_address (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("0.0.0.0"), 0, NULL);
  g_autoptr (GPtrArray) offers = make_offers (old);
  g_autoptr (RdBinding) new = make_binding (STRV ("127.0.0.1"), get_port (old), offers);

  assert_addresses (new, STRV ("127.0.0.1"));
  g_assert_cmpuint (offers->len, ==, 1);
  g_assert_false (has_reuse_port (old, 0));
  assert_accepting_address (new, "127.0.0.1", "127.0.0.1");
  assert_accepting_address (new, "127.0.0.2", NULL);
  assert_accepting_address (old, "127.0.0.2", "0.0.0.0");
}

/* If such addresses were accepted, the next start without an old worker would fail. */
static void
overlapping_addresses_are_refused_during_a_takeover_too (void)
{
  const char *const *const both[] = { STRV ("127.0.0.1", "0.0.0.0"),
                                      STRV ("0.0.0.0", "127.0.0.1") };

  for (gsize i = 0; i < G_N_ELEMENTS (both); i++)
    for (gsize k = 0; k < 2; k++)
      {
        g_autoptr (RdBinding) old = make_binding (STRV (both[0][k]), 0, NULL);
        g_autoptr (GPtrArray) offers = make_offers (old);

        assert_refused (both[i], get_port (old), offers);
        g_assert_cmpuint (offers->len, ==, 1);
      }
}

static void
other_nodes_can_bind_after_share (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("127.0.0.1"), 0, NULL);
  g_autoptr (GPtrArray) offers = make_offers (old);
  const RdBindingOptions options = { .addresses = STRV ("127.0.0.1"),
                                     .port = get_port (old),
                                     .reuse_port = TRUE,
                                     .offers = offers };
  const RdBindingOptions node_options
    = { .addresses = STRV ("127.0.0.1"), .port = get_port (old), .reuse_port = TRUE };
  g_autoptr (GError) error = NULL;
  g_autoptr (RdBinding) new = rd_binding_new (&options, &error);
  g_autoptr (RdBinding) node = NULL;

  g_assert_no_error (error);
  g_assert_false (has_reuse_port (old, 0)); /* the old worker may continue to serve */
  g_assert_null (rd_binding_new (&node_options, NULL));

  rd_binding_share (new);
  node = rd_binding_new (&node_options, &error);
  g_assert_no_error (error);
}

static void
reopen_listens_on_the_configured_addresses (void)
{
  g_autoptr (RdBinding) old = make_binding (STRV ("127.0.0.1"), 0, NULL);
  g_autoptr (GPtrArray) offers = make_offers (old);
  g_autoptr (RdBinding) new = make_binding (STRV ("0.0.0.0"), get_port (old), offers);
  g_autoptr (GError) error = NULL;
  const guint port = get_port (old);

  rd_binding_close (new);
  g_assert_cmpuint (rd_binding_get_sockets (new)->len, ==, 0);
  assert_refused (STRV ("127.0.0.1"), port, NULL); /* the old worker still listens on the port */
  rd_binding_close (old);
  g_assert_true (rd_binding_reopen (new, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (rd_binding_get_sockets (new)->len, ==, 1);
  assert_addresses (new, STRV ("0.0.0.0"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/binding/unchanged", unchanged_addresses_keep_their_sockets);
  g_test_add_func ("/binding/changed", new_addresses_are_bound_and_unused_offers_remain);
  g_test_add_func ("/binding/role", a_fixed_port_is_taken_over_from_any_role);
  g_test_add_func ("/binding/port-0", port_0_keeps_the_chosen_port);
  g_test_add_func ("/binding/port-0/other",
                   port_0_reuses_neither_a_fixed_port_nor_a_port_of_another_role);
  g_test_add_func ("/binding/port-0/in-use", port_0_gets_another_port_if_the_chosen_one_is_in_use);
  g_test_add_func ("/binding/in-use", a_port_of_another_program_is_refused_without_changes);
  g_test_add_func ("/binding/overlap/wildcard", the_wildcard_address_uses_the_overlapping_socket);
  g_test_add_func ("/binding/overlap/one", one_address_is_bound_beside_the_wildcard_address);
  g_test_add_func ("/binding/overlap/refused",
                   overlapping_addresses_are_refused_during_a_takeover_too);
  g_test_add_func ("/binding/share", other_nodes_can_bind_after_share);
  g_test_add_func ("/binding/reopen", reopen_listens_on_the_configured_addresses);

  return g_test_run ();
}
