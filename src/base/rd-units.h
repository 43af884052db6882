/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Both parsers take the whole of @text or nothing: no sign, no fraction, no space at either end. On
 * error (%G_NUMBER_PARSER_ERROR: INVALID or OUT_OF_BOUNDS) the result is left alone, and the
 * message is a sentence: it quotes @text and says what to give instead. */

/* As in systemd.time(7), up to weeks: "10" (seconds), "500ms", "5 min", "1h30min", "1h 30min". */
gboolean rd_units_parse_duration (const char *text, gint64 *duration_us, GError **error);

/* Base 1024: "4096" (bytes), "64K", "64KiB", "4MiB", "1GiB", "1TiB". Never "MB": it is either. */
gboolean rd_units_parse_size (const char *text, gint64 *bytes, GError **error);

/* Returns: (transfer full): what the parsers take for the same: "1h 30min", "250ms", "0"; of a size
 * with the largest unit that leaves no fraction: "64KiB", "1000". */
char *rd_units_format_duration (guint64 duration_us);
char *rd_units_format_size (guint64 bytes);

/* Returns: (transfer full): "55s", "29min 55s", "1h 30min". */
char *rd_units_format_seconds (guint seconds);

G_END_DECLS
