/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The way to the service manager: which addresses there are, that nobody waits on it who need not,
 * and that who must, does, but not for ever. */

#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "descriptors.h"
#include "notify-receiver.h"
#include "rd-notify-socket.h"

#define A_MOMENT_US (20 * G_TIME_SPAN_MILLISECOND)
#define AGES_US     (20 * G_TIME_SPAN_SECOND)
#define LENGTH_MAX  (sizeof ((struct sockaddr_un *) NULL)->sun_path)

/* Returns: (transfer full): one of @length that nobody else has. */
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
what_is_sent_arrives (void)
{
  g_autofree char *abstract = make_abstract_name (32);
  const char *const names[] = { NULL, abstract };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (NotifyReceiver) receiver = notify_receiver_new (names[i]);
      g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);

      g_assert_true (rd_notify_socket_send (socket, "READY=1\nSTATUS=über\n"));
      notify_receiver_expect (receiver, "READY=1\nSTATUS=über\n");
      notify_receiver_expect_silence (receiver);
    }
}

static void
longest_abstract_name_is_reached_whole (void)
{
  g_autofree char *longest = make_abstract_name (LENGTH_MAX);
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (longest);
  g_autoptr (RdNotifySocket) socket = open_socket (longest);

  g_assert_true (rd_notify_socket_send (socket, "READY=1"));
  notify_receiver_expect (receiver, "READY=1");
}

static void
what_is_no_address_is_refused (void)
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
receiver_that_is_gone_is_no_matter (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);

  notify_receiver_leave (receiver);
  g_assert_true (rd_notify_socket_send (socket, "STATUS=to nobody"));
  notify_receiver_return (receiver);
  g_assert_true (rd_notify_socket_send (socket, "STATUS=to another"));
  notify_receiver_expect (receiver, "STATUS=to another");
}

static void
receiver_that_is_busy_is_told_of (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);

  notify_receiver_stuff (receiver);
  g_assert_false (rd_notify_socket_send (socket, "READY=1"));
  notify_receiver_empty (receiver);
  g_assert_true (rd_notify_socket_send (socket, "READY=1"));
  notify_receiver_expect (receiver, "READY=1");
}

static gint64
after (gint64 time_us)
{
  return g_get_monotonic_time () + time_us;
}

static void
descriptor_goes_along (void)
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
    rd_notify_socket_send_until (socket, "FDSTORE=1", ends[1], after (AGES_US), &error));
  g_assert_true (rd_notify_socket_send_until (socket, "none", -1, after (AGES_US), &error));
  g_assert_no_error (error);
  close (ends[1]);

  got = notify_receiver_read_with (receiver, &fd);
  g_assert_cmpstr (got, ==, "FDSTORE=1");
  g_assert_cmpint (write (fd, "x", 1), ==, 1);
  g_assert_cmpint (read (ends[0], &byte, 1), ==, 1);
  g_assert_cmpint (byte, ==, 'x');
  close (fd);
  close (ends[0]);
  notify_receiver_expect (receiver, "none");
  g_assert_cmpuint (descriptors_count (), ==, before);
}

/* Each time with a reader that begins when the queue is full already. */
static void
room_is_waited_for (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *got = NULL;
      GThread *reader;

      notify_receiver_stuff (receiver);
      reader = notify_receiver_read_aside (receiver, 1);
      g_assert_true (
        rd_notify_socket_send_until (socket, "MAINPID=1", -1, after (AGES_US), &error));
      g_assert_no_error (error);
      got = notify_receiver_join (reader);
      g_assert_cmpstr (got, ==, "X_STUFF=1");
      notify_receiver_empty (receiver);
    }
}

static void
room_is_not_waited_for_beyond_the_deadline (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);
  const gint64 deadlines_us[] = { after (A_MOMENT_US), after (0), 0 };

  notify_receiver_stuff (receiver);
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
nobody_who_could_hear_is_an_error (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);
  g_autoptr (GError) error = NULL;
  const guint before = descriptors_count ();

  notify_receiver_leave (receiver);
  g_assert_false (rd_notify_socket_send_until (socket, "MAINPID=1", -1, after (AGES_US), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (rd_notify_socket_barrier (socket, after (AGES_US), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpuint (descriptors_count (), ==, before - 1); /* without the receiver's */
}

static void
barrier_is_passed_when_its_descriptor_is_closed (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);
  g_autoptr (GError) error = NULL;
  g_autofree char *got = NULL;
  const guint before = descriptors_count ();
  GThread *reader;

  g_assert_true (rd_notify_socket_send (socket, "STATUS=\n"));
  reader = notify_receiver_read_aside (receiver, 2);
  g_assert_true (rd_notify_socket_barrier (socket, after (AGES_US), &error));
  g_assert_no_error (error);
  got = notify_receiver_join (reader);
  g_assert_cmpstr (got, ==, "STATUS=\nBARRIER=1");
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
barrier_is_not_passed_while_its_descriptor_is_held (void)
{
  g_autoptr (NotifyReceiver) receiver = notify_receiver_new (NULL);
  g_autoptr (RdNotifySocket) socket = open_socket (receiver->address);
  g_autoptr (GError) error = NULL;
  const gint64 deadline_us = after (A_MOMENT_US);

  g_assert_false (rd_notify_socket_barrier (socket, deadline_us, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time (), >=, deadline_us);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/notify-socket/arrives", what_is_sent_arrives);
  g_test_add_func ("/notify-socket/longest", longest_abstract_name_is_reached_whole);
  g_test_add_func ("/notify-socket/refused", what_is_no_address_is_refused);
  g_test_add_func ("/notify-socket/gone", receiver_that_is_gone_is_no_matter);
  g_test_add_func ("/notify-socket/busy", receiver_that_is_busy_is_told_of);
  g_test_add_func ("/notify-socket/descriptor", descriptor_goes_along);
  g_test_add_func ("/notify-socket/room", room_is_waited_for);
  g_test_add_func ("/notify-socket/room/deadline", room_is_not_waited_for_beyond_the_deadline);
  g_test_add_func ("/notify-socket/nobody", nobody_who_could_hear_is_an_error);
  g_test_add_func ("/notify-socket/barrier", barrier_is_passed_when_its_descriptor_is_closed);
  g_test_add_func ("/notify-socket/barrier/deadline",
                   barrier_is_not_passed_while_its_descriptor_is_held);

  return g_test_run ();
}
