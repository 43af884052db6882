/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The error domain and its names on D-Bus. */

#include "rd-error.h"

static const GDBusErrorEntry entries[] = {
  { RD_ERROR_INVALID_ARGUMENT, "org.ringdown.Error.InvalidArgument" },
  { RD_ERROR_NOT_FOUND, "org.ringdown.Error.NotFound" },
  { RD_ERROR_NOT_DRAINING, "org.ringdown.Error.NotDraining" },
  { RD_ERROR_CANNOT_LISTEN, "org.ringdown.Error.CannotListen" },
};

GQuark
rd_error_quark (void)
{
  static gsize quark;

  g_dbus_error_register_error_domain ("rd-error-quark", &quark, entries, G_N_ELEMENTS (entries));
  return quark;
}
