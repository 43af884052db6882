/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Ports that can be had and ports that cannot, with real sockets: what is said of each, and that to
 * look does not disturb who is there. */

#include <gio/gio.h>
#include <gio/gunixfdmessage.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rd-check-holders.h"
#include "rd-check-ports.h"
#include "rd-socket.h"

#define STRV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define CROWD     400

/* Returns: (transfer full): a socket that listens on @ip and a free port, which is put into @port.
 */
static GSocket *
listen_on (const char *ip, gboolean reuse_port, guint *port)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (ip, 0);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GError) error = NULL;
  GSocket *socket = rd_socket_bind (address, reuse_port, &error);

  g_assert_no_error (error);
  g_socket_set_blocking (socket, TRUE);
  g_socket_set_listen_backlog (socket, CROWD);
  g_assert_true (g_socket_listen (socket, &error));
  bound = g_socket_get_local_address (socket, &error);
  *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  return socket;
}

/* Returns: a port that was free just now. */
static guint
find_free_port (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", FALSE, &port);

  return port;
}

/* Asserts that of @ports exactly this is found: @text of @kind; NULL: nothing. */
static void
assert_found (const RdCheckPort *ports,
              gsize n_ports,
              int service_pid,
              RdCheckKind kind,
              const char *text)
{
  g_autoptr (RdCheckFindings) findings = rd_check_findings_new ();

  rd_check_ports (findings, ports, n_ports, service_pid);
  for (RdCheckKind other = RD_CHECK_BITES; other < RD_CHECK_N_KINDS; other++)
    {
      const GPtrArray *texts = rd_check_findings_get (findings, other);
      const char *first = texts->len > 0 ? texts->pdata[0] : NULL;

      g_assert_cmpstr (first, ==, other == kind ? text : NULL);
      g_assert_cmpuint (texts->len, <=, 1);
    }
}

static void
assert_port (const char *const *addresses, guint port, gboolean reuse_port, const char *text)
{
  const RdCheckPort checked = { "port", "address", addresses, port, reuse_port };

  assert_found (&checked, 1, 0, RD_CHECK_BITES, text);
}

static char *
dup_taken (const char *ip, guint port)
{
  g_autofree char *self = rd_check_holders_dup_name (getpid ());

  return g_strdup_printf ("%s:%u is taken by %s (process %d), so the service could not start; end "
                          "that or give another port",
                          ip, port, self, getpid ());
}

static void
free_ports_are_fine (void)
{
  const guint port = find_free_port ();

  assert_port (STRV ("localhost"), port, FALSE, NULL);
  assert_port (STRV ("localhost"), 0, FALSE, NULL);
  assert_port (STRV ("127.0.0.1", "127.0.0.2", "127.0.0.1"), port, FALSE, NULL);
}

static void
who_holds_a_port_is_named (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", FALSE, &port);
  g_autofree char *taken = dup_taken ("127.0.0.1", port);
  g_autofree char *all_taken = dup_taken ("0.0.0.0", port);

  assert_port (STRV ("127.0.0.1"), port, FALSE, taken);
  assert_port (STRV ("127.0.0.1"), port, TRUE, taken);
  assert_port (STRV ("0.0.0.0"), port, FALSE, all_taken);
  assert_port (STRV ("127.0.0.2"), port, FALSE, NULL);
}

static void
who_holds_a_port_on_all_addresses_is_named (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("0.0.0.0", FALSE, &port);
  g_autofree char *taken = dup_taken ("127.0.0.1", port);

  assert_port (STRV ("127.0.0.1"), port, FALSE, taken);
}

/* IPv6's wildcard takes in IPv4, where nobody says otherwise. */
static void
who_holds_a_port_of_both_families_is_named (void)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("::", 0);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV6, G_SOCKET_TYPE_STREAM,
                                             G_SOCKET_PROTOCOL_TCP, &error);
  g_autofree char *taken = NULL;
  guint port;

  g_assert_no_error (error);
  g_assert_true (g_socket_bind (socket, any, TRUE, &error));
  g_assert_true (g_socket_listen (socket, &error));
  bound = g_socket_get_local_address (socket, &error);
  port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  taken = dup_taken ("127.0.0.1", port);

  assert_port (STRV ("127.0.0.1"), port, FALSE, taken);
}

