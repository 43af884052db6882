/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Hosts: what of a Host header counts as one, and what kind of host it is. */

#include "rd-host.h"

static void
host_is_read (void)
{
  const struct
  {
    const char *authority;
    const char *host;
  } cases[] = {
    { "localhost", "localhost" },
    { "localhost:8001", "localhost" },
    { "LocalHost:8001", "localhost" },
    { "127.0.0.1:8001", "127.0.0.1" },
    { "[::1]", "::1" },
    { "[::1]:8001", "::1" },
    { "[FE80::1]:80", "fe80::1" },
    { "a-b.example_1.org", "a-b.example_1.org" },
    { NULL, NULL },
    { "", NULL },
    { ":8001", NULL },
    { "localhost:x", NULL },
    { "localhost:80001", NULL },
    { "localhost:80:01", NULL },
    { "[::1", NULL },
    { "[localhost]", NULL },
    { "a b", NULL },
    { "a@b", NULL },
    { "a/b", NULL },
    { "a?b", NULL },
    { "a#b", NULL },
    { "a%2fb", NULL },
    { "a;b", NULL },
    { "a'b", NULL },
    { "a\"b", NULL },
    { "a<b", NULL },
    { "ä", NULL },
    { "a\r\nb", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *host = rd_host_parse (cases[i].authority);

      g_test_message ("%s", cases[i].authority);
      g_assert_cmpstr (host, ==, cases[i].host);
    }
}

static void
host_is_classified (void)
{
  const struct
  {
    const char *host;
    RdHostKind kind;
  } cases[] = {
    { "localhost", RD_HOST_LOCALHOST },
    { "a.localhost", RD_HOST_LOCALHOST },
    { "127.0.0.1", RD_HOST_LOOPBACK },
    { "127.1.2.3", RD_HOST_LOOPBACK },
    { "::1", RD_HOST_LOOPBACK },
    { "0.0.0.0", RD_HOST_ANY },
    { "::", RD_HOST_ANY },
    { "10.0.0.1", RD_HOST_ADDRESS },
    { "2001:db8::1", RD_HOST_ADDRESS },
    { "example.org", RD_HOST_NAME },
    { "notlocalhost", RD_HOST_NAME },
    { "localhost.example.org", RD_HOST_NAME },
    { "127.0.0.1.example.org", RD_HOST_NAME },
    { "127.1", RD_HOST_NAME },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].host);
      g_assert_cmpint (rd_host_classify (cases[i].host), ==, cases[i].kind);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/host/parse", host_is_read);
  g_test_add_func ("/host/classify", host_is_classified);

  return g_test_run ();
}
