/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-frame.h"
#include "ws-memfd.h"

/* Message id, of the same form as the ids of a Redis stream; ids only increase. */
typedef struct
{
  guint64 ms; /* since 1970 */
  guint64 seq;
} WsId;

/* For "1700000000000-18446744073709551615" and longer ids. */
#define WS_ID_STRING_SIZE 42

typedef struct
{
  WsId id;
  guint64 offset;
} WsLogEntry;

/* Start of the file. The index follows on the next page, then the ring. */
typedef struct
{
  WsMemfdHeader common;
  guint64 size;     /* of the ring, bytes */
  guint64 capacity; /* of the index, entries */
  guint64 head;     /* offset after the newest frame */
  guint64 oldest;   /* number of the oldest message held */
  guint64 count;    /* number of the next message: messages ever appended */
  WsId last;
} WsLogHeader;

/* A ring of encoded frames, one after another, and an index of them. Offsets count bytes since the
 * log was made and never wrap; the ring holds the bytes from tail to head. Only this module writes
 * the fields. */
typedef struct
{
  int fd;              /* owned: memory file (memfd_create(2)) */
  gsize size;          /* of the ring, bytes */
  WsLogHeader *header; /* owned: mapping */
  WsLogEntry *index;   /* in the mapping of header */
  guint8 *ring;        /* owned: two mappings of the same pages */
} WsLog;

/* @size: capacity for frames in bytes, rounded up to whole pages.
 * Returns: (transfer full): the log, or NULL with a #GFileError. */
WsLog *ws_log_new (gsize size, GError **error);

/* Opens a log that another process made. The cost does not depend on the size of the log: all of
 * the header and a sample of the index are checked, and each index entry is checked again when it
 * is used. Nothing is written before the first append.
 * @fd: (transfer full), also on failure: the memory of the log. Returns: (transfer full): NULL with
 * a #GFileError if the layout is not supported or the log is damaged. */
WsLog *ws_log_adopt (int fd, GError **error);

/* Makes a log of @size bytes with the newest messages of @from that fit. They keep their offsets,
 * numbers and ids. Returns: (transfer full): NULL with a #GFileError. */
WsLog *ws_log_copy (const WsLog *from, gsize size, GError **error);

void ws_log_free (WsLog *log);

/* Returns: the offset of the oldest frame held. */
guint64 ws_log_get_tail (const WsLog *log);

/* Returns: the offset from which the bytes, or the messages, up to the head fill half the log; the
 * tail while less than half is used. */
guint64 ws_log_get_middle (const WsLog *log);

/* Returns: the tail after appending a message of @length bytes, whose frame fits into the log. The
 * bytes before it can still be sent now. */
guint64 ws_log_get_tail_after (const WsLog *log, gsize length);

/* Encodes and appends a message, and removes the oldest ones if it needs their space. @now_ms: time
 * since 1970; if the clock was set back, ids continue from the last one. Returns: the new id. */
WsId ws_log_append (WsLog *log, WsOpcode opcode, const guint8 *data, gsize length, guint64 now_ms);

/* Returns: the bytes from @offset (tail … head), contiguous up to the head. */
const guint8 *ws_log_at (const WsLog *log, guint64 offset);

/* Returns: the number of the first message that begins at or after @offset (tail … head). The first
 * message ever appended is number 0. */
guint64 ws_log_find_offset (const WsLog *log, guint64 offset);

/* Returns: the first frame boundary at or after @offset (tail … head). */
guint64 ws_log_get_boundary (const WsLog *log, guint64 offset);

/* Returns: negative if @a is less than @b, 0 if they are equal, else positive. */
int ws_id_compare (const WsId *a, const WsId *b);

/* Writes "<ms>-<seq>". */
void ws_id_format (const WsId *id, char out[WS_ID_STRING_SIZE]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsLog, ws_log_free)
