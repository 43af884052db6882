/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Reads what the service tells of its last hand-over, for the commands that show it, each in its
 * own words. Takes nothing for granted: what is missing, or of another type, is 0. Whether the
 * numbers are good or bad is not said here. */

#include "ctl-handover.h"

CtlHandover
ctl_handover_get (RdDBusServer1 *proxy)
{
  GVariant *report = rd_dbus_server1_get_handover (proxy);
  CtlHandover handover = { 0 };

  g_variant_lookup (report, "moved", "u", &handover.moved);
  g_variant_lookup (report, "closed", "u", &handover.closed);
  g_variant_lookup (report, "lost", "u", &handover.lost);
  g_variant_lookup (report, "pause", "t", &handover.pause_us);
  return handover;
}

double
ctl_handover_get_pause_ms (const CtlHandover *self)
{
  return self->pause_us / 1000.0;
}

void
ctl_handover_add_json (const CtlHandover *self, GVariantBuilder *object)
{
  g_variant_builder_add (object, "{sv}", "moved", g_variant_new_uint32 (self->moved));
  g_variant_builder_add (object, "{sv}", "closed", g_variant_new_uint32 (self->closed));
  g_variant_builder_add (object, "{sv}", "lost", g_variant_new_uint32 (self->lost));
  g_variant_builder_add (object, "{sv}", "pause", g_variant_new_uint64 (self->pause_us));
}
