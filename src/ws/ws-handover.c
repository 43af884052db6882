/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A set written down, and made of what was. The log and the table are handed over as they are;
 * what the clients have in the process only, few of them at a time, goes into a GVariant. Trusts
 * nothing that comes in, and changes nothing that the other process may go on with. How it gets
 * from here to there is others' care. */

#include "ws-handover.h"

#include "ws-client-pack.h"
#include "ws-memfd.h"
#include "ws-socket.h"

#include <glib/gstdio.h>

#define STATE_LAYOUT 1

/* The patience of the sockets; then slot and state of those clients who have one, in order. It is
 * wrapped with the layout's number, so that this can be read of any. */
#define CLIENT_TYPE "(u" WS_CLIENT_PACKED_TYPE ")"
#define STATE_TYPE  "(xa" CLIENT_TYPE ")"

/* Of so many sockets one is asked whose it is: a gap in their order, or a shift, shows in all that
 * follow, and asking each would cost as much as all else. */
#define LOOK_EVERY 16

/* A hand-over, half unpacked. */
typedef struct
{
  WsHandover *handover;   /* unowned */
  WsTable *table;         /* owned: the other process's */
  WsClientSet *set;       /* owned: ours */
  GHashTable *ids;        /* set of guint64, within the clients: to see that each is there once */
  gint64 send_timeout_us; /* that the sockets were tuned with */
  GVariantIter *states;   /* owned: of those who have one, behind the next one: */
  guint32 next_slot;
  GVariant *next_state; /* owned, nullable: none is left */
} Unpacking;

static void
unpacking_clear (Unpacking *unpacking)
{
  g_clear_pointer (&unpacking->table, ws_table_free);
  g_clear_pointer (&unpacking->set, ws_client_set_free);
  g_clear_pointer (&unpacking->ids, g_hash_table_unref);
  g_clear_pointer (&unpacking->states, g_variant_iter_free);
  g_clear_pointer (&unpacking->next_state, g_variant_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Unpacking, unpacking_clear)

/* With what patience the sockets are tuned; -1: not all with the same, as those of clients that
 * came from yet another process were not come to. */
static gint64
get_send_timeout (const WsClientSet *set)
{
  for (guint slot = 0; set->retunes && slot < set->table->header->count; slot++)
    if (!set->clients[slot]->is_watched)
      return -1;

  return set->send_timeout_us;
}

static GVariant *
pack_clients (const WsClientSet *set)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a" CLIENT_TYPE));

  for (guint slot = 0; slot < set->table->header->count; slot++)
    {
      const WsClient *client = set->clients[slot];
      const gint64 deadline_us = ws_wheel_get_deadline_us (set->wheel, &client->timer);
      GVariant *state = ws_client_pack (client, deadline_us);

      if (state != NULL)
        g_variant_builder_add (&builder, "(u@" WS_CLIENT_PACKED_TYPE ")", slot, state);
    }

  return g_variant_builder_end (&builder);
}

WsHandover *
ws_handover_pack (const WsClientSet *set)
{
  const guint count = set->table->header->count;
  WsHandover *handover = g_new0 (WsHandover, 1);
  GVariant *state;

  handover->log_fd = set->log->fd;
  handover->table_fd = set->table->fd;
  handover->sockets = g_array_sized_new (FALSE, FALSE, sizeof (int), count);
  for (guint slot = 0; slot < count; slot++)
    {
      const int fd = set->table->records[slot].fd;

      g_array_append_val (handover->sockets, fd);
    }

  state = g_variant_new ("(x@a" CLIENT_TYPE ")", get_send_timeout (set), pack_clients (set));
  handover->state = g_variant_ref_sink (g_variant_new ("(uv)", STATE_LAYOUT, state));
  return handover;
}

void
ws_handover_free (WsHandover *handover)
{
  g_array_unref (handover->sockets);
  g_variant_unref (handover->state);
  g_free (handover);
}

static void
set_damaged (GError **error)
{
  g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                       "cannot take over the clients: the data is damaged; drain the old "
                       "program, then start this one");
}

static gboolean
open_state (Unpacking *unpacking, GError **error)
{
  WsHandover *handover = unpacking->handover;
  g_autoptr (GVariant) state = NULL;
  guint32 layout;

  if (!g_variant_is_of_type (handover->state, G_VARIANT_TYPE ("(uv)")))
    {
      set_damaged (error);
      return FALSE;
    }

  g_variant_get (handover->state, "(uv)", &layout, &state);
  if (layout != STATE_LAYOUT)
    {
      g_set_error (
        error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
        "cannot take over the clients: layout %u is not supported, only layout %d; drain the old "
        "program, then start this one",
        layout, STATE_LAYOUT);
      return FALSE;
    }
  if (!g_variant_is_of_type (state, G_VARIANT_TYPE (STATE_TYPE)))
    {
      set_damaged (error);
      return FALSE;
    }

  g_variant_get (state, "(xa" CLIENT_TYPE ")", &unpacking->send_timeout_us, &unpacking->states);
  return TRUE;
}

