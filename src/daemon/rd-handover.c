/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The old process of a hand-over: prepares it while all goes on, waits for what is under way, and
 * then has another process take over, or itself go on, with nothing in between. When which packet
 * is due is here and in rd-succession; what is sent in the moment of the exchange is
 * rd-handover-send's, and what is left is rd-estate's. Never ends the process. */

#include "rd-handover.h"

#include "rd-error.h"
#include "rd-estate.h"
#include "rd-handover-send.h"
#include "rd-successor.h"

#include <glib-unix.h>

#define SETTLE_US   G_TIME_SPAN_SECOND /* for handshakes under way, and again for admin's answers */
#define SETTLE_MS   5                  /* between two looks */
#define PATIENCE_MS 1000               /* for a successor that hung up to end */
#define SERVING_MS  5000               /* for a successor that has all to say that it serves */

/* At most, for a successor to take over: it waits for us for longer. */
#define EXCHANGE_US (20 * G_TIME_SPAN_SECOND)

typedef enum
{
  STAGE_NONE,
  STAGE_PREPARING, /* until the successor says that it is ready */
  STAGE_SETTLING,  /* until no handshake is under way */
  STAGE_LEAVING,   /* until the successor is seen by all */
  STAGE_FAILING,   /* until it is known why */
} Stage;

struct _RdHandover
{
  RdComponents *parts;              /* unowned */
  const RdHandoverOptions *options; /* unowned */
  Stage stage;
  RdParcel *parcel;       /* owned, nullable: none, or to be stored */
  RdSuccessor *successor; /* owned, nullable: not started by us */
  gboolean is_to_store;   /* for a successor that comes later */
  pid_t pid;              /* of the successor, as it says */
  GError *failure;        /* owned, nullable */
  gint64 settled_us;      /* monotonic: when to wait no longer */
  guint watch_id;
  guint timer_id;
  RdHandoverFunc func;
  gpointer user_data;
};

RdHandover *
rd_handover_new (RdComponents *parts, const RdHandoverOptions *options)
{
  RdHandover *self = g_new0 (RdHandover, 1);

  self->parts = parts;
  self->options = options;
  return self;
}

static void
clear_sources (RdHandover *self)
{
  g_clear_handle_id (&self->watch_id, g_source_remove);
  g_clear_handle_id (&self->timer_id, g_source_remove);
}

static void
reset (RdHandover *self)
{
  clear_sources (self);
  if (self->parts->drain != NULL)
    g_signal_handlers_disconnect_by_data (self->parts->drain, self);
  g_clear_pointer (&self->parcel, rd_parcel_free);
  g_clear_pointer (&self->successor, rd_successor_free);
  g_clear_error (&self->failure);
  self->stage = STAGE_NONE;
}

void
rd_handover_free (RdHandover *self)
{
  reset (self);
  g_free (self);
}

gboolean
rd_handover_is_under_way (const RdHandover *self)
{
  return self->stage != STAGE_NONE;
}

pid_t
rd_handover_get_new_worker (const RdHandover *self)
{
  return self->stage == STAGE_LEAVING ? self->pid : 0;
}

static gboolean
on_failure (gpointer user_data)
{
  RdHandover *self = user_data;
  g_autoptr (GError) error = g_error_new_literal (RD_ERROR, RD_ERROR_HANDOVER_FAILED,
                                                  self->failure->message);

  if (!self->is_to_store)
    g_prefix_error (&error, "the old worker keeps all clients: ");

  reset (self); /* first: the next one may begin in there */
  self->func (error, self->user_data);
  return G_SOURCE_REMOVE;
}

/* @how: (nullable): how the successor has ended, which tells more than that it has hung up. */
static void
on_successor_end (const char *how, gpointer user_data)
{
  RdHandover *self = user_data;

  if (how != NULL)
    {
      g_clear_error (&self->failure);
      g_set_error (&self->failure, G_IO_ERROR, G_IO_ERROR_FAILED,
                   "%s; see its log, and run “%s --check”", how, self->options->program);
    }
  else
    rd_successor_kill (self->successor);
  on_failure (self);
}

/* Goes on as before, and tells it from the main loop. @error: (transfer full). */
static void
fail (RdHandover *self, GError *error)
{
  const gboolean has_ended = g_error_matches (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_ENDED);

  clear_sources (self);
  if (self->stage == STAGE_SETTLING)
    rd_estate_unsettle (self->parts);

  self->stage = STAGE_FAILING;
  self->failure = error;
  if (self->parcel != NULL)
    rd_parcel_send_text (self->parcel, RD_PARCEL_KIND_ABORT, error->message, NULL);
  if (self->successor != NULL && !has_ended)
    rd_successor_kill (self->successor); /* first: it takes a bare hang-up for our end */
  g_clear_pointer (&self->parcel, rd_parcel_free);

  if (self->successor != NULL && has_ended)
    rd_successor_await_end (self->successor, PATIENCE_MS, on_successor_end, self);
  else
    self->timer_id = g_timeout_add (0, on_failure, self);
}

