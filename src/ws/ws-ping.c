/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Pings and their timeout. Finds out by a client's timer that it is silent, and gives it up in the
 * end. When timers fire is the engine's, how a ping goes out is WsClient's; the close handshake has
 * its own deadline. */

#include "ws-ping.h"

#include <sys/socket.h>

void
ws_ping_arm (const WsPing *ping, WsClient *client)
{
  client->awaits_pong = FALSE;
  if (ping->interval_us > 0)
    ws_wheel_arm (ping->roster->wheel, &client->timer,
                  client->record->heard_us + ping->interval_us);
}

void
ws_ping_go_on (const WsPing *ping, WsClient *client, gint64 now_us)
{
  const gint64 deadline_us = ws_wheel_get_deadline_us (ping->roster->wheel, &client->timer);

  if (client->state != WS_CLIENT_OPEN)
    return;

  client->record->heard_us = CLAMP (client->record->heard_us, 0, now_us);
  ws_wheel_disarm (&client->timer);
  if (client->awaits_pong && ping->interval_us > 0)
    ws_wheel_arm (ping->roster->wheel, &client->timer,
                  CLAMP (deadline_us, 0, now_us + ping->timeout_us));
  else
    ws_ping_arm (ping, client);
}

/* Whether bytes have come that nobody has had time to read. */
static gboolean
has_unread (const WsClient *client)
{
  guint8 byte;

  return recv (client->record->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The ping's time is over. */
static void
give_up (WsRoster *roster, WsClient *client)
{
  ws_client_close (client, &roster->context, WS_CLOSE_INTERNAL_ERROR, "ping timeout");
  ws_roster_send (roster, client);
  ws_roster_drop (roster, client); /* nobody is there to answer */
}

/* A blocked client cannot be pinged, and need not be: TCP_USER_TIMEOUT watches over it. One whose
 * answer waits to be read is not silent: the server was held up. */
void
ws_ping_check (const WsPing *ping, WsClient *client, gint64 now_us)
{
  WsRoster *roster = ping->roster;

  if (now_us - client->record->heard_us < ping->interval_us && !client->awaits_pong)
    {
      ws_ping_arm (ping, client);
      return;
    }

  if (has_unread (client))
    {
      ws_roster_read_later (roster, client);
    }
  else if ((client->record->flags & WS_RECORD_BLOCKED) == 0)
    {
      if (client->awaits_pong)
        {
          give_up (roster, client);
          return;
        }
      client->awaits_pong = TRUE;
      ws_client_ping (client, &roster->context);
      ws_roster_settle (roster, client);
    }
  if (!client->is_dead)
    ws_wheel_arm (roster->wheel, &client->timer, now_us + ping->timeout_us);
}
