/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A text of the page: page.html has {{name}} where it goes. */
typedef struct
{
  const char *name;
  const char *text; /* in English, to be translated; plain, not HTML */
} RdPageText;

/* Returns: (transfer none): all of them, @n_texts. */
const RdPageText *rd_page_texts_get (gsize *n_texts);

G_END_DECLS
