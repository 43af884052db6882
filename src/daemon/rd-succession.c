/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The new process of a hand-over: gets ready beside the old one, takes over, and begins to serve;
 * or finds all of it in the service manager's store. Until the old one has said COMMIT, or has
 * died, nothing that it could go on with is touched. When which packet is due is here and in
 * rd-handover. */

#include "rd-succession.h"

#include "rd-estate.h"
#include "rd-parcel-value.h"
#include "rd-process.h"
#include "rd-redis-bus.h"
#include "rd-sockets.h"
#include "rd-successor.h"

#include <glib-unix.h>
#include <unistd.h>

/* Longer than the other process waits once nobody is served: it decides. */
#define PATIENCE_US (30 * G_TIME_SPAN_SECOND)

/* For the other process to end, after it has hung up. */
#define END_MS 2000

/* For the other process to end, once it knows that we serve. */
#define FAREWELL_MS 10000

struct _RdSuccession
{
  RdParcel *parcel; /* owned */
  int pidfd;        /* owned: stands for the other process; -1: none, or not known */
  gboolean is_stored;
  gboolean is_taken;   /* there is more than the ports */
  RdComponents *parts; /* unowned, nullable: not yet */
  GPtrArray *offers;   /* owned; RdSocket */
  char *node;          /* owned, nullable */
  guint clients;       /* when the other process last told */
  gint64 paused_us;    /* monotonic: when it stopped serving; 0: it did not get there */
  gint64 due_us;       /* see rd_notifier_new() */
  RdHandoverReport report;
  guint watch_id;
  guint timer_id;
};

RdSuccession *
rd_succession_new (RdParcel *parcel, gboolean is_stored)
{
  RdSuccession *self = g_new0 (RdSuccession, 1);

  self->parcel = parcel;
  self->is_stored = is_stored;
  self->pidfd = -1;
  return self;
}

gboolean
rd_succession_find (char **environment, RdSuccession **succession, GError **error)
{
  const char *text = g_environ_getenv (environment, RD_SUCCESSOR_VARIABLE);
  RdParcel *parcel;
  guint64 fd;

  *succession = NULL;
  if (text == NULL)
    return TRUE;

  g_unsetenv (RD_SUCCESSOR_VARIABLE);
  if (!g_ascii_string_to_unsigned (text, 10, STDERR_FILENO + 1, G_MAXINT, &fd, NULL))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "%s is not a valid descriptor number; unset this variable, which only "
                   "ringdown itself sets",
                   RD_SUCCESSOR_VARIABLE);
      return FALSE;
    }

  parcel = rd_parcel_new_for_fd (fd, RD_ESTATE_LAYOUT, error);
  if (parcel == NULL)
    return FALSE;

  *succession = rd_succession_new (parcel, FALSE);
  return TRUE;
}

void
rd_succession_free (RdSuccession *self)
{
  g_clear_handle_id (&self->watch_id, g_source_remove);
  g_clear_handle_id (&self->timer_id, g_source_remove);
  g_clear_pointer (&self->offers, g_ptr_array_unref);
  if (self->pidfd >= 0)
    close (self->pidfd);
  g_free (self->node);
  g_clear_pointer (&self->parcel, rd_parcel_free);
  g_free (self);
}

const char *
rd_succession_get_node (const RdSuccession *self)
{
  return self->node;
}

GPtrArray *
rd_succession_get_offers (const RdSuccession *self)
{
  return self->offers;
}

/* Has the next words waited for, if there is anybody to say them. */
static void
be_patient (RdSuccession *self)
{
  rd_parcel_set_deadline (self->parcel,
                          self->is_stored ? 0 : g_get_monotonic_time () + PATIENCE_US);
}

/* A name that comes with no numbers to it would not be heard by other workers. */
static void
read_greeting (RdSuccession *self, GVariant *greeting)
{
  const char *node;
  guint32 pid;

  if (!self->is_stored && g_variant_lookup (greeting, "pid", "u", &pid))
    self->pidfd = rd_process_open (pid);
  if (g_variant_lookup (greeting, "node", "&s", &node))
    self->node = g_strdup (node);
  if (!g_variant_lookup (greeting, "generation", "u", &self->report.generation))
    self->report.generation = 1;
  self->report.generation++;
  g_variant_lookup (greeting, "clients", "u", &self->clients);
}

gboolean
rd_succession_greet (RdSuccession *self, GError **error)
{
  g_autoptr (RdParcelPacket) packet = NULL;
  g_autoptr (GVariant) greeting = NULL;
  g_autoptr (GVariant) sockets = NULL;

  be_patient (self);
  packet = self->is_stored ? rd_parcel_peek (self->parcel, RD_PARCEL_KIND_LISTENERS, error)
                           : rd_parcel_receive (self->parcel, RD_PARCEL_KIND_LISTENERS, error);
  if (packet == NULL)
    return FALSE;

  g_variant_get (packet->body, "(@a{sv}@aa{sv})", &greeting, &sockets);
  read_greeting (self, greeting);
  self->offers = rd_sockets_new_described (sockets, packet->fds, error);
  return self->offers != NULL;
}

