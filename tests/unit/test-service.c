/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The D-Bus object: hand-overs, subscribers, idling. tests/integration tests the other methods. */

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core-fixture.h"
#include "descriptors.h"
#include "rd-error.h"
#include "rd-bus.h"
#include "rd-message-bus.h"
#include "rd-service.h"

#define INTERFACE  "org.ringdown.Server1"
#define PROPERTIES "org.freedesktop.DBus.Properties"

typedef struct
{
  GSubprocess *daemon;
  char *address;                /* of the message bus */
  GDBusConnection *service_bus; /* connection of the service */
  GDBusConnection *caller_bus;  /* connection of the caller */
  CoreFixture core;
  RdDrain *drain;
  RdBus *bus;
  RdNodes *nodes;
  RdService *service;
  GString *signals; /* received signals: "ClientConnected (uint64 1, 'unknown');" */

  /* Of the last method call. */
  GDBusMethodInvocation *invocation; /* unowned; the test replies to it */
  int fd;                            /* owned: received by the handler; -1: none */
  GVariant *reply;                   /* owned, nullable */
  GError *error;                     /* owned, nullable */
} Fixture;

static void
exit_with_parent (gpointer user_data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

/* Starts a message bus. GTestDBus would leave its daemon running after a failed test. */
static void
start_bus (Fixture *fixture)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
    G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autofree char *address = g_strdup_printf ("--address=unix:abstract=test-service-%d", getpid ());
  g_autoptr (GDataInputStream) output = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_launcher_set_child_setup (launcher, exit_with_parent, NULL, NULL);
  fixture->daemon = g_subprocess_launcher_spawn (launcher, &error, "dbus-daemon", "--session",
                                                 "--nofork", "--print-address", address, NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (fixture->daemon));
  fixture->address = g_data_input_stream_read_line_utf8 (output, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
stop_bus (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  g_subprocess_force_exit (fixture->daemon);
  g_assert_true (g_subprocess_wait (fixture->daemon, NULL, &error));
  g_object_unref (fixture->daemon);
  g_free (fixture->address);
}

static GDBusConnection *
connect_to (const char *address)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_sync (
    address,
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
    NULL, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

static void
on_signal (GDBusConnection *connection,
           const char *sender,
           const char *path,
           const char *interface,
           const char *name,
           GVariant *arguments,
           gpointer user_data)
{
  Fixture *fixture = user_data;
  g_autofree char *text = g_variant_print (arguments, TRUE);

  g_string_append_printf (fixture->signals, "%s %s;", name, text);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  const RdDrainOptions options = { .timeout_us = G_USEC_PER_SEC, .interval_us = G_USEC_PER_SEC };
  g_autoptr (GError) error = NULL;

  start_bus (fixture);
  fixture->service_bus = connect_to (fixture->address);
  fixture->caller_bus = connect_to (fixture->address);
  fixture->signals = g_string_new (NULL);
  g_dbus_connection_signal_subscribe (
    fixture->caller_bus, g_dbus_connection_get_unique_name (fixture->service_bus), INTERFACE, NULL,
    RD_OBJECT_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_signal, fixture, NULL);

  core_fixture_set_up (&fixture->core, NULL);
  fixture->drain = rd_drain_new (fixture->core.manager, &options);
  fixture->bus = rd_bus_new ();
  fixture->nodes = rd_nodes_new (fixture->core.manager, fixture->drain, "1234", NULL);
  fixture->service = rd_service_new (fixture->core.manager, fixture->drain, fixture->bus,
                                     fixture->nodes, NULL);
  fixture->fd = -1;
  g_assert_true (g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (fixture->service),
                                                   fixture->service_bus, RD_OBJECT_PATH, &error));
}

static void
clear_call (Fixture *fixture)
{
  g_clear_error (&fixture->error);
  g_clear_pointer (&fixture->reply, g_variant_unref);
  if (fixture->fd >= 0)
    g_assert_no_errno (close (fixture->fd));
  fixture->fd = -1;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  RdService *service = fixture->service;

  clear_call (fixture);
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (service));
  g_object_add_weak_pointer (G_OBJECT (service), (gpointer *) &fixture->service);
  g_object_unref (service);
  CROWD_WAIT_FOR (fixture->core.crowd,
                  fixture->service == NULL); /* GDBus drops its reference later */
  g_assert_finalize_object (fixture->nodes);
  g_assert_finalize_object (fixture->bus);
  g_assert_finalize_object (fixture->drain);
  core_fixture_tear_down (&fixture->core, NULL);
  g_string_free (fixture->signals, TRUE);
  g_object_unref (fixture->service_bus);
  g_object_unref (fixture->caller_bus);
  stop_bus (fixture);
}

static void
on_reply (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->reply = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source),
                                                                    NULL, result, &fixture->error);
}

