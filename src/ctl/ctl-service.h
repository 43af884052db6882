/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-output.h"

/* The parsed command line. The strings are UTF-8, owned, and NULL if not given. */
typedef struct
{
  gboolean system;
  gboolean json;
  gboolean help;
  gboolean version;
  gboolean all;
  gboolean wait;
  char *address;
  char *instance;
  char *code;
  char *reason;
  char *timeout;
  char *argument;
} CtlArguments;

/* Time limit for each reply from the message bus or the service. */
#define CTL_SERVICE_TIMEOUT_S 10

/* Connects to the service that @arguments select, if it is running. @needs_properties: whether to
 * fail if ctl_service_check() fails. Returns: (transfer full) (nullable): a proxy that has
 * loaded the properties, or NULL with an error, for example if the service is not running. */
RdDBusServer1 *ctl_service_new (const CtlArguments *arguments,
                                gboolean needs_properties,
                                GError **error);

/* Returns: FALSE with an error if a property is missing or has the wrong type; otherwise TRUE. */
gboolean ctl_service_check (RdDBusServer1 *service, GError **error);

/* Replaces @error, if it was set by a failed call to the service that @arguments select, with an
 * error that explains the failure to users. Keeps the message of any other error, and of an error
 * that the service itself returned. Returns: always FALSE. */
gboolean ctl_service_explain (const CtlArguments *arguments, GError **error);
