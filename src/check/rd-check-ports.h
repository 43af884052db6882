/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-check-report.h"

/* A configured port. */
typedef struct
{
  const char *option;              /* name of the option for the port: "port" */
  const char *address_option;      /* name of the option for the addresses: "address" */
  const char *const *addresses;    /* host names and IP addresses, NULL-terminated */
  guint port;                      /* 0: any free port */
  gboolean reuse_port;             /* SO_REUSEPORT */
  const char *exposure;            /* actions of any client, such as "read messages" */
  int service_pid;                 /* process id of the running instance; 0: none is running */
  const char *const *service_urls; /* nullable: URLs (ws://HOST:PORT/PATH) that the running instance
                                    * listens on; NULL: unknown */
} RdCheckPort;

/* Checks whether the service could listen on @ports, and whether other machines can connect to
 * them. Resolves all host names within 2 s. Binds each port briefly, but does not listen: if it
 * did, clients could connect to this process instead of the service (with SO_REUSEPORT). */
void rd_check_ports (RdCheckReport *report, const RdCheckPort *ports, gsize n_ports);
