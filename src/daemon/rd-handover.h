/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-components.h"

G_BEGIN_DECLS

/* Has another process go on with the service, its clients among it: at once, beside this one, which
 * goes on itself if that comes to nothing; or later, through the service manager's store. */
typedef struct _RdHandover RdHandover;

typedef struct
{
  const char *program;     /* absolute path: what is started anew */
  const char *const *argv; /* how, with its name */
  char **environment;
  const char *hindrance; /* nullable: why no process started by this one can take its place */
  gint64 timeout_us;     /* for a successor to be ready, and again, but no more than 20 s, for it to
                            take over; half the time of a watchdog, if that is less */
} RdHandoverOptions;

/* @error: %RD_ERROR_HANDOVER_FAILED: all goes on here as before, unless there is an heir, who
 * failed; then, and if it is NULL, this process is to end. */
typedef void (*RdHandoverFunc) (const GError *error, gpointer user_data);

/* @parts, @options: (transfer none): outlive it. Returns: (transfer full). */
RdHandover *rd_handover_new (RdComponents *parts, const RdHandoverOptions *options);
void rd_handover_free (RdHandover *self);

/* Starts the program anew and hands over to it. Returns: FALSE with %RD_ERROR_BUSY while one is
 * under way or the service drains; TRUE: @func will be called, once, with how it went. */
gboolean rd_handover_upgrade (RdHandover *self,
                              RdHandoverFunc func,
                              gpointer user_data,
                              GError **error);

/* The same with a process that is there already. @fd: (transfer full): its parcel; may be an error,
 * too. */
gboolean rd_handover_to (RdHandover *self,
                         int fd,
                         RdHandoverFunc func,
                         gpointer user_data,
                         GError **error);

/* Leaves all to the service manager, for the process that it starts next. */
gboolean rd_handover_store (RdHandover *self,
                            RdHandoverFunc func,
                            gpointer user_data,
                            GError **error);

/* Gives up a hand-over to another process that is being prepared: there is something that does not
 * wait. */
void rd_handover_cancel (RdHandover *self);

gboolean rd_handover_is_under_way (const RdHandover *self);

/* Returns: who goes on with the clients, to whom all signals are to be passed on; 0: we do. */
pid_t rd_handover_get_new_worker (const RdHandover *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdHandover, rd_handover_free)

G_END_DECLS
