/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-check-findings.h"

G_BEGIN_DECLS

/* A port as the configuration has it. */
typedef struct
{
  const char *option;           /* that gives it: "port" */
  const char *address_option;   /* that gives these: "address" */
  const char *const *addresses; /* host names and IP addresses, NULL-terminated */
  guint port;                   /* 0: any free one */
  gboolean reuse_port;
} RdCheckPort;

/* Finds out on which of @ports a start could not listen. Binds each as the service would, and
 * closes it at once; never listens, so that nobody gets to connect here instead of to the service.
 * @service_pid: of the service, if it runs already, whose ports do no harm; 0: it does not. */
void rd_check_ports (RdCheckFindings *findings,
                     const RdCheckPort *ports,
                     gsize n_ports,
                     int service_pid);

/* Returns: (transfer full) (nullable): those of @addresses that others than this machine can reach,
 * in one text; NULL: none. What cannot be resolved is none. */
char *rd_check_ports_dup_open (const char *const *addresses);

G_END_DECLS
