/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What of a client lives in the process only, written down for another one: half of what it sent,
 * control frames on their way, and where its close handshake stands. What comes in is distrusted;
 * nothing is sent, and no timer armed. */

#include "ws-client-pack.h"

#include <string.h>
#include <sys/socket.h>

#define ALL_FLAGS (WS_RECORD_BLOCKED | WS_RECORD_CONTROL | WS_RECORD_DETACHED)

/* Any time in earnest is before; later ones would not bear being reckoned with. */
#define LATEST_US (G_MAXINT64 / 2)

#define PONG_START (0x80 | WS_OPCODE_PONG) /* first byte of an encoded pong */

enum
{
  FLAG_CLOSE_RECEIVED = 1 << 0,
  FLAG_CLOSE_SENT = 1 << 1,
  FLAG_AWAITS_PONG = 1 << 2,
  FLAG_IS_OURS = 1 << 3,
  FLAG_HAS_PONGS = 1 << 4, /* see pack_control(); ignored by version 0.1 */
};

static GVariant *
pack_bytes (const guint8 *data, gsize size)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, size, 1);
}

GVariant *
ws_input_pack (const WsInput *input)
{
  const GByteArray none = { 0 };
  const GByteArray *message = input->message != NULL ? input->message : &none;
  const WsFrameHeader *frame = &input->frame;

  return g_variant_new ("(y(yyy)bt(byt@ay)@ay@ay)", input->opcode, input->utf8.missing,
                        input->utf8.low, input->utf8.high, input->in_frame, input->done, frame->fin,
                        frame->opcode, frame->length, pack_bytes (frame->mask, sizeof frame->mask),
                        pack_bytes (input->partial, input->partial_size),
                        pack_bytes (message->data, message->len));
}

/* Whether the bytes are an incomplete header or control frame. */
static gboolean
is_partial (const guint8 *data, gsize size)
{
  WsFrameHeader header;
  gsize header_size;

  switch (ws_frame_parse (data, size, &header, &header_size))
    {
    case WS_PARSE_BAD:
      return FALSE;
    case WS_PARSE_MORE:
      return TRUE;
    case WS_PARSE_OK:
      break;
    }

  return ws_opcode_is_control (header.opcode) && size < header_size + header.length;
}

/* Whether ws_input_next() could have led to this state. */
static gboolean
input_is_sound (const WsInput *input)
{
  const gsize so_far = input->message != NULL ? input->message->len : 0;

  if (input->opcode == 0 && (so_far > 0 || input->in_frame))
    return FALSE;
  if (input->opcode > WS_OPCODE_BINARY || input->utf8.missing > 3)
    return FALSE;
  if (!input->in_frame)
    return is_partial (input->partial, input->partial_size);

  return input->partial_size == 0 && input->done <= so_far && input->done < input->frame.length
         && input->frame.length <= G_MAXINT64;
}

gboolean
ws_input_unpack (WsInput *input, GVariant *packed)
{
  g_autoptr (GVariant) mask = NULL;
  g_autoptr (GVariant) partial = NULL;
  g_autoptr (GVariant) message = NULL;
  const guint8 *bytes;
  guint8 opcode;
  gsize size;

  g_variant_get (packed, "(y(yyy)bt(byt@ay)@ay@ay)", &input->opcode, &input->utf8.missing,
                 &input->utf8.low, &input->utf8.high, &input->in_frame, &input->done,
                 &input->frame.fin, &opcode, &input->frame.length, &mask, &partial, &message);
  input->frame.opcode = opcode;

  bytes = g_variant_get_fixed_array (mask, &size, 1);
  if (size != sizeof input->frame.mask)
    return FALSE;
  memcpy (input->frame.mask, bytes, size);

  bytes = g_variant_get_fixed_array (partial, &size, 1);
  if (size > WS_INPUT_PARTIAL_MAX)
    return FALSE;
  if (size > 0)
    input->partial = memcpy (g_malloc (WS_INPUT_PARTIAL_MAX), bytes, size);
  input->partial_size = size;

  bytes = g_variant_get_fixed_array (message, &size, 1);
  if (size > 0)
    input->message = g_byte_array_append (g_byte_array_new (), bytes, size);

  return input_is_sound (input);
}

/* Packs @control. The last waiting pong is packed as its payload, and the other pongs as bytes of
 * @out that are sent already: version 0.1 skips these bytes and then sends the last pong. */
static GVariant *
pack_control (const WsControl *control)
{
  const GByteArray *pongs = control->pongs;
  const gsize payload = control->pong_count > 0 ? control->last_pong + 2 : 0;
  g_autoptr (GByteArray) out = g_byte_array_new ();

  g_byte_array_append (out, pongs->data, control->last_pong);
  g_byte_array_append (out, control->out->data + control->sent, control->out->len - control->sent);
  return g_variant_new ("(tubbbb@ay@ay@ay)", control->at, control->last_pong, control->ping_due,
                        control->pong_count > 0, control->close_due, control->close_in_out,
                        pack_bytes (out->data, out->len),
                        pack_bytes (pongs->data + payload, pongs->len - payload),
                        pack_bytes (control->close, control->close_size));
}

/* Queues the pongs encoded in @data. Returns: FALSE if @data contains anything else, or more than
 * %WS_PONGS_MAX pongs. */
static gboolean
unpack_pongs (WsControl *control, const guint8 *data, gsize size)
{
  while (size >= 2 && data[0] == PONG_START && data[1] <= MIN (size - 2, WS_CONTROL_PAYLOAD_MAX)
         && control->pong_count < WS_PONGS_MAX)
    {
      ws_control_queue_pong (control, data + 2, data[1]);
      size -= 2 + data[1];
      data += 2 + data[1];
    }

  return size == 0;
}