/* Starts a method call. @arguments: (transfer floating) (nullable). @list: (nullable). */
static void
call (Fixture *fixture,
      const char *interface,
      const char *method,
      GVariant *arguments,
      GUnixFDList *list)
{
  clear_call (fixture);
  g_dbus_connection_call_with_unix_fd_list (
    fixture->caller_bus, g_dbus_connection_get_unique_name (fixture->service_bus), RD_OBJECT_PATH,
    interface, method, arguments, NULL, G_DBUS_CALL_FLAGS_NONE, -1, list, NULL, on_reply, fixture);
}

static gboolean
has_reply (Fixture *fixture)
{
  return fixture->reply != NULL || fixture->error != NULL;
}

/* @text: the expected reply, in GVariant text format. */
static void
expect_reply (Fixture *fixture, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) expected = g_variant_parse (NULL, text, NULL, NULL, &error);

  g_assert_no_error (error);
  CROWD_WAIT_FOR (fixture->core.crowd, has_reply (fixture));
  g_assert_no_error (fixture->error);
  g_assert_cmpvariant (fixture->reply, expected);
}

static void
expect_error (Fixture *fixture, int code)
{
  CROWD_WAIT_FOR (fixture->core.crowd, has_reply (fixture));
  g_assert_error (fixture->error, RD_ERROR, code);
}

static void
on_upgrade (Fixture *fixture, GDBusMethodInvocation *invocation)
{
  fixture->invocation = invocation;
}

static void
on_hand_over (Fixture *fixture, int fd, GDBusMethodInvocation *invocation)
{
  fixture->invocation = invocation;
  fixture->fd = fd;
}

static void
connect_handlers (Fixture *fixture)
{
  g_signal_connect_swapped (fixture->service, "upgrade", G_CALLBACK (on_upgrade), fixture);
  g_signal_connect_swapped (fixture->service, "hand-over", G_CALLBACK (on_hand_over), fixture);
}

/* Calls HandOver with @handle. @end: (transfer full): the only descriptor to send; -1: none. */
static void
call_hand_over (Fixture *fixture, int handle, int end)
{
  g_autoptr (GUnixFDList) list = end >= 0 ? g_unix_fd_list_new_from_array (&end, 1) : NULL;

  call (fixture, INTERFACE, "HandOver", g_variant_new ("(h)", handle), list);
}

static void
hand_overs_fail_without_a_handler (Fixture *fixture, gconstpointer data)
{
  int ends[2];

  call (fixture, INTERFACE, "Upgrade", NULL, NULL);
  expect_error (fixture, RD_ERROR_HANDOVER_FAILED);

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  call_hand_over (fixture, 0, ends[1]);
  expect_error (fixture, RD_ERROR_HANDOVER_FAILED);
  close (ends[0]);
}

static void
handler_may_reply_to_an_upgrade_later (Fixture *fixture, gconstpointer data)
{
  connect_handlers (fixture);
  call (fixture, INTERFACE, "Upgrade", NULL, NULL);
  CROWD_WAIT_FOR (fixture->core.crowd, fixture->invocation != NULL);
  crowd_wait (fixture->core.crowd);
  g_assert_false (has_reply (fixture));
  g_dbus_method_invocation_return_value (g_steal_pointer (&fixture->invocation), NULL);
  expect_reply (fixture, "()");

  call (fixture, INTERFACE, "Upgrade", NULL, NULL);
  CROWD_WAIT_FOR (fixture->core.crowd, fixture->invocation != NULL);
  g_dbus_method_invocation_return_error (g_steal_pointer (&fixture->invocation), RD_ERROR,
                                         RD_ERROR_BUSY, "later");
  expect_error (fixture, RD_ERROR_BUSY);
}

