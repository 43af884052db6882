/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <libsoup/soup.h>

/* RFC 9110 §15.5.22; libsoup has no name for it. */
#define RD_HTTP_UPGRADE_REQUIRED 426

#define RD_HTTP_NO_SUCH_PATH "No such path; check the URL."

/* Answers with @body (UTF-8), which libsoup omits for HEAD, and closes the connection, because
 * libsoup keeps only connections alive that it has accepted itself. The answer is not cached. */
void rd_http_reply (SoupServerMessage *message,
                    guint status,
                    const char *content_type,
                    const char *body);

/* Answers with a @line of plain text. */
void rd_http_refuse (SoupServerMessage *message, guint status, const char *line);

/* Answers 405 and returns FALSE unless the method is GET or HEAD. */
gboolean rd_http_require_get (SoupServerMessage *message);

/* The kind of a host in a URL. */
typedef enum
{
  RD_HOST_NAME,      /* a DNS name: its owner chooses the address */
  RD_HOST_LOCALHOST, /* "localhost" or a name below it: always loopback, RFC 6761 §6.3 */
  RD_HOST_ADDRESS,   /* any other IP address */
  RD_HOST_LOOPBACK,  /* 127.0.0.1, ::1 */
  RD_HOST_ANY,       /* 0.0.0.0, ::: every address of the machine */
} RdHostKind;

/* Parses @authority (nullable), as in a Host header: "example.org:8001", "[::1]:8001".
 * Returns: (transfer full) (nullable): the host in lower case, without brackets: "example.org",
 * "::1"; NULL unless @authority consists of a host and maybe a port. */
char *rd_host_parse (const char *authority);

/* Classifies @host: the result of rd_host_parse(), or the host of a URL. */
RdHostKind rd_host_classify (const char *host);

/* The functions below check the headers Origin (RFC 6454) and Host. They restrict web pages only:
 * other programs can send any header. @globs: the allowed origins, as NULL-terminated glob patterns
 * such as "http://localhost:*". */

/* Returns whether pages of @origin may connect; any may if there are no @globs. @origin:
 * (nullable): NULL: not a browser. */
gboolean rd_origins_may_connect (const char *const *globs, const char *origin);

/* Returns whether pages of @origin (nullable) may read the admin port: listed origins may, and
 * pages that were loaded from @authority, the Host header (nullable). */
gboolean rd_origins_may_read (const char *const *globs, const char *origin, const char *authority);

/* Returns whether @authority, a Host header (nullable), can be trusted to name this machine: an IP
 * address, localhost, the machine's host name, or the host and port of a listed origin. The owner
 * of any other name could let it resolve to this machine, to read our page (DNS rebinding). */
gboolean rd_origins_is_trusted_name (const char *const *globs, const char *authority);
