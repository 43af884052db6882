/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The check of ports, with real sockets: free, used, conflicting and exposed ports. The check must
 * not disturb a running service. */

#include <gio/gio.h>

#include "rd-check-ports.h"
#include "rd-socket.h"

#define STRV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define N_CLIENTS 400

/* Returns: (transfer full): a socket that listens on @ip and a free port. @port: (out). */
static GSocket *
listen_on (const char *ip, gboolean reuse_port, guint *port)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (ip, 0);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GError) error = NULL;
  GSocket *socket = rd_socket_bind (address, reuse_port, &error);

  g_assert_no_error (error);
  g_socket_set_blocking (socket, TRUE);
  g_socket_set_listen_backlog (socket, N_CLIENTS);
  g_assert_true (g_socket_listen (socket, &error));
  bound = g_socket_get_local_address (socket, &error);
  *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  return socket;
}

/* Returns: a port that was free a moment ago. */
static guint
find_free_port (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", FALSE, &port);

  return port;
}

#define EXPOSURE "read"
#define PORT(names, number, reuse)                                                         \
  {                                                                                        \
    .option = "port", .address_option = "address", .addresses = (names), .port = (number), \
    .reuse_port = (reuse), .exposure = EXPOSURE                                            \
  }

static gboolean
is_exposure (const char *text)
{
  return strstr (text, ": other machines can connect, and ") != NULL;
}

/* Asserts that the only result of the check of @ports, apart from exposed addresses, is @text of
 * @kind; NULL: no result. */
static void
assert_result (const RdCheckPort *ports, gsize n_ports, RdCheckKind kind, const char *text)
{
  g_autoptr (RdCheckReport) report = rd_check_report_new ();
  const char *found[RD_CHECK_N_KINDS] = { NULL };

  rd_check_ports (report, ports, n_ports);
  for (int i = 0; i < RD_CHECK_N_KINDS; i++)
    {
      const GPtrArray *texts = report->texts[i];

      for (guint j = 0; j < texts->len; j++)
        if (!is_exposure (texts->pdata[j]))
          {
            g_assert_null (found[i]);
            found[i] = texts->pdata[j];
          }
      g_assert_cmpstr (found[i], ==, i == (int) kind ? text : NULL);
    }
}

static void
assert_port (const char *const *addresses, guint port, gboolean reuse_port, const char *text)
{
  const RdCheckPort checked = PORT (addresses, port, reuse_port);

  assert_result (&checked, 1, RD_CHECK_PROBLEM, text);
}

static char *
dup_in_use (const char *ip, guint port)
{
  return g_strdup_printf ("%s:%u is in use: the service cannot start. Find the process with ss "
                          "-ltnp 'sport = :%u' and stop it, or change port",
                          ip, port, port);
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
a_used_port_is_a_problem (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", FALSE, &port);
  g_autofree char *taken = dup_in_use ("127.0.0.1", port);
  g_autofree char *all_taken = dup_in_use ("0.0.0.0", port);

  assert_port (STRV ("127.0.0.1"), port, FALSE, taken);
  assert_port (STRV ("127.0.0.1"), port, TRUE, taken);
  assert_port (STRV ("0.0.0.0"), port, FALSE, all_taken);
  assert_port (STRV ("127.0.0.2"), port, FALSE, NULL);
}

static void
a_port_used_on_all_addresses_is_a_problem (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("0.0.0.0", FALSE, &port);
  g_autofree char *taken = dup_in_use ("127.0.0.1", port);

  assert_port (STRV ("127.0.0.1"), port, FALSE, taken);
}

/* Without IPV6_V6ONLY, a socket on [::] also listens on all IPv4 addresses. */
static void
a_port_used_by_both_families_is_a_problem (void)
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
  taken = dup_in_use ("127.0.0.1", port);

  assert_port (STRV ("127.0.0.1"), port, FALSE, taken);
}