static void
give_up (RdHandover *self, const char *why)
{
  if (self->stage == STAGE_PREPARING || self->stage == STAGE_SETTLING)
    fail (self, g_error_new_literal (RD_ERROR, RD_ERROR_BUSY, why));
}

/* A drain rules a hand-over out: whoever was to go on would not know of it. */
static void
on_drain_state (RdHandover *self)
{
  give_up (self, "a drain has started");
}

void
rd_handover_cancel (RdHandover *self)
{
  if (!self->is_to_store)
    give_up (self, "a restart has started");
}

static gboolean
on_answers_given (gpointer user_data)
{
  RdHandover *self = user_data;
  RdAdmin *admin = self->parts->admin;

  if (admin != NULL && rd_http_port_is_busy (rd_admin_get_port (admin))
      && g_get_monotonic_time () < self->settled_us)
    return G_SOURCE_CONTINUE;

  self->timer_id = 0;
  self->func (self->failure, self->user_data);
  return G_SOURCE_REMOVE;
}

/* The other process serves, or has gone, or is silent: in any case nothing is left here but answers
 * on the admin port. */
static void
depart (RdHandover *self)
{
  clear_sources (self);
  self->settled_us = g_get_monotonic_time () + SETTLE_US;
  self->timer_id = g_timeout_add (SETTLE_MS, on_answers_given, self);
}

