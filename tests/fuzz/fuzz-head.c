/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Fuzzes request heads and opening handshakes. An input is
 *
 *   1 byte   how the head is split; 0: byte by byte
 *   1 byte   rules for handshakes, and what the rest is: see below
 *   the rest bytes of the client
 *
 * Properties: splitting does not change the result; each head is accepted, refused or passed on, in
 * the same way each time; no response has bytes of the client that could change its meaning. Each
 * piece is in memory of its exact size, for the sanitizers. */

#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "cuts.h"
#include "rd-handshake.h"
#include "rd-pending.h"

#define PREFIX 2

/* Bits of the second byte. */
#define IS_DRAINING        0x01
#define IS_FULL            0x02
#define ALLOWS_ALL_ORIGINS 0x04
#define HAS_SUBPROTOCOLS   0x08
#define REST_IS_FIELDS     0x10 /* more header fields of a valid handshake */
#define REST_IS_TARGET     0x20 /* the target of a valid handshake */

#define FIELDS                                                 \
  "Host: ops\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

#define TEXT_MAX 6000 /* maximum size of the text of a refusal, which may quote an origin twice */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* What one head leads to. */
typedef struct
{
  RdRequest request;
  RdRefusal refusal; /* of the head */
  RdRefusal of_uri;
  RdHandshakeVerdict verdict;
  RdHandshake handshake;
} Outcome;

static void
outcome_clear (Outcome *outcome)
{
  rd_request_clear (&outcome->request);
  rd_handshake_clear (&outcome->handshake);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Outcome, outcome_clear)

static RdHandshakeRules
make_rules (guint8 bits)
{
  static const char *const none[] = { NULL };
  static const char *const all[] = { "*", NULL };
  static const char *const subprotocols[] = { "chat.v1", "chat.v2", NULL };
  const RdHandshakeRules rules = {
    .path = "/ws",
    .subprotocols = (bits & HAS_SUBPROTOCOLS) != 0 ? subprotocols : none,
    .allow_origins = (bits & ALLOWS_ALL_ORIGINS) != 0 ? all : none,
    .is_draining = (bits & IS_DRAINING) != 0,
    .is_full = (bits & IS_FULL) != 0,
  };

  return rules;
}

/* Asserts that @refusal is one printable line, and a complete response. */
static void
check_refusal (const RdRefusal *refusal)
{
  g_autofree char *response = rd_refusal_format (refusal, FALSE);
  g_autofree char *of_head = rd_refusal_format (refusal, TRUE);
  g_autofree char *start = g_strdup_printf ("HTTP/1.1 %u ", refusal->status);
  const gsize text_size = strlen (refusal->text);
  g_autofree char *length = g_strdup_printf ("\r\nContent-Length: %zu\r\n", text_size + 1);
  const char *body = strstr (response, "\r\n\r\n") + 4;

  g_assert (refusal->status >= 400 && refusal->status < 600);
  g_assert (text_size > 0 && text_size <= TEXT_MAX);
  g_assert (g_utf8_validate (refusal->text, text_size, NULL));
  for (const char *p = refusal->text; *p != '\0'; p = g_utf8_next_char (p))
    g_assert (g_unichar_isprint (g_utf8_get_char (p)));

  g_assert (g_str_has_prefix (response, start) && strstr (response, length) != NULL);
  g_assert (strncmp (body, refusal->text, text_size) == 0 && strcmp (body + text_size, "\n") == 0);
  g_assert (strlen (of_head) == (gsize) (body - response));
  g_assert (g_str_has_suffix (of_head, "\r\n\r\n"));
}

/* Asserts that @response has no other content than a 101 and a subprotocol of @rules. */
static void
check_response (const char *response, const RdHandshakeRules *rules)
{
  const char *name = "Sec-WebSocket-Protocol: ";
  g_auto (GStrv) lines = g_strsplit (response, "\r\n", -1);
  const guint n = g_strv_length (lines);

  g_assert (n == 6 || n == 7);
  g_assert (strcmp (lines[0], "HTTP/1.1 101 Switching Protocols") == 0);
  g_assert (strcmp (lines[1], "Upgrade: websocket") == 0);
  g_assert (strcmp (lines[2], "Connection: Upgrade") == 0);
  g_assert (g_str_has_prefix (lines[3], "Sec-WebSocket-Accept: "));
  g_assert (strlen (lines[3]) == strlen ("Sec-WebSocket-Accept: ") + 28);
  g_assert (strspn (lines[3] + 22, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "+/=") == 28);
  if (n == 7)
    g_assert (g_str_has_prefix (lines[4], name)
              && g_strv_contains (rules->subprotocols, lines[4] + strlen (name)));
  g_assert (*lines[n - 2] == '\0' && *lines[n - 1] == '\0');
}

static void
check_request (const RdRequest *request)
{
  g_autofree char *path = rd_request_dup_path (request);

  g_assert (*request->method != '\0' && strlen (request->method) <= 32);
  for (const char *p = request->method; *p != '\0'; p++)
    g_assert (g_ascii_isgraph (*p));
  g_assert (*request->target != '\0' && strpbrk (request->target, " \t\n") == NULL);
  g_assert (strlen (path) <= strlen (request->target));
  g_assert (request->version == SOUP_HTTP_1_0 || request->version == SOUP_HTTP_1_1);
}

