/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* The status page at "/" of the admin port, in the language of the process; see data/page. */
typedef struct
{
  GString *html; /* owned: the page, with the placeholder {{urls}} */
  char *policy;  /* owned: Content-Security-Policy, except for the WebSocket URLs */
} RdPage;

/* Loads the page. @max_message: size limit of a message in bytes. Returns: (transfer full). */
RdPage *rd_page_new (gsize max_message);
void rd_page_free (RdPage *page);

/* Finds the URLs at which a browser can reach the public port.
 * @urls: URLs that the service listens on, such as "ws://0.0.0.0:8000/ws".
 * @host: host from which the browser loaded the page, from rd_host_parse().
 * Returns: (transfer full): the URLs without duplicates, URLs on @host first; may be empty. */
char **rd_page_find_urls (const char *const *urls, const char *host);

/* Returns: (transfer full): the page as one HTML document. @urls: from rd_page_find_urls(). */
char *rd_page_render (const RdPage *page, const char *const *urls);

/* Returns: (transfer full): the Content-Security-Policy of the page rendered with @urls. */
char *rd_page_dup_policy (const RdPage *page, const char *const *urls);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdPage, rd_page_free)