static gboolean
on_serving (int fd, GIOCondition condition, gpointer user_data)
{
  RdHandover *self = user_data;
  g_autoptr (GError) reason = NULL;
  g_autoptr (RdParcelPacket) packet = rd_parcel_receive (self->parcel, RD_PARCEL_KIND_SERVING,
                                                         &reason);

  if (packet == NULL)
    g_set_error (&self->failure, RD_ERROR, RD_ERROR_HANDOVER_FAILED,
                 "the new worker (process %d) took over but failed before it served "
                 "clients; all clients are lost: %s",
                 (int) self->pid, reason->message);
  self->watch_id = 0;
  depart (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_serving_late (gpointer user_data)
{
  RdHandover *self = user_data;

  g_warning ("The new worker has taken over but has not reported in time that it"
             " serves clients; see its log");
  self->timer_id = 0;
  depart (self);
  return G_SOURCE_REMOVE;
}

/* All is the successor's. */
static void
leave (RdHandover *self)
{
  self->stage = STAGE_LEAVING;
  if (self->successor != NULL)
    rd_successor_release (self->successor); /* first: a main process has to be systemd's child */
  if (!rd_systemd_set_main_pid (self->parts->systemd, self->pid))
    g_warning ("The service manager did not confirm in time that process %d is the"
               " main process now, so it may start another process",
               (int) self->pid);

  rd_handover_send_waiting (self->parts, self->parcel);
  rd_components_retire (self->parts);
  rd_parcel_set_deadline (self->parcel, 0);
  self->watch_id = g_unix_fd_add (rd_parcel_get_fd (self->parcel), G_IO_IN | G_IO_HUP, on_serving,
                                  self);
  self->timer_id = g_timeout_add (SERVING_MS, on_serving_late, self);
}

/* The moment in which nobody is served, nor a watchdog. */
static void
exchange (RdHandover *self)
{
  GError *error = NULL;
  gint64 patience_us;
  gboolean is_sent;

  clear_sources (self);
  patience_us = MIN (rd_systemd_ping (self->parts->systemd),
                     MIN (self->options->timeout_us, EXCHANGE_US));
  rd_estate_freeze (self->parts);
  is_sent = self->is_to_store ? rd_handover_send_to_store (self->parts, &error)
                              : rd_handover_send (self->parts, self->parcel, patience_us, &error);
  if (!is_sent)
    {
      rd_estate_thaw (self->parts);
      fail (self, error);
      return;
    }

  if (self->is_to_store)
    self->func (NULL, self->user_data);
  else
    leave (self);
}

static gboolean
on_settle (gpointer user_data)
{
  RdHandover *self = user_data;

  if (!rd_estate_is_settled (self->parts) && g_get_monotonic_time () < self->settled_us)
    return G_SOURCE_CONTINUE;

  exchange (self);
  return G_SOURCE_REMOVE;
}

/* Begins nothing more, and lets finish what is under way. */
static void
settle (RdHandover *self)
{
  clear_sources (self);
  self->stage = STAGE_SETTLING;
  self->settled_us = g_get_monotonic_time () + SETTLE_US;
  rd_estate_settle (self->parts);
  self->timer_id = g_timeout_add (SETTLE_MS, on_settle, self);
}

static gboolean
on_ready (int fd, GIOCondition condition, gpointer user_data)
{
  RdHandover *self = user_data;
  GError *error = NULL;
  g_autoptr (RdParcelPacket) packet = rd_parcel_receive (self->parcel, RD_PARCEL_KIND_READY,
                                                         &error);

  if (packet != NULL)
    g_variant_get (packet->body, "(u)", &self->pid);
  if (packet != NULL && self->pid <= 0)
    g_set_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_MALFORMED,
                 "the new worker sent the invalid process id %d; it is faulty", (int) self->pid);

  if (error != NULL)
    fail (self, error);
  else
    settle (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_ready_late (gpointer user_data)
{
  on_ready (-1, 0, user_data); /* which finds nothing, and says so */
  return G_SOURCE_REMOVE;
}

static gboolean
may_begin (RdHandover *self, GError **error)
{
  if (self->stage != STAGE_NONE)
    g_set_error_literal (error, RD_ERROR, RD_ERROR_BUSY,
                         "a hand-over is already in progress; wait until it ends");
  else if (self->parts->notifier == NULL)
    g_set_error_literal (error, RD_ERROR, RD_ERROR_BUSY,
                         "the service has not started yet, or failed to start; see its log");
  else if (!rd_drain_is_running (self->parts->drain))
    g_set_error_literal (error, RD_ERROR, RD_ERROR_BUSY,
                         "the service is draining; cancel the drain first");
  else
    return TRUE;

  return FALSE;
}

static void
begin (RdHandover *self, Stage stage, RdHandoverFunc func, gpointer user_data)
{
  self->stage = stage;
  self->is_to_store = FALSE;
  self->func = func;
  self->user_data = user_data;
  g_signal_connect_swapped (self->parts->drain, "state-changed", G_CALLBACK (on_drain_state), self);
}

/* Has the process at the other end of the parcel get ready, while all goes on here. */
static void
prepare (RdHandover *self)
{
  GError *error = NULL;

  rd_parcel_set_deadline (self->parcel, g_get_monotonic_time () + self->options->timeout_us);
  if (!rd_handover_send_listeners (self->parts, self->parcel, &error))
    {
      fail (self, error);
      return;
    }

  rd_parcel_set_deadline (self->parcel, 0);
  self->watch_id = g_unix_fd_add (rd_parcel_get_fd (self->parcel), G_IO_IN | G_IO_HUP, on_ready,
                                  self);
  self->timer_id = g_timeout_add (self->options->timeout_us / 1000, on_ready_late, self);
}

/* Returns: FALSE with an error if there can be no successor. */
static gboolean
spawn (RdHandover *self, GError **error)
{
  int fd;

  if (self->options->hindrance != NULL)
    {
      g_set_error_literal (error, RD_ERROR, RD_ERROR_HANDOVER_FAILED, self->options->hindrance);
      return FALSE;
    }

  self->parcel = rd_parcel_new (RD_ESTATE_LAYOUT, &fd, error);
  if (self->parcel == NULL)
    return FALSE;

  self->successor = rd_successor_spawn (self->options->program, self->options->argv,
                                        self->options->environment, fd, error);
  return self->successor != NULL;
}

gboolean
rd_handover_upgrade (RdHandover *self, RdHandoverFunc func, gpointer user_data, GError **error)
{
  GError *reason = NULL;

  if (!may_begin (self, error))
    return FALSE;

  begin (self, STAGE_PREPARING, func, user_data);
  if (spawn (self, &reason))
    prepare (self);
  else
    fail (self, reason);
  return TRUE;
}

gboolean
rd_handover_to (RdHandover *self, int fd, RdHandoverFunc func, gpointer user_data, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (RdParcel) parcel = rd_parcel_new_for_fd (fd, RD_ESTATE_LAYOUT, &reason);

  if (parcel == NULL)
    g_set_error_literal (error, RD_ERROR, RD_ERROR_INVALID_ARGUMENT, reason->message);
  if (parcel == NULL || !may_begin (self, error))
    return FALSE;

  self->parcel = g_steal_pointer (&parcel);
  begin (self, STAGE_PREPARING, func, user_data);
  prepare (self);
  return TRUE;
}

gboolean
rd_handover_store (RdHandover *self, RdHandoverFunc func, gpointer user_data, GError **error)
{
  if (!may_begin (self, error))
    return FALSE;

  begin (self, STAGE_SETTLING, func, user_data);
  self->is_to_store = TRUE;
  settle (self);
  return TRUE;
}
