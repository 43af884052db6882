/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Opening handshakes: which are accepted and how, and which are refused and why (RFC 6455 §4.2). */

#include "rd-handshake.h"

#include <string.h>

#define KEY       "dGhlIHNhbXBsZSBub25jZQ==" /* from RFC 6455 §1.3 */
#define KEY_FIELD "Sec-WebSocket-Key: " KEY
#define ACCEPTED                         \
  "HTTP/1.1 101 Switching Protocols\r\n" \
  "Upgrade: websocket\r\n"               \
  "Connection: Upgrade\r\n"              \
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static const char *const none[] = { NULL };

static const RdHandshakeRules rules
  = { .path = "/ws", .subprotocols = none, .allow_origins = none };

typedef struct
{
  RdHandshakeVerdict verdict;
  RdHandshake handshake;
} Result;

static void
free_result (Result *result)
{
  rd_handshake_clear (&result->handshake);
  g_free (result);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Result, free_result)

/* Returns: (transfer full): a valid handshake with @request_line. The fields in @fields (nullable)
 * replace those that have the same names. */
static char *
make_head (const char *request_line, const char *fields)
{
  const char *const defaults[] = { "Host: ops:8000", "Upgrade: websocket", "Connection: Upgrade",
                                   KEY_FIELD, "Sec-WebSocket-Version: 13" };
  g_autofree char *replaced = g_ascii_strdown (fields != NULL ? fields : "", -1);
  GString *head = g_string_new (request_line);

  g_string_append (head, "\r\n");
  for (gsize i = 0; i < G_N_ELEMENTS (defaults); i++)
    {
      const gsize length = strcspn (defaults[i], ":") + 1;
      g_autofree char *name = g_ascii_strdown (defaults[i], length);

      if (strstr (replaced, name) == NULL)
        g_string_append_printf (head, "%s\r\n", defaults[i]);
    }
  if (fields != NULL)
    g_string_append_printf (head, "%s\r\n", fields);
  g_string_append (head, "\r\n");
  return g_string_free (head, FALSE);
}

/* Returns: (transfer full): the result of checking a handshake from make_head(). */
static Result *
check (const RdHandshakeRules *with, const char *request_line, const char *fields)
{
  g_autofree char *head = make_head (request_line, fields);
  g_autofree char *shown = g_strescape (head, NULL);
  g_auto (RdRequest) request = { 0 };
  RdRefusal refusal = { 0 };
  Result *result = g_new0 (Result, 1);

  g_test_message ("%.300s", shown);
  g_assert_true (rd_request_parse (&request, head, strlen (head), &refusal));
  result->verdict = rd_handshake_check (&result->handshake, with, &request);
  g_assert_true ((result->verdict == RD_HANDSHAKE_ACCEPTED)
                 == (result->handshake.response != NULL));
  g_assert_true ((result->verdict == RD_HANDSHAKE_REFUSED)
                 == (result->handshake.refusal.text != NULL));
  return result;
}

/* @subprotocol: the expected subprotocol, or NULL. */
static void
expect_accepted (const RdHandshakeRules *with,
                 const char *request_line,
                 const char *fields,
                 const char *subprotocol)
{
  g_autoptr (Result) result = check (with, request_line, fields);
  g_autofree char *expected = subprotocol != NULL
                                ? g_strconcat (ACCEPTED "\r\nSec-WebSocket-Protocol: ", subprotocol,
                                               "\r\n\r\n", NULL)
                                : g_strdup (ACCEPTED "\r\n\r\n");

  g_assert_cmpint (result->verdict, ==, RD_HANDSHAKE_ACCEPTED);
  g_assert_cmpstr (result->handshake.response, ==, expected);
}