static void
assert_service_port (guint port,
                     int service_pid,
                     const char *url,
                     RdCheckKind kind,
                     const char *text)
{
  const char *const urls[] = { "ws://[::1]:1/ws", url, NULL };
  const RdCheckPort checked = { .option = "port",
                                .address_option = "address",
                                .addresses = STRV ("127.0.0.1", "127.0.0.1"),
                                .port = port,
                                .service_pid = service_pid,
                                .service_urls = url != NULL ? urls : NULL };

  assert_result (&checked, 1, kind, text);
}

static void
a_port_used_by_the_running_instance_is_a_note (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", FALSE, &port);
  g_autofree char *url = g_strdup_printf ("ws://127.0.0.1:%u/ws", port);
  g_autofree char *any_url = g_strdup_printf ("ws://0.0.0.0:%u/ws", port);
  g_autofree char *other_url = g_strdup_printf ("ws://127.0.0.2:%u/ws", port);
  g_autofree char *other_family = g_strdup_printf ("ws://[::]:%u/ws", port);
  g_autofree char *other_port = g_strdup_printf ("ws://127.0.0.1:%u/ws", port ^ 1);
  g_autofree char *in_use = dup_in_use ("127.0.0.1", port);
  g_autofree char *own = g_strdup_printf (
    "port %u is in use by the running instance of this service (process 17)", port);

  assert_service_port (port, 17, url, RD_CHECK_NOTE, own);
  assert_service_port (port, 17, any_url, RD_CHECK_NOTE, own);
  assert_service_port (port, 17, other_url, RD_CHECK_PROBLEM, in_use);
  assert_service_port (port, 17, other_family, RD_CHECK_PROBLEM, in_use);
  assert_service_port (port, 17, other_port, RD_CHECK_PROBLEM, in_use);
  assert_service_port (port, 17, "nonsense", RD_CHECK_PROBLEM, in_use);
  assert_service_port (port, 0, url, RD_CHECK_PROBLEM, in_use);
}

static void
a_used_port_is_not_checked_if_the_addresses_of_the_running_instance_are_unknown (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", FALSE, &port);
  g_autofree char *unknown = g_strdup_printf (
    "whether port %u is in use by the running instance of this service (process 17): find the "
    "process with ss -ltnp 'sport = :%u'",
    port, port);

  assert_service_port (port, 17, NULL, RD_CHECK_UNCHECKED, unknown);
}

static void
a_shared_port_is_fine (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", TRUE, &port);
  g_autofree char *taken = dup_in_use ("127.0.0.1", port);

  assert_port (STRV ("127.0.0.1"), port, TRUE, NULL);
  assert_port (STRV ("127.0.0.1"), port, FALSE, taken);
}

typedef struct
{
  guint port;
  GPtrArray *connections; /* GSocketConnection, owned */
  int is_done;
} Clients;

static gpointer
connect_all (gpointer data)
{
  Clients *clients = data;
  g_autoptr (GSocketClient) client = g_socket_client_new ();

  while (clients->connections->len < N_CLIENTS)
    {
      g_autoptr (GError) error = NULL;
      GSocketConnection *connection = g_socket_client_connect_to_host (client, "127.0.0.1",
                                                                       clients->port, NULL, &error);

      g_assert_no_error (error);
      g_ptr_array_add (clients->connections, connection);
    }
  g_atomic_int_set (&clients->is_done, TRUE);
  return NULL;
}

/* The kernel distributes connections among all sockets that listen on a shared port. */
static void
clients_do_not_connect_to_the_check (void)
{
  guint port;
  g_autoptr (GSocket) socket = listen_on ("127.0.0.1", TRUE, &port);
  g_autoptr (GPtrArray) connections = g_ptr_array_new_with_free_func (g_object_unref);
  Clients clients = { .port = port, .connections = connections };
  GThread *thread = g_thread_new ("clients", connect_all, &clients);
  guint accepted = 0;

  while (!g_atomic_int_get (&clients.is_done))
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
  g_assert_cmpuint (accepted, ==, N_CLIENTS);
}

