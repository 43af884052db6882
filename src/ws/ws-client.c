/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* One WebSocket connection: sends control frames and the messages in the message log, handles
 * received bytes, and performs the close handshake. */

#include "ws-client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

WsClient *
ws_client_new (WsRecord *record)
{
  WsClient *client = g_new0 (WsClient, 1);

  client->record = record;
  client->id = record->id;
  client->link.data = client;
  return client;
}

void
ws_client_free (WsClient *client)
{
  ws_wheel_disarm (&client->timer);
  ws_input_clear (&client->input);
  g_clear_pointer (&client->control, ws_control_free);
  if (client->record->fd >= 0)
    close (client->record->fd);
  g_free (client);
}

WsControl *
ws_control_new (guint64 at)
{
  WsControl *control = g_new0 (WsControl, 1);

  control->at = at;
  control->out = g_byte_array_new ();
  control->pongs = g_byte_array_new ();
  return control;
}

void
ws_control_free (WsControl *control)
{
  g_byte_array_unref (control->out);
  g_byte_array_unref (control->pongs);
  g_free (control);
}

void
ws_control_queue_pong (WsControl *control, const guint8 *payload, gsize size)
{
  guint8 frame[WS_CONTROL_FRAME_MAX];

  if (control->pong_count == WS_PONGS_MAX)
    g_byte_array_set_size (control->pongs, control->last_pong);
  else
    control->pong_count++;

  control->last_pong = control->pongs->len;
  g_byte_array_append (control->pongs, frame,
                       ws_frame_encode_control (frame, WS_OPCODE_PONG, payload, size));
}

static gboolean
is_control_due (const WsControl *control)
{
  return control->pong_count > 0 || control->ping_due || control->close_due;
}

/* Encodes the due control frames into control->out, the close frame last. */
static void
encode_control (WsControl *control)
{
  guint8 frame[WS_CONTROL_FRAME_MAX];

  g_byte_array_append (control->out, control->pongs->data, control->pongs->len);
  if (control->ping_due)
    {
      g_byte_array_append (control->out, frame,
                           ws_frame_encode_control (frame, WS_OPCODE_PING, NULL, 0));
      control->ping_in_out = TRUE;
    }
  if (control->close_due)
    {
      g_byte_array_append (control->out, control->close, control->close_size);
      control->close_in_out = TRUE;
    }

  g_byte_array_set_size (control->pongs, 0);
  control->pong_count = 0;
  control->last_pong = 0;
  control->ping_due = FALSE;
  control->close_due = FALSE;
}

/* Returns: client->control. If client->control is NULL, creates it first; its frames are then sent
 * at the next frame boundary. */
static WsControl *
ensure_control (WsClient *client, WsContext *context)
{
  WsRecord *record = client->record;

  if (client->control == NULL)
    {
      client->control = ws_control_new ((record->flags & WS_RECORD_DETACHED) != 0
                                          ? record->cursor
                                          : ws_log_get_boundary (context->log, record->cursor));
      record->flags |= WS_RECORD_CONTROL;
    }

  return client->control;
}

/* Sends up to @size bytes. @sent: (out): the number of bytes that the socket accepted. */
static WsSend
send_bytes (WsRecord *record, WsContext *context, const guint8 *data, gsize size, gsize *sent)
{
  const gssize n = TEMP_FAILURE_RETRY (send (record->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL));

  if (n < 0 && errno != EAGAIN)
    return WS_SEND_FAILED;

  *sent = MAX (n, 0);
  record->sent += *sent;
  context->counters->bytes_out += *sent;
  if (*sent == size)
    return WS_SEND_ALL;

  record->flags |= WS_RECORD_BLOCKED;
  return WS_SEND_BLOCKED;
}

/* Sends the log from the cursor of @record up to offset @limit. */
static WsSend
send_log_to (WsRecord *record, WsContext *context, guint64 limit)
{
  gsize sent = 0;
  WsSend result = send_bytes (record, context, ws_log_at (context->log, record->cursor),
                              limit - record->cursor, &sent);

  record->cursor += sent;
  return result;
}

/* Counts all messages in the log as delivered to the client of @record. */
static void
count_all_delivered (WsRecord *record, WsContext *context)
{
  const guint64 count = context->log->header->count;

  context->counters->delivered += count - record->next;
  record->next = count;
}

