/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Request targets: their paths, and which of them SoupServer can serve. */

#include "rd-request.h"

#include <string.h>

static void
parse (RdRequest *request, const char *head)
{
  g_autofree char *shown = g_strescape (head, NULL);
  RdRefusal refusal = { 0 };

  g_test_message ("%s", shown);
  g_assert_true (rd_request_parse (request, head, strlen (head), &refusal));
}

static void
a_path_is_decoded_and_has_no_query (void)
{
  const char *const cases[][2] = {
    { "/ws", "/ws" },
    { "/", "/" },
    { "/ws/", "/ws/" },
    { "//ws", "//ws" },
    { "/%77s", "/ws" },
    { "/%2Fws%3f", "//ws?" },
    { "/a+b", "/a+b" },
    { "/\xc3\xa4", "/\xc3\xa4" },
    { "/%c3%a4%ff", "/\xc3\xa4\xff" },
    { "/%", "/%" }, /* cannot be decoded */
    { "/ws%00", "/ws%00" },
    { "/ws%zz", "/ws%zz" },
    { "/ws?a=b", "/ws" },
    { "/ws?", "/ws" },
    { "/ws?a=100%&b=%zz", "/ws" },
    { "/ws?\x80\xff\xc3\xa4", "/ws" },
    { "/ws?a=/b?c#d", "/ws" },
    { "/ws?u=http://host/path", "/ws" },
    { "/ws#fragment", "/ws" },
    { "/ws#?", "/ws" },
    { "http://ops:8000/ws", "/ws" },
    { "HTTP://ops/%77s?a#b", "/ws" },
    { "ws://ops/ws", "/ws" },
    { "http://ops", "" },
    { "http://ops?/ws", "" },
    { "http://ops#/ws", "" },
    { "http:///ws", "/ws" },
    { "*", "*" },
    { "ops:8000", "ops:8000" },
    { "?/ws", "" },
    { "?u=http://ops/ws", "" },
    { "a?u=http://ops/ws", "a" },
    { "a/b://ops/ws", "a/b://ops/ws" },
    { "mailto:a@b", "mailto:a@b" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *head = g_strdup_printf ("GET %s HTTP/1.1\r\n\r\n", cases[i][0]);
      g_auto (RdRequest) request = { 0 };
      g_autofree char *path = NULL;

      parse (&request, head);
      path = rd_request_dup_path (&request);
      g_assert_cmpstr (request.target, ==, cases[i][0]);
      g_assert_cmpstr (path, ==, cases[i][1]);
    }
}

static gboolean
has_valid_uri (const char *head, RdRefusal *refusal)
{
  g_auto (RdRequest) request = { 0 };

  parse (&request, head);
  return rd_request_has_valid_uri (&request, refusal);
}

/* Asserts that @head is refused with 400 and a text that contains @cause. */
static void
expect_refused (const char *head, const char *cause)
{
  RdRefusal refusal = { 0 };

  g_assert_false (has_valid_uri (head, &refusal));
  g_assert_cmpuint (refusal.status, ==, SOUP_STATUS_BAD_REQUEST);
  g_assert_nonnull (strstr (refusal.text, cause));
}

static void
uris_that_libsoup_can_serve_are_valid (void)
{
  const char *const heads[] = {
    "GET / HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET /a/%C3%A4/..?b=c&d#e HTTP/1.1\r\nHost: ops:8000\r\n\r\n",
    "GET /a/\xc3\xa4\xff?\xff HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET //a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: [::1]:8001\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET http://ops/a HTTP/1.1\r\nHost: other\r\n\r\n",
    "GET http://ops HTTP/1.0\r\n\r\n",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      RdRefusal refusal = { 0 };

      g_assert_true (has_valid_uri (heads[i], &refusal));
      g_assert_null (refusal.text);
    }
}

static void
uris_that_libsoup_cannot_serve_are_refused (void)
{
  const char *const heads[] = {
    "GET /% HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET /%zz HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET /?a=100% HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: ops:port\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "GET * HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET path HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET path HTTP/1.0\r\n\r\n",
    "GET http://[::1/ HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET https://ops/ HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET http:path HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET ops:8000 HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET /a%2f..%2fb HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET /a%2f.. HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET /%00 HTTP/1.1\r\nHost: ops\r\n\r\n",
    "GET /.. HTTP/1.0\r\n\r\n",
    "GET /a?/../b HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: ops/a\r\n\r\n",
    "GET http://ops/ HTTP/1.1\r\nHost: ops/a\r\n\r\n",
    "CONNECT ops:8000 HTTP/1.1\r\nHost: ops\r\n\r\n",
    "CONNECT / HTTP/1.1\r\nHost: ops\r\n\r\n",
    "CONNECT http://ops/ HTTP/1.1\r\nHost: ops\r\n\r\n",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (heads); i++)
    expect_refused (heads[i], "%XX");
}

static void
a_request_has_one_host (void)
{
  const char *const heads[] = {
    "GET / HTTP/1.1\r\n\r\n",
    "GET http://ops/ HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (heads); i++)
    expect_refused (heads[i], "one header Host");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/request/path", a_path_is_decoded_and_has_no_query);
  g_test_add_func ("/request/uri/valid", uris_that_libsoup_can_serve_are_valid);
  g_test_add_func ("/request/uri/invalid", uris_that_libsoup_cannot_serve_are_refused);
  g_test_add_func ("/request/uri/host", a_request_has_one_host);

  return g_test_run ();
}
