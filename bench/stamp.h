/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

enum
{
  STAMP_SIZE = 24, /* bytes of ASCII at the start of a payload */
};

typedef struct
{
  guint16 sender;
  guint32 sequence; /* from 1 */
  guint64 time_us;  /* modulo 2^48 (nine years), see stamp_age_us() */
} Stamp;

/* Writes STAMP_SIZE bytes to @payload. @tag: number of the run. */
void stamp_write (guint8 *payload, guint32 tag, const Stamp *stamp);

/* Reads a stamp. Returns FALSE if @payload does not start with a stamp of @tag. */
gboolean stamp_read (const guint8 *payload, guint64 length, guint32 tag, Stamp *stamp);

/* Returns the microseconds from the time of @stamp to @now_us. */
guint64 stamp_age_us (const Stamp *stamp, gint64 now_us);
