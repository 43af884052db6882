/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <libsoup/soup.h>

/* RFC 9110 §15.5.22; libsoup has no name for it. */
#define RD_HTTP_UPGRADE_REQUIRED 426

#define RD_HTTP_NO_SUCH_PATH "No such path; check the URL."

/* Answers with @body, which is UTF-8, and closes the connection: libsoup keeps only connections
 * alive that it has accepted itself. The answer must not be cached. For HEAD, libsoup omits @body.
 */
void rd_http_reply (SoupServerMessage *message,
                    guint status,
                    const char *content_type,
                    const char *body);

/* Answers with a @line of plain text. */
void rd_http_refuse (SoupServerMessage *message, guint status, const char *line);

/* Answers 405 and returns FALSE unless the method is GET or HEAD. */
gboolean rd_http_require_get (SoupServerMessage *message);
