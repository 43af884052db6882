/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Hosts and origins in HTTP headers: parsing, and checks with and without allowed origins. */

#include "rd-http.h"

#include <string.h>

static void
hosts_are_parsed (void)
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

static const char *const none[] = { NULL };
static const char *const some[] = { "https://*.example.org", "http://localhost:*", NULL };

static void
pages_of_the_same_host_may_connect (void)
{
  const struct
  {
    const char *origin;
    const char *authority;
    gboolean may_connect;
  } cases[] = {
    { NULL, "ops:8000", TRUE }, /* not a browser */
    { NULL, NULL, TRUE },
    { "http://ops", "ops", TRUE },
    { "http://ops:3000", "ops:8000", TRUE },
    { "https://ops", "ops:8000", TRUE },
    { "chrome-extension://ops", "ops:8000", TRUE },
    { "http://www.example.org", "WWW.Example.ORG:8000", TRUE },
    { "http://OPS:3000", "ops:8000", TRUE },
    { "http://127.0.0.1:3000", "127.0.0.1:8000", TRUE },
    { "http://[::1]", "[::1]:8000", TRUE },
    { "http://[::1]:3000", "[::1]", TRUE },
    { "http://evil.example", "ops:8000", FALSE },
    { "http://ops.evil.example", "ops:8000", FALSE },
    { "http://opsy", "ops:8000", FALSE },
    { "http://www.example.org", "example.org", FALSE },
    { "http://example.org", "www.example.org", FALSE },
    { "http://localhost:8000", "127.0.0.1:8000", FALSE },
    { "http://127.0.0.2:8000", "127.0.0.1:8000", FALSE },
    { "http://[::1]:8000", "[::2]:8000", FALSE },
    { "http://ops:8000", NULL, FALSE },
    { "http://ops:8000", "", FALSE },
    { "http://ops:8000", "ops:8000, evil.example", FALSE },
    { "http://ops:8000, http://evil.example", "ops:8000", FALSE },
    { "http://ops:8000 http://evil.example", "ops:8000", FALSE },
    { "null", "null", FALSE },
    { "null", "ops:8000", FALSE },
    { "file://", "ops:8000", FALSE },
    { "file://", "", FALSE },
    { "", "", FALSE },
    { "ops:8000", "ops:8000", FALSE },
    { "//ops:8000", "ops:8000", FALSE },
    { "://ops:8000", "ops:8000", FALSE },
    { "a b://ops:8000", "ops:8000", FALSE },
    { "http:ops:8000", "ops:8000", FALSE },
    { "http://", "ops:8000", FALSE },
    { "http://:8000", "ops:8000", FALSE },
    { "http://ops:8000/", "ops:8000", FALSE },
    { "http://ops@evil.example", "ops:8000", FALSE },
    { "http://evil.example@ops", "ops:8000", FALSE },
    { "http://a@b", "a@b", FALSE },
    { "http://ops:80000", "ops:8000", FALSE },
    { "http://[::1", "[::1", FALSE },
    { "http://\xff", "\xff", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("case %zu", i);
      g_assert_cmpint (rd_origins_may_connect (none, cases[i].origin, cases[i].authority), ==,
                       cases[i].may_connect);
    }
}

static void
listed_origins_may_connect (void)
{
  const char *const all[] = { "*", NULL };
  const char *const *origins = some;

  g_assert_true (rd_origins_may_connect (origins, NULL, "ops:8000"));
  g_assert_true (rd_origins_may_connect (origins, "http://ops", "ops:8000"));
  g_assert_true (rd_origins_may_connect (origins, "https://www.example.org", "ops:8000"));
  g_assert_true (rd_origins_may_connect (origins, "http://localhost:3000", NULL));
  g_assert_false (rd_origins_may_connect (origins, "http://www.example.org", "ops:8000"));
  g_assert_false (
    rd_origins_may_connect (origins, "https://www.example.org.evil.example", "ops:8000"));
  g_assert_false (rd_origins_may_connect (origins, "https://example.org.evil.example", "ops:8000"));
  g_assert_false (rd_origins_may_connect (origins, "null", "ops:8000"));
  g_assert_false (rd_origins_may_connect (origins, "", "ops:8000"));
  g_assert_true (rd_origins_may_connect (all, "http://evil.example", "ops:8000"));
  g_assert_true (rd_origins_may_connect (all, "null", "ops:8000"));
  g_assert_true (rd_origins_may_connect (all, "not an origin", "ops:8000"));
}

static void
refusals_name_the_origin_and_the_option (void)
{
#define MALFORMED " is malformed; send one such as https://www.example.org, or no Origin"
#define ALLOW     " is not allowed; to allow it, start ringdown with --allow-origin="
  const char *const cases[][2] = {
    { "https://x.example", "Origin “https://x.example”" ALLOW "https://x.example" },
    { "http://[::1]:3000", "Origin “http://[::1]:3000”" ALLOW "http://[::1]:3000" },
    { "null", "Origin “null”" ALLOW "null" },
    { "file://", "Origin “file://”" ALLOW "file://" },
    { "", "Origin “”" MALFORMED },
    { "x.example", "Origin “x.example”" MALFORMED },
    { "https://x.example/", "Origin “https://x.example/”" MALFORMED },
    { "https://a, https://b", "Origin “https://a, https://b”" MALFORMED },
    { "a\x1b[2J\r\n\xff", "Origin “a\\u001b[2J\\u000d\\u000a\uFFFD”" MALFORMED },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = rd_origins_dup_refusal (cases[i][0]);

      g_assert_cmpstr (line, ==, cases[i][1]);
    }
}

static void
refusals_of_hosts_name_the_host_and_the_option (void)
{
#define NOT_TRUSTED                                                                      \
  " is not trusted; use an IP address or localhost as the host, or start ringdown with " \
  "--allow-origin=http://"
  const char *const cases[][2] = {
    { "ops.example:8001", "Host “ops.example:8001”" NOT_TRUSTED "ops.example:8001" },
    { "a b\n", "Host “a b\\u000a”" NOT_TRUSTED "NAME:PORT" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = rd_origins_dup_host_refusal (cases[i][0]);

      g_assert_cmpstr (line, ==, cases[i][1]);
    }
}

static void
refusals_are_short (void)
{
  g_autofree char *label = g_strnfill (8192, 'x');
  g_autofree char *origin = g_strconcat ("http://", label, NULL);
  g_autofree char *line = rd_origins_dup_refusal (origin);
  g_autofree char *host_line = rd_origins_dup_host_refusal (label);

  g_assert_cmpuint (strlen (line), <, 800);
  g_assert_cmpuint (strlen (host_line), <, 800);
}

static void
pages_of_the_same_origin_may_read (void)
{
  const char *const *lists[] = { none, some };

  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      const char *const *origins = lists[i];

      g_assert_true (rd_origins_may_read (origins, NULL, "ops:8001"));
      g_assert_true (rd_origins_may_read (origins, NULL, NULL));
      g_assert_true (rd_origins_may_read (origins, "http://ops:8001", "ops:8001"));
      g_assert_true (rd_origins_may_read (origins, "https://ops", "OPS"));
      g_assert_false (rd_origins_may_read (origins, "http://ops:8000", "ops:8001"));
      g_assert_false (rd_origins_may_read (origins, "http://evil.net", "ops:8001"));
      g_assert_false (rd_origins_may_read (origins, "http://ops:8001", NULL));
      g_assert_false (rd_origins_may_read (origins, "ops:8001", "ops:8001"));
      g_assert_false (rd_origins_may_read (origins, "null", "null"));
      g_assert_false (rd_origins_may_read (origins, "", ""));
    }
}

static void
listed_origins_may_read (void)
{
  const char *const *origins = some;

  g_assert_true (rd_origins_may_read (origins, "https://www.example.org", "ops:8001"));
  g_assert_true (rd_origins_may_read (origins, "http://localhost:3000", NULL));
}

static void
addresses_and_local_names_are_trusted (void)
{
  g_autofree char *self = g_strconcat (g_get_host_name (), ":8001", NULL);
  const char *const ours[] = {
    NULL,
    "127.0.0.1:8001",
    "[::1]",
    "10.0.0.1",
    "[2001:db8::1]:8001",
    "0.0.0.0:80",
    "localhost",
    "LOCALHOST.:8001",
    "ops.localhost",
    "ops:8001",
    "my_service-1.:8001",
    "printer.local",
    "Ops.Cluster.LOCAL.:8001",
    "ops.internal",
    self,
  };
  const char *const foreign[] = {
    "",
    ":8001",
    "evil.example",
    "evil.example.:8001",
    "localhost.evil.example:8001",
    "127.0.0.1.evil.example",
    "local.example",
    "evillocal.example",
    "ops.notlocal",
    "ops.notinternal",
    "www.example.org",
    "ops.local..",
    "a b",
    "localhost/",
    "localhost@evil.example",
    "localhost, evil.example",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (ours); i++)
    {
      g_test_message ("%s", ours[i]);
      g_assert_true (rd_origins_is_trusted_name (none, ours[i]));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (foreign); i++)
    {
      g_test_message ("%s", foreign[i]);
      g_assert_false (rd_origins_is_trusted_name (none, foreign[i]));
    }
}

static void
names_of_listed_origins_are_trusted (void)
{
  const char *const ports[] = { "http://a.example", "http://b.example:8001", NULL };
  const char *const *origins = some;

  g_assert_true (rd_origins_is_trusted_name (origins, "www.example.org"));
  g_assert_true (rd_origins_is_trusted_name (origins, "WWW.example.org:443"));
  g_assert_false (rd_origins_is_trusted_name (origins, "www.example.org:8001"));
  g_assert_false (rd_origins_is_trusted_name (origins, "evil.example"));
  g_assert_true (rd_origins_is_trusted_name (ports, "a.example:80"));
  g_assert_false (rd_origins_is_trusted_name (ports, "a.example:443"));
  g_assert_true (rd_origins_is_trusted_name (ports, "b.example:8001"));
  g_assert_false (rd_origins_is_trusted_name (ports, "b.example"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/host/parse", hosts_are_parsed);
  g_test_add_func ("/origins/connect/same-host", pages_of_the_same_host_may_connect);
  g_test_add_func ("/origins/connect/list", listed_origins_may_connect);
  g_test_add_func ("/origins/read/own", pages_of_the_same_origin_may_read);
  g_test_add_func ("/origins/read/list", listed_origins_may_read);
  g_test_add_func ("/origins/refusal", refusals_name_the_origin_and_the_option);
  g_test_add_func ("/origins/refusal/host", refusals_of_hosts_name_the_host_and_the_option);
  g_test_add_func ("/origins/refusal/length", refusals_are_short);
  g_test_add_func ("/origins/trusted-name", addresses_and_local_names_are_trusted);
  g_test_add_func ("/origins/trusted-name/list", names_of_listed_origins_are_trusted);

  return g_test_run ();
}
