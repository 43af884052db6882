/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* The longest time without a message of each receiver, in one period. */
typedef struct
{
  GArray *counts; /* owned, of guint: number of receivers, indexed by whole ms */
  guint receivers;
  gint64 max_us;
} LoadSilence;

LoadSilence *load_silence_new (void);
void load_silence_free (LoadSilence *silence);

/* Adds a receiver. */
void load_silence_add (LoadSilence *silence, gint64 longest_us);

/* Returns a quantile in whole ms; 0 without receivers. @fraction: 0.5 for the median. */
guint load_silence_get_ms (const LoadSilence *silence, double fraction);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoadSilence, load_silence_free)