WsSend
ws_client_send_log (WsRecord *record, WsContext *context)
{
  WsSend result = send_log_to (record, context, context->log->header->head);

  if (result == WS_SEND_ALL)
    count_all_delivered (record, context);
  return result;
}

void
ws_client_count_delivered (WsClient *client, WsContext *context)
{
  WsRecord *record = client->record;
  guint64 next;

  if ((record->flags & WS_RECORD_DETACHED) != 0)
    return;

  /* a message is delivered when its last byte is sent */
  next = ws_log_find_offset (context->log, record->cursor);
  if (ws_log_get_boundary (context->log, record->cursor) != record->cursor)
    next--;
  context->counters->delivered += next - record->next;
  record->next = next;
}

/* Stops sending to @client after a close frame was sent (RFC 6455 §5.5.1). */
static void
end_sending (WsClient *client, WsContext *context)
{
  ws_client_count_delivered (client, context);
  client->record->flags |= WS_RECORD_DETACHED;
  client->close_sent = TRUE;
  if (client->close_received)
    client->state = WS_CLIENT_FINISHED;
  else if (client->state == WS_CLIENT_FAILED)
    shutdown (client->record->fd, SHUT_WR); /* the client reads the close frame, then EOF */
}

/* Sends the log up to offset control->at, then the control frames. */
static WsSend
send_control (WsClient *client, WsContext *context)
{
  WsRecord *record = client->record;
  WsControl *control = client->control;
  gsize sent = 0;
  WsSend result;

  if (control->out->len == 0 && record->cursor < control->at)
    {
      result = send_log_to (record, context, control->at);
      if (result != WS_SEND_ALL)
        return result;
    }

  if (control->out->len == 0)
    encode_control (control);
  result = send_bytes (record, context, control->out->data + control->sent,
                       control->out->len - control->sent, &sent);
  control->sent += sent;
  if (result != WS_SEND_ALL)
    return result;

  ws_client_release_copy (client, context);
  g_byte_array_set_size (control->out, 0);
  control->sent = 0;
  client->ping_sent |= control->ping_in_out;
  control->ping_in_out = FALSE;
  if (control->close_in_out)
    end_sending (client, context);
  return WS_SEND_ALL;
}

WsSend
ws_client_send (WsClient *client, WsContext *context)
{
  WsRecord *record = client->record;
  WsSend result;

  record->flags &= ~WS_RECORD_BLOCKED;

  while (client->control != NULL)
    {
      WsControl *control = client->control;

      result = send_control (client, context);
      if (result != WS_SEND_ALL)
        return result;
      if (client->close_sent || !is_control_due (control))
        {
          g_clear_pointer (&client->control, ws_control_free);
          record->flags &= ~WS_RECORD_CONTROL;
        }
    }

  if ((record->flags & WS_RECORD_DETACHED) != 0)
    return WS_SEND_ALL;
  if (record->cursor < context->log->header->head)
    return ws_client_send_log (record, context);

  count_all_delivered (record, context);
  return WS_SEND_ALL;
}