void
rd_succession_refuse (RdSuccession *self, const GError *error)
{
  be_patient (self);
  if (!self->is_stored && !g_error_matches (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_ABORTED))
    rd_parcel_send_text (self->parcel, RD_PARCEL_KIND_ERROR, error->message, NULL);
}

/* Whether descriptors allow for all clients that there are. A lower --max-clients is another
 * matter: that is what somebody wants. */
static gboolean
require_room (RdSuccession *self, GError **error)
{
  const guint room = self->parts->descriptors.clients;

  if (self->clients <= room)
    return TRUE;

  g_set_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_DESCRIPTORS,
               "there are %u clients, but the descriptor limit of the new worker "
               "allows only %u; raise its hard limit (LimitNOFILE=, ulimit -Hn)",
               self->clients, room);
  return FALSE;
}

gboolean
rd_succession_prepare (RdSuccession *self, RdComponents *parts, GError **error)
{
  self->parts = parts;
  if (!require_room (self, error))
    return FALSE;

  rd_parcel_prepare (self->parcel, self->clients + RD_DESCRIPTORS_RESERVED);
  return TRUE;
}

/* Tells the other process that it can stop serving. */
static gboolean
say_ready (RdSuccession *self, GError **error)
{
  g_autoptr (RdParcelPacket) seen = NULL;

  if (!self->is_stored)
    return rd_parcel_send (self->parcel, RD_PARCEL_KIND_READY, g_variant_new ("(u)", getpid ()),
                           NULL, 0, error);

  /* what we have peeked at: from here on there is no second try */
  seen = rd_parcel_receive (self->parcel, RD_PARCEL_KIND_LISTENERS, error);
  return seen != NULL;
}

/* Whether @error means that nobody but us has the clients. A hang-up alone does not: who has given
 * us up may have had no room for the word. And who was waited for in vain has done so. */
static gboolean
is_alone (const RdSuccession *self, const GError *error)
{
  return g_error_matches (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_ENDED)
         && (self->is_stored
             || (!rd_parcel_is_late (self->parcel) && rd_process_has_ended (self->pidfd, END_MS)));
}

/* Takes the clients' sockets. Whoever sent them may have died, or had no room for more: those that
 * came are ours. */
