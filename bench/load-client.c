/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A client connection, from connect() to the end of the closing handshake: a state machine driven
 * by epoll events. Frames are parsed in the read buffer that all clients share; only incomplete
 * frames are copied. Pings and close frames are answered. */

#include "load-client.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
  CODE_NORMAL = 1000,
  CODE_PROTOCOL_ERROR = 1002,
  CODE_NONE = 1005,
  CODE_ABNORMAL = 1006,
};

gboolean
load_client_connect (LoadClient *client, GError **error)
{
  client->fd = load_target_connect (client->target, client->index, error);
  if (client->fd < 0)
    return FALSE;
  client->state = LOAD_CLIENT_CONNECTING;
  client->close_code = CODE_ABNORMAL;
  return TRUE;
}

void
load_client_reset (LoadClient *client)
{
  if (client->fd >= 0)
    close (client->fd);
  client->fd = -1;
  client->state = LOAD_CLIENT_IDLE;
  client->n_echoed = 0;
  client->carry_length = 0;
  g_clear_pointer (&client->carry, g_free);
  g_clear_pointer (&client->unsent, g_byte_array_unref);
}

gsize
load_client_encode (guint8 *out, WireOpcode opcode, const guint8 *payload, gsize length)
{
  guint32 key = g_random_int ();
  gsize header = wire_write_header (out, opcode, length, (const guint8 *) &key);

  memcpy (out + header, payload, length);
  wire_mask (out + header, length, (const guint8 *) &key);
  return header + length;
}

gboolean
load_client_is_blocked (const LoadClient *client)
{
  return client->unsent != NULL;
}

void
load_client_send (LoadClient *client, const guint8 *data, gsize length)
{
  gssize sent = 0;

  if (client->unsent == NULL)
    sent = send (client->fd, data, length, MSG_NOSIGNAL);
  if (sent == (gssize) length)
    return;
  sent = MAX (sent, 0);
  if (client->unsent == NULL)
    client->unsent = g_byte_array_new ();
  g_byte_array_append (client->unsent, data + sent, length - sent);
}

static void
send_unsent (LoadClient *client)
{
  gssize sent = send (client->fd, client->unsent->data, client->unsent->len, MSG_NOSIGNAL);

  if (sent <= 0)
    return;
  g_byte_array_remove_range (client->unsent, 0, sent);
  if (client->unsent->len == 0)
    g_clear_pointer (&client->unsent, g_byte_array_unref);
}

static void
send_control (LoadClient *client, WireOpcode opcode, const guint8 *payload, gsize length)
{
  guint8 frame[WIRE_MAX_HEADER + WIRE_MAX_CONTROL];

  load_client_send (client, frame, load_client_encode (frame, opcode, payload, length));
}

static void
send_close (LoadClient *client, guint16 code)
{
  const guint8 payload[] = { code >> 8, code & 0xff };

  send_control (client, WIRE_CLOSE, payload, code == CODE_NONE ? 0 : sizeof payload);
}

void
load_client_close (LoadClient *client)
{
  client->state = LOAD_CLIENT_CLOSING;
  send_close (client, CODE_NORMAL);
}

static void
handle_control (LoadClient *client, const WireFrame *frame, const guint8 *payload)
{
  if (frame->opcode == WIRE_PING)
    send_control (client, WIRE_PONG, payload, frame->length);
  if (frame->opcode != WIRE_CLOSE)
    return;
  client->close_code = frame->length >= 2 ? payload[0] << 8 | payload[1] : CODE_NONE;
  if (client->state == LOAD_CLIENT_CLOSING)
    return;
  client->state = LOAD_CLIENT_CLOSED;
  send_close (client, client->close_code);
}

/* Returns whether a server must not send this frame (RFC 6455 sections 5.1 to 5.5). */
static gboolean
is_malformed (const WireFrame *frame)
{
  gboolean is_control = frame->opcode & 0x08;
  gboolean is_known = frame->opcode <= WIRE_BINARY
                      || (frame->opcode >= WIRE_CLOSE && frame->opcode <= WIRE_PONG);

  return frame->masked || frame->reserved_bits || !is_known
         || (is_control && (!frame->final || frame->length > WIRE_MAX_CONTROL))
         || frame->length > LOAD_INPUT_SIZE - WIRE_MAX_HEADER;
}

/* Handles all complete frames in @data. Of a fragmented message, the first frame has the stamp, the
 * others are skipped. Returns the bytes handled, or -1 at the end of the connection. */
