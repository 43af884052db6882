/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Starts to check, in a thread, whether the program in the unit of this process (ExecStart=)
 * accepts the configuration that it would have after a restart. Takes up to 2 s for each of three
 * D-Bus replies, and 5 s for the program. @bus: D-Bus connection to systemd. @started:
 * (nullable): properties of the unit (interface Service) at the start of this process; NULL: it has
 * only just started. @program: program of this process. @environment: environment of new workers,
 * NULL-terminated. */
void rd_trial_run (GDBusConnection *bus,
                   GVariant *started,
                   const char *program,
                   char **environment,
                   GCancellable *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer user_data);

/* Returns: FALSE if the program refuses its configuration, with %G_IO_ERROR_INVALID_DATA, or with
 * %G_IO_ERROR_CLOSED if the unit is not to start again; or if cancelled. TRUE if the program
 * accepts it, or if that is unknown: the unit has another program, a name for which --check finds
 * no unit, credentials (LoadCredential=), or since the start another user, group or file system. */
gboolean rd_trial_finish (GAsyncResult *result, GError **error);
