/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The limit of descriptors, which is what bounds the number of clients. Takes all that the hard
 * limit allows, and keeps some back for what is not a client. Never refuses anybody: that is for
 * those who let clients in. */

#include "rd-descriptors.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <sys/resource.h>

#define RESERVED    384     /* for all that is no client: */
#define HANDSHAKES  256     /*   of these, for handshakes; GLib polls them all in every turn */
#define CLIENTS_MAX 1000000 /* whatever the limit: what the table is made for */

guint64
rd_descriptors_raise (void)
{
  struct rlimit limit = { .rlim_cur = 2 * RESERVED, .rlim_max = 2 * RESERVED };
  rlim_t soft;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    g_warning (_ ("Cannot read the limit of descriptors: %s"), g_strerror (errno));

  soft = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) != 0)
    {
      g_warning (_ ("Cannot raise the limit of descriptors: %s"), g_strerror (errno));
      limit.rlim_cur = soft;
    }

  return limit.rlim_cur;
}

void
rd_descriptors_share (guint64 limit, RdDescriptors *share)
{
  const guint64 reserved = MIN (RESERVED, limit / 2);

  share->clients = MIN (limit - reserved, CLIENTS_MAX);
  share->handshakes = MAX (reserved * HANDSHAKES / RESERVED, 1);
}