/* Returns: (transfer full) (nullable): the control frames, or NULL if the state is impossible.
 * @has_pongs: whether the sent bytes of @out are waiting pongs. */
static WsControl *
unpack_control (GVariant *packed, gboolean has_pongs)
{
  g_autoptr (WsControl) control = ws_control_new (0);
  g_autoptr (GVariant) out = NULL;
  g_autoptr (GVariant) pong = NULL;
  g_autoptr (GVariant) close = NULL;
  gboolean pong_due;
  const guint8 *bytes;
  gsize size;
  guint sent;

  g_variant_get (packed, "(tubbbb@ay@ay@ay)", &control->at, &sent, &control->ping_due, &pong_due,
                 &control->close_due, &control->close_in_out, &out, &pong, &close);

  bytes = g_variant_get_fixed_array (out, &size, 1);
  if (sent > size || (control->close_due && control->close_in_out)
      || (has_pongs && !unpack_pongs (control, bytes, sent)))
    return NULL;
  g_byte_array_append (control->out, bytes + sent, size - sent);

  bytes = g_variant_get_fixed_array (pong, &size, 1);
  if (size > WS_CONTROL_PAYLOAD_MAX)
    return NULL;
  if (pong_due)
    ws_control_queue_pong (control, bytes, size);

  bytes = g_variant_get_fixed_array (close, &size, 1);
  if (size > sizeof control->close)
    return NULL;
  if (size > 0)
    memcpy (control->close, bytes, size);
  control->close_size = size;
  return g_steal_pointer (&control);
}

/* Whether what it has sent so far is of any use still. */
static gboolean
listens (const WsClient *client)
{
  return client->state != WS_CLIENT_FAILED && !client->close_received;
}

static guint8
flags_of (const WsClient *client)
{
  return (client->close_received ? FLAG_CLOSE_RECEIVED : 0)
         | (client->close_sent ? FLAG_CLOSE_SENT : 0) | (client->awaits_pong ? FLAG_AWAITS_PONG : 0)
         | (client->is_ours ? FLAG_IS_OURS : 0)
         | (client->control != NULL && client->control->pong_count > 1 ? FLAG_HAS_PONGS : 0);
}

GVariant *
ws_client_pack (const WsClient *client, gint64 deadline_us)
{
  const gboolean is_idle = !listens (client) || ws_input_is_idle (&client->input);
  GVariant *input;
  GVariant *control;

  if (client->state == WS_CLIENT_OPEN && is_idle && !client->awaits_pong && client->control == NULL)
    return NULL;

  input = is_idle ? NULL : ws_input_pack (&client->input);
  control = client->control == NULL ? NULL : pack_control (client->control);
  return g_variant_new ("(yqyxm@" WS_INPUT_PACKED_TYPE "m@" WS_CONTROL_PACKED_TYPE ")",
                        client->state, client->close_code, flags_of (client), deadline_us, input,
                        control);
}

gboolean
ws_client_unpack (WsClient *client, GVariant *packed, gint64 *deadline_us)
{
  g_autoptr (GVariant) input = NULL;
  g_autoptr (GVariant) control = NULL;
  guint8 state, flags;

  g_variant_get (packed, "(yqyxm@" WS_INPUT_PACKED_TYPE "m@" WS_CONTROL_PACKED_TYPE ")", &state,
                 &client->close_code, &flags, deadline_us, &input, &control);
  if (state > WS_CLIENT_FAILED || *deadline_us < -1 || *deadline_us > LATEST_US)
    return FALSE;

  client->state = state;
  client->close_received = (flags & FLAG_CLOSE_RECEIVED) != 0;
  client->close_sent = (flags & FLAG_CLOSE_SENT) != 0;
  client->awaits_pong = (flags & FLAG_AWAITS_PONG) != 0;
  client->is_ours = (flags & FLAG_IS_OURS) != 0;
  if (control != NULL)
    client->control = unpack_control (control, (flags & FLAG_HAS_PONGS) != 0);

  return (control == NULL || client->control != NULL)
         && (input == NULL || ws_input_unpack (&client->input, input));
}

/* Whether it may be sent from the log what its record and its control frames say. */
static gboolean
is_on_log (const WsClient *client, const WsLog *log)
{
  const WsRecord *record = client->record;
  const guint64 head = log->header->head;

  if (record->cursor < ws_log_get_tail (log) || record->cursor > head)
    return FALSE;
  if (client->control != NULL
      && (client->control->at < record->cursor || client->control->at > head))
    return FALSE;

  /* in the steady state there is nothing to be found */
  return record->next <= (record->cursor == head ? log->header->count
                                                 : ws_log_find_offset (log, record->cursor));
}

gboolean
ws_client_is_sound (const WsClient *client, const WsLog *log)
{
  const WsRecord *record = client->record;
  const gboolean is_detached = (record->flags & WS_RECORD_DETACHED) != 0;

  if ((record->flags & ~ALL_FLAGS) != 0
      || ((record->flags & WS_RECORD_CONTROL) != 0) != (client->control != NULL))
    return FALSE;
  if (record->family != AF_INET && record->family != AF_INET6 && record->family != AF_UNSPEC)
    return FALSE;
  if (client->close_sent && (!is_detached || client->control != NULL))
    return FALSE;
  if (!is_detached)
    return is_on_log (client, log);

  return client->state != WS_CLIENT_OPEN
         && (client->control == NULL || client->control->at <= record->cursor);
}
