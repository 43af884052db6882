/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The error domain of the D-Bus interface. System errors keep the domains of GLib and GIO. */

#include "rd-error.h"

static const GDBusErrorEntry entries[] = {
  { RD_ERROR_INVALID_ARGUMENT, "org.ringdown.Error.InvalidArgument" },
  { RD_ERROR_NOT_FOUND, "org.ringdown.Error.NotFound" },
  { RD_ERROR_NOT_DRAINING, "org.ringdown.Error.NotDraining" },
  { RD_ERROR_CANNOT_LISTEN, "org.ringdown.Error.CannotListen" },
  { RD_ERROR_BUSY, "org.ringdown.Error.Busy" },
  { RD_ERROR_HANDOVER_FAILED, "org.ringdown.Error.HandoverFailed" },
};

GQuark
rd_error_quark (void)
{
  static gsize quark;

  g_dbus_error_register_error_domain ("rd-error-quark", &quark, entries, G_N_ELEMENTS (entries));
  return quark;
}
