/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Renders the status page of the admin port from the files in data/page and the translated texts
 * below. */

#include "rd-page.h"

#include "rd-page-resources.h"

#include <gio/gio.h>
#include <glib/gi18n.h>

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

  { "service", N_("Service") },
  { "instance", N_("Instance") },
  { "uptime", N_("Uptime") },
  /* Translators: value of the label "Redis" */
  { "redis-unused", N_("Not used") },
  { "last-upgrade", N_("Last upgrade") },
  /* Translators: value of the label "Last upgrade" */
  { "upgrade-none", N_("None") },
  /* Translators: {time} is replaced by a duration, {moved} and {lost} by numbers of clients */
  { "upgrade-result", N_("{time} ago; clients kept: {moved}, lost: {lost}") },

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
  /* Translators: {url} is replaced by a URL, {seconds} by a number */
  { "failed", N_("Cannot connect to {url}; trying again in {seconds} s") },
  /* Translators: {origin} is replaced by scheme, host and port of a URL */
  { "refused-origin", N_("The service does not let pages of this origin connect; to allow it, "
                         "start the service with --allow-origin={origin}") },
  /* Translators: {seconds} is replaced by a number */
  { "refused-full", N_("The service has reached its client limit; trying again in {seconds} s") },

  { "send-label", N_("Send a message to all clients") },
  { "send", N_("Send") },
  { "send-offline", N_("Not sent: this page is not connected") },
  /* Translators: {bytes} and {most} are replaced by numbers */
  { "send-long", N_("Not sent: the message has {bytes} bytes; the limit is {most}") },
  { "terminal", N_("The same in a terminal:") },
  { "copy", N_("Copy") },
  { "copied", N_("Copied") },
  { "empty", N_("No notifications yet. The last 50 are shown here, newest first.") },
  /* Translators: shown below a shortened message; {characters} is a number above 300 */
  { "cut", N_("Cut: {characters} characters in all") },
  /* Translators: shown instead of a binary message; {bytes} is replaced by a number */
  { "binary", N_("Not text; size in bytes: {bytes}") },

  { "list", N_("Connected clients") },
  /* Translators: {clients} is replaced by a number */
  { "list-part", N_("The newest {clients} clients") },
  { "remote", N_("Address") },
  { "since", N_("Since") },
  { "to-client", N_("Bytes sent") },
  { "behind", N_("Bytes waiting") },

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
  GString *html = g_string_new (template);

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *escaped = g_markup_escape_text (_ (texts[i].text), -1);

      set (html, texts[i].name, escaped);
    }
  set (html, "version", RINGDOWN_VERSION);
  set (html, "max-message", limit);
  set (html, "style", style);
  set (html, "script", script);
  page->html = g_string_free (html, FALSE);
  page->policy = g_strdup_printf ("default-src 'none'; base-uri 'none'; form-action 'none'; "
                                  "frame-ancestors 'none'; img-src data:; style-src %s; "
                                  "script-src %s; connect-src 'self'",
                                  style_hash, script_hash);
  return page;
}

void
rd_page_free (RdPage *page)
{
  g_free (page->html);
  g_free (page->policy);
  g_free (page);
}
