/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Sends the log to all clients, in passes over the table. A pass that takes longer than the main
 * loop can be kept waiting goes on in the next turn, from the slot where it was; nobody is sent to
 * twice for that, and nobody is passed over. Reads nothing, and tells nobody. */

#include "ws-flush.h"

#define SLICE_US    4000 /* of a pass in one turn */
#define CLOCK_EVERY 64   /* clients between two looks at the clock */

/* Clients are taken off the log this much before they would have to be, as a share of it, so that
 * the search for them is not made for every append. */
#define MARGIN_SHARE 64

static void
visit (WsFlush *flush, guint slot)
{
  WsRoster *roster = flush->roster;
  WsRecord *record = ws_table_get (roster->table, slot);

  if (record->flags == 0)
    {
      if (record->cursor < ws_log_get_head (roster->log)
          && ws_client_send_log (record, &roster->context) == WS_SEND_FAILED)
        ws_roster_drop (roster, roster->clients[slot]);
    }
  else if (record->flags == WS_RECORD_CONTROL)
    ws_roster_send (roster, roster->clients[slot]);
}

static void
begin_pass (WsFlush *flush)
{
  flush->is_active = TRUE;
  flush->slot = 0;
  flush->head = ws_log_get_head (flush->roster->log);
  flush->done_count = ws_log_get_count (flush->roster->log);
}

static void
end_pass (WsFlush *flush)
{
  flush->is_active = FALSE;
  flush->done = flush->head;
  flush->roster->context.counters->flush_passes++;
}

void
ws_flush_run (WsFlush *flush)
{
  const gint64 begin_us = g_get_monotonic_time ();
  gint64 now_us = begin_us;

  if (!ws_flush_is_pending (flush))
    return;
  if (!flush->is_active)
    begin_pass (flush);

  while (flush->slot < ws_table_get_count (flush->roster->table) && now_us - begin_us < SLICE_US)
    {
      visit (flush, flush->slot++);
      if (flush->slot % CLOCK_EVERY == 0)
        now_us = g_get_monotonic_time ();
    }

  if (flush->slot >= ws_table_get_count (flush->roster->table))
    end_pass (flush);
  flush->roster->context.counters->flush_us += g_get_monotonic_time () - begin_us;
}

gboolean
ws_flush_is_pending (const WsFlush *flush)
{
  return flush->is_active || flush->done < ws_log_get_head (flush->roster->log);
}

void
ws_flush_visit (WsFlush *flush, guint slot)
{
  if (flush->is_active && slot < flush->slot && slot < ws_table_get_count (flush->roster->table))
    visit (flush, slot); /* the pass would miss it */
}

static gboolean
is_behind (const WsRecord *record, guint64 offset)
{
  return (record->flags & WS_RECORD_DETACHED) == 0 && record->cursor < offset;
}

void
ws_flush_make_room (WsFlush *flush, gsize size)
{
  WsRoster *roster = flush->roster;
  const guint64 head = ws_log_get_head (roster->log);
  const guint64 tail = ws_log_get_tail_after (roster->log, size);
  const guint64 least = MIN (tail + ws_log_get_size (roster->log) / MARGIN_SHARE, head);

  if (tail <= flush->low)
    return;

  flush->low = head;
  for (guint slot = 0; slot < ws_table_get_count (roster->table); slot++)
    {
      const WsRecord *record = ws_table_get (roster->table, slot);
      WsClient *client = roster->clients[slot];

      if (is_behind (record, least))
        ws_roster_send (roster, client);
      if (is_behind (record, least))
        {
          ws_client_evict (client, &roster->context);
          ws_roster_send (roster, client);
        }
      if (is_behind (record, flush->low))
        flush->low = record->cursor;
    }
}
