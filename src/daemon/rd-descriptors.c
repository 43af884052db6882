/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The limit of descriptors, which is what bounds the number of clients. Takes all that the hard
 * limit allows, and keeps some back for what is not a client. Never refuses anybody: that is for
 * those who let clients in. */

#include "rd-descriptors.h"

#include <errno.h>
#include <sys/resource.h>

#define RESERVED    128     /* for listeners, buses, probes, and handshakes to be refused */
#define CLIENTS_MAX 1000000 /* whatever the limit: what the table is made for */

guint
rd_descriptors_raise (void)
{
  struct rlimit limit;
  rlim_t soft;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    {
      g_warning ("Cannot read the limit of descriptors: %s", g_strerror (errno));
      return RESERVED;
    }

  soft = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) != 0)
    {
      g_warning ("Cannot raise the limit of descriptors: %s", g_strerror (errno));
      limit.rlim_cur = soft;
    }

  return MIN (limit.rlim_cur - MIN (RESERVED, limit.rlim_cur / 2), CLIENTS_MAX);
}
