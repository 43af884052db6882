/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Reports to the service manager: content, order and rate. */

#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "drain-fixture.h"
#include "notify-receiver.h"
#include "rd-bus.h"
#include "rd-systemd.h"

#define EXTEND_TIMEOUT "EXTEND_TIMEOUT_USEC=30000000\n"
#define SECOND_US      ((gint64) G_USEC_PER_SEC)

/* 5 h and 40 s, so that the displayed minutes do not change during a test. */
#define FIVE_HOURS_US ((5 * 3600 + 40) * SECOND_US)

typedef struct
{
  DrainFixture drain;
  RdBus *bus;
  NotifyReceiver *receiver;
  char **environment;
  RdSystemd *systemd;
} Fixture;

/* @data: value of WATCHDOG_USEC; NULL: not set. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  drain_fixture_set_up (&fixture->drain, NULL);
  fixture->bus = rd_bus_new ();
  g_signal_connect_swapped (fixture->bus, "message", G_CALLBACK (rd_manager_broadcast),
                            fixture->drain.core.manager);
  fixture->receiver = notify_receiver_new (NULL);
  fixture->environment = g_environ_setenv (NULL, "NOTIFY_SOCKET", fixture->receiver->address, TRUE);
  if (data != NULL)
    fixture->environment = g_environ_setenv (fixture->environment, "WATCHDOG_USEC", data, TRUE);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->systemd, rd_systemd_free);
  g_strfreev (fixture->environment);
  notify_receiver_free (fixture->receiver);
  g_assert_finalize_object (fixture->bus);
  drain_fixture_tear_down (&fixture->drain, NULL);
}

static void
make_systemd (Fixture *fixture)
{
  fixture->systemd = rd_systemd_new (fixture->drain.core.manager, fixture->drain.drain,
                                     fixture->bus, fixture->environment);
}

static void
make_ready (Fixture *fixture)
{
  make_systemd (fixture);
  rd_systemd_ready (fixture->systemd);
  notify_receiver_expect (fixture->receiver, "READY=1\nSTATUS=0 clients; messages published: 0\n");
}

static void
publish (Fixture *fixture, guint n)
{
  while (n-- > 0)
    rd_bus_publish (
      fixture->bus,
      &(RdMessage){ .opcode = WS_OPCODE_TEXT, .data = (const guint8 *) "news", .size = 4 });
}

/* Waits for the next datagram. Returns: (transfer full). */
static char *
wait_for_datagram (Fixture *fixture)
{
  char *got = NULL;

  CROWD_WAIT_FOR (fixture->drain.core.crowd,
                  (got = notify_receiver_read (fixture->receiver)) != NULL);
  return got;
}

static void
wait_for (Fixture *fixture, const char *text)
{
  g_autofree char *got = wait_for_datagram (fixture);

  g_assert_cmpstr (got, ==, text);
}

/* Reads until a datagram contains @part. Returns: (transfer full): the concatenated datagrams. */
static char *
wait_until (Fixture *fixture, const char *part)
{
  GString *all = g_string_new (NULL);

  while (strstr (all->str, part) == NULL)
    {
      g_autofree char *got = wait_for_datagram (fixture);

      g_string_append (all, got);
    }
  return g_string_free (all, FALSE);
}

static void
disconnect_peer (Fixture *fixture, Peer *peer)
{
  peer_hang_up (peer);
  crowd_settle (fixture->drain.core.crowd);
}

static void
ready_is_the_first_report (Fixture *fixture, gconstpointer data)
{
  make_systemd (fixture);
  core_fixture_join (&fixture->drain.core);
  publish (fixture, 3);
  drain_fixture_run_for (&fixture->drain, 20);
  notify_receiver_expect_nothing (fixture->receiver);
  rd_systemd_ready (fixture->systemd);
  notify_receiver_expect (fixture->receiver, "READY=1\nSTATUS=1 client; messages published: 3\n");
}

