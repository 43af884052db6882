/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The page at "/" of the admin port, in the language of the process. */
typedef struct _RdPage RdPage;

/* @max_message: how long a message may be, bytes. */
RdPage *rd_page_new (gsize max_message);
void rd_page_free (RdPage *page);

/* @urls: where the browser reaches the clients' port, the best first; see rd_page_dup_urls().
 * Returns: (transfer full): HTML that loads nothing else. */
char *rd_page_render (const RdPage *page, const char *const *urls);

/* Returns: (transfer full): the Content-Security-Policy that lets a page rendered with @urls do
 * what it does, and nothing else. */
char *rd_page_dup_policy (const RdPage *page, const char *const *urls);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdPage, rd_page_free)

G_END_DECLS