static gssize
read_frames (LoadClient *client, LoadReader *reader, const guint8 *data, gsize size, gint64 now_us)
{
  gsize done = 0;
  WireFrame frame;

  while (wire_parse_header (data + done, size - done, &frame))
    {
      const guint8 *payload = data + done + frame.header;

      if (G_UNLIKELY (is_malformed (&frame)))
        {
          client->close_code = CODE_PROTOCOL_ERROR;
          return -1;
        }
      if (size - done - frame.header < frame.length)
        return done;
      done += frame.header + frame.length;
      if (G_UNLIKELY (frame.opcode & 0x08))
        handle_control (client, &frame, payload);
      else if (frame.opcode != WIRE_CONTINUATION && reader->stats != NULL)
        client->n_echoed += load_stats_note_message (reader->stats, client->index, payload,
                                                     frame.length, now_us)
                              == client->sender
                            && client->sender >= 0;
    }
  return done;
}

/* Checks the answer to the handshake. Returns the size of its head, 0 if it is incomplete, or -1
 * with an error. */
static gssize
read_answer (LoadClient *client, LoadReader *reader, gsize size, GError **error)
{
  const guint8 *end = memmem (reader->input, size, "\r\n\r\n", 4);
  g_autofree char *head = NULL;

  if (end == NULL && size < LOAD_INPUT_SIZE / 2)
    return 0;
  head = g_strndup ((const char *) reader->input, end != NULL ? end - reader->input : 80);
  if (!load_target_check_answer (client->target, head, error))
    return -1;
  client->state = LOAD_CLIENT_OPEN;
  return end + 4 - reader->input;
}

/* Handles @size bytes of input. Returns FALSE at the end of the connection. */
static gboolean
consume (LoadClient *client, LoadReader *reader, gsize size, gint64 now_us, GError **error)
{
  gssize head = 0;
  gssize frames = 0;
  gsize rest;

  if (client->state == LOAD_CLIENT_HANDSHAKE)
    head = read_answer (client, reader, size, error);
  if (head >= 0 && client->state != LOAD_CLIENT_HANDSHAKE)
    frames = read_frames (client, reader, reader->input + head, size - head, now_us);
  if (head < 0 || frames < 0)
    return FALSE;
  rest = size - head - frames;
  if (rest == 0 && client->carry_length == 0)
    return TRUE;
  g_free (client->carry);
  client->carry = g_memdup2 (reader->input + head + frames, rest);
  client->carry_length = rest;
  return TRUE;
}

/* Reads all data, since epoll is edge-triggered. After a read that does not fill the buffer there
 * is no more data, but there may be an end of file. Returns FALSE at the end of the connection. */
static gboolean
read_all (LoadClient *client, LoadReader *reader, guint events, GError **error)
{
  for (;;)
    {
      gsize capacity = LOAD_INPUT_SIZE - client->carry_length;
      gssize n;

      if (client->carry_length > 0)
        memcpy (reader->input, client->carry, client->carry_length);
      n = recv (client->fd, reader->input + client->carry_length, capacity, 0);
      if (n < 0 && errno == EAGAIN)
        return TRUE;
      if (n <= 0)
        return FALSE;
      if (!consume (client, reader, client->carry_length + n, g_get_monotonic_time (), error))
        return FALSE;
      if (n < (gssize) capacity && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
        return TRUE;
    }
}

static gboolean
finish_connect (LoadClient *client, GError **error)
{
  const char *request = load_target_get_request (client->target);
  int failure = 0;
  socklen_t size = sizeof failure;

  getsockopt (client->fd, SOL_SOCKET, SO_ERROR, &failure, &size);
  if (failure != 0)
    {
      g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (failure),
                           g_strerror (failure));
      return FALSE;
    }
  client->state = LOAD_CLIENT_HANDSHAKE;
  load_client_send (client, (const guint8 *) request, strlen (request));
  return TRUE;
}

LoadEvent
load_client_handle (LoadClient *client, LoadReader *reader, guint events, GError **error)
{
  gboolean was_open = client->state >= LOAD_CLIENT_OPEN;

  if (client->state == LOAD_CLIENT_CONNECTING && !finish_connect (client, error))
    return LOAD_EVENT_FAILED;
  if (G_UNLIKELY (client->unsent != NULL) && events & EPOLLOUT)
    send_unsent (client);
  if (!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
    return LOAD_EVENT_NONE;
  if (read_all (client, reader, events, error))
    return !was_open && client->state >= LOAD_CLIENT_OPEN ? LOAD_EVENT_OPENED : LOAD_EVENT_NONE;
  if (was_open)
    return LOAD_EVENT_GONE;
  if (client->state >= LOAD_CLIENT_OPEN)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                 "the server closed the connection at once, with code %u", client->close_code);
  else if (*error == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                         "the server closed the connection without an answer");
  return LOAD_EVENT_FAILED;
}
