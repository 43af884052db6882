/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Close frames: valid codes (RFC 6455 §7.4 and the IANA registry), reasons and payloads (§5.5.1).
 */

#include <string.h>

#include "frames.h"
#include "ws-frame.h"

static void
valid_codes_are_those_of_the_registry (void)
{
  const struct
  {
    guint16 from;
    guint16 to;
    gboolean is_valid;
  } ranges[] = {
    { 0, 999, FALSE },      /* not used */
    { 1000, 1003, TRUE },   /* §7.4.1 */
    { 1004, 1006, FALSE },  /* reserved, or never sent */
    { 1007, 1011, TRUE },   /* §7.4.1 */
    { 1012, 1014, TRUE },   /* service restart, try again later, bad gateway */
    { 1015, 1015, FALSE },  /* never sent */
    { 1016, 2999, FALSE },  /* reserved for future RFCs */
    { 3000, 4999, TRUE },   /* for libraries and applications */
    { 5000, 65535, FALSE }, /* not used */
  };
  guint next = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (ranges); i++)
    {
      g_assert_cmpuint (ranges[i].from, ==, next);
      for (; next <= ranges[i].to; next++)
        if (ws_close_code_is_valid (next) != ranges[i].is_valid)
          g_error ("%u", next);
    }
  g_assert_cmpuint (next, ==, 65536);
}

static void
assert_parsed (const char *payload, gsize size, gboolean is_good, guint16 code)
{
  g_autofree guint8 *copy = g_memdup2 (payload, size);
  guint16 parsed = 0;

  g_assert_cmpint (ws_frame_parse_close (copy, size, &parsed), ==, is_good);
  g_assert_cmpuint (parsed, ==, code);
}

static void
payload_is_empty_or_code_and_text (void)
{
  char longest[WS_CONTROL_PAYLOAD_MAX];

  memset (longest, 'x', sizeof longest);
  memcpy (longest, "\x03\xE8", 2);

  assert_parsed ("", 0, TRUE, WS_CLOSE_NO_STATUS);
  assert_parsed ("\x03", 1, FALSE, WS_CLOSE_PROTOCOL_ERROR);
  assert_parsed ("\x03\xE8", 2, TRUE, 1000);
  assert_parsed ("\x03\xE8why", 5, TRUE, 1000);
  assert_parsed (longest, sizeof longest, TRUE, 1000);
  assert_parsed ("\x13\x87", 2, TRUE, 4999);
  assert_parsed ("\x03\xED", 2, FALSE, WS_CLOSE_PROTOCOL_ERROR);   /* 1005 */
  assert_parsed ("\x03\xEE", 2, FALSE, WS_CLOSE_PROTOCOL_ERROR);   /* 1006 */
  assert_parsed ("\x00\x00", 2, FALSE, WS_CLOSE_PROTOCOL_ERROR);   /* 0 */
  assert_parsed ("\xFF\xFF", 2, FALSE, WS_CLOSE_PROTOCOL_ERROR);   /* 65535 */
  assert_parsed ("\x03\xE8\xFF", 3, FALSE, WS_CLOSE_INVALID_DATA); /* invalid UTF-8 */
  assert_parsed ("\x03\xE8\xC3", 3, FALSE, WS_CLOSE_INVALID_DATA); /* incomplete character */
  assert_parsed ("\x03\xE8\xC3\x9F", 4, TRUE, 1000);
}

static void
all_codes_are_parsed_if_valid (void)
{
  for (guint code = 0; code <= 65535; code++)
    {
      const char payload[] = { code >> 8, code & 0xFF };
      const gboolean is_valid = ws_close_code_is_valid (code);

      assert_parsed (payload, sizeof payload, is_valid, is_valid ? code : WS_CLOSE_PROTOCOL_ERROR);
    }
}

/* Encodes a close frame and parses it. @reason: (out). */
static void
encode (guint16 code, const char *given, char reason[WS_CLOSE_REASON_MAX + 1])
{
  g_autofree guint8 *out = g_malloc (WS_CONTROL_FRAME_MAX);
  const gsize size = ws_frame_encode_close (out, code, given);

  g_assert_cmphex (out[0], ==, 0x88);
  g_assert_cmpuint (out[1], ==, size - 2);
  g_assert_cmpuint (out[1], >=, 2);
  g_assert_cmpuint (out[1], <=, WS_CONTROL_PAYLOAD_MAX);
  g_assert_cmpuint (out[2] << 8 | out[3], ==, code);
  memcpy (reason, out + 4, size - 4);
  reason[size - 4] = '\0';
}

static void
code_and_reason_are_encoded (void)
{
  char reason[WS_CLOSE_REASON_MAX + 1];

  encode (WS_CLOSE_SERVICE_RESTART, "service restart", reason);
  g_assert_cmpstr (reason, ==, "service restart");
  encode (WS_CLOSE_NORMAL, NULL, reason);
  g_assert_cmpstr (reason, ==, "");
  encode (4999, "", reason);
  g_assert_cmpstr (reason, ==, "");
}

static void
no_status_makes_an_empty_frame (void)
{
  guint8 out[WS_CONTROL_FRAME_MAX];

  g_assert_cmpuint (ws_frame_encode_close (out, WS_CLOSE_NO_STATUS, "not said"), ==, 2);
  g_assert_cmphex (out[0], ==, 0x88);
  g_assert_cmphex (out[1], ==, 0x00);
}

/* Characters of one to four bytes, at all positions relative to the limit. */
static void
long_reason_is_truncated_between_characters (void)
{
  const char *const characters[] = { "a", "ß", "€", "🛰" };

  for (gsize i = 0; i < G_N_ELEMENTS (characters); i++)
    for (gsize shift = 0; shift < 4; shift++)
      for (gsize over = 0; over < 3; over++)
        {
          const gsize width = strlen (characters[i]);
          const gsize fitting = (WS_CLOSE_REASON_MAX - shift) / width;
          g_autoptr (GString) given = g_string_new_len ("xxxx", shift);
          char reason[WS_CLOSE_REASON_MAX + 1];

          for (gsize k = 0; k < fitting + over; k++)
            g_string_append (given, characters[i]);
          encode (WS_CLOSE_NORMAL, given->str, reason);
          g_string_truncate (given, shift + fitting * width);
          g_assert_cmpstr (reason, ==, given->str);
        }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/close-frame/codes", valid_codes_are_those_of_the_registry);
  g_test_add_func ("/close-frame/parse", payload_is_empty_or_code_and_text);
  g_test_add_func ("/close-frame/parse/codes", all_codes_are_parsed_if_valid);
  g_test_add_func ("/close-frame/encode", code_and_reason_are_encoded);
  g_test_add_func ("/close-frame/encode/empty", no_status_makes_an_empty_frame);
  g_test_add_func ("/close-frame/encode/truncated", long_reason_is_truncated_between_characters);

  return g_test_run ();
}
