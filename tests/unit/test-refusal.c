/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Refusals: complete responses with a text. */

#include "rd-request.h"

#include <string.h>

/* Asserts that @response is complete, and returns its body. */
static const char *
check_response (const char *response, const char *status_line, const char *fields)
{
  const char *body = strstr (response, "\r\n\r\n") + 4;
  g_autoptr (SoupMessageHeaders) headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_RESPONSE);
  g_autofree char *line = g_strconcat (status_line, "\r\n", NULL);

  g_assert_true (g_str_has_prefix (response, line));
  g_assert_true (soup_headers_parse (response, body - response, headers));
  g_assert_cmpstr (soup_message_headers_get_list (headers, "Content-Type"), ==,
                   "text/plain; charset=utf-8");
  g_assert_cmpstr (soup_message_headers_get_list (headers, "Cache-Control"), ==, "no-store");
  g_assert_cmpstr (soup_message_headers_get_list (headers, "X-Content-Type-Options"), ==,
                   "nosniff");
  g_assert_nonnull (soup_message_headers_get_list (headers, "Date"));
  g_assert_true (
    soup_header_contains (soup_message_headers_get_list (headers, "Connection"), "close"));
  if (fields != NULL)
    g_assert_nonnull (strstr (response, fields));
  if (*body != '\0')
    g_assert_cmpint (soup_message_headers_get_content_length (headers), ==, strlen (body));
  return body;
}

static void
refusals_are_complete_responses (void)
{
  const struct
  {
    guint status;
    const char *status_line;
    const char *fields;
  } cases[] = {
    { 400, "HTTP/1.1 400 Bad Request", NULL },
    { 403, "HTTP/1.1 403 Forbidden", NULL },
    { 405, "HTTP/1.1 405 Method Not Allowed", "Allow: GET\r\n" },
    { 413, "HTTP/1.1 413 Request Entity Too Large", NULL },
    { 426, "HTTP/1.1 426 Upgrade Required", "Connection: Upgrade\r\nUpgrade: websocket\r\n" },
    { 431, "HTTP/1.1 431 Request Header Fields Too Large", NULL },
    { 503, "HTTP/1.1 503 Service Unavailable", "Retry-After: 5\r\n" },
    { 505, "HTTP/1.1 505 HTTP Version Not Supported", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      RdRefusal refusal = { 0 };
      g_autofree char *response = NULL;

      g_assert_false (rd_refusal_set (&refusal, RD_REFUSED_REQUEST, cases[i].status,
                                      cases[i].fields, "“ä” is 100% wrong."));
      response = rd_refusal_format (&refusal, FALSE);
      g_assert_cmpstr (check_response (response, cases[i].status_line, cases[i].fields), ==,
                       "“ä” is 100% wrong.\n");
    }
}

static void
a_refusal_of_head_has_the_length_but_no_body (void)
{
  RdRefusal refusal = { 0 };
  g_autofree char *response = NULL;

  rd_refusal_set (&refusal, RD_REFUSED_REQUEST, 400, NULL, "Wrong.");
  response = rd_refusal_format (&refusal, TRUE);
  g_assert_cmpstr (check_response (response, "HTTP/1.1 400 Bad Request", NULL), ==, "");
  g_assert_nonnull (strstr (response, "\r\nContent-Length: 7\r\n"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/refusal/response", refusals_are_complete_responses);
  g_test_add_func ("/refusal/head", a_refusal_of_head_has_the_length_but_no_body);

  return g_test_run ();
}
