/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Renders the status page of the admin port from the files in data/page and the translated texts
 * below, and finds the WebSocket URLs to which the page connects. */

#include "rd-page.h"

#include "rd-http.h"
#include "rd-page-resources.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>

#define FOLDER "/org/ringdown/page/"

/* clang-format off */
static const struct
{
  const char *name; /* name of the placeholder */
  const char *text; /* English plain text; page.js replaces parts such as {url} */
} texts[] = {
  /* Translators: the HTML language tag of your language: "de", "uk", "zh-Hans" */
  { "lang", N_("en") },
  { "noscript", N_("This page needs JavaScript. The figures are also at /metrics.") },

  /* Translators: Running, Draining and Not reachable describe the service; Paused, the page */
  { "running", N_("Running") },
  { "draining", N_("Draining") },
  { "unreachable", N_("Not reachable") },
  { "paused", N_("Paused") },

  { "drain-title", N_("Waiting for clients to leave") },
  /* Translators: label of a progress bar */
  { "drain-progress", N_("Clients that have left") },
  /* Translators: label of the number of clients that have not left yet */
  { "drain-clients", N_("Still connected") },
  /* Translators: label of a time such as 29:55, after which all remaining clients are closed */
  { "drain-time", N_("Until the rest is closed") },
  { "drain-left", N_("This page was a client too. It has disconnected so that the drain can "
                     "finish, and reconnects if the drain is cancelled.") },

  { "clients", N_("Clients") },
  /* Translators: label of the number of clients */
  { "clients-now", N_("Now") },
  { "clients-peak", N_("Peak") },
  { "since-start", N_("Since the start") },
  { "deliveries", N_("Deliveries") },
  { "messages", N_("Messages") },
  { "per-second", N_("Per second") },
  /* Translators: {now} and {most} are replaced by numbers */
  { "chart-summary", N_("Messages per second in the last minute: now {now}, at most {most}") },
  /* Translators: the two ends of the time axis of the chart */
  { "minute-ago", N_("A minute ago") },
  { "now", N_("Now") },

  { "notifications", N_("Notifications") },
  { "connecting", N_("Connecting …") },
  /* Translators: {url} is replaced by a URL */
  { "connected", N_("Connected to {url}") },
  { "waiting", N_("Disconnected; connecting again once the service answers") },
  { "away-draining", N_("Not connected while the service drains") },
  { "away-paused", N_("Not connected while this tab is hidden") },
  /* Translators: {urls} is replaced by a list of URLs, {seconds} by a number */
  { "failed", N_("Cannot connect to {urls}; trying again in {seconds} s") },
  /* Translators: {origin} is replaced by scheme, host and port of a URL */
  { "refused-origin", N_("The service does not let pages of this origin connect; to allow it, "
                         "start the service with --allow-origin={origin}") },
  /* Translators: {seconds} is replaced by a number */
  { "refused-full", N_("The service has reached its client limit; trying again in {seconds} s") },
  { "nowhere", N_("Cannot connect: the service listens for clients on its own machine only") },

  { "send-label", N_("Send a message to all clients") },
  { "send", N_("Send") },
  { "send-offline", N_("Not sent: this page is not connected") },
  /* Translators: {bytes} and {most} are replaced by numbers */
  { "send-long", N_("Not sent: the message has {bytes} bytes; the limit is {most}") },
  { "empty", N_("No notifications yet. The last 50 are shown here, newest first.") },
  /* Translators: shown below a shortened message; {characters} is a number above 300 */
  { "cut", N_("Cut: {characters} characters in all") },
  /* Translators: shown instead of a binary message; {bytes} is replaced by a number */
  { "binary", N_("Not text; size in bytes: {bytes}") },

  /* Translators: label of the links /metrics, /readyz and /healthz */
  { "links", N_("For programs") },
};
/* clang-format on */

