/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What of a client lives in the process only, written down for another one: half of what it sent,
 * control frames on their way, and where its close handshake stands. What comes in is distrusted;
 * nothing is sent, and no timer armed. */

#include "ws-client-pack.h"

#include <sys/socket.h>

#define ALL_FLAGS (WS_RECORD_BLOCKED | WS_RECORD_CONTROL | WS_RECORD_DETACHED)

/* Any time in earnest is before; later ones would not bear being reckoned with. */
#define LATEST_US (G_MAXINT64 / 2)

enum
{
  FLAG_CLOSE_RECEIVED = 1 << 0,
  FLAG_CLOSE_SENT = 1 << 1,
  FLAG_AWAITS_PONG = 1 << 2,
  FLAG_IS_OURS = 1 << 3,
};

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
         | (client->is_ours ? FLAG_IS_OURS : 0);
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
  control = client->control == NULL ? NULL : ws_control_pack (client->control);
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
    client->control = ws_control_unpack (control);

  return (control == NULL || client->control != NULL)
         && (input == NULL || ws_input_unpack (&client->input, input));
}

/* Whether it may be sent from the log what its record and its control frames say. */
static gboolean
is_on_log (const WsClient *client, const WsLog *log)
{
  const WsRecord *record = client->record;
  const guint64 head = ws_log_get_head (log);

  if (record->cursor < ws_log_get_tail (log) || record->cursor > head)
    return FALSE;
  if (client->control != NULL
      && (client->control->at < record->cursor || client->control->at > head))
    return FALSE;

  /* in the steady state there is nothing to be found */
  return record->next <= (record->cursor == head ? ws_log_get_count (log)
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
