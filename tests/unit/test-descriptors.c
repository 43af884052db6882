/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Descriptors passed by the service manager: valid ones are used, others are refused. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "descriptors.h"
#include "rd-descriptors.h"
#include "rd-sockets.h"

#define CHANNEL RD_INHERITED_CHANNEL
#define FIRST   100 /* first passed descriptor, greater than all descriptors that the test opens */

/* Makes @fd (transfer full) the passed descriptor with the number FIRST + @index. */
static void
pass_descriptor (guint index, int fd)
{
  g_assert_no_errno (fd);
  g_assert_cmpint (fd, <, FIRST);
  g_assert_no_errno (dup2 (fd, FIRST + index));
  close (fd);
}

static int
bind_socket (int family, int type)
{
  const struct sockaddr_in in4 = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  const struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
  const struct sockaddr *address = family == AF_INET ? (const struct sockaddr *) &in4
                                                     : (const struct sockaddr *) &in6;
  const int fd = socket (family, type, 0);

  g_assert_no_errno (fd);
  g_assert_no_errno (bind (fd, address, family == AF_INET ? sizeof in4 : sizeof in6));
  return fd;
}

static int
make_listener (int family)
{
  const int fd = bind_socket (family, SOCK_STREAM);

  g_assert_no_errno (listen (fd, 8));
  return fd;
}

static int
make_unix_listener (void)
{
  const struct sockaddr anywhere = { .sa_family = AF_UNIX }; /* unix(7), "Autobind feature" */
  const int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  g_assert_no_errno (bind (fd, &anywhere, sizeof anywhere.sa_family));
  g_assert_no_errno (listen (fd, 8));
  return fd;
}

