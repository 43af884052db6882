/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The client's end of a socket pair: data sent by one end can be read by the other at once. */

#include "peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Peer *
peer_new (int *server_fd)
{
  Peer *peer = g_new0 (Peer, 1);
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
  peer->fd = fds[0];
  peer->in = g_byte_array_new ();
  *server_fd = fds[1];
  return peer;
}

void
peer_free (Peer *peer)
{
  peer_hang_up (peer);
  g_byte_array_unref (peer->in);
  g_free (peer);
}

void
peer_narrow (int server_fd)
{
  const int least = 1; /* the kernel uses its minimum, about 4 KiB */

  g_assert_no_errno (setsockopt (server_fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least));
}

void
peer_hang_up (Peer *peer)
{
  if (peer->fd >= 0)
    close (peer->fd);
  peer->fd = -1;
}

gboolean
peer_read (Peer *peer, gsize max)
{
  gboolean is_any = FALSE;
  gssize n = 1;

  while (peer->fd >= 0 && !peer->has_ended && max > 0 && n > 0)
    {
      guint8 buffer[65536];

      n = recv (peer->fd, buffer, MIN (max, sizeof buffer), 0);
      if (n > 0)
        {
          g_byte_array_append (peer->in, buffer, n);
          max -= n;
        }
      peer->has_ended = n == 0 || (n < 0 && errno == ECONNRESET);
      is_any |= n > 0 || peer->has_ended;
    }

  return is_any;
}

void
peer_send_bytes (Peer *peer, const void *data, gsize size)
{
  g_assert_cmpint (send (peer->fd, data, size, MSG_NOSIGNAL), ==, size);
}

void
peer_send (Peer *peer, guint8 opcode, const void *payload, gsize size)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  frame_append (out, FRAME_FIN | opcode, payload, size);
  peer_send_bytes (peer, out->data, out->len);
}

void
peer_send_text (Peer *peer, const char *text)
{
  peer_send (peer, FRAME_TEXT, text, strlen (text));
}

void
peer_send_close (Peer *peer, guint16 code)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  frame_append_close (out, code, NULL);
  peer_send_bytes (peer, out->data, out->len);
}

void
peer_expect (Peer *peer, guint8 opcode, const void *payload, gsize size)
{
  Frame frame;

  if (!frame_read (peer->in, &frame))
    g_error ("%u bytes came, which are no whole frame", peer->in->len);
  g_assert_cmphex (frame.opcode, ==, opcode);
  g_assert_cmpmem (frame.payload, frame.size, payload, size);
  g_byte_array_remove_range (peer->in, 0, frame.header_size + frame.size);
}

void
peer_expect_text (Peer *peer, const char *text)
{
  peer_expect (peer, FRAME_TEXT, text, strlen (text));
}

void
peer_expect_message (Peer *peer, guint64 number, gsize size)
{
  g_autoptr (GBytes) payload = make_payload (number, size);

  peer_expect (peer, FRAME_BINARY, g_bytes_get_data (payload, NULL), size);
}

void
peer_expect_close (Peer *peer, guint16 code, const char *reason)
{
  guint8 payload[125];
  gsize size = 2 + strlen (reason);

  g_assert_cmpuint (size, <=, sizeof payload);
  payload[0] = code >> 8;
  payload[1] = code & 0xFF;
  memcpy (payload + 2, reason, size - 2);
  peer_expect (peer, FRAME_CLOSE, payload, code == 0 ? 0 : size);
}

void
peer_expect_end (Peer *peer)
{
  g_assert_cmpuint (peer->in->len, ==, 0);
  g_assert_true (peer->has_ended);
}

void
peer_expect_silence (Peer *peer)
{
  g_assert_cmpuint (peer->in->len, ==, 0);
  g_assert_false (peer->has_ended);
}
