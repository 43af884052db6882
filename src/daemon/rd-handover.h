/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-components.h"

G_BEGIN_DECLS

/* Hands over the service with its clients to a new worker: a running process, or (through the file
 * descriptor store of the service manager) the process of the next start. */
typedef struct _RdHandover RdHandover;

typedef struct
{
  const char *program;     /* absolute path of the program of the new worker */
  const char *const *argv; /* arguments of the program, NULL-terminated; the first is its name */
  char **environment;
  const char *hindrance; /* why no process started by this one can take over; NULL: it can */
  gint64 timeout_us; /* limit for the new worker to become ready, and again to take over (then at
                        most 20 s and half the watchdog timeout) */
} RdHandoverOptions;

/* @error: (nullable): NULL: the new worker has taken over; exit. %RD_ERROR_HANDOVER_FAILED: exit if
 * rd_handover_get_new_worker() is not 0, because that worker took over and then failed; otherwise
 * this process has resumed the service. */
typedef void (*RdHandoverFunc) (const GError *error, gpointer user_data);

/* @parts, @options: (transfer none): must outlive the returned object. Returns: (transfer full). */
RdHandover *rd_handover_new (RdComponents *parts, const RdHandoverOptions *options);
void rd_handover_free (RdHandover *self);

/* Starts a new worker and hands over to it. Returns: TRUE: @func will be called once; FALSE with
 * %RD_ERROR_BUSY (during a hand-over or drain) or %RD_ERROR_HANDOVER_FAILED. */
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

/* Stores the service in the service manager for the next start; see rd_handover_upgrade(). */
gboolean rd_handover_store (RdHandover *self,
                            RdHandoverFunc func,
                            gpointer user_data,
                            GError **error);

/* Cancels a hand-over that is still being prepared, except one to the service manager. */
void rd_handover_cancel (RdHandover *self);

gboolean rd_handover_is_under_way (const RdHandover *self);

/* Returns: process id of the new worker that has taken over and must get all signals; 0: none. */
pid_t rd_handover_get_new_worker (const RdHandover *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdHandover, rd_handover_free)

G_END_DECLS
