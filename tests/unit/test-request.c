/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Request heads: where they end, which are refused, and what they contain. Each head is in memory
 * of its exact size, so that the sanitizers report a read behind it. */

#include "rd-request.h"

#include <string.h>

#define HEAD_MAX 8192

/* The result of rd_request_parse(). */
typedef struct
{
  gboolean is_valid;
  RdRequest request;
  RdRefusal refusal;
} Result;

/* Says in the test's output which case this is. */
static void
announce (const char *text)
{
  g_autofree char *escaped = g_strescape (text, NULL);

  g_test_message ("%.200s", escaped);
}

/* Parses a complete head. Returns: (transfer full): the result, for free_result(). */
static Result *
parse_bytes (const char *head, gsize size)
{
  Result *result = g_new0 (Result, 1);
  g_autofree char *exact = g_memdup2 (head, size);

  g_assert_cmpuint (rd_request_find_end (exact, size), ==, size);
  result->is_valid = rd_request_parse (&result->request, exact, size, &result->refusal);
  g_assert_true (result->is_valid == (result->refusal.text == NULL));
  return result;
}

static Result *
parse (const char *head)
{
  return parse_bytes (head, strlen (head));
}

static void
free_result (Result *result)
{
  rd_request_clear (&result->request);
  g_free (result);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Result, free_result)

/* Asserts that @refusal has @status, and one line of text that contains @cause. */
static void
expect_refusal (const RdRefusal *refusal, guint status, const char *cause)
{
  g_assert_cmpuint (refusal->status, ==, status);
  g_assert_nonnull (refusal->text);
  g_assert_null (strchr (refusal->text, '\n'));
  if (strstr (refusal->text, cause) == NULL)
    g_error ("\"%s\" does not contain \"%s\"", refusal->text, cause);
}

static void
expect_refused (const char *head, gsize size, guint status, const char *cause)
{
  g_autofree char *shown = g_strndup (head, size);
  g_autoptr (Result) result = NULL;

  announce (shown);
  result = parse_bytes (head, size);
  g_assert_false (result->is_valid);
  expect_refusal (&result->refusal, status, cause);
}

static const char *
get_field (const Result *result, const char *name)
{
  g_assert_true (result->is_valid);
  return soup_message_headers_get_list (result->request.headers, name);
}

static gsize
find_end (const char *data, gsize size)
{
  g_autofree char *exact = g_memdup2 (data, size);

  return rd_request_find_end (exact, size);
}