static void
status_is_reported_once_a_second (Fixture *fixture, gconstpointer data)
{
  gint64 since_us = g_get_monotonic_time ();

  make_ready (fixture);
  for (guint i = 0; i < 3; i++)
    {
      core_fixture_join (&fixture->drain.core);
      publish (fixture, 4);
      crowd_settle (fixture->drain.core.crowd);
    }
  wait_for (fixture, "STATUS=3 clients; messages published: 12\n");
  g_assert_cmpint (g_get_monotonic_time () - since_us, >=, SECOND_US);

  since_us = g_get_monotonic_time ();
  publish (fixture, 1);
  wait_for (fixture, "STATUS=3 clients; messages published: 13\n");
  g_assert_cmpint (g_get_monotonic_time () - since_us, >=, SECOND_US * 9 / 10);
}

static void
unchanged_status_is_not_repeated (Fixture *fixture, gconstpointer data)
{
  make_ready (fixture);
  disconnect_peer (fixture, core_fixture_join (&fixture->drain.core));
  drain_fixture_run_for (&fixture->drain, 1100);
  notify_receiver_expect_nothing (fixture->receiver);
  core_fixture_join (&fixture->drain.core); /* reported at once: the last report is over 1 s ago */
  crowd_settle (fixture->drain.core.crowd);
  wait_for (fixture, "STATUS=1 client; messages published: 0\n");
}

/* STOPPING=1 would be final. The timeout is extended because the unit may be stopping. */
static void
cancellable_drain_only_extends_the_timeout (Fixture *fixture, gconstpointer data)
{
  g_autofree char *received = NULL;
  Peer *peer = core_fixture_join (&fixture->drain.core);

  make_systemd (fixture);
  rd_systemd_ready (fixture->systemd);
  notify_receiver_empty (fixture->receiver);
  rd_drain_begin (fixture->drain.drain, FIVE_HOURS_US);
  notify_receiver_expect (fixture->receiver, EXTEND_TIMEOUT);
  wait_for (fixture, EXTEND_TIMEOUT "STATUS=draining: 1 client, 5h 0min left\n");
  wait_for (fixture, EXTEND_TIMEOUT);
  disconnect_peer (fixture, peer);
  received = wait_until (fixture, "STOPPING=1\n");
  notify_receiver_expect (fixture->receiver, EXTEND_TIMEOUT "STATUS=drained\n");
  notify_receiver_expect_nothing (fixture->receiver);
}

static void
remaining_time_is_reported_every_second (Fixture *fixture, gconstpointer data)
{
  g_autofree char *received = NULL;

  core_fixture_join (&fixture->drain.core);
  make_systemd (fixture);
  rd_systemd_ready (fixture->systemd);
  notify_receiver_empty (fixture->receiver);
  rd_drain_begin (fixture->drain.drain, 50 * SECOND_US);
  received = wait_until (fixture, "STATUS=draining: 1 client, 4");
  g_assert_null (strstr (received, "STOPPING"));
}

static void
cancelled_drain_restores_the_status (Fixture *fixture, gconstpointer data)
{
  g_autofree char *received = NULL;

  core_fixture_join (&fixture->drain.core);
  make_systemd (fixture);
  rd_systemd_ready (fixture->systemd);
  rd_drain_begin (fixture->drain.drain, -1);
  g_free (wait_until (fixture, "STATUS=draining"));
  g_assert_true (rd_drain_cancel (fixture->drain.drain, NULL));
  received = wait_until (fixture, "STATUS=1 client; messages published: 0\n");
  g_assert_null (strstr (received, "STOPPING"));
  drain_fixture_run_for (&fixture->drain, 1100);
  notify_receiver_expect_nothing (fixture->receiver); /* and the timeout is no longer extended */
}

static void
stop_signal_is_reported_at_once (Fixture *fixture, gconstpointer data)
{
  make_ready (fixture);
  core_fixture_join (&fixture->drain.core);
  rd_systemd_stopping (fixture->systemd);
  rd_drain_begin (fixture->drain.drain, FIVE_HOURS_US);
  notify_receiver_expect (fixture->receiver, "STOPPING=1\n" EXTEND_TIMEOUT);
  notify_receiver_expect (fixture->receiver, EXTEND_TIMEOUT);
  wait_for (fixture, EXTEND_TIMEOUT "STATUS=draining: 1 client, 5h 0min left\n");
  rd_systemd_stopping (fixture->systemd); /* already sent */
  notify_receiver_expect_nothing (fixture->receiver);
}