static void
handler_gets_the_socket_of_a_hand_over (Fixture *fixture, gconstpointer data)
{
  char text[6] = "";
  int ends[2];

  connect_handlers (fixture);
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  call_hand_over (fixture, 0, ends[1]);
  CROWD_WAIT_FOR (fixture->core.crowd, fixture->invocation != NULL);
  g_assert_false (has_reply (fixture));
  g_dbus_method_invocation_return_value (g_steal_pointer (&fixture->invocation), NULL);
  expect_reply (fixture, "()");

  g_assert_cmpint (fcntl (fixture->fd, F_GETFD), ==, FD_CLOEXEC);
  g_assert_cmpint (write (fixture->fd, "hello", 5), ==, 5);
  g_assert_cmpint (read (ends[0], text, sizeof text), ==, 5);
  g_assert_cmpstr (text, ==, "hello");
  close (ends[0]);
}

static void
hand_over_without_its_socket_is_refused (Fixture *fixture, gconstpointer data)
{
  const int handles[] = { -1, 1, G_MAXINT32 };
  int ends[2];

  connect_handlers (fixture);
  call_hand_over (fixture, 0, -1);
  expect_error (fixture, RD_ERROR_INVALID_ARGUMENT);

  for (guint i = 0; i < G_N_ELEMENTS (handles); i++)
    {
      g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
      call_hand_over (fixture, handles[i], ends[1]);
      expect_error (fixture, RD_ERROR_INVALID_ARGUMENT);
      close (ends[0]);
    }
  g_assert_null (fixture->invocation);
}

static void
expect_property (Fixture *fixture, const char *name, const char *expected)
{
  call (fixture, PROPERTIES, "Get", g_variant_new ("(ss)", INTERFACE, name), NULL);
  expect_reply (fixture, expected);
}

static void
on_changed (GDBusConnection *connection,
            const char *sender,
            const char *path,
            const char *interface,
            const char *name,
            GVariant *arguments,
            gpointer user_data)
{
  g_autoptr (GVariant) changed = g_variant_get_child_value (arguments, 1);

  g_variant_lookup (changed, "Generation", "u", user_data);
}

static void
takeover_is_reported (Fixture *fixture, gconstpointer data)
{
  const RdHandoverReport report
    = { .generation = 3, .moved = 9, .closed = 1, .lost = 2, .pause_us = 23000 };
  guint signalled = 0;

  g_dbus_connection_signal_subscribe (fixture->caller_bus, NULL, PROPERTIES, "PropertiesChanged",
                                      RD_OBJECT_PATH, INTERFACE, G_DBUS_SIGNAL_FLAGS_NONE,
                                      on_changed, &signalled, NULL);
  expect_property (fixture, "Generation", "(<uint32 1>,)"); /* and the caller is subscribed now */
  expect_property (fixture, "Handover", "(<@a{sv} {}>,)");

  rd_service_set_handover (fixture->service, &report);
  CROWD_WAIT_FOR (fixture->core.crowd, signalled == 3);
  expect_property (fixture, "Generation", "(<uint32 3>,)");
  expect_property (fixture, "Handover",
                   "(<{'moved': <uint32 9>, 'closed': <uint32 1>, 'lost': <uint32 2>, "
                   "'pause': <uint64 23000>}>,)");
}

/* Returns: whether the subscribers are @names, a printed value of type as. */
static gboolean
are_subscribers (Fixture *fixture, const char *names)
{
  g_autoptr (GVariant) subscribers = g_variant_ref_sink (
    rd_subscribers_pack (rd_service_get_subscribers (fixture->service)));
  g_autofree char *text = g_variant_print (subscribers, TRUE);

  return g_str_equal (text, names);
}

