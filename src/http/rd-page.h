/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* The status page at "/" of the admin port, in the language of the process; see data/page. */
typedef struct
{
  char *html;   /* owned: one HTML document */
  char *policy; /* owned: its Content-Security-Policy */
} RdPage;

/* Loads the page. @max_message: size limit of a message in bytes. Returns: (transfer full). */
RdPage *rd_page_new (gsize max_message);
void rd_page_free (RdPage *page);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdPage, rd_page_free)
