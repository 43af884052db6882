/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A notification socket for tests. */

#include "notify-receiver.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_MS 20000

static socklen_t
get_address (NotifyReceiver *receiver, struct sockaddr_un *address)
{
  const gsize length = strlen (receiver->address);

  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  g_assert_cmpuint (length, <, sizeof address->sun_path + (receiver->address[0] == '@'));
  memcpy (address->sun_path, receiver->address, length);
  if (receiver->address[0] == '@')
    address->sun_path[0] = '\0';
  return offsetof (struct sockaddr_un, sun_path) + length + (receiver->address[0] != '@');
}

void
notify_receiver_open (NotifyReceiver *receiver)
{
  struct sockaddr_un address;
  const socklen_t size = get_address (receiver, &address);

  receiver->fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_assert_no_errno (receiver->fd);
  g_assert_no_errno (bind (receiver->fd, (struct sockaddr *) &address, size));
}

NotifyReceiver *
notify_receiver_new (const char *abstract)
{
  NotifyReceiver *receiver = g_new0 (NotifyReceiver, 1);

  if (abstract == NULL)
    {
      g_autoptr (GError) error = NULL;

      receiver->directory = g_dir_make_tmp ("ringdown-notify-XXXXXX", &error);
      g_assert_no_error (error);
    }
  receiver->address = abstract != NULL ? g_strdup (abstract)
                                       : g_build_filename (receiver->directory, "notify", NULL);
  notify_receiver_open (receiver);
  return receiver;
}

void
notify_receiver_close (NotifyReceiver *receiver)
{
  if (receiver->fd < 0)
    return;

  close (receiver->fd);
  receiver->fd = -1;
  if (receiver->directory != NULL)
    g_assert_no_errno (g_unlink (receiver->address));
}

void
notify_receiver_free (NotifyReceiver *receiver)
{
  notify_receiver_close (receiver);
  if (receiver->directory != NULL)
    g_assert_no_errno (g_rmdir (receiver->directory));
  g_free (receiver->directory);
  g_free (receiver->address);
  g_free (receiver);
}

char *
notify_receiver_read_with_fd (NotifyReceiver *receiver, int *fd)
{
  char buffer[4096]; /* more than systemd accepts */
  union
  {
    struct cmsghdr header; /* for the alignment of bytes */
    char bytes[CMSG_SPACE (sizeof *fd)];
  } control;
  struct iovec text = { .iov_base = buffer, .iov_len = sizeof buffer };
  struct msghdr message = { .msg_iov = &text,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };
  const gssize n = recvmsg (receiver->fd, &message, MSG_CMSG_CLOEXEC);
  const struct cmsghdr *header;

  *fd = -1;
  if (n < 0)
    {
      g_assert_cmpint (errno, ==, EAGAIN);
      return NULL;
    }

  g_assert_cmpint (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC), ==, 0);
  header = CMSG_FIRSTHDR (&message);
  if (header != NULL)
    {
      g_assert_cmpint (header->cmsg_type, ==, SCM_RIGHTS);
      g_assert_cmpuint (header->cmsg_len, ==, CMSG_LEN (sizeof *fd));
      memcpy (fd, CMSG_DATA (header), sizeof *fd);
    }
  return g_strndup (buffer, n);
}

char *
notify_receiver_read (NotifyReceiver *receiver)
{
  int fd;
  char *got = notify_receiver_read_with_fd (receiver, &fd);

  g_assert_cmpint (fd, ==, -1);
  return got;
}

typedef struct
{
  NotifyReceiver *receiver; /* unowned: outlives the thread */
  guint n;
} Reading;

static gpointer
read_datagrams (gpointer data)
{
  g_autofree Reading *reading = data;
  GString *all = g_string_new (NULL);

  for (guint i = 0; i < reading->n; i++)
    {
      struct pollfd arrival = { .fd = reading->receiver->fd, .events = POLLIN };
      g_autofree char *got = NULL;
      int fd;

      g_assert_cmpint (poll (&arrival, 1, TIMEOUT_MS), ==, 1);
      got = notify_receiver_read_with_fd (reading->receiver, &fd);
      g_string_append (all, got);
      if (fd >= 0)
        close (fd);
    }
  return g_string_free (all, FALSE);
}

GThread *
notify_receiver_read_in_thread (NotifyReceiver *receiver, guint n)
{
  Reading *reading = g_new (Reading, 1);

  *reading = (Reading){ receiver, n };
  return g_thread_new ("manager", read_datagrams, reading);
}

char *
notify_receiver_join (GThread *thread)
{
  return g_thread_join (thread);
}

void
notify_receiver_expect (NotifyReceiver *receiver, const char *text)
{
  g_autofree char *got = notify_receiver_read (receiver);

  g_assert_cmpstr (got, ==, text);
}

void
notify_receiver_expect_nothing (NotifyReceiver *receiver)
{
  notify_receiver_expect (receiver, NULL);
}

/* Sends from a new socket until its send buffer or the queue is full. Returns: the number of
 * datagrams. */
static guint
fill_from_one_socket (NotifyReceiver *receiver)
{
  struct sockaddr_un address;
  const socklen_t size = get_address (receiver, &address);
  const int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  guint n = 0;

  g_assert_no_errno (fd);
  while (sendto (fd, "X_FILL=1", strlen ("X_FILL=1"), 0, (struct sockaddr *) &address, size) >= 0)
    n++;
  g_assert_cmpint (errno, ==, EAGAIN);
  close (fd);
  return n;
}

void
notify_receiver_fill (NotifyReceiver *receiver)
{
  while (fill_from_one_socket (receiver) > 0)
    continue;
}

void
notify_receiver_empty (NotifyReceiver *receiver)
{
  char *got;

  while ((got = notify_receiver_read (receiver)) != NULL)
    g_free (got);
}
