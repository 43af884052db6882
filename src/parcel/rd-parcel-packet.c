/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* One packet of a hand-over on the wire: a head, a body and descriptors. Believes nothing of what
 * came before it has looked, and leaves no descriptor open that it does not hand on. Never waits,
 * and does not know which packet is due. */

#include "rd-parcel-packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAGIC      "RdP1" /* of all versions, so that any two can refuse each other in words */
#define PACKET_MAX 65536  /* bytes */

/* What a packet begins with; numbers as the machine has them. */
typedef struct
{
  char magic[4];
  guint16 kind;
  guint16 n_fds;
  guint32 layout;
  guint32 size; /* of the body, which follows */
} Head;

G_STATIC_ASSERT (sizeof (Head) == 16);

#define BODY_MAX (PACKET_MAX - sizeof (Head))

typedef struct
{
  const char *name;
  const char *type; /* of the body */
  guint min_fds;
  guint max_fds;
} Kind;

static const Kind kinds[] = {
  [RD_PARCEL_KIND_LISTENERS] = { "LISTENERS", "(a{sv}aa{sv})", 0, RD_PARCEL_FDS_MAX },
  [RD_PARCEL_KIND_READY] = { "READY", "(u)", 0, 0 },
  [RD_PARCEL_KIND_ERROR] = { "ERROR", "(s)", 0, 0 },
  [RD_PARCEL_KIND_HEADER] = { "HEADER", "a{sv}", 3, 3 },
  [RD_PARCEL_KIND_SOCKETS] = { "SOCKETS", "(u)", 1, RD_PARCEL_FDS_MAX },
  [RD_PARCEL_KIND_TAKEN] = { "TAKEN", "(uu)", 0, 0 },
  [RD_PARCEL_KIND_COMMIT] = { "COMMIT", "()", 0, 0 },
  [RD_PARCEL_KIND_ABORT] = { "ABORT", "(s)", 0, 0 },
  [RD_PARCEL_KIND_SERVING] = { "SERVING", "()", 0, 0 },
};

/* Room for the descriptors of a packet, aligned as cmsg(3) wants it. */
typedef union
{
  struct cmsghdr align;
  char bytes[CMSG_SPACE (RD_PARCEL_FDS_MAX * sizeof (int))];
} Control;

GQuark
rd_parcel_error_quark (void)
{
  return g_quark_from_static_string ("rd-parcel-error-quark");
}

const char *
rd_parcel_kind_get_name (RdParcelKind kind)
{
  return kinds[kind].name;
}

static void
close_fd (gpointer data)
{
  const int fd = *(int *) data;

  if (fd >= 0)
    close (fd);
}

GArray *
rd_parcel_fds_new (void)
{
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));

  g_array_set_clear_func (fds, close_fd);
  return fds;
}

int
rd_parcel_fds_steal (GArray *fds, guint index)
{
  int *place = &g_array_index (fds, int, index);
  const int fd = *place;

  *place = -1;
  return fd;
}

void
rd_parcel_packet_free (RdParcelPacket *packet)
{
  g_clear_pointer (&packet->body, g_variant_unref);
  g_clear_pointer (&packet->fds, g_array_unref);
  g_free (packet);
}

static void
attach_fds (struct msghdr *message, Control *control, const int *fds, guint n_fds)
{
  struct cmsghdr *rights;

  if (n_fds == 0)
    return;

  message->msg_control = control->bytes;
  message->msg_controllen = CMSG_SPACE (n_fds * sizeof *fds);
  memset (control->bytes, 0, message->msg_controllen);
  rights = CMSG_FIRSTHDR (message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN (n_fds * sizeof *fds);
  memcpy (CMSG_DATA (rights), fds, n_fds * sizeof *fds);
}

static void
set_ended (GError **error)
{
  g_set_error_literal (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_ENDED,
                       "the other worker exited during the hand-over; see its log");
}

static void
set_send_error (int number, GError **error)
{
  if (number == EAGAIN)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK,
                         "the hand-over channel is full; raise net.core.wmem_max to make it "
                         "larger");
  else if (number == ETOOMANYREFS)
    g_set_error_literal (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_IN_FLIGHT,
                         "too many descriptors are in flight between processes of this user;"
                         " raise LimitNOFILE= or “ulimit -n”");
  else if (number == EPIPE || number == ECONNRESET)
    set_ended (error);
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (number),
                 "cannot send on the hand-over channel: %s", g_strerror (number));
}

gboolean
rd_parcel_packet_send (int socket,
                       guint32 layout,
                       RdParcelKind kind,
                       GVariant *body,
                       const int *fds,
                       guint n_fds,
                       GError **error)
{
  const gsize size = g_variant_get_size (body);
  Head head = { .magic = MAGIC, .kind = kind, .n_fds = n_fds, .layout = layout, .size = size };
  struct iovec parts[] = { { &head, sizeof head }, { (void *) g_variant_get_data (body), size } };
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = G_N_ELEMENTS (parts) };
  Control control;
  gssize n;

  g_assert (g_variant_is_of_type (body, G_VARIANT_TYPE (kinds[kind].type)));
  if (size > BODY_MAX || n_fds > kinds[kind].max_fds)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                   "%s with %u descriptors and %zu bytes is too large for the "
                   "hand-over channel; listen on fewer addresses",
                   kinds[kind].name, n_fds, size);
      return FALSE;
    }

  attach_fds (&message, &control, fds, n_fds);
  do
    n = sendmsg (socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    set_send_error (errno, error);

  return n >= 0;
}