static void
a_port_in_time_wait_is_free (void)
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
  g_assert_true (g_socket_close (accepted, &error)); /* first, so that this side enters TIME_WAIT */
  g_assert_true (g_io_stream_close (G_IO_STREAM (connection), NULL, &error));
  g_assert_true (g_socket_close (socket, &error));

  assert_port (STRV ("127.0.0.1"), port, FALSE, NULL);
}

static void
addresses_of_other_machines_are_a_problem (void)
{
  const guint port = find_free_port ();
  g_autofree char *foreign = g_strdup_printf (
    "cannot listen on 192.0.2.1:%u: Cannot assign requested address. The service cannot start; "
    "change address",
    port);

  assert_port (STRV ("192.0.2.1"), port, FALSE, foreign);
  assert_port (
    STRV ("no.such.host.invalid"), port, FALSE,
    "cannot listen on no.such.host.invalid: Error resolving “no.such.host.invalid”: Name or "
    "service not known. The service cannot start; change address");
}

static void
conflicting_ports_are_a_problem (void)
{
  const guint port = find_free_port ();
  const struct
  {
    const char *one, *other;
    gboolean reuse_port;
    gboolean is_problem;
  } cases[] = {
    { "127.0.0.1", "127.0.0.1", FALSE, TRUE },  { "127.0.0.1", "127.0.0.1", TRUE, TRUE },
    { "0.0.0.0", "127.0.0.1", FALSE, TRUE },    { "127.0.0.1", "0.0.0.0", FALSE, TRUE },
    { "127.0.0.1", "127.0.0.2", FALSE, FALSE }, { "127.0.0.1", "::1", FALSE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const RdCheckPort ports[] = {
        PORT (STRV (cases[i].one), port, cases[i].reuse_port),
        { .option = "admin-port",
          .address_option = "admin-address",
          .addresses = STRV (cases[i].other),
          .port = port,
          .exposure = EXPOSURE },
      };
      g_autofree char *text = g_strdup_printf (
        "address (%s:%u) and admin-address (%s:%u) conflict: the service cannot start. "
        "Remove one, or change its port",
        cases[i].one, port, cases[i].other, port);

      assert_result (ports, 2, RD_CHECK_PROBLEM, cases[i].is_problem ? text : NULL);
    }
}

static void
overlapping_addresses_are_a_problem (void)
{
  const guint port = find_free_port ();
  g_autofree char *text = g_strdup_printf (
    "address (0.0.0.0:%u) and address (127.0.0.1:%u) conflict: the service cannot start. Remove "
    "one, or change its port",
    port, port);

  assert_port (STRV ("0.0.0.0", "127.0.0.1"), port, FALSE, text);
  assert_port (STRV ("0.0.0.0", "127.0.0.1"), port, TRUE, NULL);
  assert_port (STRV ("127.0.0.2", "127.0.0.1"), 0, FALSE, NULL);
  assert_port (STRV ("0.0.0.0", "127.0.0.1"), 0, TRUE, NULL);
  assert_port (STRV ("0.0.0.0", "127.0.0.1"), 0, FALSE,
               "address (0.0.0.0) and address (127.0.0.1) conflict: the service cannot "
               "start. Remove one, or change its port");
}

static void
exposed_addresses_are_a_problem (void)
{
  const struct
  {
    const char *const *addresses;
    const char *exposed;
  } cases[] = {
    { STRV ("localhost", "127.0.0.1", "127.1.2.3", "::1"), NULL },
    { STRV ("no.such.host.invalid"), NULL },
    { STRV ("localhost", "0.0.0.0", "192.0.2.1"), "0.0.0.0, 192.0.2.1" },
    { STRV ("::"), "::" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const RdCheckPort checked = PORT (cases[i].addresses, 0, FALSE);
      g_autoptr (RdCheckReport) report = rd_check_report_new ();
      const GPtrArray *problems = report->texts[RD_CHECK_PROBLEM];
      g_autofree char *expected = g_strdup_printf (
        "address (%s): other machines can connect, and read. Listen on loopback, behind a proxy "
        "with TLS and authentication",
        cases[i].exposed);
      const char *found = NULL;

      rd_check_ports (report, &checked, 1);
      if (problems->len > 0 && is_exposure (problems->pdata[0]))
        found = problems->pdata[0];
      g_assert_cmpstr (found, ==, cases[i].exposed != NULL ? expected : NULL);
    }
}

/* A resolver whose name server never responds. */
typedef GResolver SilentResolver;
typedef GResolverClass SilentResolverClass;

static GType silent_resolver_get_type (void);
G_DEFINE_TYPE (SilentResolver, silent_resolver, G_TYPE_RESOLVER)

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_task_return_error_if_cancelled (user_data);
}

static void
silent_lookup_async (GResolver *resolver,
                     const char *name,
                     GCancellable *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer user_data)
{
  GTask *task = g_task_new (resolver, cancellable, callback, user_data);

  g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), task, g_object_unref);
}