static int
make_connection (void)
{
  const int listener = make_listener (AF_INET);
  const int fd = socket (AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address;
  socklen_t size = sizeof address;

  g_assert_no_errno (getsockname (listener, (struct sockaddr *) &address, &size));
  g_assert_no_errno (connect (fd, (const struct sockaddr *) &address, size));
  close (listener);
  return fd;
}

/* @pid, @fds, @names: values of the variables; NULL: not set. */
static RdInherited *
inherit (const char *pid, const char *fds, const char *names, GError **error)
{
  g_auto (GStrv) environment = g_new0 (char *, 1);

  if (pid != NULL)
    environment = g_environ_setenv (environment, "LISTEN_PID", pid, TRUE);
  if (fds != NULL)
    environment = g_environ_setenv (environment, "LISTEN_FDS", fds, TRUE);
  if (names != NULL)
    environment = g_environ_setenv (environment, "LISTEN_FDNAMES", names, TRUE);
  return rd_inherited_new (environment, FIRST, error);
}

static RdInherited *
inherit_own (const char *fds, const char *names, GError **error)
{
  g_autofree char *pid = g_strdup_printf ("%d", (int) getpid ());

  return inherit (pid, fds, names, error);
}

/* Asserts that @inherited has @n_clients and @n_admin sockets, and frees it. */
static void
expect_sockets (RdInherited *inherited, guint n_clients, guint n_admin)
{
  g_assert_nonnull (inherited);
  g_assert_cmpuint (inherited->clients->len, ==, n_clients);
  g_assert_cmpuint (inherited->admin->len, ==, n_admin);
  rd_inherited_free (inherited);
}

/* Asserts that the error is one line that contains @part. */
static void
expect_refusal (const char *fds, const char *names, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (inherit_own (fds, names, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  if (strstr (error->message, part) == NULL)
    g_error ("“%s” is not in “%s”", part, error->message);
  g_assert_null (strpbrk (error->message, "\n\x1b"));
}

static void
no_sockets_are_inherited_without_valid_variables (void)
{
  g_autofree char *parent = g_strdup_printf ("%d", (int) getppid ());
  g_autofree char *self = g_strdup_printf ("%d", (int) getpid ());

  expect_sockets (inherit (NULL, NULL, NULL, NULL), 0, 0);
  expect_sockets (inherit (NULL, "1", NULL, NULL), 0, 0);
  expect_sockets (inherit (self, NULL, NULL, NULL), 0, 0);
  expect_sockets (inherit (self, "0", NULL, NULL), 0, 0);
  expect_sockets (inherit (self, "0", "", NULL), 0, 0);
  expect_sockets (inherit (parent, "1", NULL, NULL), 0, 0); /* set for another process: ignored */
  expect_sockets (inherit (parent, "all", "a:b", NULL), 0, 0);
}

static void
sockets_named_admin_are_for_the_admin_port (void)
{
  const struct
  {
    const char *names;
    guint n_clients, n_admin;
  } cases[] = {
    { NULL, 2, 0 },
    { "ringdown.socket:admin", 1, 1 },
    { "admin:clients", 1, 1 },
    { "unknown:anything", 2, 0 },
    { "admin:admin", 0, 2 },
    { ":", 2, 0 },
    { "Admin:administration", 2, 0 },
  };
  const guint before = descriptors_count ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      RdInherited *inherited;

      pass_descriptor (0, make_listener (AF_INET));
      pass_descriptor (1, make_listener (AF_INET6));
      inherited = inherit_own ("2", cases[i].names, &error);
      g_assert_no_error (error);
      expect_sockets (inherited, cases[i].n_clients, cases[i].n_admin);
      g_assert_cmpuint (descriptors_count (), ==, before);
    }
}

static void
passed_descriptors_are_used_and_closed_on_exec (void)
{
  g_autoptr (RdInherited) inherited = NULL;

  pass_descriptor (0, make_listener (AF_INET));
  inherited = inherit_own ("1", NULL, NULL);
  g_assert_nonnull (inherited);
  g_assert_cmpint (g_socket_get_fd (inherited->clients->pdata[0]), ==, FIRST);
  g_assert_cmpint (fcntl (FIRST, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
}

static void
invalid_socket_counts_are_refused (void)
{
  const char *const numbers[]
    = { "65", "99999", "4294967297", "-1", "", "two", "1 ", "0x1", "1.0" };

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    expect_refusal (numbers[i], NULL, "LISTEN_FDS");
  expect_refusal ("\x1b[31m\n", NULL, "LISTEN_FDS");
}

static void
invalid_process_ids_are_refused (void)
{
  const char *const pids[] = { "", "-1", "me", "99999999999" };

  for (gsize i = 0; i < G_N_ELEMENTS (pids); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (inherit (pids[i], "1", NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, "LISTEN_PID"));
    }
}

static void
counts_of_names_and_sockets_must_match (void)
{
  g_autofree char *many = g_strnfill (5000, ':');

  pass_descriptor (0, make_listener (AF_INET));
  expect_refusal ("1", "", "LISTEN_FDNAMES");
  expect_refusal ("1", "a:b", "LISTEN_FDNAMES");
  expect_refusal ("1", many, "LISTEN_FDNAMES");
  expect_refusal ("0", "a", "LISTEN_FDNAMES");
  close (FIRST);
}

static void
anything_but_a_listening_tcp_socket_is_refused (void)
{
  const struct
  {
    int fd;
    const char *advice;
  } cases[] = {
    { open ("/dev/null", O_RDONLY), "is not a socket" },
    { bind_socket (AF_INET, SOCK_DGRAM), "is not a TCP socket" },
    { make_unix_listener (), "is not a TCP socket" },
    { bind_socket (AF_INET, SOCK_STREAM), "does not listen" },
    { make_connection (), "does not listen" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      pass_descriptor (0, make_listener (AF_INET));
      pass_descriptor (1, cases[i].fd);
      expect_refusal ("2", "good:b\x1b[1md", cases[i].advice);
      pass_descriptor (0, make_listener (AF_INET));
      expect_refusal ("2", "good:bad", "101 (“bad”)");
      close (FIRST + 1);
    }
  pass_descriptor (0, make_listener (AF_INET));
  expect_refusal ("2", "good:bad", "101 (“bad”) is not open");
}

static int
make_channel (void)
{
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, fds));
  close (fds[1]);
  return fds[0];
}

static void
hand_over_channels_are_kept_apart_from_sockets (void)
{
  g_autoptr (RdInherited) inherited = NULL;
  g_autoptr (GError) error = NULL;
  const guint before = descriptors_count ();

  pass_descriptor (0, make_channel ());
  pass_descriptor (1, make_listener (AF_INET));
  pass_descriptor (2, make_channel ());
  pass_descriptor (3, make_channel ());
  inherited = inherit_own ("4", CHANNEL ":ringdown.socket:" CHANNEL ":" CHANNEL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (inherited->clients->len, ==, 1);
  g_assert_cmpuint (inherited->admin->len, ==, 0);

  g_assert_cmpint (rd_inherited_steal_channel (inherited), ==, FIRST);
  g_assert_cmpint (fcntl (FIRST, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
  g_assert_cmpint (rd_inherited_steal_channel (inherited), ==, FIRST + 2);
  g_clear_pointer (&inherited, rd_inherited_free); /* closes the third channel */
  close (FIRST);
  close (FIRST + 2);
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
no_channel_is_inherited_without_variables (void)
{
  g_autoptr (RdInherited) inherited = inherit (NULL, NULL, NULL, NULL);

  g_assert_cmpint (rd_inherited_steal_channel (inherited), ==, -1);
}

static void
other_descriptors_named_as_channels_are_refused (void)
{
  const int cases[] = { make_listener (AF_INET), make_unix_listener (),
                        open ("/dev/null", O_RDONLY) };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      pass_descriptor (0, cases[i]);
      expect_refusal ("1", CHANNEL, "100 (“" CHANNEL "”)");
      close (FIRST);
    }
  expect_refusal ("1", CHANNEL, "100 (“" CHANNEL "”)"); /* descriptor 100 is not open */
}

/* Adds a listening socket to @offers. Returns: (transfer none). */
static GSocket *
add_offer (GPtrArray *offers, RdRole role, gboolean is_inherited)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (make_listener (AF_INET), &error);
  RdSocket *offer = rd_socket_new (socket, role, 0, is_inherited, &error);

  g_assert_no_error (error);
  g_ptr_array_add (offers, offer);
  return offer->socket;
}

static void
sockets_of_the_old_worker_are_used_if_none_are_inherited (void)
{
  g_autoptr (RdInherited) inherited = NULL;
  g_autoptr (GPtrArray) offers = rd_sockets_new ();
  GSocket *own = add_offer (offers, RD_ROLE_CLIENTS, FALSE);
  GSocket *admin[2];

  pass_descriptor (0, make_listener (AF_INET));
  inherited = inherit_own ("1", NULL, NULL);
  add_offer (offers, RD_ROLE_CLIENTS, TRUE);
  admin[0] = add_offer (offers, RD_ROLE_ADMIN, TRUE);
  admin[1] = add_offer (offers, RD_ROLE_ADMIN, TRUE);
  rd_inherited_take_over (inherited, offers);

  g_assert_cmpuint (inherited->clients->len, ==, 1);
  g_assert_cmpint (g_socket_get_fd (inherited->clients->pdata[0]), ==, FIRST);
  g_assert_cmpuint (inherited->admin->len, ==, 2);
  g_assert_true (inherited->admin->pdata[0] == admin[0]);
  g_assert_true (inherited->admin->pdata[1] == admin[1]);
  g_assert_cmpuint (offers->len, ==, 1);
  g_assert_true (((RdSocket *) offers->pdata[0])->socket == own);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/inherited/none", no_sockets_are_inherited_without_valid_variables);
  g_test_add_func ("/inherited/names", sockets_named_admin_are_for_the_admin_port);
  g_test_add_func ("/inherited/descriptors", passed_descriptors_are_used_and_closed_on_exec);
  g_test_add_func ("/inherited/numbers", invalid_socket_counts_are_refused);
  g_test_add_func ("/inherited/pid", invalid_process_ids_are_refused);
  g_test_add_func ("/inherited/names/count", counts_of_names_and_sockets_must_match);
  g_test_add_func ("/inherited/refused", anything_but_a_listening_tcp_socket_is_refused);
  g_test_add_func ("/inherited/channels", hand_over_channels_are_kept_apart_from_sockets);
  g_test_add_func ("/inherited/channels/none", no_channel_is_inherited_without_variables);
  g_test_add_func ("/inherited/channels/refused", other_descriptors_named_as_channels_are_refused);
  g_test_add_func ("/inherited/offers", sockets_of_the_old_worker_are_used_if_none_are_inherited);

  return g_test_run ();
}