static void
closing_clients_extends_the_timeout (Fixture *fixture, gconstpointer data)
{
  make_ready (fixture);
  core_fixture_join (&fixture->drain.core);
  core_fixture_join (&fixture->drain.core);
  rd_systemd_stopping (fixture->systemd);
  drain_fixture_interrupt (&fixture->drain);
  drain_fixture_interrupt (&fixture->drain);
  notify_receiver_empty (fixture->receiver);
  wait_for (fixture, EXTEND_TIMEOUT "STATUS=closing 2 clients\n");
  wait_for (fixture, EXTEND_TIMEOUT);
  drain_fixture_interrupt (&fixture->drain);
  notify_receiver_expect (fixture->receiver, EXTEND_TIMEOUT "STATUS=drained\n");
  notify_receiver_expect_nothing (fixture->receiver);
}

/* systemd continues to stop the unit; the service keeps its clients. */
static void
stopping_unit_keeps_its_clients_after_cancellation (Fixture *fixture, gconstpointer data)
{
  make_ready (fixture);
  core_fixture_join (&fixture->drain.core);
  rd_systemd_stopping (fixture->systemd);
  drain_fixture_interrupt (&fixture->drain);
  g_free (wait_until (fixture, "STATUS=draining"));
  g_test_expect_message ("ringdown", G_LOG_LEVEL_WARNING, "*cancelled*stopping*shutdown*");
  g_assert_true (rd_drain_cancel (fixture->drain.drain, NULL));
  g_test_assert_expected_messages ();
  wait_for (fixture, EXTEND_TIMEOUT
            "STATUS=1 client; drain cancelled, but the unit is stopping: end it with "
            "“ringdownctl shutdown”\n");
  wait_for (fixture, EXTEND_TIMEOUT);
  wait_for (fixture, EXTEND_TIMEOUT);
}

static void
ready_is_repeated_for_a_busy_service_manager (Fixture *fixture, gconstpointer data)
{
  make_systemd (fixture);
  notify_receiver_fill (fixture->receiver);
  rd_systemd_ready (fixture->systemd);
  core_fixture_join (&fixture->drain.core);
  notify_receiver_empty (fixture->receiver);
  wait_for (fixture, "READY=1\nSTATUS=1 client; messages published: 0\n");
}

static void
restarted_service_manager_gets_reports (Fixture *fixture, gconstpointer data)
{
  make_ready (fixture);
  notify_receiver_close (fixture->receiver);
  publish (fixture, 1);
  drain_fixture_run_for (&fixture->drain, 1100);
  notify_receiver_open (fixture->receiver);
  publish (fixture, 1);
  wait_for (fixture, "STATUS=0 clients; messages published: 2\n");
}

/* A drain and its cancellation work without a service manager. */
static void
nothing_is_sent_without_a_service_manager (Fixture *fixture, gconstpointer data)
{
  fixture->environment = g_environ_unsetenv (fixture->environment, "NOTIFY_SOCKET");
  make_systemd (fixture);
  rd_systemd_ready (fixture->systemd);
  core_fixture_join (&fixture->drain.core);
  rd_systemd_stopping (fixture->systemd);
  drain_fixture_interrupt (&fixture->drain);
  g_assert_true (rd_drain_cancel (fixture->drain.drain, NULL));
  drain_fixture_run_for (&fixture->drain, 50);
  notify_receiver_expect_nothing (fixture->receiver);
}

static void
invalid_address_causes_a_warning (Fixture *fixture, gconstpointer data)
{
  fixture->environment = g_environ_setenv (fixture->environment, "NOTIFY_SOCKET", "notify", TRUE);
  g_test_expect_message ("ringdown", G_LOG_LEVEL_WARNING, "*NOTIFY_SOCKET*notify*");
  make_systemd (fixture);
  g_test_assert_expected_messages ();
  rd_systemd_ready (fixture->systemd);
  rd_systemd_stopping (fixture->systemd);
}

