/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Sends datagrams to the socket of the service manager. */

#include "rd-notify-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "rd-text.h"

#define SHOWN_MAX 128 /* maximum number of characters of an address in an error message */

struct _RdNotifySocket
{
  int fd; /* owned */
  struct sockaddr_un address;
  socklen_t size; /* size of the address, in bytes */
};

/* Sets the address of the receiver. Returns: whether @text is a valid address. */
static gboolean
set_address (RdNotifySocket *self, const char *text)
{
  const gboolean is_abstract = text[0] == '@';
  const gsize length = strlen (text);

  if ((text[0] != '/' && !is_abstract) || length < 2
      || length >= sizeof self->address.sun_path + is_abstract)
    return FALSE;

  self->address.sun_family = AF_UNIX;
  memcpy (self->address.sun_path, text, length);
  if (is_abstract)
    self->address.sun_path[0] = '\0';
  self->size = offsetof (struct sockaddr_un, sun_path) + length + !is_abstract;
  return TRUE;
}

RdNotifySocket *
rd_notify_socket_new (const char *address, GError **error)
{
  g_autoptr (RdNotifySocket) self = g_new0 (RdNotifySocket, 1);

  self->fd = -1;
  if (!set_address (self, address))
    {
      g_autofree char *shown = rd_text_printable (address, SHOWN_MAX);

      g_set_error (
        error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
        "NOTIFY_SOCKET is “%s”, which is neither an absolute path nor “@” followed by a name",
        shown);
      return NULL;
    }

  self->fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (self->fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "cannot create a socket for the service manager: %s", g_strerror (errno));
      return NULL;
    }

  return g_steal_pointer (&self);
}

void
rd_notify_socket_free (RdNotifySocket *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
}

gboolean
rd_notify_socket_send (RdNotifySocket *self, const char *assignments)
{
  const gssize n = sendto (self->fd, assignments, strlen (assignments), MSG_NOSIGNAL | MSG_DONTWAIT,
                           (const struct sockaddr *) &self->address, self->size);

  if (n >= 0)
    return TRUE;
  if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
    return FALSE;

  g_debug ("Cannot reach the service manager: %s", g_strerror (errno));
  return TRUE;
}

static gint64
get_time_left (gint64 deadline_us)
{
  return MAX (deadline_us - g_get_monotonic_time (), 0);
}

/* Sends @message; blocks while the receiver's queue is full. Does not use poll(), which ignores the
 * receiver's queue if the socket is unconnected. Returns: TRUE, or FALSE with errno set. */
static gboolean
send_message (RdNotifySocket *self, const struct msghdr *message, gint64 deadline_us)
{
  gint64 left_us;

  do
    {
      struct timeval limit;

      left_us = get_time_left (deadline_us);
      limit.tv_sec = left_us / G_USEC_PER_SEC;
      limit.tv_usec = left_us > 0 ? left_us % G_USEC_PER_SEC : 1; /* 0 would mean no timeout */
      if (setsockopt (self->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
        return FALSE;
      if (sendmsg (self->fd, message, MSG_NOSIGNAL) >= 0)
        return TRUE;
    }
  while (errno == EINTR && left_us > 0);
  return FALSE;
}

static void
set_send_error (GError **error, int code)
{
  if (code == EAGAIN || code == EINTR)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         "the service manager is too busy (its queue is full)");
  else if (code == ETOOMANYREFS)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES,
                         "too many descriptors are in flight between processes; raise the hard "
                         "limit (LimitNOFILE=, ulimit -Hn)");
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                 "cannot reach the service manager: %s", g_strerror (code));
}

gboolean
rd_notify_socket_send_until (RdNotifySocket *self,
                             const char *assignments,
                             int fd,
                             gint64 deadline_us,
                             GError **error)
{
  struct iovec text = { .iov_base = (char *) assignments, .iov_len = strlen (assignments) };
  union
  {
    struct cmsghdr header; /* aligns bytes */
    char bytes[CMSG_SPACE (sizeof fd)];
  } control = { .bytes = { 0 } };
  struct msghdr message
    = { .msg_name = &self->address, .msg_namelen = self->size, .msg_iov = &text, .msg_iovlen = 1 };

  if (fd >= 0)
    {
      control.header.cmsg_level = SOL_SOCKET;
      control.header.cmsg_type = SCM_RIGHTS;
      control.header.cmsg_len = CMSG_LEN (sizeof fd);
      memcpy (CMSG_DATA (&control.header), &fd, sizeof fd);
      message.msg_control = &control;
      message.msg_controllen = sizeof control;
    }

  if (send_message (self, &message, deadline_us))
    return TRUE;

  set_send_error (error, errno);
  return FALSE;
}

/* Waits until the other end of pipe @fd is closed. Returns: FALSE if @deadline_us passes first. */
static gboolean
wait_for_hang_up (int fd, gint64 deadline_us)
{
  struct pollfd end = { .fd = fd }; /* no event requested: poll() always reports POLLHUP */
  int n;

  do
    n = poll (&end, 1, (get_time_left (deadline_us) + 999) / 1000);
  while (n < 0 && errno == EINTR);
  return n > 0;
}

gboolean
rd_notify_socket_barrier (RdNotifySocket *self, gint64 deadline_us, GError **error)
{
  gboolean is_sent, is_passed;
  int ends[2];

  if (!g_unix_open_pipe (ends, FD_CLOEXEC, error))
    return FALSE;

  is_sent = rd_notify_socket_send_until (self, "BARRIER=1", ends[1], deadline_us, error);
  close (ends[1]);
  is_passed = is_sent && wait_for_hang_up (ends[0], deadline_us);
  close (ends[0]);
  if (is_sent && !is_passed)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         "the service manager is too busy to respond");
  return is_passed;
}
