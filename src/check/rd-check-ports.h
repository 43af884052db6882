/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-check-report.h"

/* A configured port. */
typedef struct
{
  const char *option;              /* name of the option for the port, such as "port" */
  const char *address_option;      /* name of the option for the addresses, such as "address" */
  const char *const *addresses;    /* host names and IP addresses, NULL-terminated */
  guint port;                      /* 0: any free port */
  gboolean reuse_port;             /* SO_REUSEPORT */
  gboolean may_bind;               /* the service has CAP_NET_BIND_SERVICE, even if we do not */
  gboolean is_in_container;        /* the container decides who can connect, and the running
                                    * instance is the only user of the port */
  const char *exposure;            /* actions that any client can take, such as "read messages" */
  int service_pid;                 /* process id of the running instance; 0: none is running */
  const char *const *service_urls; /* nullable: URLs (ws://HOST:PORT/PATH) that the running instance
                                    * listens on; NULL: unknown */
} RdCheckPort;

/* Checks whether the service could listen on @ports, and whether other machines can connect to
 * them. Waits up to 2 s for the name server. Binds each port briefly, but does not listen: with
 * SO_REUSEPORT, a listening socket of this process could receive clients of the service. */
void rd_check_ports (RdCheckReport *report, const RdCheckPort *ports, gsize n_ports);