static void
unpacked_subscribers_get_signals (Fixture *fixture, gconstpointer data)
{
  const char *name = g_dbus_connection_get_unique_name (fixture->caller_bus);
  g_autofree char *only_name = g_strdup_printf ("['%s']", name);
  g_autoptr (GVariant) names = g_variant_ref_sink (
    g_variant_new_strv ((const char *[]){ ":0.4711", "no name", "", name, name, NULL }, -1));

  core_fixture_join (&fixture->core); /* without subscribers */
  expect_property (fixture, "Connections", "(<uint32 1>,)");
  g_assert_true (are_subscribers (fixture, "@as []"));
  rd_subscribers_unpack (rd_service_get_subscribers (fixture->service), names,
                         fixture->service_bus);
  CROWD_WAIT_FOR (fixture->core.crowd, are_subscribers (fixture, only_name));

  core_fixture_join (&fixture->core);
  CROWD_WAIT_FOR (fixture->core.crowd, fixture->signals->len > 0);
  g_assert_cmpstr (fixture->signals->str, ==, "ClientConnected (uint64 2, 'unknown');");
}

static void
subscribers_are_removed_when_they_disconnect (Fixture *fixture, gconstpointer data)
{
  const char *name = g_dbus_connection_get_unique_name (fixture->caller_bus);
  g_autofree char *only_name = g_strdup_printf ("['%s']", name);
  g_autoptr (GDBusConnection) another = connect_to (fixture->address);
  const char *const others[] = { g_dbus_connection_get_unique_name (another), NULL };
  g_autoptr (GVariant) names = g_variant_ref_sink (g_variant_new_strv (others, -1));

  call (fixture, INTERFACE, "SetClientSignals", g_variant_new ("(b)", TRUE), NULL);
  expect_reply (fixture, "()");
  g_assert_true (are_subscribers (fixture, only_name));
  rd_subscribers_unpack (rd_service_get_subscribers (fixture->service), names,
                         fixture->service_bus);
  g_assert_false (are_subscribers (fixture, only_name));
  g_assert_true (g_dbus_connection_close_sync (another, NULL, NULL));
  CROWD_WAIT_FOR (fixture->core.crowd, are_subscribers (fixture, only_name));

  call (fixture, INTERFACE, "SetClientSignals", g_variant_new ("(b)", FALSE), NULL);
  expect_reply (fixture, "()");
  g_assert_true (are_subscribers (fixture, "@as []"));
}

static gboolean
on_timeout (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Runs the main loop for a second. Returns: the number of its iterations. */
static guint
count_iterations (void)
{
  gboolean is_over = FALSE;
  guint n = 0;

  g_timeout_add_seconds (1, on_timeout, &is_over);
  for (; !is_over; n++)
    g_main_context_iteration (NULL, TRUE);
  return n;
}

static void
service_does_not_wake_up_without_changes (Fixture *fixture, gconstpointer data)
{
  GPtrArray *others = g_ptr_array_new_with_free_func ((GDestroyNotify) rd_node_free);
  RdNode *node = g_new0 (RdNode, 1);

  *node = (RdNode){ .id = g_strdup ("5678"),
                    .host = g_strdup ("host"),
                    .instance = g_strdup (""),
                    .state = g_strdup ("running"),
                    .version = g_strdup ("1.2.3") };
  g_ptr_array_add (others, node);
  rd_nodes_set_others (fixture->nodes, others);
  count_iterations (); /* signals the change */
  g_assert_cmpuint (count_iterations (), <=, 2);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/service/no-handler", hand_overs_fail_without_a_handler);
  ADD ("/service/upgrade", handler_may_reply_to_an_upgrade_later);
  ADD ("/service/hand-over", handler_gets_the_socket_of_a_hand_over);
  ADD ("/service/hand-over/refused", hand_over_without_its_socket_is_refused);
  ADD ("/service/report", takeover_is_reported);
  ADD ("/service/idle", service_does_not_wake_up_without_changes);
  ADD ("/service/subscribers", subscribers_are_removed_when_they_disconnect);
  ADD ("/service/subscribers/unpack", unpacked_subscribers_get_signals);

  return g_test_run ();
}
