/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* All that the page says, for translators. Whether a text is shown, and when, is known to page.html
 * and page.js only. A {word} in braces is for page.js, which puts a number, an address or a URL in
 * its place: it stays as it is. */

#include "rd-page-texts.h"

#include <glib/gi18n.h>

/* clang-format off */
static const RdPageText texts[] = {
  /* Translators: the tag of your own language, as HTML has it: "de", "uk", "zh-Hans" */
  { "lang", N_("en") },
  { "noscript", N_("This page needs JavaScript. The figures are also at /metrics.") },

  /* Translators: states of the service; the last one, of the page */
  { "running", N_("Running") },
  { "draining", N_("Draining") },
  { "unreachable", N_("Not reachable") },
  { "paused", N_("Paused") },

  { "drain-title", N_("Waiting for clients to leave") },
  /* Translators: says what a progress bar shows */
  { "drain-progress", N_("Clients that have left") },
  /* Translators: below the number of clients that have not left yet */
  { "drain-clients", N_("Still connected") },
  /* Translators: below a time such as 29:55, after which those still connected are closed */
  { "drain-time", N_("Until the rest is closed") },
  { "drain-left", N_("This page was a client too, and has left so as not to hold up the drain. "
                     "It comes back if the drain is cancelled.") },

  { "clients", N_("Clients") },
  /* Translators: below the number of clients */
  { "clients-now", N_("Now") },
  { "clients-peak", N_("Most at a time") },
  { "since-start", N_("Since the start") },
  { "deliveries", N_("Deliveries") },
  { "messages", N_("Messages") },
  { "per-second", N_("Per second") },
  /* Translators: {now} and {most} are replaced by numbers */
  { "chart-summary", N_("Messages per second in the last minute: now {now}, at most {most}") },
  /* Translators: the ends of the chart’s axis of time */
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
  /* Translators: {origin} is replaced by the beginning of a URL */
  { "refused-origin", N_("The service lets no page from here connect; to change that, start it "
                         "with --allow-origin={origin}") },
  /* Translators: {seconds} is replaced by a number */
  { "refused-full", N_("The service has no room for another client; trying again in "
                       "{seconds} s") },
  { "nowhere", N_("Cannot connect: the service listens for clients on its own machine only") },

  { "send-label", N_("Send a message to all clients") },
  { "send", N_("Send") },
  { "send-offline", N_("Not sent: this page is not connected") },
  /* Translators: {bytes} and {most} are replaced by numbers */
  { "send-long", N_("Not sent: the message has {bytes} bytes, and {most} are the limit") },
  { "empty", N_("Nothing has come yet. The last 50 notifications show here, the newest first.") },
  /* Translators: below a message that is cut; {characters} is replaced by a number above 300 */
  { "cut", N_("Cut: {characters} characters in all") },
  /* Translators: in place of a binary message; {bytes} is replaced by a number */
  { "binary", N_("Not text; size in bytes: {bytes}") },

  /* Translators: names the links to figures for other programs: /metrics and so on */
  { "links", N_("For programs") },
};
/* clang-format on */

const RdPageText *
rd_page_texts_get (gsize *n_texts)
{
  *n_texts = G_N_ELEMENTS (texts);
  return texts;
}
