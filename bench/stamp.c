/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Stamps of the messages of the load generator: sender, sequence number and time. A stamp is text,
 * so that the server has UTF-8 to check: three words of 48 bits, each as eight characters of six
 * bits from '0' on, least significant first. Reading takes three loads and a few shifts, since it
 * is done millions of times a second. */

#include "stamp.h"

#include <string.h>

static const guint64 time_mask = (G_GUINT64_CONSTANT (1) << 48) - 1;
static const guint64 magic = 0x5244; /* "RD": the upper bits of the first word */

static void
write_word (guint8 *out, guint64 word)
{
  for (guint i = 0; i < 8; i++)
    out[i] = '0' + (word >> (6 * i) & 0x3f);
}

/* Packs the low six bits of eight bytes: first in pairs, then pairs of pairs, then both halves. */
static guint64
read_word (const guint8 *in)
{
  guint64 word;

  memcpy (&word, in, sizeof word);
  word = GUINT64_FROM_LE (word) - G_GUINT64_CONSTANT (0x3030303030303030);
  word = (word & G_GUINT64_CONSTANT (0x003f003f003f003f))
         | (word & G_GUINT64_CONSTANT (0x3f003f003f003f00)) >> 2;
  word = (word & G_GUINT64_CONSTANT (0x00000fff00000fff))
         | (word & G_GUINT64_CONSTANT (0x0fff00000fff0000)) >> 4;
  return (word & 0xffffff) | (word >> 8 & G_GUINT64_CONSTANT (0xffffff000000));
}

void
stamp_write (guint8 *payload, guint32 tag, const Stamp *stamp)
{
  write_word (payload, magic << 32 | tag);
  write_word (payload + 8, (guint64) stamp->sender << 32 | stamp->sequence);
  write_word (payload + 16, stamp->time_us & time_mask);
}

gboolean
stamp_read (const guint8 *payload, guint64 length, guint32 tag, Stamp *stamp)
{
  guint64 word;

  if (length < STAMP_SIZE || read_word (payload) != (magic << 32 | tag))
    return FALSE;
  word = read_word (payload + 8);
  stamp->sender = word >> 32;
  stamp->sequence = word;
  stamp->time_us = read_word (payload + 16);
  return TRUE;
}

guint64
stamp_age_us (const Stamp *stamp, gint64 now_us)
{
  return ((guint64) now_us - stamp->time_us) & time_mask;
}