static void
check_handshake (const Outcome *outcome, const RdHandshakeRules *rules)
{
  const RdHandshake *handshake = &outcome->handshake;
  g_autofree char *path = rd_request_dup_path (&outcome->request);

  g_assert ((outcome->verdict == RD_HANDSHAKE_OTHER) == (strcmp (path, rules->path) != 0));
  g_assert ((outcome->verdict == RD_HANDSHAKE_ACCEPTED) == (handshake->response != NULL));
  g_assert ((outcome->verdict == RD_HANDSHAKE_REFUSED) == (handshake->refusal.text != NULL));
  if (outcome->verdict == RD_HANDSHAKE_REFUSED)
    {
      g_assert (handshake->refusal.reason < RD_REFUSED_N);
      check_refusal (&handshake->refusal);
    }
  if (outcome->verdict == RD_HANDSHAKE_ACCEPTED)
    {
      g_assert (!rules->is_draining && !rules->is_full);
      g_assert (strcmp (outcome->request.method, "GET") == 0);
      g_assert (outcome->request.version == SOUP_HTTP_1_1);
      g_assert (rd_request_count_lines (&outcome->request, "host") == 1);
      check_response (handshake->response, rules);
    }
}

/* Parses and checks a complete head. */
static void
examine (Outcome *outcome, const char *head, gsize size, const RdHandshakeRules *rules)
{
  g_autofree char *exact = g_memdup2 (head, size);

  if (!rd_request_parse (&outcome->request, exact, size, &outcome->refusal))
    {
      check_refusal (&outcome->refusal);
      return;
    }

  g_assert (outcome->refusal.text == NULL);
  check_request (&outcome->request);
  if (!rd_request_has_valid_uri (&outcome->request, &outcome->of_uri))
    check_refusal (&outcome->of_uri);
  else
    g_assert (outcome->of_uri.text == NULL);
  outcome->verdict = rd_handshake_check (&outcome->handshake, rules, &outcome->request);
  check_handshake (outcome, rules);
}

static void
the_outcome_is_the_same_each_time (const char *head, gsize size, const RdHandshakeRules *rules)
{
  g_auto (Outcome) one = { 0 };
  g_auto (Outcome) two = { 0 };

  examine (&one, head, size, rules);
  examine (&two, head, size, rules);
  g_assert (g_strcmp0 (one.request.method, two.request.method) == 0);
  g_assert (g_strcmp0 (one.request.target, two.request.target) == 0);
  g_assert (g_strcmp0 (one.refusal.text, two.refusal.text) == 0);
  g_assert (g_strcmp0 (one.of_uri.text, two.of_uri.text) == 0);
  g_assert (one.verdict == two.verdict
            && one.handshake.refusal.reason == two.handshake.refusal.reason);
  g_assert (g_strcmp0 (one.handshake.response, two.handshake.response) == 0);
  g_assert (g_strcmp0 (one.handshake.refusal.text, two.handshake.refusal.text) == 0);
}

/* Returns whether a head with @data as its first bytes can be valid. */
static gboolean
may_begin (const char *data, gsize size)
{
  RdRefusal refusal = { 0 };

  if (rd_request_may_begin (data, size, &refusal))
    {
      g_assert (refusal.text == NULL);
      return TRUE;
    }

  check_refusal (&refusal);
  return FALSE;
}

static gboolean
is_valid (const char *head, gsize size)
{
  g_auto (RdRequest) request = { 0 };
  RdRefusal refusal = { 0 };

  return rd_request_parse (&request, head, size, &refusal);
}

/* Presents more and more of @data, as a connection does. Returns: the end of the head, or 0. */
static gsize
present (Cuts cuts, const char *data, gsize size)
{
  gboolean is_refused = FALSE;

  for (gsize at = 0; at < size;)
    {
      g_autofree char *exact = NULL;
      gsize end;

      at += next_piece (&cuts, size - at);
      exact = g_memdup2 (data, at);
      end = rd_request_find_end (exact, at);
      if (end > 0)
        {
          g_assert (end <= at && rd_request_find_end (exact, end) == end);
          g_assert (end == 1 || rd_request_find_end (exact, end - 1) == 0);
          g_assert (!is_refused || !is_valid (exact, end));
          return end;
        }

      if (!may_begin (exact, at))
        is_refused = TRUE; /* and so must be the head when it is complete */
      else
        g_assert (!is_refused);
    }

  return 0;
}

/* Returns: (transfer full): the bytes that the client sends. */
static GByteArray *
make_bytes (guint8 bits, const uint8_t *data, gsize size)
{
  GByteArray *bytes = g_byte_array_new ();

  if ((bits & REST_IS_FIELDS) != 0)
    {
      const char *start = "GET /ws HTTP/1.1\r\n" FIELDS;

      g_byte_array_append (bytes, (const guint8 *) start, strlen (start));
    }
  else if ((bits & REST_IS_TARGET) != 0)
    g_byte_array_append (bytes, (const guint8 *) "GET ", 4);

  g_byte_array_append (bytes, data, size);
  if ((bits & REST_IS_FIELDS) != 0)
    g_byte_array_append (bytes, (const guint8 *) "\r\n\r\n", 4);
  else if ((bits & REST_IS_TARGET) != 0)
    {
      const char *rest = " HTTP/1.1\r\n" FIELDS "\r\n";

      g_byte_array_append (bytes, (const guint8 *) rest, strlen (rest));
    }
  return bytes;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GByteArray) bytes = NULL;
  RdHandshakeRules rules;
  Cuts cuts;
  gsize end;

  if (size <= PREFIX)
    return 0;

  cuts.state = data[0];
  rules = make_rules (data[1]);
  bytes = make_bytes (data[1], data + PREFIX, size - PREFIX);
  end = present (cuts, (const char *) bytes->data, MIN (bytes->len, RD_PENDING_HEAD_MAX));
  if (end > 0)
    the_outcome_is_the_same_each_time ((const char *) bytes->data, end, &rules);
  return 0;
}