static void
the_service_itself_does_no_harm (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", FALSE, &port);
  const RdCheckPort checked = { "port", "address", STRV ("127.0.0.1", "127.0.0.1"), port, FALSE };
  g_autofree char *taken = dup_taken ("127.0.0.1", port);
  g_autofree char *own = g_strdup_printf (
    "port %u is taken, but by the service itself, which runs already (process %d)", port,
    getpid ());

  assert_found (&checked, 1, getpid (), RD_CHECK_NOTE, own);
  assert_found (&checked, 1, getppid (), RD_CHECK_BITES, taken);
}

/* A socket on its way between processes is open in none of them. */
static void
who_cannot_be_seen_may_be_the_service (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", FALSE, &port);
  const RdCheckPort checked = { "port", "address", STRV ("127.0.0.1"), port, FALSE };
  g_autoptr (GSocketControlMessage) passed = g_unix_fd_message_new ();
  GOutputVector byte = { "", 1 };
  g_autoptr (GSocket) way = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *taken = g_strdup_printf (
    "127.0.0.1:%u is taken, so the service could not start; end what holds it (ss -ltnp shows "
    "that) or give another port",
    port);
  g_autofree char *unseen = g_strdup_printf (
    "whether 127.0.0.1:%u is taken by the service itself, which runs already (process %d): only "
    "its user and root can see that",
    port, getpid ());
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds));
  way = g_socket_new_from_fd (fds[0], &error);
  g_assert_no_error (error);
  g_unix_fd_message_append_fd (G_UNIX_FD_MESSAGE (passed), g_socket_get_fd (socket), &error);
  g_socket_send_message (way, NULL, &byte, 1, &passed, 1, 0, NULL, &error);
  g_assert_no_error (error);
  g_clear_object (&passed);
  g_socket_close (socket, &error);

  assert_found (&checked, 1, 0, RD_CHECK_BITES, taken);
  assert_found (&checked, 1, getpid (), RD_CHECK_UNCHECKED, unseen);
  close (fds[1]);
}

static void
a_shared_port_is_fine (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", TRUE, &port);
  g_autofree char *taken = dup_taken ("127.0.0.1", port);

  assert_port (STRV ("127.0.0.1"), port, TRUE, NULL);
  assert_port (STRV ("127.0.0.1"), port, FALSE, taken);
}

typedef struct
{
  guint port;
  GPtrArray *connections; /* GSocketConnection, owned */
  int is_done;
} Crowd;

static gpointer
connect_all (gpointer data)
{
  Crowd *crowd = data;
  g_autoptr (GSocketClient) client = g_socket_client_new ();

  while (crowd->connections->len < CROWD)
    {
      g_autoptr (GError) error = NULL;
      GSocketConnection *connection = g_socket_client_connect_to_host (client, "127.0.0.1",
                                                                       crowd->port, NULL, &error);

      g_assert_no_error (error);
      g_ptr_array_add (crowd->connections, connection);
    }
  g_atomic_int_set (&crowd->is_done, TRUE);
  return NULL;
}

/* With a port that is shared, whoever listens gets some of the connections. */
static void
nobody_connects_to_the_check (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", TRUE, &port);
  g_autoptr (GPtrArray) connections = g_ptr_array_new_with_free_func (g_object_unref);
  Crowd crowd = { .port = port, .connections = connections };
  GThread *thread = g_thread_new ("crowd", connect_all, &crowd);
  guint accepted = 0;

  while (!g_atomic_int_get (&crowd.is_done))
    assert_port (STRV ("127.0.0.1"), port, TRUE, NULL);
  g_thread_join (thread);

  g_socket_set_blocking (socket, FALSE);
  for (;;)
    {
      g_autoptr (GSocket) one = g_socket_accept (socket, NULL, NULL);

      if (one == NULL)
        break;
      accepted++;
    }
  g_assert_cmpuint (accepted, ==, CROWD);
}

static void
what_has_ended_does_no_harm (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", FALSE, &port);
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GSocket) accepted = NULL;
  g_autoptr (GError) error = NULL;

  connection = g_socket_client_connect_to_host (client, "127.0.0.1", port, NULL, &error);
  g_assert_no_error (error);
  accepted = g_socket_accept (socket, NULL, &error);
  g_assert_true (g_socket_close (accepted, &error)); /* first: its side waits in TIME_WAIT */
  g_assert_true (g_io_stream_close (G_IO_STREAM (connection), NULL, &error));
  g_assert_true (g_socket_close (socket, &error));

  assert_port (STRV ("127.0.0.1"), port, FALSE, NULL);
}

