/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Sizes of the pieces in which a fuzz target feeds its input, derived from one byte. */
typedef struct
{
  guint32 state; /* initially the byte; 0: one byte per piece */
} Cuts;

/* Returns the size of the next piece; 0 if @left is 0. */
static inline gsize
next_piece (Cuts *cuts, gsize left)
{
  if (left == 0)
    return 0;
  if (cuts->state == 0)
    return 1;

  cuts->state = cuts->state * 1664525 + 1013904223;
  return MIN (left, 1 + (cuts->state >> 24) % 37);
}
