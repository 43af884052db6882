/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* The parsers accept no sign, no fraction, and no space at either end. On error
 * (%G_NUMBER_PARSER_ERROR: INVALID or OUT_OF_BOUNDS) they leave the result unchanged, and the
 * message quotes @text and describes valid values. */

/* The syntax is that of systemd.time(7), with units up to weeks: "10" (seconds), "500ms", "5 min",
 * "1h30min", "1h 30min". */
gboolean rd_units_parse_duration (const char *text, gint64 *duration_us, GError **error);

/* Units have base 1024: "4096" (bytes), "64K", "64KiB", "4MiB", "1GiB", "1TiB". "MB" is ambiguous,
 * and invalid. */
gboolean rd_units_parse_size (const char *text, gint64 *bytes, GError **error);

/* Returns: (transfer full): text that is parsed to the same value: "1h 30min", "250ms", "0". */
char *rd_units_format_duration (guint64 duration_us);

/* Returns: (transfer full): the size in the largest unit that needs no fraction: "64KiB", "1000".
 */
char *rd_units_format_size (guint64 bytes);

/* Returns: (transfer full): a duration in its two largest units: "55s", "29min 55s", "1h 30min". */
char *rd_units_format_seconds (guint seconds);