/* Asserts that the handshake is refused, with one line of text that contains @cause. */
static void
expect_refused (const RdHandshakeRules *with,
                const char *request_line,
                const char *fields,
                guint status,
                RdRefused reason,
                const char *cause)
{
  g_autoptr (Result) result = check (with, request_line, fields);
  const RdRefusal *refusal = &result->handshake.refusal;

  g_assert_cmpint (result->verdict, ==, RD_HANDSHAKE_REFUSED);
  g_assert_cmpuint (refusal->status, ==, status);
  g_assert_cmpint (refusal->reason, ==, reason);
  for (const char *p = refusal->text; *p != '\0'; p++)
    g_assert_false (g_ascii_iscntrl (*p));
  if (strstr (refusal->text, cause) == NULL)
    g_error ("\"%s\" does not contain \"%s\"", refusal->text, cause);
}

static void
expect_refused_fields (const char *fields, guint status, const char *cause)
{
  expect_refused (&rules, "GET /ws HTTP/1.1", fields, status, RD_REFUSED_HANDSHAKE, cause);
}

static void
expect_other (const char *request_line, const char *fields)
{
  g_autoptr (Result) result = check (&rules, request_line, fields);

  g_assert_cmpint (result->verdict, ==, RD_HANDSHAKE_OTHER);
}

static void
the_example_of_the_rfc_gets_its_accept_key (void)
{
  expect_accepted (&rules, "GET /ws HTTP/1.1", NULL, NULL);
}

