/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* The page at "/" of the admin port, in the language of the process. Its files are in data/page. */
typedef struct
{
  char *template;     /* owned: page.html, with placeholders: {{name}} */
  GHashTable *values; /* owned: name -> HTML, for all placeholders but {{urls}} */
  char *policy;       /* owned: Content-Security-Policy, up to the URLs */
} RdPage;

/* @max_message: size limit of a message, bytes. Returns: (transfer full). */
RdPage *rd_page_new (gsize max_message);
void rd_page_free (RdPage *page);

/* Finds the URLs at which a browser reaches the public port.
 * @urls: the URLs that the service listens on: "ws://0.0.0.0:8000/ws".
 * @host: host under which the browser has loaded the page, from rd_host_parse().
 * Returns: (transfer full): the URLs without duplicates, those on @host first; maybe empty. */
char **rd_page_find_urls (const char *const *urls, const char *host);

/* @urls: from rd_page_find_urls(). Returns: (transfer full): the page as a single HTML file. */
char *rd_page_render (const RdPage *page, const char *const *urls);

/* Returns: (transfer full): the Content-Security-Policy for a page rendered with @urls. */
char *rd_page_dup_policy (const RdPage *page, const char *const *urls);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdPage, rd_page_free)
