/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A histogram of the longest silence of each receiver, with buckets of one millisecond. A pause of
 * the server shows in all receivers. Histograms can be added up. */

#include "load-silence.h"

enum
{
  US_PER_MS = 1000,
  MOST_MS = 600 * 1000, /* longer silences are counted as this */
};

LoadSilence *
load_silence_new (void)
{
  LoadSilence *silence = g_new0 (LoadSilence, 1);

  silence->counts = g_array_new (FALSE, TRUE, sizeof (guint));
  return silence;
}

void
load_silence_free (LoadSilence *silence)
{
  g_array_unref (silence->counts);
  g_free (silence);
}

void
load_silence_add (LoadSilence *silence, gint64 longest_us)
{
  guint ms = MIN (longest_us / US_PER_MS, MOST_MS);

  if (ms >= silence->counts->len)
    g_array_set_size (silence->counts, ms + 1);
  g_array_index (silence->counts, guint, ms)++;
  silence->receivers++;
  silence->max_us = MAX (silence->max_us, longest_us);
}

guint
load_silence_get_ms (const LoadSilence *silence, double fraction)
{
  guint wanted = silence->receivers * fraction;
  guint passed = 0;

  for (guint ms = 0; ms < silence->counts->len; ms++)
    {
      passed += g_array_index (silence->counts, guint, ms);
      if (passed > wanted)
        return ms;
    }
  return silence->max_us / US_PER_MS;
}
