/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* RFC 9110 §15.5.22; libsoup has no name for it. */
#define RD_HTTP_UPGRADE_REQUIRED 426

/* Answers with @body, UTF-8, which holds for now and is what @content_type says; HEAD gets the
 * headers only. The connection is closed afterwards: libsoup goes on only with those that it has
 * accepted itself. */
void rd_http_reply (SoupServerMessage *message,
                    guint status,
                    const char *content_type,
                    const char *body);

/* Answers with a line of plain text. */
void rd_http_refuse (SoupServerMessage *message, guint status, const char *line);

/* Answers 405 unless the method is GET or HEAD. Returns: whether it is. */
gboolean rd_http_require_get (SoupServerMessage *message);

G_END_DECLS
