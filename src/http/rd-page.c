/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Makes the page of its parts in data/page, the texts in the language of the process, and what a
 * browser has to know of this service. The figures are not its business: for those the page asks
 * the other paths, again and again. */

#include "rd-page.h"

#include "rd-page-resources.h"
#include "rd-page-texts.h"

#include <glib/gi18n.h>
#include <string.h>

#define FOLDER "/org/ringdown/page/"

struct _RdPage
{
  char *template;     /* owned: HTML with {{names}} */
  GHashTable *values; /* name -> HTML, both owned */
  char *style_hash;   /* owned: as in a Content-Security-Policy */
  char *script_hash;  /* owned */
};

/* Returns: (transfer full): a part of the page; they are linked into the program. */
static char *
load (const char *name)
{
  g_autofree char *path = g_strconcat (FOLDER, name, NULL);
  g_autoptr (GBytes) bytes = g_resource_lookup_data (rd_page_get_resource (), path,
                                                     G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/* @value: (transfer full). */
static void
set (RdPage *page, const char *name, char *value)
{
  g_hash_table_insert (page->values, g_strdup (name), value);
}

/* Returns: (transfer full): what allows @code and no other to be inline. */
static char *
hash (const char *code)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree char *base64 = NULL;
  guint8 digest[32];
  gsize size = sizeof digest;

  g_checksum_update (checksum, (const guint8 *) code, -1);
  g_checksum_get_digest (checksum, digest, &size);
  base64 = g_base64_encode (digest, size);
  return g_strdup_printf ("'sha256-%s'", base64);
}

RdPage *
rd_page_new (gsize max_message)
{
  RdPage *page = g_new0 (RdPage, 1);
  char *style = load ("page.css");
  char *script = load ("page.js");
  gsize n_texts;
  const RdPageText *texts = rd_page_texts_get (&n_texts);

  page->template = load ("page.html");
  page->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  page->style_hash = hash (style);
  page->script_hash = hash (script);
  set (page, "style", style);
  set (page, "script", script);
  set (page, "version", g_strdup (RINGDOWN_VERSION));
  set (page, "max-message", g_strdup_printf ("%" G_GSIZE_FORMAT, max_message));
  for (gsize i = 0; i < n_texts; i++)
    set (page, texts[i].name, g_markup_escape_text (_ (texts[i].text), -1));
  return page;
}

void
rd_page_free (RdPage *page)
{
  g_free (page->template);
  g_hash_table_unref (page->values);
  g_free (page->style_hash);
  g_free (page->script_hash);
  g_free (page);
}

char *
rd_page_render (const RdPage *page, const char *const *urls)
{
  g_autofree char *joined = g_strjoinv (" ", (char **) urls);
  g_autofree char *escaped = g_markup_escape_text (joined, -1);
  GString *html = g_string_new (NULL);
  const char *rest = page->template;
  const char *open;

  while ((open = strstr (rest, "{{")) != NULL)
    {
      const char *close = strstr (open, "}}");
      g_autofree char *name = g_strndup (open + 2, close - open - 2);
      const char *value = g_str_equal (name, "urls") ? escaped
                                                     : g_hash_table_lookup (page->values, name);

      g_string_append_len (html, rest, open - rest);
      g_string_append (html, value);
      rest = close + 2;
    }

  g_string_append (html, rest);
  return g_string_free (html, FALSE);
}

/* A policy cannot name an IPv6 address: for those, the port alone has to do. */
static void
allow_connection (GString *policy, const char *url)
{
  g_autofree char *host = NULL;
  int port;

  g_uri_split_network (url, G_URI_FLAGS_NONE, NULL, &host, &port, NULL);
  if (strchr (host, ':') != NULL)
    g_string_append_printf (policy, " ws://*:%d wss://*:%d", port, port);
  else
    g_string_append_printf (policy, " ws://%s:%d wss://%s:%d", host, port, host, port);
}

char *
rd_page_dup_policy (const RdPage *page, const char *const *urls)
{
  GString *policy = g_string_new (NULL);

  g_string_printf (policy,
                   "default-src 'none'; base-uri 'none'; form-action 'none'; "
                   "frame-ancestors 'none'; img-src data:; style-src %s; script-src %s; "
                   "connect-src 'self'",
                   page->style_hash, page->script_hash);
  for (gsize i = 0; urls[i] != NULL; i++)
    allow_connection (policy, urls[i]);
  return g_string_free (policy, FALSE);
}