static void
addresses_that_are_not_there_are_named (void)
{
  const guint port = find_free_port ();
  g_autofree char *foreign = g_strdup_printf (
    "192.0.2.1:%u cannot be listened on, so the service could not start: Cannot assign requested "
    "address; give another address",
    port);

  assert_port (STRV ("192.0.2.1"), port, FALSE, foreign);
  assert_port (STRV ("no.such.host.invalid"), port, FALSE,
               "no.such.host.invalid cannot be listened on, so the service could not start: Error "
               "resolving “no.such.host.invalid”: Name or service not known; give another address");
}

static void
ports_that_exclude_each_other_are_named (void)
{
  const guint port = find_free_port ();
  const struct
  {
    const char *one, *other;
    gboolean reuse_port;
    gboolean bites;
  } cases[] = {
    { "127.0.0.1", "127.0.0.1", FALSE, TRUE },  { "127.0.0.1", "127.0.0.1", TRUE, TRUE },
    { "0.0.0.0", "127.0.0.1", FALSE, TRUE },    { "127.0.0.1", "0.0.0.0", FALSE, TRUE },
    { "127.0.0.1", "127.0.0.2", FALSE, FALSE }, { "127.0.0.1", "::1", FALSE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const RdCheckPort ports[] = {
        { "port", "address", STRV (cases[i].one), port, cases[i].reuse_port },
        { "admin-port", "admin-address", STRV (cases[i].other), port, FALSE },
      };
      g_autofree char *text = g_strdup_printf (
        "address (%s:%u) and admin-address (%s:%u) exclude each other, so the service could not "
        "start; leave out one, or give it another port",
        cases[i].one, port, cases[i].other, port);

      assert_found (ports, 2, 0, RD_CHECK_BITES, cases[i].bites ? text : NULL);
    }
}

static void
an_address_within_another_is_named (void)
{
  const guint port = find_free_port ();
  g_autofree char *text = g_strdup_printf (
    "address (0.0.0.0:%u) and address (127.0.0.1:%u) exclude each other, so the service could not "
    "start; leave out one, or give it another port",
    port, port);

  assert_port (STRV ("0.0.0.0", "127.0.0.1"), port, FALSE, text);
  assert_port (STRV ("0.0.0.0", "127.0.0.1"), port, TRUE, NULL);
  assert_port (STRV ("127.0.0.2", "127.0.0.1"), 0, FALSE, NULL);
  assert_port (STRV ("0.0.0.0", "127.0.0.1"), 0, TRUE, NULL);
  assert_port (STRV ("0.0.0.0", "127.0.0.1"), 0, FALSE,
               "address (0.0.0.0) and address (127.0.0.1) exclude each other, so the service "
               "could not start; leave out one, or give it another port");
}

static void
open_addresses_are_found (void)
{
  const struct
  {
    const char *const *addresses;
    const char *open;
  } cases[] = {
    { STRV ("localhost", "127.0.0.1", "127.1.2.3", "::1"), NULL },
    { STRV ("no.such.host.invalid"), NULL },
    { STRV ("localhost", "0.0.0.0", "192.0.2.1"), "0.0.0.0, 192.0.2.1" },
    { STRV ("::"), "::" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *open = rd_check_ports_dup_open (cases[i].addresses);

      g_assert_cmpstr (open, ==, cases[i].open);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/check-ports/free", free_ports_are_fine);
  g_test_add_func ("/check-ports/taken", who_holds_a_port_is_named);
  g_test_add_func ("/check-ports/taken/all", who_holds_a_port_on_all_addresses_is_named);
  g_test_add_func ("/check-ports/taken/families", who_holds_a_port_of_both_families_is_named);
  g_test_add_func ("/check-ports/taken/service", the_service_itself_does_no_harm);
  g_test_add_func ("/check-ports/taken/unseen", who_cannot_be_seen_may_be_the_service);
  g_test_add_func ("/check-ports/shared", a_shared_port_is_fine);
  g_test_add_func ("/check-ports/shared/undisturbed", nobody_connects_to_the_check);
  g_test_add_func ("/check-ports/ended", what_has_ended_does_no_harm);
  g_test_add_func ("/check-ports/foreign", addresses_that_are_not_there_are_named);
  g_test_add_func ("/check-ports/exclude/admin", ports_that_exclude_each_other_are_named);
  g_test_add_func ("/check-ports/exclude/address", an_address_within_another_is_named);
  g_test_add_func ("/check-ports/open", open_addresses_are_found);

  return g_test_run ();
}
