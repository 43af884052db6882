/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The way to the service manager: which addresses there are, and that nobody waits on it. */

#include <gio/gio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "descriptors.h"
#include "notify-receiver.h"
#include "rd-notify-socket.h"

#define LENGTH_MAX (sizeof ((struct sockaddr_un *) NULL)->sun_path)

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/systemd-socket/arrives", what_is_sent_arrives);
  g_test_add_func ("/systemd-socket/longest", longest_abstract_name_is_reached_whole);
  g_test_add_func ("/systemd-socket/refused", what_is_no_address_is_refused);
  g_test_add_func ("/systemd-socket/gone", receiver_that_is_gone_is_no_matter);
  g_test_add_func ("/systemd-socket/busy", receiver_that_is_busy_is_told_of);

  return g_test_run ();
}