static void
take_fds (struct msghdr *message, GArray *fds)
{
  for (struct cmsghdr *c = CMSG_FIRSTHDR (message); c != NULL; c = CMSG_NXTHDR (message, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
      g_array_append_vals (fds, CMSG_DATA (c), (c->cmsg_len - CMSG_LEN (0)) / sizeof (int));
}

/* Receives a packet's bytes to @buffer and its descriptors to @fds. @flags: of recvmsg(2).
 * Returns: how many bytes, also beyond @size; 0 at the end, -1 with errno. */
static gssize
receive_bytes (int socket, int flags, void *buffer, gsize size, GArray *fds, gboolean *lacks_fds)
{
  struct iovec part = { buffer, size };
  Control control;
  struct msghdr message = { .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes };
  gssize n;

  /* that the other end was closed with our packets unread is told once, and before what it said */
  do
    n = recvmsg (socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC | flags);
  while (n < 0 && (errno == EINTR || errno == ECONNRESET));
  if (n < 0)
    return -1;

  take_fds (&message, fds);
  *lacks_fds = (message.msg_flags & MSG_CTRUNC) != 0;
  return n;
}

/* An empty packet looks like the end: recv(2). */
static gboolean
has_hung_up (int socket)
{
  struct pollfd poll_fd = { .fd = socket, .events = POLLRDHUP };

  return poll (&poll_fd, 1, 0) > 0;
}

static void
set_receive_error (int number, GError **error)
{
  if (number == EAGAIN)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, g_strerror (number));
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (number),
                 "cannot receive from the hand-over channel: %s", g_strerror (number));
}

/* Returns: FALSE with an error unless @head begins a packet of @n bytes that may be looked into. */
static gboolean
require_head (const Head *head, gsize n, guint32 layout, GError **error)
{
  if (n < sizeof *head || memcmp (head->magic, MAGIC, sizeof head->magic) != 0)
    g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_MALFORMED,
                 "received %zu bytes that are not a hand-over packet; the other "
                 "process is faulty or not ringdown",
                 n);
  else if (head->layout != layout && head->kind != RD_PARCEL_KIND_ERROR
           && head->kind != RD_PARCEL_KIND_ABORT)
    g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_LAYOUT,
                 "the other worker uses hand-over layout %u, this one supports only "
                 "layout %u; drain the old worker (SIGTERM), then start the new one",
                 head->layout, layout);
  else if (head->kind >= G_N_ELEMENTS (kinds) || kinds[head->kind].name == NULL)
    g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_MALFORMED,
                 "received a packet of unknown kind %u; the other worker is faulty", head->kind);
  else if (n != sizeof *head + head->size || head->size > BODY_MAX)
    g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_MALFORMED,
                 "received %s with %zu bytes instead of %u; the other worker is "
                 "faulty",
                 kinds[head->kind].name, n - sizeof *head, head->size);
  else
    return TRUE;

  return FALSE;
}

/* Returns: FALSE with an error unless @fds are all that @head speaks of, and what its kind has. */
static gboolean
require_fds (const Head *head, const GArray *fds, gboolean lacks_fds, GError **error)
{
  const Kind *kind = &kinds[head->kind];

  if (lacks_fds)
    g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_DESCRIPTORS,
                 "received %u descriptors, but only %u could be opened; raise "
                 "LimitNOFILE= or “ulimit -n” for the new worker",
                 head->n_fds, fds->len);
  else if (fds->len != head->n_fds || fds->len < kind->min_fds || fds->len > kind->max_fds)
    g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_MALFORMED,
                 "received %s with %u descriptors, an invalid number; the other "
                 "worker is faulty",
                 kind->name, fds->len);
  else
    return TRUE;

  return FALSE;
}

/* Returns: (transfer full): NULL with an error if the bytes are nothing of the kind. */
static GVariant *
read_body (const Head *head, GError **error)
{
  const Kind *kind = &kinds[head->kind];
  g_autoptr (GBytes) bytes = g_bytes_new (head + 1, head->size);
  g_autoptr (GVariant) body = g_variant_ref_sink (
    g_variant_new_from_bytes (G_VARIANT_TYPE (kind->type), bytes, FALSE));

  if (g_variant_is_normal_form (body))
    return g_steal_pointer (&body);

  g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_MALFORMED,
               "received %s with an invalid body; the other worker is faulty", kind->name);
  return NULL;
}

/* @flags: of recvmsg(2). */
static RdParcelPacket *
receive (int socket, int flags, guint32 layout, GError **error)
{
  g_autoptr (RdParcelPacket) packet = g_new0 (RdParcelPacket, 1);
  g_autofree Head *head = g_malloc (PACKET_MAX);
  gboolean lacks_fds = FALSE;
  gssize n;

  packet->fds = rd_parcel_fds_new ();
  n = receive_bytes (socket, flags, head, PACKET_MAX, packet->fds, &lacks_fds);
  if (n < 0)
    {
      set_receive_error (errno, error);
      return NULL;
    }
  if (n == 0 && has_hung_up (socket))
    {
      set_ended (error);
      return NULL;
    }
  if (!require_head (head, n, layout, error) || !require_fds (head, packet->fds, lacks_fds, error))
    return NULL;

  packet->kind = head->kind;
  packet->body = read_body (head, error);
  return packet->body != NULL ? g_steal_pointer (&packet) : NULL;
}

RdParcelPacket *
rd_parcel_packet_receive (int socket, guint32 layout, GError **error)
{
  return receive (socket, 0, layout, error);
}

RdParcelPacket *
rd_parcel_packet_peek (int socket, guint32 layout, GError **error)
{
  return receive (socket, MSG_PEEK, layout, error);
}
