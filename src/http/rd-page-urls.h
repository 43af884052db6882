/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* @urls: what the service listens on, "ws://0.0.0.0:8000/ws" and so on.
 * Returns: (transfer full): where a browser reaches those that asked for the page on @host (from
 * rd_host_parse()): on @host itself first, each once; maybe nowhere. */
char **rd_page_urls_reach (const char *const *urls, const char *host);

G_END_DECLS
