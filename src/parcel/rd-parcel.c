/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What two processes of a hand-over say to each other, packet by packet, each waited for no longer
 * than a deadline. Knows in which ways a conversation can fail, and tells them apart. Never knows
 * what is handed over, and blocks: nobody is served meanwhile. */

#include "rd-parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rd-text.h"

#define TEXT_MAX_CHARS 1000
#define IN_FLIGHT_MS   1 /* nothing tells that descriptors have arrived elsewhere: ask as often */

struct _RdParcel
{
  int fd; /* owned */
  guint32 layout;
  gint64 deadline_us;
  guint n_sent;     /* sockets */
  guint n_received; /* sockets */
};

static RdParcel *
wrap (int fd, guint32 layout)
{
  const int most = G_MAXINT; /* the kernel makes it net.core.wmem_max */
  RdParcel *self = g_new0 (RdParcel, 1);

  /* as it is it will do, too */
  setsockopt (fd, SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
  self->fd = fd;
  self->layout = layout;
  return self;
}

RdParcel *
rd_parcel_new (guint32 layout, int *other_fd, GError **error)
{
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "cannot create a hand-over channel: %s", g_strerror (errno));
      return NULL;
    }

  *other_fd = fds[1];
  return wrap (fds[0], layout);
}

static int
get_option (int fd, int option)
{
  int value = -1;
  socklen_t size = sizeof value;

  return getsockopt (fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

RdParcel *
rd_parcel_new_for_fd (int fd, guint32 layout, GError **error)
{
  if (get_option (fd, SO_DOMAIN) == AF_UNIX && get_option (fd, SO_TYPE) == SOCK_SEQPACKET)
    {
      fcntl (fd, F_SETFD, FD_CLOEXEC);
      return wrap (fd, layout);
    }

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "descriptor %d was passed as a hand-over channel but is not a "
               "SOCK_SEQPACKET socket; correct the command that starts ringdown",
               fd);
  if (fd >= 0)
    close (fd);
  return NULL;
}

void
rd_parcel_free (RdParcel *self)
{
  close (self->fd);
  g_free (self);
}

int
rd_parcel_get_fd (const RdParcel *self)
{
  return self->fd;
}

void
rd_parcel_set_deadline (RdParcel *self, gint64 deadline_us)
{
  self->deadline_us = deadline_us;
}

gboolean
rd_parcel_is_late (const RdParcel *self)
{
  return self->deadline_us > 0 && g_get_monotonic_time () > self->deadline_us;
}

/* Waits for @events, or the end of the other process. @at_most_ms: -1: the deadline counts alone.
 * Returns: FALSE if it is too late. */
static gboolean
wait_for (RdParcel *self, short events, int at_most_ms, short *revents)
{
  const gint64 left_us = self->deadline_us - g_get_monotonic_time ();
  const int left_ms = CLAMP ((left_us + 999) / 1000, 0, G_MAXINT);
  struct pollfd poll_fd = { .fd = self->fd, .events = events };

  if (left_us <= 0)
    return FALSE;

  /* interrupted, or for nothing: whoever waits tries, and waits again */
  poll (&poll_fd, 1, at_most_ms >= 0 ? MIN (at_most_ms, left_ms) : left_ms);
  *revents = poll_fd.revents;
  return TRUE;
}

/* The other process gives up, with a text of its own. */
static void
set_said (const RdParcelPacket *packet, RdParcelError code, GError **error)
{
  g_autofree char *shown = NULL;
  const char *text;

  g_variant_get (packet->body, "(&s)", &text);
  shown = rd_text_printable (text, TEXT_MAX_CHARS);
  g_set_error_literal (error, RD_PARCEL_ERROR, code, shown);
}

/* What came instead of what was due. */
static void
set_unexpected (const RdParcelPacket *packet, GError **error)
{
  if (packet->kind == RD_PARCEL_KIND_ERROR)
    set_said (packet, RD_PARCEL_ERROR_REFUSED, error);
  else if (packet->kind == RD_PARCEL_KIND_ABORT)
    set_said (packet, RD_PARCEL_ERROR_ABORTED, error);
  else
    g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_MALFORMED,
                 "received %s unexpectedly; the other worker is faulty",
                 rd_parcel_kind_get_name (packet->kind));
}

/* The other process has hung up, or speaks while it ought to listen: hears why. */
static void
set_interruption (RdParcel *self, GError **error)
{
  g_autoptr (RdParcelPacket) packet = rd_parcel_packet_receive (self->fd, self->layout, error);

  if (packet != NULL)
    set_unexpected (packet, error);
}

/* Waits until what failed for @reason may be tried again.
 * Returns: FALSE with an error if it may not. */
