/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* For how long receivers went without a message: of each its longest silence in one stretch of
 * time. */
typedef struct
{
  GArray *counts; /* owned, of guint: how many receivers were silent for so many whole ms */
  guint receivers;
  gint64 max_us;
} LoadSilence;

LoadSilence *load_silence_new (void);
void load_silence_free (LoadSilence *silence);

/* Counts one receiver. */
void load_silence_add (LoadSilence *silence, gint64 longest_us);

/* @fraction: 0.5 for the median. Returns: whole ms; 0 without a receiver. */
guint load_silence_get_ms (const LoadSilence *silence, double fraction);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoadSilence, load_silence_free)