static GList *
silent_lookup_finish (GResolver *resolver, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
silent_resolver_class_init (SilentResolverClass *class)
{
  class->lookup_by_name_async = silent_lookup_async;
  class->lookup_by_name_finish = silent_lookup_finish;
}

static void
silent_resolver_init (SilentResolver *self)
{
}

/* The time limit applies to all names together. */
static void
a_silent_name_server_times_out (void)
{
  const gint64 begin_us = g_get_monotonic_time ();
  const RdCheckPort checked = PORT (STRV ("a.example", "b.example", "c.example", "127.0.0.1"), 0,
                                    FALSE);
  g_autoptr (GResolver) resolver = g_object_new (silent_resolver_get_type (), NULL);
  g_autoptr (GResolver) before = g_resolver_get_default ();
  g_autoptr (RdCheckReport) report = rd_check_report_new ();
  const GPtrArray *unchecked = report->texts[RD_CHECK_UNCHECKED];

  g_resolver_set_default (resolver);
  rd_check_ports (report, &checked, 1);
  g_resolver_set_default (before);

  g_assert_cmpint (g_get_monotonic_time () - begin_us, <, 5 * G_TIME_SPAN_SECOND);
  g_assert_cmpuint (report->texts[RD_CHECK_PROBLEM]->len, ==, 0);
  g_assert_cmpuint (unchecked->len, ==, 3);
  g_assert_cmpstr (unchecked->pdata[0], ==,
                   "whether the service can listen on a.example: no answer from the name server "
                   "within 2 s");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/check-ports/free", free_ports_are_fine);
  g_test_add_func ("/check-ports/in-use", a_used_port_is_a_problem);
  g_test_add_func ("/check-ports/in-use/all", a_port_used_on_all_addresses_is_a_problem);
  g_test_add_func ("/check-ports/in-use/families", a_port_used_by_both_families_is_a_problem);
  g_test_add_func ("/check-ports/in-use/service", a_port_used_by_the_running_instance_is_a_note);
  g_test_add_func ("/check-ports/in-use/unknown",
                   a_used_port_is_not_checked_if_the_addresses_of_the_running_instance_are_unknown);
  g_test_add_func ("/check-ports/shared", a_shared_port_is_fine);
  g_test_add_func ("/check-ports/shared/undisturbed", clients_do_not_connect_to_the_check);
  g_test_add_func ("/check-ports/time-wait", a_port_in_time_wait_is_free);
  g_test_add_func ("/check-ports/foreign", addresses_of_other_machines_are_a_problem);
  g_test_add_func ("/check-ports/conflict/admin", conflicting_ports_are_a_problem);
  g_test_add_func ("/check-ports/conflict/address", overlapping_addresses_are_a_problem);
  g_test_add_func ("/check-ports/exposed", exposed_addresses_are_a_problem);
  g_test_add_func ("/check-ports/silent", a_silent_name_server_times_out);

  return g_test_run ();
}
