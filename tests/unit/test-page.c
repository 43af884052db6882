/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The page: placeholders and content security policy.
 * tests/integration/test_page.py tests the page in a browser. */

#include <gio/gio.h>
#include <string.h>

#include "rd-page.h"

#define MAX_MESSAGE 65536

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

      g_test_message ("%s", name);
      g_assert_true (g_str_equal (name, "max-message") || strstr (script, quoted) != NULL);
    }
}

/* rd_page_new() asserts that every value has a placeholder. */
static void
placeholders_are_replaced (void)
{
  g_autoptr (RdPage) page = rd_page_new (MAX_MESSAGE);
  const char *html = page->html;

  g_assert_null (strstr (html, "{{"));
  g_assert_true (g_str_has_prefix (html, "<!DOCTYPE html>\n<html lang=\"en\">\n"));
  g_assert_true (g_str_has_suffix (html, "</html>\n"));
  g_assert_nonnull (strstr (html, "data-max-message=\"65536\""));
  g_assert_nonnull (strstr (html, "Ringdown " RINGDOWN_VERSION));
}

static void
policy_allows_the_port_of_the_page_only (void)
{
  g_autoptr (RdPage) page = rd_page_new (MAX_MESSAGE);

  g_assert_true (g_str_has_prefix (page->policy, "default-src 'none'; "));
  g_assert_true (g_str_has_suffix (page->policy, "; connect-src 'self'"));
  g_assert_null (strstr (page->policy, "unsafe"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/page/script", every_data_attribute_is_used_by_the_script);
  g_test_add_func ("/page/filled", placeholders_are_replaced);
  g_test_add_func ("/page/policy", policy_allows_the_port_of_the_page_only);

  return g_test_run ();
}
