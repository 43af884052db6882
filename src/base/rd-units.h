/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* The parsers reject signs, fractions, and leading or trailing spaces. On error they return FALSE
 * with %G_NUMBER_PARSER_ERROR_INVALID or %G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS, and leave the result
 * unchanged. The error message quotes @text and describes valid values. */

/* Parses a duration in the syntax of systemd.time(7), with units up to weeks, for example "10"
 * (seconds), "500ms", "5 min", "1h30min" or "1h 30min". */
gboolean rd_units_parse_duration (const char *text, gint64 *duration_us, GError **error);

/* Parses a size, for example "4096" (bytes), "64K", "64KiB", "4MiB" or "1TiB". Units are powers of
 * 1024. Rejects "MB", which could mean 1000² or 1024² bytes. */
gboolean rd_units_parse_size (const char *text, gint64 *bytes, GError **error);

/* Returns: (transfer full): @duration_us, not rounded, as text for rd_units_parse_duration(),
 * such as "1h 30min", "250ms" or "0". */
char *rd_units_format_duration (guint64 duration_us);

/* Returns: (transfer full): @bytes in the largest unit that needs no fraction: "64KiB", "1000". */
char *rd_units_format_size (guint64 bytes);

/* Returns: (transfer full): @seconds in at most two units: "55s", "29min 55s", "1h 30min". */
char *rd_units_format_seconds (guint seconds);
