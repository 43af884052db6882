/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The page: that no text is missing and none forgotten, and that what it is filled with can do
 * nothing but be shown. What it does is for a browser to show: tests/integration/test_page.py. */

#include <gio/gio.h>
#include <string.h>

#include "rd-page-texts.h"
#include "rd-page.h"

#define MAX_MESSAGE 65536

static const char *const nowhere[] = { NULL };
static const char *const urls[] = { "ws://localhost:8000/ws", "ws://[::1]:8000/a&\"<b>", NULL };

/* What is filled in beside texts. */
static const char *const others[] = { "style", "script", "urls", "max-message", "version", NULL };

/* Returns: (transfer full): a part of the page, as it is linked into the program. */
static char *
load (const char *name)
{
  g_autoptr (RdPage) linked G_GNUC_UNUSED = rd_page_new (MAX_MESSAGE);
  g_autofree char *path = g_strconcat ("/org/ringdown/page/", name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_resources_lookup_data (path, G_RESOURCE_LOOKUP_FLAGS_NONE, &error);

  g_assert_no_error (error);
  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/* Returns: (transfer full): the names in {{}} of page.html. */
static GHashTable *
find_places (void)
{
  g_autofree char *html = load ("page.html");
  g_autoptr (GRegex) regex = g_regex_new ("{{(.*?)}}", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  GHashTable *places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (g_regex_match (regex, html, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL))
    g_hash_table_add (places, g_match_info_fetch (match, 1));
  return places;
}

static void
every_place_has_one_text_and_every_text_a_place (void)
{
  g_autoptr (GHashTable) places = find_places ();
  gsize n_texts;
  const RdPageText *texts = rd_page_texts_get (&n_texts);

  for (gsize i = 0; i < n_texts; i++)
    {
      g_test_message ("%s", texts[i].name);
      g_assert_cmpstr (texts[i].text, !=, "");
      g_assert_true (g_hash_table_remove (places, texts[i].name)); /* not a second time */
    }
  for (gsize i = 0; others[i] != NULL; i++)
    g_assert_true (g_hash_table_remove (places, others[i]));
  g_assert_cmpuint (g_hash_table_size (places), ==, 0);
}

static void
script_has_no_texts_but_takes_those_there_are (void)
{
  g_autofree char *html = load ("page.html");
  g_autofree char *script = load ("page.js");
  g_autoptr (GRegex) regex = g_regex_new ("data-([a-z-]+)=\"{{", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  for (g_regex_match (regex, html, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL))
    {
      g_autofree char *name = g_match_info_fetch (match, 1);
      g_autofree char *quoted = g_strconcat ("'", name, "'", NULL);
      const gboolean is_value = g_str_equal (name, "urls") || g_str_equal (name, "max-message");

      g_test_message ("%s", name);
      g_assert_true (is_value || strstr (script, quoted) != NULL);
    }
}

static void
page_is_filled (void)
{
  g_autoptr (RdPage) page = rd_page_new (MAX_MESSAGE);
  g_autofree char *html = rd_page_render (page, urls);

  g_assert_null (strstr (html, "{{"));
  g_assert_true (g_str_has_prefix (html, "<!DOCTYPE html>\n<html lang=\"en\">\n"));
  g_assert_true (g_str_has_suffix (html, "</html>\n"));
  g_assert_nonnull (strstr (html, "data-max-message=\"65536\""));
  g_assert_nonnull (strstr (html, "Ringdown " RINGDOWN_VERSION));
}

static void
urls_are_no_markup (void)
{
  g_autoptr (RdPage) page = rd_page_new (MAX_MESSAGE);
  g_autofree char *html = rd_page_render (page, urls);

  g_assert_nonnull (strstr (html, "data-urls=\"ws://localhost:8000/ws "
                                  "ws://[::1]:8000/a&amp;&quot;&lt;b&gt;\""));
}

static void
policy_lets_it_connect_where_it_should (void)
{
  g_autoptr (RdPage) page = rd_page_new (MAX_MESSAGE);
  g_autofree char *policy = rd_page_dup_policy (page, urls);
  g_autofree char *bare = rd_page_dup_policy (page, nowhere);

  g_assert_true (g_str_has_prefix (policy, bare));
  g_assert_cmpstr (policy + strlen (bare), ==,
                   " ws://localhost:8000 wss://localhost:8000 ws://*:8000 wss://*:8000");
  g_assert_true (g_str_has_prefix (bare, "default-src 'none'; "));
  g_assert_true (g_str_has_suffix (bare, "; connect-src 'self'"));
  g_assert_null (strstr (bare, "unsafe"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/page/texts", every_place_has_one_text_and_every_text_a_place);
  g_test_add_func ("/page/script", script_has_no_texts_but_takes_those_there_are);
  g_test_add_func ("/page/filled", page_is_filled);
  g_test_add_func ("/page/escaped", urls_are_no_markup);
  g_test_add_func ("/page/policy", policy_lets_it_connect_where_it_should);

  return g_test_run ();
}
