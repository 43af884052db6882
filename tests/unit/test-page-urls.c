/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Where a browser is told to connect, by the name under which it found us. */

#include "rd-page-urls.h"

static void
expect (const char *urls, const char *host, const char *expected)
{
  g_auto (GStrv) listening = g_strsplit (urls, " ", -1);
  g_auto (GStrv) reached = rd_page_urls_reach ((const char *const *) listening, host);
  g_autofree char *joined = g_strjoinv (" ", reached);

  g_test_message ("%s from %s", urls, host);
  g_assert_cmpstr (joined, ==, expected);
}

static void
loopback_is_reached_by_local_names (void)
{
  const char *both = "ws://[::1]:8000/ws ws://127.0.0.1:8000/ws";

  expect (both, "localhost", "ws://localhost:8000/ws");
  expect (both, "ops.localhost", "ws://ops.localhost:8000/ws");
  expect (both, "127.0.0.1", "ws://127.0.0.1:8000/ws ws://[::1]:8000/ws");
  expect (both, "::1", "ws://[::1]:8000/ws ws://127.0.0.1:8000/ws");
  expect ("ws://127.0.0.1:8000/ws", "::1", "ws://127.0.0.1:8000/ws");
  expect ("ws://127.0.0.1:8000/ws", "0.0.0.0", "ws://127.0.0.1:8000/ws");
}

static void
loopback_is_out_of_reach_from_elsewhere (void)
{
  expect ("ws://127.0.0.1:8000/ws ws://[::1]:8000/ws", "10.0.0.1", "");
  expect ("ws://127.0.0.1:8000/ws ws://[::1]:8000/ws", "ops.example", "");
}

static void
wildcards_are_reached_by_any_name (void)
{
  const char *both = "ws://0.0.0.0:8000/ws ws://[::]:8000/ws";

  expect (both, "localhost", "ws://localhost:8000/ws");
  expect (both, "10.0.0.1", "ws://10.0.0.1:8000/ws");
  expect (both, "2001:db8::1", "ws://[2001:db8::1]:8000/ws");
  expect (both, "ops.example", "ws://ops.example:8000/ws");
}

static void
other_addresses_stay_what_they_are (void)
{
  expect ("ws://10.0.0.1:8000/ws", "localhost", "ws://10.0.0.1:8000/ws");
  expect ("ws://10.0.0.1:8000/ws ws://10.0.0.2:8000/ws", "10.0.0.2",
          "ws://10.0.0.2:8000/ws ws://10.0.0.1:8000/ws");
}

static void
addresses_with_a_zone_are_for_no_browser (void)
{
  expect ("ws://[fe80::1%1]:8000/ws", "localhost", "");
  expect ("ws://[fe80::1%25]:8000/ws", "localhost", "");
  expect ("ws://[fe80::1%251]:8000/ws ws://0.0.0.0:8000/ws", "localhost", "ws://localhost:8000/ws");
}

static void
path_and_port_are_kept (void)
{
  expect ("ws://127.0.0.1:80/", "localhost", "ws://localhost:80/");
  expect ("ws://0.0.0.0:443/a/b-c%20d", "localhost", "ws://localhost:443/a/b-c%20d");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/page-urls/loopback/near", loopback_is_reached_by_local_names);
  g_test_add_func ("/page-urls/loopback/far", loopback_is_out_of_reach_from_elsewhere);
  g_test_add_func ("/page-urls/wildcard", wildcards_are_reached_by_any_name);
  g_test_add_func ("/page-urls/other", other_addresses_stay_what_they_are);
  g_test_add_func ("/page-urls/zone", addresses_with_a_zone_are_for_no_browser);
  g_test_add_func ("/page-urls/rest", path_and_port_are_kept);

  return g_test_run ();
}
