/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Incremental UTF-8 validation (RFC 3629), compared with GLib's validator. */

#include <string.h>

#include "ws-utf8.h"

/* Validates in one call. */
static gboolean
is_text (const guint8 *data, gsize size)
{
  WsUtf8 utf8 = { 0 };

  return ws_utf8_feed (&utf8, data, size) && ws_utf8_is_complete (&utf8);
}

/* Validates with GLib. As GLib refuses NUL, NUL is replaced first. */
static gboolean
glib_is_text (const guint8 *data, gsize size)
{
  g_autofree char *copy = g_malloc (size + 1);

  memcpy (copy, data, size);
  for (gsize i = 0; i < size; i++)
    if (copy[i] == '\0')
      copy[i] = 'a';

  return g_utf8_validate_len (copy, size, NULL);
}

static void
all_characters_are_valid (void)
{
  for (gunichar c = 0; c <= 0x10FFFF; c++)
    {
      char out[6];
      const gboolean is_surrogate = c >= 0xD800 && c <= 0xDFFF;
      const gsize size = g_unichar_to_utf8 (c, out); /* surrogates included */

      if (is_text ((const guint8 *) out, size) == is_surrogate)
        g_error ("U+%04X", c);
    }
}

/* All pairs of first bytes, followed by the limits of all ranges. */
static void
all_first_bytes_agree_with_glib (void)
{
  const guint8 third[] = { 0x00, 0x7F, 0x80, 0x8F, 0xBF, 0xC2 };
  const guint8 fourth[] = { 0x7F, 0x80, 0xBF, 0xE1 };

  for (guint pair = 0; pair <= 0xFFFF; pair++)
    for (gsize i = 0; i < G_N_ELEMENTS (third); i++)
      for (gsize k = 0; k < G_N_ELEMENTS (fourth); k++)
        {
          const guint8 data[] = { pair >> 8, pair & 0xFF, third[i], fourth[k] };

          for (gsize size = 0; size <= sizeof data; size++)
            if (is_text (data, size) != glib_is_text (data, size))
              g_error ("%zu of %02X %02X %02X %02X", size, data[0], data[1], data[2], data[3]);
          if (pair >> 8 < 0xC0)
            break; /* the first byte is a complete character, or invalid */
        }
}

static void
error_is_found_at_the_first_invalid_byte (void)
{
  const struct
  {
    const char *bytes;
    gsize good; /* number of valid bytes at the front */
  } cases[] = {
    { "\x80", 0 },             /* unexpected continuation byte */
    { "\xBF", 0 },             /* … */
    { "a\x80", 1 },            /* … */
    { "\xC0\x80", 0 },         /* overlong NUL */
    { "\xC1\xBF", 0 },         /* overlong U+007F */
    { "\xC2\xC2", 1 },         /* missing continuation byte */
    { "\xC2 ", 1 },            /* … */
    { "\xE0\x9F\xBF", 1 },     /* overlong U+07FF */
    { "\xED\xA0\x80", 1 },     /* U+D800 */
    { "\xED\xBF\xBF", 1 },     /* U+DFFF */
    { "\xE2\x82 ", 2 },        /* missing continuation byte */
    { "\xF0\x8F\xBF\xBF", 1 }, /* overlong U+FFFF */
    { "\xF4\x90\x80\x80", 1 }, /* U+110000 */
    { "\xF0\x9F\x9B ", 3 },    /* missing continuation byte */
    { "\xF5\x80\x80\x80", 0 }, /* beyond Unicode */
    { "\xF8\x88\x80\x80", 0 }, /* five bytes, RFC 2279 */
    { "\xFE", 0 },             /* invalid byte */
    { "\xFF", 0 },             /* … */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const guint8 *bytes = (const guint8 *) cases[i].bytes;
      WsUtf8 whole = { 0 };
      WsUtf8 utf8 = { 0 };

      g_test_message ("case %zu", i);
      g_assert_false (ws_utf8_feed (&whole, bytes, strlen (cases[i].bytes)));
      g_assert_true (ws_utf8_feed (&utf8, bytes, cases[i].good));
      g_assert_false (ws_utf8_feed (&utf8, bytes + cases[i].good, 1));
    }
}

/* The validator skips ASCII in words: an invalid byte must be found at any position in a word. */
static void
invalid_byte_in_ascii_is_found_anywhere (void)
{
  for (gsize size = 1; size < 40; size++)
    for (gsize at = 0; at < size; at++)
      {
        g_autofree guint8 *data = g_malloc (size);

        memset (data, 'x', size);
        g_assert_true (is_text (data, size));
        data[at] = 0xFF;
        g_assert_false (is_text (data, size));
        data[at] = 0x00;
        g_assert_true (is_text (data, size));
      }
}

static void
text_may_be_split_anywhere (void)
{
  const char text[] = "Ringdown 🛰 läutet für 5 €, und dann ist Schluß";
  const guint8 *data = (const guint8 *) text;
  const gsize size = strlen (text);

  for (gsize first = 0; first <= size; first++)
    for (gsize second = first; second <= size; second++)
      {
        WsUtf8 utf8 = { 0 };

        g_assert_true (ws_utf8_feed (&utf8, data, first));
        g_assert_true (ws_utf8_feed (&utf8, data + first, second - first));
        g_assert_cmpint (ws_utf8_is_complete (&utf8), ==, g_utf8_validate_len (text, second, NULL));
        g_assert_true (ws_utf8_feed (&utf8, data + second, size - second));
        g_assert_true (ws_utf8_is_complete (&utf8));
      }
}

static void
empty_text_is_valid (void)
{
  WsUtf8 utf8 = { 0 };

  g_assert_true (ws_utf8_is_complete (&utf8));
  g_assert_true (ws_utf8_feed (&utf8, NULL, 0));
  g_assert_true (ws_utf8_is_complete (&utf8));
}

static void
complete_text_ends_with_a_character_and_may_contain_nul (void)
{
  g_assert_true (ws_utf8_is_text (NULL, 0));
  g_assert_true (ws_utf8_is_text ((const guint8 *) "a\0b", 3));
  g_assert_true (ws_utf8_is_text ((const guint8 *) "🛰", 4));
  g_assert_false (ws_utf8_is_text ((const guint8 *) "🛰", 3));
  g_assert_false (ws_utf8_is_text ((const guint8 *) "\xff", 1));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/utf8/characters", all_characters_are_valid);
  g_test_add_func ("/utf8/beginnings", all_first_bytes_agree_with_glib);
  g_test_add_func ("/utf8/fail-fast", error_is_found_at_the_first_invalid_byte);
  g_test_add_func ("/utf8/ascii", invalid_byte_in_ascii_is_found_anywhere);
  g_test_add_func ("/utf8/split", text_may_be_split_anywhere);
  g_test_add_func ("/utf8/empty", empty_text_is_valid);
  g_test_add_func ("/utf8/complete", complete_text_ends_with_a_character_and_may_contain_nul);

  return g_test_run ();
}