static void
a_head_ends_at_its_first_empty_line (void)
{
  const char *const cases[][2] = {
    /* head, and what follows it */
    { "GET / HTTP/1.1\r\n\r\n", "" },
    { "GET / HTTP/1.1\n\n", "" },
    { "GET / HTTP/1.1\r\n\n", "" },
    { "GET / HTTP/1.1\n\r\n", "" },
    { "GET / HTTP/1.1\r\nA: b\r\n\r\n", "\r\n" },
    { "GET / HTTP/1.1\nA: b\n\n", "\n" },
    { "GET / HTTP/1.1\r\nA: b\n\n", "body" },
    { "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n" },
    { "GET / HTTP/1.1\r\n\r\n", "\x81\x80\n\n" },
    { "GET / HTTP/1.1\r\n\r\r\n\r\n", "" },
    { "GET / HTTP/1.1\r\n \r\n\t\n\r\n", "" },
    { "\r\nGET / HTTP/1.1\r\n\r\n", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *data = g_strconcat (cases[i][0], cases[i][1], NULL);
      const gsize end = strlen (cases[i][0]);

      g_test_message ("%zu", i);
      for (gsize part = 1; part <= strlen (data); part++)
        g_assert_cmpuint (find_end (data, part), ==, part >= end ? end : 0);
    }
}

static void
a_head_without_an_empty_line_is_incomplete (void)
{
  const char *const heads[] = {
    "GET / HTTP/1.1\r\r",    "GET / HTTP/1.1\r\n\r",   "GET / HTTP/1.1\n\r",
    "GET / HTTP/1.1\r\n \n", "GET / HTTP/1.1\r\n\r\r", "GET / HTTP/1.1\r\n\rA\n",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (heads); i++)
    g_assert_cmpuint (find_end (heads[i], strlen (heads[i])), ==, 0);
}

static gboolean
may_begin (const char *data, gsize size, RdRefusal *refusal)
{
  g_autofree char *exact = g_memdup2 (data, size);

  return rd_request_may_begin (exact, size, refusal);
}

static void
beginnings_of_requests_are_accepted (void)
{
  const char *const beginnings[] = {
    "GET / HTTP/1.1\r\nHost: ops",
    "get / HTTP/1.1",
    "M-SEARCH * HTTP/1.1",
    "UPDATEREDIRECTREF /x HTTP/1.1",    /* the longest registered methods */
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", /* complete, and refused by rd_request_parse() */
    "PROXIES / HTTP/1.1",
    "!#$%&'*+-.^_`|~09azAZ /",
    "GET  / HTTP/1.1",
    "\r\nGET / HTTP/1.1",                 /* after an empty line, RFC 9112 §2.2 */
    "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF /", /* 32 characters */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (beginnings); i++)
    for (gsize part = 1; part <= strlen (beginnings[i]); part++)
      {
        RdRefusal refusal = { 0 };

        g_test_message ("%.*s", (int) part, beginnings[i]);
        g_assert_true (may_begin (beginnings[i], part, &refusal));
        g_assert_null (refusal.text);
      }
}

static void
other_protocols_are_refused (void)
{
#define BEGINNING(bytes) bytes, sizeof (bytes) - 1
  const struct
  {
    const char *data;
    gsize size;
    const char *cause;
  } cases[] = {
    { BEGINNING ("\x16"), "TLS" },
    { BEGINNING ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "TLS" },
    { BEGINNING ("PROXY UNKNOWN\r\n"), "PROXY protocol" },
    { BEGINNING ("PROXY TCP4 192.0.2.1 192.0.2.2 50000 8000\r\nGET /"), "PROXY protocol" },
    { BEGINNING ("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"), "PROXY protocol" },
    { BEGINNING ("SSH-2.0-OpenSSH_9.2\r\n"), "not an HTTP/1.1 request" },
    { BEGINNING ("*1\r\n$4\r\nPING\r\n"), "not an HTTP/1.1 request" },
    { BEGINNING ("HTTP/1.1 200 OK\r\n"), "not an HTTP/1.1 request" },
    { BEGINNING ("{\"publish\":\"text\"}"), "not an HTTP/1.1 request" },
    { BEGINNING ("\x81\x85"), "not an HTTP/1.1 request" },
    { BEGINNING ("\0"), "not an HTTP/1.1 request" },
    { BEGINNING ("G\0T / HTTP/1.1"), "not an HTTP/1.1 request" },
    { BEGINNING ("GET\0/ HTTP/1.1"), "not an HTTP/1.1 request" },
    { BEGINNING (" GET / HTTP/1.1"), "not an HTTP/1.1 request" },
    { BEGINNING ("GET\t/ HTTP/1.1"), "not an HTTP/1.1 request" },
    { BEGINNING ("\r\n\r\nGET / HTTP/1.1"), "not an HTTP/1.1 request" },
    { BEGINNING ("\rGET / HTTP/1.1"), "not an HTTP/1.1 request" },
    { BEGINNING ("\nGET / HTTP/1.1"), "not an HTTP/1.1 request" },
    { BEGINNING ("\r\n /"), "not an HTTP/1.1 request" },
    { BEGINNING ("GET\r\n"), "not an HTTP/1.1 request" },
    { BEGINNING ("GET/ HTTP/1.1"), "not an HTTP/1.1 request" },
    { BEGINNING ("G\xc3\x84T / HTTP/1.1"), "not an HTTP/1.1 request" },
    { BEGINNING ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG"), "not an HTTP/1.1 request" },
    { BEGINNING ("\r\nABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG"), "not an HTTP/1.1 request" },
    { BEGINNING ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG /"), "not an HTTP/1.1 request" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      RdRefusal refusal = { 0 };

      announce (cases[i].data);
      g_assert_false (may_begin (cases[i].data, cases[i].size, &refusal));
      expect_refusal (&refusal, SOUP_STATUS_BAD_REQUEST, cases[i].cause);
    }
}

static void
the_first_byte_is_that_of_a_token_or_an_empty_line (void)
{
  for (guint byte = 0; byte <= 0xff; byte++)
    {
      const char data = byte;
      const gboolean is_token = g_ascii_isalnum (data)
                                || (byte != 0 && strchr ("!#$%&'*+-.^_`|~", data) != NULL);
      RdRefusal refusal = { 0 };

      g_test_message ("%#x", byte);
      g_assert_cmpint (may_begin (&data, 1, &refusal), ==, is_token || data == '\r');
    }
}

static void
a_request_line_has_method_target_and_version (void)
{
  const struct
  {
    const char *head;
    const char *method;
    const char *target;
    SoupHTTPVersion version;
  } cases[] = {
    { "GET /ws?a=b HTTP/1.1\r\n\r\n", "GET", "/ws?a=b", SOUP_HTTP_1_1 },
    { "GET /ws HTTP/1.0\r\n\r\n", "GET", "/ws", SOUP_HTTP_1_0 },
    { "get /WS HTTP/1.1\n\n", "get", "/WS", SOUP_HTTP_1_1 },
    { "PURGE http://ops/ HTTP/1.1\r\n\n", "PURGE", "http://ops/", SOUP_HTTP_1_1 },
    { "OPTIONS * HTTP/1.1\n\r\n", "OPTIONS", "*", SOUP_HTTP_1_1 },
    { "\r\nGET / HTTP/1.1\r\n\r\n", "GET", "/", SOUP_HTTP_1_1 },
    { "GET  /  HTTP/1.1 \r\n\r\n", "GET", "/", SOUP_HTTP_1_1 },
    { "GET /\x01\x7f\x80\xff HTTP/1.1\r\n\r\n", "GET", "/\x01\x7f\x80\xff", SOUP_HTTP_1_1 },
    { "GET /\r HTTP/1.0\r\n\r\n", "GET", "/\r", SOUP_HTTP_1_0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Result) result = parse (cases[i].head);

      announce (cases[i].head);
      g_assert_true (result->is_valid);
      g_assert_cmpstr (result->request.method, ==, cases[i].method);
      g_assert_cmpstr (result->request.target, ==, cases[i].target);
      g_assert_cmpint (result->request.version, ==, cases[i].version);
    }
}

static void
malformed_request_lines_are_refused (void)
{
  const char *const lines[] = {
    "GET ",
    "GET /",
    "GET / ",
    "GET / HTTP",
    "GET / HTTP/",
    "GET / HTTP/1",
    "GET / HTTP/1.",
    "GET / HTTP/1.x",
    "GET / HTTP/x.1",
    "GET / HTTP/ 1.1",
    "GET / HTTP/-1.1",
    "GET / HTTP/1.1x",
    "GET / HTTP/1.1 x",
    "GET / http/1.1",
    "GET / FTP/1.1",
    "GET /a b HTTP/1.1",
    "GET /\nHost: HTTP/1.1",
    "GET /ws?\r\nHost: HTTP/1.1",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree char *head = g_strconcat (lines[i], "\r\nHost: ops\r\n\r\n", NULL);

      expect_refused (head, strlen (head), SOUP_STATUS_BAD_REQUEST, "request line");
    }
}

static void
other_versions_are_refused_with_505 (void)
{
  const char *const versions[]
    = { "0.9", "1.2", "1.10", "2.0", "3.0", "11.1", "99999999999999999999999999.1" };

  for (gsize i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      g_autofree char *head = g_strdup_printf ("GET / HTTP/%s\r\nHost: ops\r\n\r\n", versions[i]);

      expect_refused (head, strlen (head), SOUP_STATUS_HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1");
    }
}

static void
the_preface_of_http_2_is_refused_with_505 (void)
{
  const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* RFC 9113 §3.4 */
  const gsize end = find_end (preface, strlen (preface));

  g_assert_cmpuint (end, ==, strlen ("PRI * HTTP/2.0\r\n\r\n"));
  expect_refused (preface, end, SOUP_STATUS_HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1");
}

static void
a_proxy_line_before_a_request_is_refused (void)
{
  const char head[] = "PROXY TCP4 192.0.2.1 192.0.2.2 50000 8000\r\n"
                      "GET /ws HTTP/1.1\r\nHost: ops\r\n\r\n";

  expect_refused (head, strlen (head), SOUP_STATUS_BAD_REQUEST, "PROXY protocol");
}

static void
an_unknown_expectation_is_refused_with_417 (void)
{
  const char *const fields[] = { "Expect: a-miracle", "Expect: 100-continue\r\nExpect: x" };
  g_autoptr (Result) result = parse ("GET / HTTP/1.1\r\nExpect: 100-Continue\r\n\r\n");

  g_assert_true (result->is_valid);
  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      g_autofree char *head = g_strconcat ("GET / HTTP/1.1\r\n", fields[i], "\r\n\r\n", NULL);

      expect_refused (head, strlen (head), SOUP_STATUS_EXPECTATION_FAILED, "Expect");
    }
}

static void
a_nul_byte_is_refused_wherever_it_is (void)
{
  const char head[] = "GET /ws HTTP/1.1\r\nHost: ops\r\nA: b\r\n\r\n";

  for (gsize i = 0; i < strlen (head) - 2; i++)
    {
      g_autofree char *bytes = g_memdup2 (head, strlen (head));

      if (bytes[i] == '\r' || bytes[i] == '\n')
        continue; /* another head */
      bytes[i] = '\0';
      expect_refused (bytes, strlen (head), SOUP_STATUS_BAD_REQUEST,
                      i <= 3 ? "not an HTTP/1.1 request" : "malformed");
    }
}

static void
odd_fields_do_not_hinder_the_others (void)
{
  const struct
  {
    const char *line;
    const char *value; /* of the field "Odd" */
  } cases[] = {
    { "Odd:value", "value" },
    { "oDD:  value \t ", "value" },
    { "Odd:", "" },
    { "Odd: a\r\n b", "a b" }, /* obsolete line folding, RFC 9112 §5.2 */
    { "Odd: a \r\n\t \r\n  b", "a b" },
    { "Odd:\r\n b", "b" },
    { "Odd: a\rb", "a b" }, /* a bare CR is a space, RFC 9112 §2.2 */
    { "Odd: \xc3\xa4", "\xc3\xa4" },
    { "Odd: \xe4", "\xef\xbf\xbd" }, /* not UTF-8: ISO 8859-1 was allowed once */
    { "Odd: \x01\x7f", "\x01\x7f" },
    { "Odd: a\r\nODD: b", "a, b" },
    { "Odd: a\r\nX: y\r\nodd: a", "a, a" },
    { "Odd : value", NULL }, /* the rest are not fields */
    { " Odd: value", NULL },
    { "Odd", NULL },
    { ": value", NULL },
    { "\xff", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *first = g_strconcat ("GET / HTTP/1.1\r\n", cases[i].line,
                                            "\r\nHost: ops\r\n\r\n", NULL);
      g_autofree char *last = g_strconcat ("GET / HTTP/1.1\nHost: ops\n", cases[i].line, "\n\n",
                                           NULL);
      g_autoptr (Result) result = parse (first);
      g_autoptr (Result) other = parse (last);
      const gboolean is_folded = *cases[i].line == ' ';

      announce (cases[i].line);
      g_assert_cmpstr (get_field (result, "Odd"), ==, cases[i].value);
      g_assert_cmpstr (get_field (result, "Host"), ==, "ops");
      g_assert_cmpstr (get_field (other, "Odd"), ==, cases[i].value);
      g_assert_cmpstr (get_field (other, "Host"), ==, is_folded ? "ops Odd: value" : "ops");
    }
}

static void
a_thousand_fields_are_parsed (void)
{
  g_autoptr (GString) head = g_string_new ("GET / HTTP/1.1\r\n");
  g_autoptr (Result) result = NULL;

  for (int i = 0; i < 1000; i++)
    g_string_append (head, i % 2 == 0 ? "a: b\r\n" : "A:\r\n");
  g_string_append (head, "\r\n");
  g_assert_cmpuint (head->len, <=, HEAD_MAX);

  result = parse_bytes (head->str, head->len);
  g_assert_true (result->is_valid);
  g_assert_cmpuint (rd_request_count_lines (&result->request, "a"), ==, 1000);
}

static void
lines_are_counted_without_regard_to_case (void)
{
  g_autoptr (Result) result = parse ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: b\r\n"
                                     "Hosts: c\r\nHOST:\r\n\r\n");

  g_assert_true (result->is_valid);
  g_assert_cmpuint (rd_request_count_lines (&result->request, "host"), ==, 3);
  g_assert_cmpuint (rd_request_count_lines (&result->request, "X"), ==, 1);
  g_assert_cmpuint (rd_request_count_lines (&result->request, "Y"), ==, 0);
}

static void
a_body_is_refused (void)
{
  const struct
  {
    const char *fields;
    guint status; /* 0: accepted */
    const char *cause;
  } cases[] = {
    { "Content-Length: 0", 0, NULL },
    { "content-length:0 ", 0, NULL },
    { "Content-Length: 1", SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, "body" },
    { "Content-Length: 99999999999999999999999999999", SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE,
      "body" },
    { "Transfer-Encoding: chunked", SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, "body" },
    { "Transfer-Encoding: gzip", SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, "body" },
    { "Content-Length: 0\r\nContent-Length: 1", SOUP_STATUS_BAD_REQUEST, "Content-Length" },
    { "Content-Length: 0\r\nContent-Length: 0", SOUP_STATUS_BAD_REQUEST, "Content-Length" },
    { "Content-Length: 5\r\nContent-Length: 5", SOUP_STATUS_BAD_REQUEST, "Content-Length" },
    { "Content-Length: 0, 0", SOUP_STATUS_BAD_REQUEST, "Content-Length" },
    { "Content-Length:", SOUP_STATUS_BAD_REQUEST, "Content-Length" },
    { "Content-Length: -1", SOUP_STATUS_BAD_REQUEST, "Content-Length" },
    { "Content-Length: +0", SOUP_STATUS_BAD_REQUEST, "Content-Length" },
    { "Content-Length: 0x0", SOUP_STATUS_BAD_REQUEST, "Content-Length" },
    { "Content-Length: 1 0", SOUP_STATUS_BAD_REQUEST, "Content-Length" },
    { "Content-Length: many", SOUP_STATUS_BAD_REQUEST, "Content-Length" },
    { "Content-Length: 0\r\nTransfer-Encoding: chunked", SOUP_STATUS_BAD_REQUEST,
      "Transfer-Encoding" },
    { "Transfer-Encoding: identity\r\nContent-Length: 5", SOUP_STATUS_BAD_REQUEST,
      "Transfer-Encoding" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *head = g_strconcat ("POST / HTTP/1.1\r\nHost: ops\r\n", cases[i].fields,
                                           "\r\n\r\n", NULL);

      if (cases[i].status != 0)
        {
          expect_refused (head, strlen (head), cases[i].status, cases[i].cause);
        }
      else
        {
          g_autoptr (Result) result = parse (head);

          g_assert_true (result->is_valid);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/request/end", a_head_ends_at_its_first_empty_line);
  g_test_add_func ("/request/end/incomplete", a_head_without_an_empty_line_is_incomplete);
  g_test_add_func ("/request/begin/accepted", beginnings_of_requests_are_accepted);
  g_test_add_func ("/request/begin/refused", other_protocols_are_refused);
  g_test_add_func ("/request/begin/bytes", the_first_byte_is_that_of_a_token_or_an_empty_line);
  g_test_add_func ("/request/line", a_request_line_has_method_target_and_version);
  g_test_add_func ("/request/line/malformed", malformed_request_lines_are_refused);
  g_test_add_func ("/request/version", other_versions_are_refused_with_505);
  g_test_add_func ("/request/http-2", the_preface_of_http_2_is_refused_with_505);
  g_test_add_func ("/request/proxy", a_proxy_line_before_a_request_is_refused);
  g_test_add_func ("/request/expect", an_unknown_expectation_is_refused_with_417);
  g_test_add_func ("/request/nul", a_nul_byte_is_refused_wherever_it_is);
  g_test_add_func ("/request/fields/odd", odd_fields_do_not_hinder_the_others);
  g_test_add_func ("/request/fields/many", a_thousand_fields_are_parsed);
  g_test_add_func ("/request/fields/count", lines_are_counted_without_regard_to_case);
  g_test_add_func ("/request/body", a_body_is_refused);

  return g_test_run ();
}