static gboolean
on_tick (gpointer user_data)
{
  guint *ticks = user_data;

  (*ticks)++;
  return G_SOURCE_CONTINUE;
}

/* Reads all datagrams. Returns: the number of pings. */
static guint
read_pings (Fixture *fixture)
{
  guint pings = 0;
  char *got;

  while ((got = notify_receiver_read (fixture->receiver)) != NULL)
    {
      pings += g_str_equal (got, "WATCHDOG=1\n");
      g_free (got);
    }
  return pings;
}

/* Runs for 4 periods of @period_ms. Returns: the number of pings. */
static guint
count_pings (Fixture *fixture, guint period_ms)
{
  guint ticks = 0, pings = 0;
  const guint tick_id = g_timeout_add (period_ms, on_tick, &ticks);

  CROWD_WAIT_FOR (fixture->drain.core.crowd, (pings += read_pings (fixture), ticks == 4));
  g_source_remove (tick_id);
  return pings;
}

/* @data: 200 ms. Counts pings by ticks of another timer: a busy machine delays both. */
static void
pings_are_sent_at_half_the_watchdog_timeout (Fixture *fixture, gconstpointer data)
{
  guint pings;

  make_ready (fixture);
  pings = count_pings (fixture, 200);
  g_assert_cmpuint (pings, >=, 6);
  g_assert_cmpuint (pings, <=, 9);
}

static void
watchdog_of_another_process_is_ignored (Fixture *fixture, gconstpointer data)
{
  g_autofree char *parent = g_strdup_printf ("%d", (int) getppid ());

  fixture->environment = g_environ_setenv (fixture->environment, "WATCHDOG_PID", parent, TRUE);
  make_ready (fixture);
  g_assert_cmpuint (count_pings (fixture, 200), ==, 0);
}

static void
watchdog_of_this_process_is_pinged (Fixture *fixture, gconstpointer data)
{
  g_autofree char *self = g_strdup_printf ("%d", (int) getpid ());

  fixture->environment = g_environ_setenv (fixture->environment, "WATCHDOG_PID", self, TRUE);
  make_ready (fixture);
  g_assert_cmpuint (count_pings (fixture, 200), >, 0);
}

static void
invalid_watchdog_timeouts_cause_a_warning (Fixture *fixture, gconstpointer data)
{
  const char *const times[] = { "0", "", "-1", "soon", "1e6", "18446744073709551615", "\x1b[1m" };

  for (gsize i = 0; i < G_N_ELEMENTS (times); i++)
    {
      fixture->environment = g_environ_setenv (fixture->environment, "WATCHDOG_USEC", times[i],
                                               TRUE);
      g_test_expect_message ("ringdown", G_LOG_LEVEL_WARNING, "*WATCHDOG_USEC*");
      make_ready (fixture);
      g_test_assert_expected_messages ();
      g_assert_cmpuint (count_pings (fixture, 2), ==, 0);
      g_clear_pointer (&fixture->systemd, rd_systemd_free);
    }
}

/* The minimum must not block the main loop, the maximum must not overflow. */
static void
extreme_watchdog_timeouts_work (Fixture *fixture, gconstpointer data)
{
  fixture->environment = g_environ_setenv (fixture->environment, "WATCHDOG_USEC", "1", TRUE);
  make_ready (fixture);
  g_assert_cmpuint (count_pings (fixture, 10), >, 0);
  g_clear_pointer (&fixture->systemd, rd_systemd_free);
  fixture->environment = g_environ_setenv (fixture->environment, "WATCHDOG_USEC",
                                           "9223372036854775807", TRUE);
  make_ready (fixture);
  g_assert_cmpuint (count_pings (fixture, 10), ==, 1); /* the ping at the start */
}

