/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Origins: whom a browser may speak for, with a list and without. */

#include "rd-origins.h"

static const char *const none[] = { NULL };
static const char *const some[] = { "https://*.example.org", "http://localhost:*", NULL };

static void
without_a_list_any_may_connect (void)
{
  g_autoptr (RdOrigins) origins = rd_origins_new (none);

  g_assert_true (rd_origins_may_connect (origins, NULL));
  g_assert_true (rd_origins_may_connect (origins, "https://www.example.com"));
  g_assert_true (rd_origins_may_connect (origins, "null"));
}

static void
with_a_list_only_those_on_it_may_connect (void)
{
  g_autoptr (RdOrigins) origins = rd_origins_new (some);

  g_assert_true (rd_origins_may_connect (origins, NULL));
  g_assert_true (rd_origins_may_connect (origins, "https://www.example.org"));
  g_assert_true (rd_origins_may_connect (origins, "http://localhost:3000"));
  g_assert_false (rd_origins_may_connect (origins, "http://www.example.org"));
  g_assert_false (rd_origins_may_connect (origins, "https://www.example.org.evil.net"));
  g_assert_false (rd_origins_may_connect (origins, "https://example.org.evil.net"));
  g_assert_false (rd_origins_may_connect (origins, "null"));
  g_assert_false (rd_origins_may_connect (origins, ""));
}

static void
own_pages_may_ask (void)
{
  const char *const *lists[] = { none, some };

  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      g_autoptr (RdOrigins) origins = rd_origins_new (lists[i]);

      g_assert_true (rd_origins_may_ask (origins, NULL, "ops:8001"));
      g_assert_true (rd_origins_may_ask (origins, NULL, NULL));
      g_assert_true (rd_origins_may_ask (origins, "http://ops:8001", "ops:8001"));
      g_assert_true (rd_origins_may_ask (origins, "https://ops", "OPS"));
      g_assert_false (rd_origins_may_ask (origins, "http://ops:8000", "ops:8001"));
      g_assert_false (rd_origins_may_ask (origins, "http://evil.net", "ops:8001"));
      g_assert_false (rd_origins_may_ask (origins, "http://ops:8001", NULL));
      g_assert_false (rd_origins_may_ask (origins, "ops:8001", "ops:8001"));
      g_assert_false (rd_origins_may_ask (origins, "null", "null"));
      g_assert_false (rd_origins_may_ask (origins, "", ""));
    }
}

static void
pages_on_the_list_may_ask (void)
{
  g_autoptr (RdOrigins) origins = rd_origins_new (some);

  g_assert_true (rd_origins_may_ask (origins, "https://www.example.org", "ops:8001"));
  g_assert_true (rd_origins_may_ask (origins, "http://localhost:3000", NULL));
}

static void
names_that_nobody_else_owns_name_us (void)
{
  g_autoptr (RdOrigins) origins = rd_origins_new (none);
  g_autofree char *self = g_strconcat (g_get_host_name (), ":8001", NULL);
  const char *const ours[] = { "127.0.0.1:8001", "[::1]", "10.0.0.1",  "localhost",
                               "ops.localhost",  self,    "0.0.0.0:80" };
  const char *const foreign[]
    = { NULL, "", "evil.net", "localhost.evil.net:8001", "www.example.org", "a b", "localhost/" };

  for (gsize i = 0; i < G_N_ELEMENTS (ours); i++)
    g_assert_true (rd_origins_may_name_us (origins, ours[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (foreign); i++)
    g_assert_false (rd_origins_may_name_us (origins, foreign[i]));
}

static void
names_of_origins_on_the_list_name_us (void)
{
  g_autoptr (RdOrigins) origins = rd_origins_new (some);

  g_assert_true (rd_origins_may_name_us (origins, "www.example.org"));
  g_assert_false (rd_origins_may_name_us (origins, "www.example.org:8001"));
  g_assert_false (rd_origins_may_name_us (origins, "evil.net"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/origins/connect/any", without_a_list_any_may_connect);
  g_test_add_func ("/origins/connect/list", with_a_list_only_those_on_it_may_connect);
  g_test_add_func ("/origins/ask/own", own_pages_may_ask);
  g_test_add_func ("/origins/ask/list", pages_on_the_list_may_ask);
  g_test_add_func ("/origins/name/own", names_that_nobody_else_owns_name_us);
  g_test_add_func ("/origins/name/list", names_of_origins_on_the_list_name_us);

  return g_test_run ();
}
