/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* On D-Bus: org.ringdown.Error.InvalidArgument and so on. */
typedef enum
{
  RD_ERROR_INVALID_ARGUMENT,
  RD_ERROR_NOT_FOUND,       /* no such client, no such topic */
  RD_ERROR_NOT_DRAINING,    /* there is no drain to cancel, or it is too late for that */
  RD_ERROR_CANNOT_LISTEN,   /* a port was taken while we did not listen on it */
  RD_ERROR_BUSY,            /* a hand-over is under way, or a drain, which rules one out */
  RD_ERROR_HANDOVER_FAILED, /* no other process goes on: this one does */
} RdError;

#define RD_ERROR (rd_error_quark ())
GQuark rd_error_quark (void);

G_END_DECLS
