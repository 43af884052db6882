/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a host is called by in a URL. */
typedef enum
{
  RD_HOST_NAME,      /* whatever the DNS, and so its owner, says */
  RD_HOST_LOCALHOST, /* "localhost" and names below: never looked up, RFC 6761 §6.3 */
  RD_HOST_ADDRESS,   /* of a network */
  RD_HOST_LOOPBACK,  /* 127.0.0.1, ::1 */
  RD_HOST_ANY,       /* 0.0.0.0, ::: every address of the machine */
} RdHostKind;

/* @authority: "example.org:8001", "[::1]", as in a Host header; nullable.
 * Returns: (transfer full) (nullable): its host, "example.org", "::1", in lower case; NULL if there
 * is none, or anything but host and port. */
char *rd_host_parse (const char *authority);

/* @host: from rd_host_parse(), or of a URL. */
RdHostKind rd_host_classify (const char *host);

G_END_DECLS
