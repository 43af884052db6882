/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Errors of D-Bus methods. Their D-Bus names are org.ringdown.Error.InvalidArgument and so on. */
typedef enum
{
  RD_ERROR_INVALID_ARGUMENT,
  RD_ERROR_NOT_FOUND,       /* no such client or topic */
  RD_ERROR_NOT_DRAINING,    /* not draining, or too late to cancel the drain */
  RD_ERROR_CANNOT_LISTEN,   /* cannot reopen the port that a drain has closed */
  RD_ERROR_BUSY,            /* a hand-over or a drain is in progress */
  RD_ERROR_HANDOVER_FAILED, /* the new worker failed; this process continues to serve */
} RdError;

#define RD_ERROR (rd_error_quark ())
GQuark rd_error_quark (void);
