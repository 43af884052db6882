/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What a unit has to have, so that its clients outlive a restart: a signal that tells it from a
 * stop, and a store to leave them in. Where one of them is missing, the service drains instead.
 * Asks nobody: the facts are given. */

#include "rd-restart-unit.h"

#include <glib/gi18n.h>
#include <signal.h>

#define RESTART_SIGNAL SIGUSR1

RdRestartUnit
rd_restart_unit_read (GVariant *properties)
{
  RdRestartUnit unit = { .has_store = TRUE, .is_told = TRUE };
  guint32 store_max;
  gint32 signal_number;

  if (g_variant_lookup (properties, "FileDescriptorStoreMax", "u", &store_max))
    unit.has_store = store_max > 0;
  if (g_variant_lookup (properties, "RestartKillSignal", "i", &signal_number))
    unit.is_told = signal_number == RESTART_SIGNAL;
  return unit;
}

GPtrArray *
rd_restart_unit_judge (const RdRestartUnit *unit, const char *name, gboolean is_user)
{
  GPtrArray *texts = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *command = g_strconcat (is_user ? "systemctl --user" : "systemctl", " edit ",
                                          name, NULL);

  if (!unit->has_store)
    g_ptr_array_add (
      texts,
      g_strdup_printf (
        /* Translators: a unit; a command: “systemctl edit ringdown.service” */
        _ ("%s has no store to keep clients in (FileDescriptorStoreMax=): at “systemctl restart” "
           "it drains, instead of handing them over; set FileDescriptorStoreMax=16 (%s)"),
        name, command));
  if (!unit->is_told)
    g_ptr_array_add (
      texts,
      g_strdup_printf (
        /* Translators: a unit; a command: “systemctl edit ringdown.service” */
        _ ("%s cannot tell a restart from a stop (RestartKillSignal=): at “systemctl restart” it "
           "drains, instead of handing its clients over; set RestartKillSignal=SIGUSR1 (%s)"),
        name, command));
  return texts;
}