static gboolean
wait_for_room (RdParcel *self, const GError *reason, GError **error)
{
  const gboolean is_full = g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  short revents = 0;
  gboolean is_late;

  if (g_error_matches (reason, RD_PARCEL_ERROR, RD_PARCEL_ERROR_ENDED))
    {
      set_interruption (self, error);
      return FALSE;
    }
  if (!is_full && !g_error_matches (reason, RD_PARCEL_ERROR, RD_PARCEL_ERROR_IN_FLIGHT))
    {
      g_propagate_error (error, g_error_copy (reason));
      return FALSE;
    }

  is_late = is_full ? !wait_for (self, POLLIN | POLLOUT, -1, &revents)
                    : !wait_for (self, POLLIN, IN_FLIGHT_MS, &revents);
  if (is_late)
    g_set_error_literal (error, RD_PARCEL_ERROR,
                         self->deadline_us == 0 ? RD_PARCEL_ERROR_FULL : RD_PARCEL_ERROR_TIMED_OUT,
                         reason->message);
  else if (revents & POLLIN)
    set_interruption (self, error);
  else
    return TRUE;

  return FALSE;
}

gboolean
rd_parcel_send (RdParcel *self,
                RdParcelKind kind,
                GVariant *body,
                const int *fds,
                guint n_fds,
                GError **error)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (body);

  for (;;)
    {
      g_autoptr (GError) reason = NULL;

      if (rd_parcel_packet_send (self->fd, self->layout, kind, owned, fds, n_fds, &reason))
        return TRUE;
      if (!wait_for_room (self, reason, error))
        return FALSE;
    }
}

gboolean
rd_parcel_send_text (RdParcel *self, RdParcelKind kind, const char *text, GError **error)
{
  g_autofree char *shown = rd_text_printable (text, TEXT_MAX_CHARS);

  return rd_parcel_send (self, kind, g_variant_new ("(s)", shown), NULL, 0, error);
}

guint
rd_parcel_send_sockets (RdParcel *self, const int *fds, guint n_fds, GError **error)
{
  guint n = 0;

  while (n < n_fds)
    {
      const guint n_now = MIN (n_fds - n, RD_PARCEL_FDS_MAX);

      if (!rd_parcel_send (self, RD_PARCEL_KIND_SOCKETS, g_variant_new ("(u)", self->n_sent),
                           fds + n, n_now, error))
        return n;
      self->n_sent += n_now;
      n += n_now;
    }
  return n;
}

typedef RdParcelPacket *(*Take) (int socket, guint32 layout, GError **error);

/* @take: how the packet is taken from the socket. */
static RdParcelPacket *
await (RdParcel *self, RdParcelKind kind, Take take, GError **error)
{
  short revents;

  for (;;)
    {
      g_autoptr (GError) reason = NULL;
      g_autoptr (RdParcelPacket) packet = take (self->fd, self->layout, &reason);

      if (packet != NULL && packet->kind == kind)
        return g_steal_pointer (&packet);
      if (packet != NULL)
        {
          set_unexpected (packet, error);
          return NULL;
        }
      if (!g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          g_propagate_error (error, g_steal_pointer (&reason));
          return NULL;
        }
      if (!wait_for (self, POLLIN, -1, &revents))
        {
          g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_TIMED_OUT,
                       "the other worker did not send %s in time; see its log, or raise "
                       "--handover-timeout",
                       rd_parcel_kind_get_name (kind));
          return NULL;
        }
    }
}

RdParcelPacket *
rd_parcel_receive (RdParcel *self, RdParcelKind kind, GError **error)
{
  return await (self, kind, rd_parcel_packet_receive, error);
}

RdParcelPacket *
rd_parcel_peek (RdParcel *self, RdParcelKind kind, GError **error)
{
  return await (self, kind, rd_parcel_packet_peek, error);
}

void
rd_parcel_prepare (RdParcel *self, guint n)
{
  struct rlimit limit = { .rlim_cur = 0 };
  int fd;

  /* the kernel doubles the table again and again, and lets each thread come round in between
   * (synchronize_rcu()): one high number makes it large at once */
  getrlimit (RLIMIT_NOFILE, &limit);
  fd = fcntl (self->fd, F_DUPFD_CLOEXEC, MIN (n, MAX (limit.rlim_cur, 1) - 1));
  if (fd >= 0)
    close (fd);
}

gboolean
rd_parcel_receive_sockets (RdParcel *self, guint n, GArray *fds, GError **error)
{
  while (n > 0)
    {
      g_autoptr (RdParcelPacket) packet = rd_parcel_receive (self, RD_PARCEL_KIND_SOCKETS, error);
      guint n_before, n_now;

      if (packet == NULL)
        return FALSE;
      g_variant_get (packet->body, "(u)", &n_before);
      n_now = packet->fds->len;
      if (n_before != self->n_received || n_now > n)
        {
          g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_MALFORMED,
                       "received %u sockets after the first %u, expected %u after the "
                       "first %u; the other worker is faulty",
                       n_now, n_before, n, self->n_received);
          return FALSE;
        }

      g_array_append_vals (fds, packet->fds->data, n_now);
      g_free (g_array_steal (packet->fds, NULL)); /* these are in @fds now */
      self->n_received += n_now;
      n -= n_now;
    }
  return TRUE;
}