/* Goes on to the next client that has a state. */
static void
advance (Unpacking *unpacking)
{
  g_clear_pointer (&unpacking->next_state, g_variant_unref);
  g_variant_iter_next (unpacking->states, "(u@" WS_CLIENT_PACKED_TYPE ")", &unpacking->next_slot,
                       &unpacking->next_state);
}

/* Makes the set: of the table's counters, and the log. */
static gboolean
make_set (Unpacking *unpacking, const WsEngineOptions *options, GError **error)
{
  const guint clients = unpacking->table->header->count;
  WsLog *log = ws_log_adopt (g_steal_fd (&unpacking->handover->log_fd), error);
  WsTable *table;

  if (log == NULL)
    return FALSE;

  table = ws_table_new (MAX (options->max_clients, clients), error);
  if (table == NULL)
    {
      ws_log_free (log);
      return FALSE;
    }

  table->header->counters = unpacking->table->header->counters;
  unpacking->set = ws_client_set_new (log, table, options, error);
  if (unpacking->set == NULL)
    return FALSE;

  unpacking->set->retunes = unpacking->send_timeout_us != unpacking->set->send_timeout_us;
  return TRUE;
}

/* Has @client stand where its state says. Returns: whether that can be. */
static gboolean
restore_state (Unpacking *unpacking, WsClient *client)
{
  WsClientSet *set = unpacking->set;
  gint64 deadline_us;

  if (!ws_client_unpack (client, unpacking->next_state, &deadline_us))
    return FALSE;

  if (client->state != WS_CLIENT_OPEN)
    ws_client_set_time_close (set, client, deadline_us);
  else if (client->awaits_pong)
    ws_wheel_arm (set->wheel, &client->timer, deadline_us);
  return TRUE;
}

static gboolean
has_state (const Unpacking *unpacking, guint slot)
{
  return unpacking->next_state != NULL && unpacking->next_slot == slot;
}

/* Enters the client that was in @slot. */
static gboolean
enter_client (Unpacking *unpacking, guint slot, int *fd, GError **error)
{
  WsClientSet *set = unpacking->set;
  const WsRecord *record = &unpacking->table->records[slot];
  const gboolean looks = slot % LOOK_EVERY == 0 || slot + 1 == unpacking->handover->sockets->len;
  WsClient *client;

  if ((looks && !ws_socket_is_of (*fd, record)) || record->id > set->context.counters->accepted)
    {
      set_damaged (error);
      return FALSE;
    }

  client = ws_client_set_restore (set, record, g_steal_fd (fd));
  if ((has_state (unpacking, slot) && !restore_state (unpacking, client))
      || !ws_client_is_sound (client, set->log) || !g_hash_table_add (unpacking->ids, &client->id))
    {
      set_damaged (error);
      return FALSE;
    }

  return TRUE;
}

static gboolean
enter_clients (Unpacking *unpacking, GError **error)
{
  const guint count = unpacking->table->header->count;
  WsHandover *handover = unpacking->handover;
  WsCounters *counters = unpacking->set->context.counters;

  advance (unpacking);
  for (guint slot = 0; slot < count; slot++)
    {
      int *fd = slot < handover->sockets->len ? &g_array_index (handover->sockets, int, slot)
                                              : NULL;

      if (fd == NULL || *fd < 0)
        counters->closed[ws_close_slot (WS_CLOSE_SERVICE_RESTART)]++;
      else if (!enter_client (unpacking, slot, fd, error))
        return FALSE;
      if (has_state (unpacking, slot))
        advance (unpacking);
    }

  if (unpacking->next_state != NULL || handover->sockets->len > count)
    {
      set_damaged (error);
      return FALSE;
    }

  return TRUE;
}

static guint
count_open (const WsClientSet *set)
{
  guint open = 0;

  for (guint slot = 0; slot < set->table->header->count; slot++)
    open += set->clients[slot]->state == WS_CLIENT_OPEN;

  return open;
}

/* Carries out the options, where they are others than those of the other process. */
static gboolean
fit (Unpacking *unpacking, GError **error)
{
  WsClientSet *set = unpacking->set;
  WsHandover *handover = unpacking->handover;
  const guint open = count_open (set);

  if (set->log->size != ws_memfd_round (set->options.log_size))
    {
      WsLog *log = ws_log_copy (set->log, set->options.log_size, error);

      if (log == NULL)
        return FALSE;
      ws_client_set_change_log (set, log);
    }
  ws_client_set_close_from (set, set->options.max_clients);

  handover->closed = unpacking->table->header->count - set->table->header->count + open
                     - count_open (set);
  handover->moved = unpacking->table->header->count - handover->closed;
  return TRUE;
}

WsClientSet *
ws_handover_unpack (WsHandover *handover, const WsEngineOptions *options, GError **error)
{
  g_auto (Unpacking) unpacking = { .handover = handover };

  unpacking.ids = g_hash_table_new (g_int64_hash, g_int64_equal);
  unpacking.table = ws_table_adopt (g_steal_fd (&handover->table_fd), error);
  if (unpacking.table == NULL || !open_state (&unpacking, error)
      || !make_set (&unpacking, options, error) || !enter_clients (&unpacking, error)
      || !fit (&unpacking, error))
    return NULL;

  return g_steal_pointer (&unpacking.set);
}