/* Returns: (transfer full): the contents of the resource @name, a file in data/page. */
static char *
load (const char *name)
{
  g_autofree char *path = g_strconcat (FOLDER, name, NULL);
  g_autoptr (GBytes) bytes = g_resource_lookup_data (rd_page_get_resource (), path,
                                                     G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/* Replaces the placeholder @name in @html with @value. */
static void
set (GString *html, const char *name, const char *value)
{
  g_autofree char *placeholder = g_strconcat ("{{", name, "}}", NULL);
  const guint n = g_string_replace (html, placeholder, value, 0);

  g_assert (n > 0);
}

/* Returns: (transfer full): the Content-Security-Policy source that allows inline @code. */
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
  g_autofree char *template = load ("page.html");
  g_autofree char *style = load ("page.css");
  g_autofree char *script = load ("page.js");
  g_autofree char *limit = g_strdup_printf ("%" G_GSIZE_FORMAT, max_message);
  g_autofree char *style_hash = hash (style);
  g_autofree char *script_hash = hash (script);

  page->html = g_string_new (template);
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *escaped = g_markup_escape_text (_ (texts[i].text), -1);

      set (page->html, texts[i].name, escaped);
    }
  set (page->html, "version", RINGDOWN_VERSION);
  set (page->html, "max-message", limit);
  set (page->html, "style", style);
  set (page->html, "script", script);
  page->policy = g_strdup_printf ("default-src 'none'; base-uri 'none'; form-action 'none'; "
                                  "frame-ancestors 'none'; img-src data:; style-src %s; "
                                  "script-src %s; connect-src 'self'",
                                  style_hash, script_hash);
  return page;
}

void
rd_page_free (RdPage *page)
{
  g_string_free (page->html, TRUE);
  g_free (page->policy);
  g_free (page);
}

/* Returns: (transfer none) (nullable): the host through which a browser reaches a socket that
 * listens on @address; NULL if the socket is unreachable. @host: host from which the browser
 * loaded the page. */
static const char *
find_host (const char *address, const char *host)
{
  const RdHostKind from = rd_host_classify (host);

  switch (rd_host_classify (address))
    {
    case RD_HOST_ANY:
      return host;
    case RD_HOST_LOCALHOST:
    case RD_HOST_LOOPBACK:
      if (from == RD_HOST_LOCALHOST)
        return host;
      return from == RD_HOST_LOOPBACK || from == RD_HOST_ANY ? address : NULL;
    case RD_HOST_ADDRESS:
    case RD_HOST_NAME:
      return address;
    }

  g_assert_not_reached ();
}

char **
rd_page_find_urls (const char *const *urls, const char *host)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_null_terminated (1, g_free, TRUE);
  int n_at_host = 0;

  for (gsize i = 0; urls[i] != NULL; i++)
    {
      g_autoptr (GUri) uri = g_uri_parse (urls[i], G_URI_FLAGS_ENCODED, NULL);
      const char *reached = uri != NULL ? find_host (g_uri_get_host (uri), host) : NULL;
      g_autofree char *url = NULL;

      /* the address of an inherited socket may have a zone (fe80::1%2); browsers reject zones */
      if (reached == NULL || strchr (reached, '%') != NULL)
        continue;
      url = g_uri_join (G_URI_FLAGS_ENCODED, g_uri_get_scheme (uri), NULL, reached,
                        g_uri_get_port (uri), g_uri_get_path (uri), NULL, NULL);
      if (!g_ptr_array_find_with_equal_func (found, url, g_str_equal, NULL))
        g_ptr_array_insert (found, g_str_equal (reached, host) ? n_at_host++ : -1,
                            g_steal_pointer (&url));
    }

  return (char **) g_ptr_array_steal (found, NULL);
}

char *
rd_page_render (const RdPage *page, const char *const *urls)
{
  g_autofree char *joined = g_strjoinv (" ", (char **) urls);
  g_autofree char *escaped = g_markup_escape_text (joined, -1);
  GString *html = g_string_new (page->html->str);

  set (html, "urls", escaped);
  return g_string_free (html, FALSE);
}

char *
rd_page_dup_policy (const RdPage *page, const char *const *urls)
{
  GString *policy = g_string_new (page->policy);

  for (gsize i = 0; urls[i] != NULL; i++)
    {
      g_autofree char *host = NULL;
      const char *source;
      int port;

      g_uri_split_network (urls[i], G_URI_FLAGS_NONE, NULL, &host, &port, NULL);
      source = strchr (host, ':') != NULL ? "*" : host; /* CSP has no IPv6 addresses */
      g_string_append_printf (policy, " ws://%s:%d wss://%s:%d", source, port, source, port);
    }
  return g_string_free (policy, FALSE);
}