static gboolean
receive_sockets (RdSuccession *self, guint n, GArray *sockets, GError **error)
{
  g_autoptr (GError) reason = NULL;

  if (rd_parcel_receive_sockets (self->parcel, n, sockets, &reason))
    return TRUE;
  if (is_alone (self, reason))
    {
      if (!self->is_stored)
        self->report.lost = n - sockets->len;
      return TRUE;
    }

  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

static void
close_rest (int fd)
{
  if (fd >= 0)
    close (fd);
}

/* Enters all that came into our parts. */
static gboolean
unpack (RdSuccession *self, RdParcelPacket *header, GArray *sockets, GError **error)
{
  g_autoptr (GVariant) state = rd_parcel_value_load (
    g_array_index (header->fds, int, 2), G_VARIANT_TYPE_VARDICT, "ringdown-state", error);
  WsHandover clients = { .log_fd = rd_parcel_fds_steal (header->fds, 0),
                         .table_fd = rd_parcel_fds_steal (header->fds, 1),
                         .sockets = sockets };
  const gboolean is_taken
    = state != NULL && rd_estate_unpack (self->parts, state, &clients, &self->due_us, error);

  close_rest (clients.log_fd);
  close_rest (clients.table_fd);
  g_clear_pointer (&clients.state, g_variant_unref);
  self->report.moved = clients.moved;
  self->report.closed = clients.closed - MIN (self->report.lost, clients.closed);
  self->is_taken = is_taken;
  return is_taken;
}

/* Returns: FALSE with an error if the other process goes on itself. */
static gboolean
await_commit (RdSuccession *self, GError **error)
{
  const guint gone = self->report.closed + self->report.lost;
  g_autoptr (RdParcelPacket) commit = NULL;
  g_autoptr (GError) reason = NULL;

  if (self->is_stored)
    return TRUE;
  if (rd_parcel_send (self->parcel, RD_PARCEL_KIND_TAKEN,
                      g_variant_new ("(uu)", self->report.moved, gone), NULL, 0, &reason))
    commit = rd_parcel_receive (self->parcel, RD_PARCEL_KIND_COMMIT, &reason);
  /* who has died before it could say COMMIT has not said ABORT either */
  if (commit != NULL || is_alone (self, reason))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

/* Takes over what the other process has, if it lives to tell. */
static gboolean
take (RdSuccession *self, GError **error)
{
  g_autoptr (RdParcelPacket) header = NULL;
  g_autoptr (GArray) sockets = rd_parcel_fds_new ();
  g_autoptr (GError) reason = NULL;
  guint n = 0;

  header = rd_parcel_receive (self->parcel, RD_PARCEL_KIND_HEADER, &reason);
  if (header == NULL && is_alone (self, reason))
    {
      self->report.lost = self->clients;
      if (self->parts->redis != NULL)
        rd_redis_bus_skip_ahead (RD_REDIS_BUS (self->parts->bus));
      return TRUE; /* it died before it could hand over anything: the ports are ours, at least */
    }
  if (header == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }

  g_variant_lookup (header->body, "clients", "u", &n);
  g_variant_lookup (header->body, "paused", "x", &self->paused_us);
  return receive_sockets (self, n, sockets, error) && unpack (self, header, sockets, error)
         && await_commit (self, error);
}

/* Before others can see us, and again when the pause is known. */
static void
show (RdSuccession *self)
{
  self->parts->handover = self->report;
  self->parts->metrics->handover = self->report;
  rd_service_set_handover (self->parts->service, &self->report);
}

gboolean
rd_succession_take (RdSuccession *self, GError **error)
{
  if (!say_ready (self, error))
    return FALSE;

  be_patient (self);
  if (!take (self, error))
    return FALSE;

  show (self);
  return TRUE;
}

/* Those that have connected to the other process, but not sent their whole request. */
static void
receive_waiting (RdSuccession *self)
{
  RdHttpPort *port = rd_server_get_port (self->parts->server);
  RdParcelPacket *packet;

  while ((packet = rd_parcel_receive (self->parcel, RD_PARCEL_KIND_SOCKETS, NULL)) != NULL)
    {
      for (guint i = 0; i < packet->fds->len; i++)
        rd_http_port_add_waiting (port, rd_parcel_fds_steal (packet->fds, i));
      rd_parcel_packet_free (packet);
    }
}

/* The other process has ended, or was given up: the service manager listens to us now. */
static gboolean
on_predecessor_gone (gpointer user_data)
{
  RdSuccession *self = user_data;

  g_clear_handle_id (&self->watch_id, g_source_remove);
  g_clear_handle_id (&self->timer_id, g_source_remove);
  /* closes connections that were not received */
  g_clear_pointer (&self->parcel, rd_parcel_free);
  rd_systemd_ready (self->parts->systemd);
  return G_SOURCE_REMOVE;
}

static gboolean
on_last_words (int fd, GIOCondition condition, gpointer user_data)
{
  receive_waiting (user_data);
  return (condition & G_IO_HUP) != 0 ? on_predecessor_gone (user_data) : G_SOURCE_CONTINUE;
}

static void
report (RdSuccession *self)
{
  const RdHandoverReport *report = &self->report;
  const guint clients = report->moved + report->closed + report->lost;

  g_message ("Generation %u took over %u client%s: %u moved, %u closed, %u lost; pause %u ms",
             report->generation, clients, clients == 1 ? "" : "s", report->moved, report->closed,
             report->lost, (guint) ((report->pause_us + 500) / 1000));
  show (self);
}

/* The main loop has come round: who waited has been served. */
static gboolean
on_first_turn (gpointer user_data)
{
  RdSuccession *self = user_data;
  g_autoptr (RdParcelPacket) commit = NULL;

  if (self->paused_us > 0)
    self->report.pause_us = g_get_monotonic_time () - self->paused_us;
  report (self);

  self->timer_id = 0;
  rd_parcel_set_deadline (self->parcel, 0);
  if (self->is_stored)
    {
      commit = rd_parcel_receive (self->parcel, RD_PARCEL_KIND_COMMIT, NULL);
      receive_waiting (self);
      rd_systemd_unstore (self->parts->systemd, RD_INHERITED_CHANNEL);
      return on_predecessor_gone (self);
    }

  rd_systemd_start_watchdog (self->parts->systemd);
  rd_parcel_send (self->parcel, RD_PARCEL_KIND_SERVING, g_variant_new ("()"), NULL, 0, NULL);
  self->watch_id = g_unix_fd_add (rd_parcel_get_fd (self->parcel), G_IO_IN | G_IO_HUP,
                                  on_last_words, self);
  self->timer_id = g_timeout_add (FAREWELL_MS, on_predecessor_gone, self);
  return G_SOURCE_REMOVE;
}

/* What nobody of us listens on any more: whoever connects there is not to wait for ever. */
static void
shut_offers (RdSuccession *self)
{
  for (guint i = 0; i < self->offers->len; i++)
    {
      const RdSocket *offer = self->offers->pdata[i];

      g_socket_shutdown (offer->socket, TRUE, TRUE, NULL);
    }
  g_clear_pointer (&self->offers, g_ptr_array_unref);
}

void
rd_succession_begin (RdSuccession *self)
{
  RdComponents *parts = self->parts;

  if (self->is_taken)
    ws_engine_resume (rd_manager_get_engine (parts->manager));
  rd_components_start (parts, self->due_us);
  rd_http_port_resume (rd_server_get_port (parts->server));
  if (parts->admin != NULL)
    rd_http_port_resume (rd_admin_get_port (parts->admin));
  shut_offers (self);
  self->timer_id = g_timeout_add (0, on_first_turn, self);
}