void
ws_client_respond (WsClient *client, WsContext *context, const char *response)
{
  const gsize size = strlen (response);
  const gssize n = send (client->record->fd, response, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  const gsize sent = MAX (n, 0);

  if (sent < size)
    g_byte_array_append (ensure_control (client, context)->out, (const guint8 *) response + sent,
                         size - sent);
}

static gboolean
may_queue_control (const WsClient *client)
{
  return !client->close_sent && !(client->control != NULL && client->control->close_in_out);
}

void
ws_client_ping (WsClient *client, WsContext *context)
{
  if (may_queue_control (client) && !(client->control != NULL && client->control->ping_in_out))
    ensure_control (client, context)->ping_due = TRUE;
}

/* Queues a close frame, unless one is already queued or sent. The close frame follows all messages
 * in the log. Exception: if the socket buffer is full, the reply to a received close frame does
 * not wait for these messages. */
static void
queue_close (WsClient *client, WsContext *context, guint16 code, const char *reason)
{
  WsControl *control;

  if (!may_queue_control (client) || (client->control != NULL && client->control->close_due))
    return;

  control = ensure_control (client, context);
  control->close_size = ws_frame_encode_close (control->close, code, reason);
  control->close_due = TRUE;
  client->close_code = code;

  if ((client->record->flags & WS_RECORD_DETACHED) == 0
      && !((client->record->flags & WS_RECORD_BLOCKED) != 0 && client->close_received))
    control->at = context->log->header->head;
}

void
ws_client_close (WsClient *client, WsContext *context, guint16 code, const char *reason)
{
  if (client->state != WS_CLIENT_OPEN)
    return;

  client->state = WS_CLIENT_CLOSING;
  queue_close (client, context, code, reason);
}

/* Fails the connection (RFC 6455 §7.1.7): queues a close frame and discards further input. */
static void
fail (WsClient *client, WsContext *context, guint16 code, const char *reason)
{
  client->state = WS_CLIENT_FAILED;
  queue_close (client, context, code, reason);
}

/* Handles a received close frame: replies with the same code (RFC 6455 §5.5.1). */
static void
receive_close (WsClient *client, WsContext *context, const guint8 *payload, gsize size)
{
  guint16 code;

  client->close_received = TRUE;
  if (!ws_frame_parse_close (payload, size, &code))
    fail (client, context, code, "bad close frame");
  else if (client->state == WS_CLIENT_OPEN)
    ws_client_close (client, context, code, NULL);

  if (client->close_sent)
    client->state = WS_CLIENT_FINISHED;
}

static const char *
describe_failure (guint16 code)
{
  if (code == WS_CLOSE_INVALID_DATA)
    return "text is not UTF-8";

  return code == WS_CLOSE_TOO_BIG ? "message too big" : "protocol error";
}

static void
receive_event (WsClient *client, WsContext *context, const WsInputEvent *event)
{
  switch (event->opcode)
    {
    case WS_OPCODE_TEXT:
    case WS_OPCODE_BINARY:
      context->counters->messages_in++;
      context->events->message (client, event->opcode, event->data, event->size,
                                context->user_data);
      break;
    case WS_OPCODE_PING:
      if (may_queue_control (client))
        ws_control_queue_pong (ensure_control (client, context), event->data, event->size);
      break;
    case WS_OPCODE_CLOSE:
      receive_close (client, context, event->data, event->size);
      break;
    case WS_OPCODE_PONG: /* nothing to do: any received byte resets the ping timer */
    case WS_OPCODE_CONTINUATION:
      break;
    }
}

void
ws_client_receive (WsClient *client, WsContext *context, guint8 *data, gsize size)
{
  WsInputEvent event;

  while (size > 0 && !client->close_received && !client->is_dead
         && client->state != WS_CLIENT_FAILED)
    switch (ws_input_next (&client->input, &data, &size, context->max_message, &event))
      {
      case WS_PARSE_MORE:
        break;
      case WS_PARSE_OK:
        receive_event (client, context, &event);
        break;
      case WS_PARSE_BAD:
        fail (client, context, event.code, describe_failure (event.code));
        break;
      }

  ws_input_release_event (&client->input);
}

void
ws_client_release_copy (WsClient *client, WsContext *context)
{
  if (client->control == NULL)
    return;

  context->copied -= client->control->copied;
  client->control->copied = 0;
}

gboolean
ws_client_evict (WsClient *client, WsContext *context)
{
  WsRecord *record = client->record;
  const guint64 boundary = ws_log_get_boundary (context->log, record->cursor);
  const gsize unsent = boundary - record->cursor;
  WsControl *control;

  if (client->state == WS_CLIENT_OPEN)
    {
      context->counters->slow_closed++;
      client->is_ours = TRUE;
    }
  ws_client_count_delivered (client, context);
  ws_client_close (client, context, WS_CLOSE_TRY_AGAIN_LATER, "too slow");
  if (unsent > context->max_copied - MIN (context->copied, context->max_copied))
    return FALSE;

  control = ensure_control (client, context);
  g_byte_array_append (control->out, ws_log_at (context->log, record->cursor), unsent);
  control->copied = unsent;
  context->copied += unsent;
  record->cursor = boundary;
  record->flags |= WS_RECORD_DETACHED;
  control->at = boundary;
  return TRUE;
}
