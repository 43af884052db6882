/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The notification socket: addresses, sending without blocking, and sending with a deadline. */

#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "descriptors.h"
#include "notify-receiver.h"
#include "rd-notify-socket.h"

#define SHORT_US   (20 * G_TIME_SPAN_MILLISECOND)
#define LONG_US    (20 * G_TIME_SPAN_SECOND)
#define LENGTH_MAX (sizeof ((struct sockaddr_un *) NULL)->sun_path)

/* Returns: (transfer full): an unused name of @length characters. */
static char *
make_abstract_name (gsize length)
{
  g_autofree char *name = g_strdup_printf ("@ringdown-%d-%08x-", (int) getpid (), g_random_int ());
  g_autofree char *filling = g_strnfill (length - strlen (name), 'n');

  return g_strconcat (name, filling, NULL);
}

static RdNotifySocket *
open_socket (const char *address)
{
  g_autoptr (GError) error = NULL;
  RdNotifySocket *socket = rd_notify_socket_new (address, &error);

  g_assert_no_error (error);
  return socket;
}

static void
sent_datagram_arrives (void)
{
  g_autofree char *abstract = make_abstract_name (32);
  const char *const names[] = { NULL, abstract };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (NotifyReceiver) receiver = notify_receiver_new (names[i]);
      g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);

      g_assert_true (rd_notify_socket_send (socket, "READY=1\nSTATUS=über\n"));
      notify_receiver_expect (receiver, "READY=1\nSTATUS=über\n");
      notify_receiver_expect_nothing (receiver);
    }
}

static void
longest_abstract_name_works (void)
{
  g_autofree char *longest = make_abstract_name (LENGTH_MAX);
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (longest);
  g_autoptr (RdNotifySocket) socket = open_socket (longest);

  g_assert_true (rd_notify_socket_send (socket, "READY=1"));
  notify_receiver_expect (receiver, "READY=1");
}

static void
invalid_address_is_refused (void)
{
  g_autofree char *long_name = make_abstract_name (LENGTH_MAX + 1);
  g_autofree char *filling = g_strnfill (LENGTH_MAX - 1, 'p');
  g_autofree char *long_path = g_strconcat ("/", filling, NULL);
  const char *const texts[]
    = { "", "/", "@", "run/notify", "./notify", "vsock:2:1234", "\x1b[31m", long_path, long_name };
  const guint before = descriptors_count ();

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (rd_notify_socket_new (texts[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, "NOTIFY_SOCKET"));
      g_assert_null (strchr (error->message, '\x1b'));
    }
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
missing_receiver_is_ignored (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);

  notify_receiver_close (receiver);
  g_assert_true (rd_notify_socket_send (socket, "STATUS=lost"));
  notify_receiver_open (receiver);
  g_assert_true (rd_notify_socket_send (socket, "STATUS=received"));
  notify_receiver_expect (receiver, "STATUS=received");
}

static void
full_queue_is_reported (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);

  notify_receiver_fill (receiver);
  g_assert_false (rd_notify_socket_send (socket, "READY=1"));
  notify_receiver_empty (receiver);
  g_assert_true (rd_notify_socket_send (socket, "READY=1"));
  notify_receiver_expect (receiver, "READY=1");
}

static gint64
time_after (gint64 time_us)
{
  return g_get_monotonic_time () + time_us;
}

static void
descriptor_is_sent (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);
  g_autoptr (GError) error = NULL;
  g_autofree char *got = NULL;
  const guint before = descriptors_count ();
  int ends[2], fd;
  char byte = 0;

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, &error));
  g_assert_true (
    rd_notify_socket_send_until (socket, "FDSTORE=1", ends[1], time_after (LONG_US), &error));
  g_assert_true (rd_notify_socket_send_until (socket, "none", -1, time_after (LONG_US), &error));
  g_assert_no_error (error);
  close (ends[1]);

  got = notify_receiver_read_with_fd (receiver, &fd);
  g_assert_cmpstr (got, ==, "FDSTORE=1");
  g_assert_cmpint (write (fd, "x", 1), ==, 1);
  g_assert_cmpint (read (ends[0], &byte, 1), ==, 1);
  g_assert_cmpint (byte, ==, 'x');
  close (fd);
  close (ends[0]);
  notify_receiver_expect (receiver, "none");
  g_assert_cmpuint (descriptors_count (), ==, before);
}

