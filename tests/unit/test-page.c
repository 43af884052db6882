/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The page: placeholders, escaping, content security policy, and the URLs of the service.
 * tests/integration/test_page.py tests the page in a browser. */

#include <gio/gio.h>
#include <string.h>

#include "rd-page.h"

#define MAX_MESSAGE 65536

static const char *const no_urls[] = { NULL };
static const char *const urls[] = { "ws://localhost:8000/ws", "ws://[::1]:8000/a&\"<b>", NULL };

/* Returns: (transfer full): the content of the resource @name of the page. */
static char *
load_resource (const char *name)
{
  g_autoptr (RdPage) linked G_GNUC_UNUSED = rd_page_new (MAX_MESSAGE);
  g_autofree char *path = g_strconcat ("/org/ringdown/page/", name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_resources_lookup_data (path, G_RESOURCE_LOOKUP_FLAGS_NONE, &error);

  g_assert_no_error (error);
  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/* rd_page_new() asserts that every value has a placeholder. */
static void
every_placeholder_has_a_value_and_every_value_a_placeholder (void)
{
  g_autoptr (RdPage) page = rd_page_new (MAX_MESSAGE);
  const char *open = strstr (page->html->str, "{{");

  g_assert_nonnull (open);
  g_assert_true (g_str_has_prefix (open, "{{urls}}"));
  g_assert_null (strstr (open + 1, "{{"));
}

static void
every_data_attribute_is_used_by_the_script (void)
{
  g_autofree char *html = load_resource ("page.html");
  g_autofree char *script = load_resource ("page.js");
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
placeholders_are_replaced (void)
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
urls_are_escaped (void)
{
  g_autoptr (RdPage) page = rd_page_new (MAX_MESSAGE);
  g_autofree char *html = rd_page_render (page, urls);

  g_assert_nonnull (strstr (html, "data-urls=\"ws://localhost:8000/ws "
                                  "ws://[::1]:8000/a&amp;&quot;&lt;b&gt;\""));
}

static void
policy_allows_connections_to_the_urls (void)
{
  g_autoptr (RdPage) page = rd_page_new (MAX_MESSAGE);
  g_autofree char *policy = rd_page_dup_policy (page, urls);
  g_autofree char *base = rd_page_dup_policy (page, no_urls);

  g_assert_true (g_str_has_prefix (policy, base));
  g_assert_cmpstr (policy + strlen (base), ==,
                   " ws://localhost:8000 wss://localhost:8000 ws://*:8000 wss://*:8000");
  g_assert_true (g_str_has_prefix (base, "default-src 'none'; "));
  g_assert_true (g_str_has_suffix (base, "; connect-src 'self'"));
  g_assert_null (strstr (base, "unsafe"));
}

static void
expect_urls (const char *listed, const char *host, const char *expected)
{
  g_auto (GStrv) listening = g_strsplit (listed, " ", -1);
  g_auto (GStrv) reached = rd_page_find_urls ((const char *const *) listening, host);
  g_autofree char *joined = g_strjoinv (" ", reached);

  g_test_message ("%s from %s", listed, host);
  g_assert_cmpstr (joined, ==, expected);
}

static void
loopback_is_reached_by_local_names (void)
{
  const char *both = "ws://[::1]:8000/ws ws://127.0.0.1:8000/ws";

  expect_urls (both, "localhost", "ws://localhost:8000/ws");
  expect_urls (both, "ops.localhost", "ws://ops.localhost:8000/ws");
  expect_urls (both, "127.0.0.1", "ws://127.0.0.1:8000/ws ws://[::1]:8000/ws");
  expect_urls (both, "::1", "ws://[::1]:8000/ws ws://127.0.0.1:8000/ws");
  expect_urls ("ws://127.0.0.1:8000/ws", "::1", "ws://127.0.0.1:8000/ws");
  expect_urls ("ws://127.0.0.1:8000/ws", "0.0.0.0", "ws://127.0.0.1:8000/ws");
}

static void
loopback_is_not_reached_from_other_machines (void)
{
  expect_urls ("ws://127.0.0.1:8000/ws ws://[::1]:8000/ws", "10.0.0.1", "");
  expect_urls ("ws://127.0.0.1:8000/ws ws://[::1]:8000/ws", "ops.example", "");
}

static void
wildcard_addresses_are_reached_by_any_name (void)
{
  const char *both = "ws://0.0.0.0:8000/ws ws://[::]:8000/ws";

  expect_urls (both, "localhost", "ws://localhost:8000/ws");
  expect_urls (both, "10.0.0.1", "ws://10.0.0.1:8000/ws");
  expect_urls (both, "2001:db8::1", "ws://[2001:db8::1]:8000/ws");
  expect_urls (both, "ops.example", "ws://ops.example:8000/ws");
}

static void
other_addresses_are_unchanged (void)
{
  expect_urls ("ws://10.0.0.1:8000/ws", "localhost", "ws://10.0.0.1:8000/ws");
  expect_urls ("ws://10.0.0.1:8000/ws ws://10.0.0.2:8000/ws", "10.0.0.2",
               "ws://10.0.0.2:8000/ws ws://10.0.0.1:8000/ws");
}

static void
addresses_with_a_zone_are_skipped (void)
{
  expect_urls ("ws://[fe80::1%1]:8000/ws", "localhost", "");
  expect_urls ("ws://[fe80::1%25]:8000/ws", "localhost", "");
  expect_urls ("ws://[fe80::1%251]:8000/ws ws://0.0.0.0:8000/ws", "localhost",
               "ws://localhost:8000/ws");
}

static void
path_and_port_are_kept (void)
{
  expect_urls ("ws://127.0.0.1:80/", "localhost", "ws://localhost:80/");
  expect_urls ("ws://0.0.0.0:443/a/b-c%20d", "localhost", "ws://localhost:443/a/b-c%20d");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/page/placeholders",
                   every_placeholder_has_a_value_and_every_value_a_placeholder);
  g_test_add_func ("/page/script", every_data_attribute_is_used_by_the_script);
  g_test_add_func ("/page/filled", placeholders_are_replaced);
  g_test_add_func ("/page/escaped", urls_are_escaped);
  g_test_add_func ("/page/policy", policy_allows_connections_to_the_urls);
  g_test_add_func ("/page/urls/loopback/near", loopback_is_reached_by_local_names);
  g_test_add_func ("/page/urls/loopback/far", loopback_is_not_reached_from_other_machines);
  g_test_add_func ("/page/urls/wildcard", wildcard_addresses_are_reached_by_any_name);
  g_test_add_func ("/page/urls/other", other_addresses_are_unchanged);
  g_test_add_func ("/page/urls/zone", addresses_with_a_zone_are_skipped);
  g_test_add_func ("/page/urls/rest", path_and_port_are_kept);

  return g_test_run ();
}
