/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-frame.h"

G_BEGIN_DECLS

/* A ring of encoded frames, back to back, and an index of them. Offsets count bytes since the
 * log began and never wrap; the ring holds those from tail to head. */
typedef struct _WsLog WsLog;

/* Names a message, as the entries of a Redis stream are named; only grows. */
typedef struct
{
  guint64 ms; /* since 1970 */
  guint64 seq;
} WsId;

/* "1700000000000-18446744073709551615" and what is longer yet */
#define WS_ID_STRING_SIZE 42

/* @size: bytes of frames to hold, rounded up to whole pages.
 * Returns: (transfer full): the log, or NULL with a #GFileError. */
WsLog *ws_log_new (gsize size, GError **error);

/* Goes on with a log that another process made, whose descriptor this is; nothing is written until
 * something is appended.
 * @fd: (transfer full), also on failure. Returns: (transfer full): NULL with a #GFileError, also
 * where it is of another layout, or damaged in a way that could do harm. */
WsLog *ws_log_adopt (int fd, GError **error);

/* Makes a log of @size with the newest messages of @from, as many as fit. They keep their offsets,
 * numbers and ids. Returns: (transfer full): NULL with a #GFileError. */
WsLog *ws_log_copy (const WsLog *from, gsize size, GError **error);

void ws_log_free (WsLog *log);

/* Returns: (transfer none): its memory, which is all of it (memfd_create(2)). */
int ws_log_get_fd (const WsLog *log);

gsize ws_log_get_size (const WsLog *log);

/* The offset behind the newest frame, and that of the oldest one still held. */
guint64 ws_log_get_head (const WsLog *log);
guint64 ws_log_get_tail (const WsLog *log);

/* How many messages were ever appended, and how many the log can hold at the most. */
guint64 ws_log_get_count (const WsLog *log);
guint64 ws_log_get_count_max (const WsLog *log);

/* Where the tail will be after a message of @length bytes. What lies before is still there until
 * then: the last chance to send it. @length: such that its frame fits the log. */
guint64 ws_log_get_tail_after (const WsLog *log, gsize length);

/* Encodes a message and appends it; the oldest make room. @now_ms: since 1970; where the clock went
 * back, the id goes on from the last one. Returns: the message's id. */
WsId ws_log_append (WsLog *log, WsOpcode opcode, const guint8 *data, gsize length, guint64 now_ms);

/* The bytes from @offset (tail … head) on, in one piece up to the head, across the ring's end. */
const guint8 *ws_log_at (const WsLog *log, guint64 offset);

/* The number of the first message that begins at @offset (tail … head) or behind it; the first
 * message ever is number 0. */
guint64 ws_log_find_offset (const WsLog *log, guint64 offset);

/* The first boundary between frames at @offset (tail … head) or behind it. */
guint64 ws_log_get_boundary (const WsLog *log, guint64 offset);

/* Where a reader goes on who has seen @id: the first message with a greater one.
 * Returns: FALSE if what followed @id may be gone from the log already. */
gboolean ws_log_find_id (const WsLog *log, const WsId *id, guint64 *offset);

/* The order of ids: negative where @a comes before @b, 0 where they are the same, else positive. */
int ws_id_compare (const WsId *a, const WsId *b);

/* Writes "<ms>-<seq>". */
void ws_id_format (const WsId *id, char out[WS_ID_STRING_SIZE]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsLog, ws_log_free)

G_END_DECLS