static void
environment_is_cleared (void)
{
  const char *const names[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                "LISTEN_PID",    "LISTEN_FDS",    "LISTEN_FDNAMES" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    g_setenv (names[i], "1", TRUE);
  g_setenv ("NOTIFY_ME", "1", TRUE);
  rd_systemd_clear_environment ();
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_null (g_getenv (names[i]));
  g_assert_cmpstr (g_getenv ("NOTIFY_ME"), ==, "1");
}

typedef gboolean (*Blocking) (RdSystemd *systemd, GError **error);

/* Asserts that @function, which blocks until a thread has read @n datagrams, sends @text. */
static void
expect_in_thread (Fixture *fixture, Blocking function, guint n, const char *text)
{
  GThread *reader = notify_receiver_read_in_thread (fixture->receiver, n);
  g_autoptr (GError) error = NULL;
  g_autofree char *got = NULL;

  g_assert_true (function (fixture->systemd, &error));
  g_assert_no_error (error);
  got = notify_receiver_join (reader);
  g_assert_cmpstr (got, ==, text);
}

static gboolean
set_main_pid_42 (RdSystemd *systemd, GError **error)
{
  return rd_systemd_set_main_pid (systemd, 42);
}

/* @data: 200 ms. systemd would log every report of an old main process, except
 * EXTEND_TIMEOUT_USEC=, which rd_vigil_keep() sends. */
static void
old_main_process_sends_no_reports (Fixture *fixture, gconstpointer data)
{
  make_ready (fixture);
  notify_receiver_expect (fixture->receiver, "WATCHDOG=1\n");
  g_assert_true (rd_systemd_is_connected (fixture->systemd));
  expect_in_thread (fixture, set_main_pid_42, 2, "MAINPID=42\nWATCHDOG=1\nBARRIER=1");
  g_assert_false (rd_systemd_is_connected (fixture->systemd));
  core_fixture_join (&fixture->drain.core);
  rd_systemd_stopping (fixture->systemd);
  rd_drain_begin (fixture->drain.drain, FIVE_HOURS_US);
  drain_fixture_run_for (&fixture->drain, 1100);
  notify_receiver_expect_nothing (fixture->receiver);
  g_assert_true (rd_systemd_extend_timeout (fixture->systemd));
  notify_receiver_expect (fixture->receiver, "EXTEND_TIMEOUT_USEC=30000000\n");
}

static void
setting_the_main_process_times_out (Fixture *fixture, gconstpointer data)
{
  const gint64 since_us = g_get_monotonic_time ();

  make_ready (fixture);
  g_assert_false (rd_systemd_set_main_pid (fixture->systemd, 42));
  g_assert_cmpint (g_get_monotonic_time () - since_us, >=, 2 * SECOND_US);
}

static gboolean
store_null (RdSystemd *systemd, GError **error)
{
  const int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  const gboolean is_stored = rd_systemd_store (systemd, fd, "channel", error);

  close (fd);
  return is_stored;
}

static void
descriptor_is_stored_and_removed (Fixture *fixture, gconstpointer data)
{
  make_ready (fixture);
  expect_in_thread (fixture, store_null, 2, "FDSTORE=1\nFDNAME=channel\nFDPOLL=0\nBARRIER=1");
  rd_systemd_unstore (fixture->systemd, "channel");
  notify_receiver_expect (fixture->receiver, "FDSTOREREMOVE=1\nFDNAME=channel\n");
  g_assert_true (rd_systemd_is_connected (fixture->systemd));
}

/* The service manager may store the descriptor after the timeout. */
static void
descriptor_is_removed_after_a_timeout (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *got = NULL;
  int fd;

  make_ready (fixture);
  g_assert_false (store_null (fixture->systemd, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  got = notify_receiver_read_with_fd (fixture->receiver, &fd);
  g_assert_cmpstr (got, ==, "FDSTORE=1\nFDNAME=channel\nFDPOLL=0\n");
  close (fd);
  g_free (got);
  got = notify_receiver_read_with_fd (fixture->receiver, &fd);
  g_assert_cmpstr (got, ==, "BARRIER=1");
  close (fd);
  notify_receiver_expect (fixture->receiver, "FDSTOREREMOVE=1\nFDNAME=channel\n");
}

static void
storing_fails_without_a_service_manager (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->environment = g_environ_unsetenv (fixture->environment, "NOTIFY_SOCKET");
  make_systemd (fixture);
  g_assert_false (rd_systemd_is_connected (fixture->systemd));
  g_assert_true (rd_systemd_set_main_pid (fixture->systemd, 42));
  g_assert_false (store_null (fixture->systemd, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  rd_systemd_unstore (fixture->systemd, "channel");
}

static void
new_worker_environment_has_no_inherited_sockets (void)
{
  const char *const environment[] = { "NOTIFY_SOCKET=/run/notify",
                                      "WATCHDOG_USEC=1",
                                      "WATCHDOG_PID=1",
                                      "LISTEN_PID=1",
                                      "LISTEN_FDS=1",
                                      "LISTEN_FDNAMES=",
                                      "LISTEN_UP=1",
                                      "RINGDOWN_PORT=0",
                                      NULL };
  const char *const expected[] = { "NOTIFY_SOCKET=/run/notify", "WATCHDOG_USEC=1", "LISTEN_UP=1",
                                   "RINGDOWN_PORT=0", NULL };
  g_auto (GStrv) passed = rd_systemd_dup_child_environment ((char **) environment);

  g_assert_cmpstrv (passed, expected);
}

#define SYSTEMD_TEST(path, watchdog, function) \
  g_test_add ("/systemd/" path, Fixture, watchdog, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  SYSTEMD_TEST ("ready", NULL, ready_is_the_first_report);
  SYSTEMD_TEST ("ready/busy", NULL, ready_is_repeated_for_a_busy_service_manager);
  SYSTEMD_TEST ("status", NULL, status_is_reported_once_a_second);
  SYSTEMD_TEST ("status/same", NULL, unchanged_status_is_not_repeated);
  SYSTEMD_TEST ("status/returned", NULL, restarted_service_manager_gets_reports);
  SYSTEMD_TEST ("drain", NULL, cancellable_drain_only_extends_the_timeout);
  SYSTEMD_TEST ("drain/left", NULL, remaining_time_is_reported_every_second);
  SYSTEMD_TEST ("drain/cancelled", NULL, cancelled_drain_restores_the_status);
  SYSTEMD_TEST ("stop", NULL, stop_signal_is_reported_at_once);
  SYSTEMD_TEST ("stop/closing", NULL, closing_clients_extends_the_timeout);
  SYSTEMD_TEST ("stop/cancelled", NULL, stopping_unit_keeps_its_clients_after_cancellation);
  SYSTEMD_TEST ("none", "1000", nothing_is_sent_without_a_service_manager);
  SYSTEMD_TEST ("none/address", "1000", invalid_address_causes_a_warning);
  SYSTEMD_TEST ("watchdog", "200000", pings_are_sent_at_half_the_watchdog_timeout);
  SYSTEMD_TEST ("watchdog/other", "200000", watchdog_of_another_process_is_ignored);
  SYSTEMD_TEST ("watchdog/own", "200000", watchdog_of_this_process_is_pinged);
  SYSTEMD_TEST ("watchdog/refused", NULL, invalid_watchdog_timeouts_cause_a_warning);
  SYSTEMD_TEST ("watchdog/extreme", NULL, extreme_watchdog_timeouts_work);
  g_test_add_func ("/systemd/environment", environment_is_cleared);
  SYSTEMD_TEST ("move", "200000", old_main_process_sends_no_reports);
  SYSTEMD_TEST ("move/timeout", NULL, setting_the_main_process_times_out);
  SYSTEMD_TEST ("store", NULL, descriptor_is_stored_and_removed);
  SYSTEMD_TEST ("store/timeout", NULL, descriptor_is_removed_after_a_timeout);
  SYSTEMD_TEST ("store/none", NULL, storing_fails_without_a_service_manager);
  g_test_add_func ("/systemd/environment/successor",
                   new_worker_environment_has_no_inherited_sockets);

  return g_test_run ();
}
