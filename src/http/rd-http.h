/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <libsoup/soup.h>

/* Sends an uncacheable response with @body (UTF-8; omitted for HEAD), then closes the connection,
 * because libsoup keeps alive only the connections that libsoup itself accepted. */
void rd_http_reply (SoupServerMessage *message,
                    guint status,
                    const char *content_type,
                    const char *body);

/* Logs a debug message about a refused connection. @fd: socket of the connection; -1: unknown.
 * @text: (nullable): text of the response. */
void rd_http_log_refused (int fd, const char *reason, const char *text);

/* Sends @status and @line as plain text, like rd_http_reply(), and logs the refusal. @line: one
 * line without newline. */
void rd_http_refuse (SoupServerMessage *message, guint status, const char *line);

/* Returns TRUE if the method is GET or HEAD; otherwise sends 405 and returns FALSE. */
gboolean rd_http_require_get (SoupServerMessage *message);

/* Parses @authority (nullable), the value of a Host header, such as "[::1]:8001".
 * Returns: (transfer full) (nullable): the host in lower case and without brackets, such as "::1";
 * NULL if @authority is neither HOST nor HOST:PORT. */
char *rd_host_parse (const char *authority);

/* The functions below check the request headers Origin (RFC 6454) and Host. The checks restrict
 * only web pages: other programs can send any header, and most send no Origin. @origin and
 * @authority: the values of Origin and Host (nullable). @globs: patterns of the allowed origins,
 * such as "http://localhost:*"; NULL-terminated. */

/* Returns whether pages of @origin may connect as clients: TRUE if @origin is NULL or
 * allowed, or if its host is equal to the host of @authority (with any scheme and ports). */
gboolean rd_origins_may_connect (const char *const *globs,
                                 const char *origin,
                                 const char *authority);

/* Returns whether pages of @origin may read responses from the admin port: TRUE if @origin is NULL
 * or allowed, or if its host and port are equal to @authority. */
gboolean rd_origins_may_read (const char *const *globs, const char *origin, const char *authority);

/* Returns: (transfer full): one line for a response that refuses @origin (not NULL). The line names
 * the origin and the option that allows the origin. */
char *rd_origins_dup_refusal (const char *origin);

/* Returns whether @authority is a trusted host name: none, an IP address, localhost, the machine's
 * host name, a name without dots or under .local or .internal, or the host and port of an allowed
 * origin. The owner of any other name could resolve that name to this machine, so that a foreign
 * page can read responses (DNS rebinding). */
gboolean rd_origins_is_trusted_name (const char *const *globs, const char *authority);

/* Returns: (transfer full): one line for a response that refuses @authority (not NULL) because it
 * is not a trusted host name. The line names the host and the option that allows the host. */
char *rd_origins_dup_host_refusal (const char *authority);
