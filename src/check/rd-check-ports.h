/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-check-report.h"

/* A port in the configuration. */
typedef struct
{
  const char *option;              /* for the port: "port" */
  const char *address_option;      /* for the addresses: "address" */
  const char *const *addresses;    /* host names and IP addresses, NULL-terminated */
  guint port;                      /* 0: any free port */
  gboolean reuse_port;             /* SO_REUSEPORT */
  const char *exposure;            /* what others can do there: "read messages" */
  int service_pid;                 /* of the running instance; 0: none */
  const char *const *service_urls; /* (nullable): where it listens, as ws://HOST:PORT/PATH; NULL:
                                    * unknown */
} RdCheckPort;

/* Checks whether the service could listen on @ports, and whether other machines can connect.
 * Resolves host names within 2 s, and binds each port for a moment, but does not listen: with
 * SO_REUSEPORT, clients could connect here instead of to the running service. */
void rd_check_ports (RdCheckReport *report, const RdCheckPort *ports, gsize n_ports);