static void
upgrade_and_connection_and_version_are_lists (void)
{
  const char *const fields[] = {
    "Upgrade: WebSocket",
    "UPGRADE: WEBSOCKET\r\nUpgrade: h2c",
    "Upgrade: h2c, websocket",
    "Upgrade: websocket,h2c",
    "Upgrade: ,, websocket ,",
    "Upgrade: h2c\r\nUpgrade: websocket",
    "Upgrade: websocket\r\nUpgrade: h2c",
    "Upgrade: h2c,\r\n websocket",
    "Connection: upgrade",
    "Connection: keep-alive, Upgrade",
    "Connection: UPGRADE , keep-alive",
    "Connection: keep-alive\r\nConnection: Upgrade",
    "Connection: Upgrade\r\nConnection: HTTP2-Settings",
    "Sec-WebSocket-Version: 8, 13",
    "Sec-WebSocket-Version: 13,8",
    "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Version: 13",
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    expect_accepted (&rules, "GET /ws HTTP/1.1", fields[i], NULL);
}

static void
without_upgrade_the_answer_is_426 (void)
{
  const struct
  {
    const char *fields;
    const char *cause;
  } cases[] = {
    { "No-Upgrade: x", "“Upgrade: websocket”" },
    { "Upgrade:", "“Upgrade: websocket”" },
    { "Upgrade: h2c", "“Upgrade: websocket”" },
    { "Upgrade: websockets", "“Upgrade: websocket”" },
    { "Upgrade: websocket/13", "“Upgrade: websocket”" },
    { "Upgrade: \"websocket\"", "“Upgrade: websocket”" },
    { "Upgrade: \"h2c, websocket", "“Upgrade: websocket”" },
    { "Upgrade: web, socket", "“Upgrade: websocket”" },
    { "No-Connection: x", "“Connection: Upgrade”" },
    { "Connection:", "“Connection: Upgrade”" },
    { "Connection: keep-alive", "“Connection: Upgrade”" },
    { "Connection: close\r\nConnection: Upgraded", "“Connection: Upgrade”" },
    { "No-Sec-WebSocket-Version: 13", "“Sec-WebSocket-Version: 13”" },
    { "Sec-WebSocket-Version:", "“Sec-WebSocket-Version: 13”" },
    { "Sec-WebSocket-Version: 8", "“Sec-WebSocket-Version: 13”" },
    { "Sec-WebSocket-Version: 7, 8", "“Sec-WebSocket-Version: 13”" },
    { "Sec-WebSocket-Version: 130", "“Sec-WebSocket-Version: 13”" },
    { "Sec-WebSocket-Version: 013", "“Sec-WebSocket-Version: 13”" },
    { "Sec-WebSocket-Version: 13.0", "“Sec-WebSocket-Version: 13”" },
    { "Sec-WebSocket-Version: 1 3", "“Sec-WebSocket-Version: 13”" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    expect_refused_fields (cases[i].fields, RD_HTTP_UPGRADE_REQUIRED, cases[i].cause);
}

/* RFC 9110 §15.5.22, RFC 6455 §4.4 */
static void
a_426_says_what_to_upgrade_to (void)
{
  g_autoptr (Result) result = check (&rules, "GET /ws HTTP/1.1", "Sec-WebSocket-Version: 8");
  g_autofree char *response = rd_refusal_format (&result->handshake.refusal, FALSE);

  g_assert_nonnull (strstr (response, "\r\nUpgrade: websocket\r\n"));
  g_assert_nonnull (strstr (response, "\r\nConnection: Upgrade\r\n"));
  g_assert_nonnull (strstr (response, "\r\nSec-WebSocket-Version: 13\r\n"));
}

static void
a_key_has_16_bytes (void)
{
  const char *const accepted[] = {
    "Sec-WebSocket-Key:" KEY,
    "sec-websocket-key:  " KEY " \t",
    "X: y\r\n" KEY_FIELD,
  };
  const char *const refused[] = {
    "No-Sec-WebSocket-Key: x",
    "Sec-WebSocket-Key:",
    "Sec-WebSocket-Key: x",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA",     /* 15 bytes */
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=", /* 17 bytes */
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA", /* 18 bytes */
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA",   /* no padding */
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA===",
    "Sec-WebSocket-Key: AAAAAAAAAA AAAAAAAAAAA==",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAA!==",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA-_==", /* base64url */
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA==AA", /* padding that is not at the end */
    "Sec-WebSocket-Key: AA==AAAAAAAAAAAAAAAAAAAA",
    "Sec-WebSocket-Key: AAA=AAA=AAAAAAAAAAAAAAAA",
    "Sec-WebSocket-Key: \"" KEY "\"",
    KEY_FIELD "\r\n" KEY_FIELD,
    KEY_FIELD "\r\nSec-WebSocket-Key:",
    KEY_FIELD ", " KEY,
  };

  for (gsize i = 0; i < G_N_ELEMENTS (accepted); i++)
    expect_accepted (&rules, "GET /ws HTTP/1.1", accepted[i], NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    expect_refused_fields (refused[i], SOUP_STATUS_BAD_REQUEST, "one header Sec-WebSocket-Key");
}

static void
all_keys_of_base64_are_accepted (void)
{
  const char *const fields[] = {
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Key: /+/+/+/+/+/+/+/+/+/+/w==",
    "Sec-WebSocket-Key: zyxwvutsrqponmlkjihg9w==",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB==", /* with bits that are not used */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      g_autoptr (Result) result = check (&rules, "GET /ws HTTP/1.1", fields[i]);

      g_assert_cmpint (result->verdict, ==, RD_HANDSHAKE_ACCEPTED);
    }
}

static void
a_handshake_has_one_host (void)
{
  const char *const fields[] = {
    "No-Host: ops",
    "Host: ops\r\nHost: ops",
    "Host: ops\r\nHOST: other",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    expect_refused_fields (fields[i], SOUP_STATUS_BAD_REQUEST, "one header Host");
}

static void
http_1_0_is_refused (void)
{
  const char *const fields[] = { NULL, "Connection: close\r\nUpgrade:", "Host:" };

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    expect_refused (&rules, "GET /ws HTTP/1.0", fields[i], SOUP_STATUS_BAD_REQUEST,
                    RD_REFUSED_HANDSHAKE, "uses HTTP/1.0");
}

static void
other_methods_are_refused (void)
{
  const char *const methods[] = { "POST", "PUT", "OPTIONS", "DELETE", "get", "WEBSOCKET" };

  for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autofree char *line = g_strconcat (methods[i], " /ws HTTP/1.1", NULL);
      g_autoptr (Result) result = check (&rules, line, NULL);

      expect_refused (&rules, line, NULL, SOUP_STATUS_METHOD_NOT_ALLOWED, RD_REFUSED_METHOD,
                      "use GET");
      g_assert_cmpstr (result->handshake.refusal.fields, ==, "Allow: GET\r\n");
    }
}

static void
head_is_answered_like_get_without_upgrade (void)
{
  expect_refused (&rules, "HEAD /ws HTTP/1.1", "Upgrade:", RD_HTTP_UPGRADE_REQUIRED,
                  RD_REFUSED_HANDSHAKE, "“Upgrade: websocket”");
  expect_refused (&rules, "HEAD /ws HTTP/1.1", NULL, SOUP_STATUS_BAD_REQUEST, RD_REFUSED_HANDSHAKE,
                  "must be GET");
}

static void
queries_and_encodings_do_not_hinder (void)
{
  const char *const targets[] = {
    "/ws?",  "/ws?token=a&b=c", "/ws?100%",           "/ws?%zz",       "/ws?\x80\xff",
    "/w%73", "/ws?a=/b/../c",   "http://ops:8000/ws", "ws://ops/ws?x", "/ws#fragment",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autofree char *line = g_strdup_printf ("GET %s HTTP/1.1", targets[i]);
      g_autoptr (Result) result = check (&rules, line, NULL);

      g_assert_cmpint (result->verdict, ==, RD_HANDSHAKE_ACCEPTED);
    }
}

static void
the_path_can_have_any_characters (void)
{
  RdHandshakeRules with = rules;

  with.path = "/a b/ä?";
  expect_accepted (&with, "GET /a%20b/%C3%A4%3f?query HTTP/1.1", NULL, NULL);
  expect_accepted (&with, "GET /a%20b/\xc3\xa4%3F HTTP/1.1", NULL, NULL);
}

static void
other_paths_are_not_judged (void)
{
  const char *const targets[] = {
    "/",      "/w",     "/wsx",  "/ws/", "/ws/a", "/WS",         "//ws",
    "/ws%00", "/ws%2f", "/?/ws", "*",    "ws",    "http://ops/", "http://ops",
  };
  RdHandshakeRules closed = rules;
  g_autoptr (Result) result = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autofree char *line = g_strdup_printf ("GET %s HTTP/1.1", targets[i]);

      expect_other (line, NULL);
    }
  expect_other ("POST / HTTP/1.1", NULL);
  expect_other ("GET / HTTP/1.0", "Upgrade:");
  expect_other ("GET / HTTP/1.1", "Host: a\r\nHost: b");
  expect_other ("GET / HTTP/1.1", "Origin: http://evil.example");

  closed.is_draining = TRUE;
  result = check (&closed, "GET / HTTP/1.1", NULL);
  g_assert_cmpint (result->verdict, ==, RD_HANDSHAKE_OTHER);
}

static void
the_first_known_subprotocol_of_the_offer_is_selected (void)
{
  const char *const known[] = { "chat.v1", "chat.v2", NULL };
  const char *const cases[][2] = {
    { NULL, NULL },
    { "Sec-WebSocket-Protocol: chat.v1", "chat.v1" },
    { "Sec-WebSocket-Protocol: chat.v2", "chat.v2" },
    { "Sec-WebSocket-Protocol: chat.v2, chat.v1", "chat.v2" },
    { "Sec-WebSocket-Protocol: chat.v1,chat.v2", "chat.v1" },
    { "Sec-WebSocket-Protocol: chat.v9, chat.v2, chat.v1", "chat.v2" },
    { "sec-websocket-protocol: chat.v9\r\nSEC-WEBSOCKET-PROTOCOL: chat.v2", "chat.v2" },
    { "Sec-WebSocket-Protocol: chat.v2\r\nSec-WebSocket-Protocol: chat.v1", "chat.v2" },
    { "Sec-WebSocket-Protocol: chat.v1, chat.v1", "chat.v1" },
    { "Sec-WebSocket-Protocol: , ,chat.v1,", "chat.v1" },
    { "Sec-WebSocket-Protocol:\r\nSec-WebSocket-Protocol: chat.v1", "chat.v1" },
    { "Sec-WebSocket-Protocol:", NULL },
    { "Sec-WebSocket-Protocol: ,", NULL },
    { "Sec-WebSocket-Protocol: chat.v9", NULL },
    { "Sec-WebSocket-Protocol: CHAT.V1", NULL }, /* subprotocols are case-sensitive */
    { "Sec-WebSocket-Protocol: chat.v1 chat.v2", NULL },
    { "Sec-WebSocket-Protocol: \"chat.v1\"", NULL },
    { "Sec-WebSocket-Protocol: \"chat.v1, chat.v2", NULL },
    { "Sec-WebSocket-Protocol: chat.v1;q=1", NULL },
    { "Sec-WebSocket-Protocol: chat", NULL },
  };
  RdHandshakeRules with = rules;

  with.subprotocols = known;
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    expect_accepted (&with, "GET /ws HTTP/1.1", cases[i][0], cases[i][1]);
}

static void
without_known_subprotocols_none_is_selected (void)
{
  expect_accepted (&rules, "GET /ws HTTP/1.1", "Sec-WebSocket-Protocol: chat.v1, chat.v2", NULL);
  expect_accepted (&rules, "GET /ws HTTP/1.1", "Sec-WebSocket-Protocol:", NULL);
}

static void
thousands_of_subprotocols_can_be_offered (void)
{
  const char *const known[] = { "chat", NULL };
  RdHandshakeRules with = rules;
  g_autoptr (GString) fields = g_string_new ("Sec-WebSocket-Protocol: ");

  for (int i = 0; i < 3900; i++)
    g_string_append (fields, "c,");
  g_string_append (fields, "chat");
  with.subprotocols = known;
  expect_accepted (&with, "GET /ws HTTP/1.1", fields->str, "chat");
}

static void
extensions_are_not_negotiated (void)
{
  expect_accepted (&rules, "GET /ws HTTP/1.1",
                   "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", NULL);
}

static void
a_service_that_accepts_no_clients_answers_503 (void)
{
  const struct
  {
    gboolean is_draining;
    gboolean is_full;
    RdRefused reason;
    const char *cause;
  } cases[] = {
    { TRUE, FALSE, RD_REFUSED_DRAINING, "draining" },
    { FALSE, TRUE, RD_REFUSED_FULL, "limit" },
    { TRUE, TRUE, RD_REFUSED_DRAINING, "draining" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      RdHandshakeRules with = rules;
      g_autoptr (Result) result = NULL;

      with.is_draining = cases[i].is_draining;
      with.is_full = cases[i].is_full;
      expect_refused (&with, "GET /ws HTTP/1.1", "Origin: http://evil.example",
                      SOUP_STATUS_SERVICE_UNAVAILABLE, cases[i].reason, cases[i].cause);
      result = check (&with, "GET /ws HTTP/1.1", NULL);
      g_assert_nonnull (strstr (result->handshake.refusal.fields, "Retry-After: "));
      expect_refused (&with, "GET /ws HTTP/1.1", "Upgrade:", RD_HTTP_UPGRADE_REQUIRED,
                      RD_REFUSED_HANDSHAKE, "“Upgrade: websocket”");
    }
}

static void
pages_of_the_same_host_and_allowed_origins_are_accepted (void)
{
  const char *const allowed[] = { "https://*.example.org", NULL };
  RdHandshakeRules with = rules;

  expect_accepted (&rules, "GET /ws HTTP/1.1", "Origin: https://ops", NULL);
  expect_accepted (&rules, "GET /ws HTTP/1.1", "ORIGIN: http://OPS:3000", NULL);
  with.allow_origins = allowed;
  expect_accepted (&with, "GET /ws HTTP/1.1", "Origin: http://ops:8000", NULL);
  expect_accepted (&with, "GET /ws HTTP/1.1", "Origin: https://www.example.org", NULL);
}

static void
foreign_origins_are_refused (void)
{
  const char *const fields[] = {
    "Origin: http://evil.example",
    "Origin: http://ops.evil.example:8000",
    "Origin: null",
    "Origin:",
    "Origin: http://ops\r\nOrigin: http://evil.example",
    "Origin: http://evil.example\r\nOrigin: http://ops",
    "Origin: a\x1b[2J\x07\x7f\xc2\x85\xe2\x80\xae\xff",
    "Host: other\r\nOrigin: http://ops",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    expect_refused (&rules, "GET /ws HTTP/1.1", fields[i], SOUP_STATUS_FORBIDDEN, RD_REFUSED_ORIGIN,
                    "Origin “");
}

static void
the_refusal_of_an_origin_names_it_and_is_short (void)
{
  g_autofree char *name = g_strnfill (7000, 'x');
  g_autofree char *fields = g_strconcat ("Origin: https://", name, NULL);
  g_autoptr (Result) result = check (&rules, "GET /ws HTTP/1.1", fields);

  expect_refused (&rules, "GET /ws HTTP/1.1", "Origin: https://evil.example:8443",
                  SOUP_STATUS_FORBIDDEN, RD_REFUSED_ORIGIN,
                  "--allow-origin=https://evil.example:8443");
  g_assert_cmpint (result->verdict, ==, RD_HANDSHAKE_REFUSED);
  g_assert_cmpuint (strlen (result->handshake.refusal.text), <, 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/handshake/example", the_example_of_the_rfc_gets_its_accept_key);
  g_test_add_func ("/handshake/lists", upgrade_and_connection_and_version_are_lists);
  g_test_add_func ("/handshake/upgrade", without_upgrade_the_answer_is_426);
  g_test_add_func ("/handshake/upgrade/fields", a_426_says_what_to_upgrade_to);
  g_test_add_func ("/handshake/key", a_key_has_16_bytes);
  g_test_add_func ("/handshake/key/alphabet", all_keys_of_base64_are_accepted);
  g_test_add_func ("/handshake/host", a_handshake_has_one_host);
  g_test_add_func ("/handshake/http-1.0", http_1_0_is_refused);
  g_test_add_func ("/handshake/method", other_methods_are_refused);
  g_test_add_func ("/handshake/method/head", head_is_answered_like_get_without_upgrade);
  g_test_add_func ("/handshake/target", queries_and_encodings_do_not_hinder);
  g_test_add_func ("/handshake/path", the_path_can_have_any_characters);
  g_test_add_func ("/handshake/path/other", other_paths_are_not_judged);
  g_test_add_func ("/handshake/subprotocol", the_first_known_subprotocol_of_the_offer_is_selected);
  g_test_add_func ("/handshake/subprotocol/none", without_known_subprotocols_none_is_selected);
  g_test_add_func ("/handshake/subprotocol/many", thousands_of_subprotocols_can_be_offered);
  g_test_add_func ("/handshake/extensions", extensions_are_not_negotiated);
  g_test_add_func ("/handshake/closed", a_service_that_accepts_no_clients_answers_503);
  g_test_add_func ("/handshake/origin", pages_of_the_same_host_and_allowed_origins_are_accepted);
  g_test_add_func ("/handshake/origin/foreign", foreign_origins_are_refused);
  g_test_add_func ("/handshake/origin/refusal", the_refusal_of_an_origin_names_it_and_is_short);

  return g_test_run ();
}