/* Repeated, so that reading starts both before and after the sender blocks. */
static void
sending_waits_for_a_full_queue (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *got = NULL;
      GThread *reader;

      notify_receiver_fill (receiver);
      reader = notify_receiver_read_in_thread (receiver, 1);
      g_assert_true (
        rd_notify_socket_send_until (socket, "MAINPID=1", -1, time_after (LONG_US), &error));
      g_assert_no_error (error);
      got = notify_receiver_join (reader);
      g_assert_cmpstr (got, ==, "X_FILL=1");
      notify_receiver_empty (receiver);
    }
}

static void
sending_waits_for_a_full_queue_until_the_deadline (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);
  const gint64 deadlines_us[] = { time_after (SHORT_US), time_after (0), 0 };

  notify_receiver_fill (receiver);
  for (gsize i = 0; i < G_N_ELEMENTS (deadlines_us); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (
        rd_notify_socket_send_until (socket, "MAINPID=1", -1, deadlines_us[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_assert_cmpint (g_get_monotonic_time (), >=, deadlines_us[i]);
    }
}

static void
missing_receiver_is_an_error_with_a_deadline (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);
  g_autoptr (GError) error = NULL;
  const guint before = descriptors_count ();

  notify_receiver_close (receiver);
  g_assert_false (
    rd_notify_socket_send_until (socket, "MAINPID=1", -1, time_after (LONG_US), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (rd_notify_socket_barrier (socket, time_after (LONG_US), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpuint (descriptors_count (), ==, before - 1); /* without the socket of the receiver */
}

static void
barrier_waits_for_its_descriptor_to_be_closed (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);
  g_autoptr (GError) error = NULL;
  g_autofree char *got = NULL;
  const guint before = descriptors_count ();
  GThread *reader;

  g_assert_true (rd_notify_socket_send (socket, "STATUS=\n"));
  reader = notify_receiver_read_in_thread (receiver, 2);
  g_assert_true (rd_notify_socket_barrier (socket, time_after (LONG_US), &error));
  g_assert_no_error (error);
  got = notify_receiver_join (reader);
  g_assert_cmpstr (got, ==, "STATUS=\nBARRIER=1");
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
barrier_times_out_at_the_deadline (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);
  g_autoptr (GError) error = NULL;
  const gint64 deadline_us = time_after (SHORT_US);

  g_assert_false (rd_notify_socket_barrier (socket, deadline_us, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time (), >=, deadline_us);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/notify-socket/arrives", sent_datagram_arrives);
  g_test_add_func ("/notify-socket/longest", longest_abstract_name_works);
  g_test_add_func ("/notify-socket/refused", invalid_address_is_refused);
  g_test_add_func ("/notify-socket/missing", missing_receiver_is_ignored);
  g_test_add_func ("/notify-socket/full", full_queue_is_reported);
  g_test_add_func ("/notify-socket/descriptor", descriptor_is_sent);
  g_test_add_func ("/notify-socket/wait", sending_waits_for_a_full_queue);
  g_test_add_func ("/notify-socket/wait/deadline",
                   sending_waits_for_a_full_queue_until_the_deadline);
  g_test_add_func ("/notify-socket/wait/missing", missing_receiver_is_an_error_with_a_deadline);
  g_test_add_func ("/notify-socket/barrier", barrier_waits_for_its_descriptor_to_be_closed);
  g_test_add_func ("/notify-socket/barrier/deadline", barrier_times_out_at_the_deadline);

  return g_test_run ();
}
