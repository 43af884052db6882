/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-components.h"

G_BEGIN_DECLS

/* Hands over the service with its clients to a new worker: to a process started for this, to one
 * that is already running (--replace), or, through the descriptor store of the service manager, to
 * the process that the service manager starts next. */
typedef struct _RdHandover RdHandover;

typedef struct
{
  const char *program;     /* absolute path of the program of the new worker */
  const char *const *argv; /* arguments of the program, NULL-terminated; the first is its name */
  char **environment;
  const char *hindrance; /* reason why this process cannot start a new worker; NULL: it can */
  gint64 timeout_us; /* time limit for the new worker to become ready; also the time limit to take
                        over, but at most 20 s and at most half the watchdog timeout */
} RdHandoverOptions;

/* Called at the end of a hand-over. @error: (nullable): NULL if the clients are handed over or
 * stored: exit. Otherwise %RD_ERROR_HANDOVER_FAILED: if rd_handover_get_new_worker() returns 0,
 * this process has resumed the service; if not, the new worker has taken over and then failed:
 * exit. */
typedef void (*RdHandoverFunc) (const GError *error, gpointer user_data);

/* @parts, @options: (transfer none): must outlive the returned object. Returns: (transfer full). */
RdHandover *rd_handover_new (RdComponents *parts, const RdHandoverOptions *options);
void rd_handover_free (RdHandover *self);

/* Starts a new worker and hands over to it. Returns: TRUE if @func will be called once, or FALSE
 * with %RD_ERROR_BUSY (during a hand-over or drain) or %RD_ERROR_HANDOVER_FAILED. */
gboolean rd_handover_upgrade (RdHandover *self,
                              RdHandoverFunc func,
                              gpointer user_data,
                              GError **error);

/* Hands over to a process that is already running. @fd: (transfer full): hand-over channel to that
 * process. Returns: as rd_handover_upgrade(), or FALSE with %RD_ERROR_INVALID_ARGUMENT. */
gboolean rd_handover_to (RdHandover *self,
                         int fd,
                         RdHandoverFunc func,
                         gpointer user_data,
                         GError **error);

/* Stores the clients and the state of the service in the descriptor store of the service manager,
 * for the next start. Returns: as rd_handover_upgrade(). */
gboolean rd_handover_store (RdHandover *self,
                            RdHandoverFunc func,
                            gpointer user_data,
                            GError **error);

/* Cancels a hand-over if the new worker has not begun to take over the clients. Does not cancel
 * rd_handover_store(). */
void rd_handover_cancel (RdHandover *self);

gboolean rd_handover_is_under_way (const RdHandover *self);

/* Returns: process id of the new worker that has taken over; 0: none. Forward all signals to it. */
pid_t rd_handover_get_new_worker (const RdHandover *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdHandover, rd_handover_free)

G_END_DECLS
