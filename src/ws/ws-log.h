/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-frame.h"
#include "ws-memfd.h"

/* Message id, in the form of a Redis stream id. Each id is greater than all earlier ids. */
typedef struct
{
  guint64 ms;  /* milliseconds since 1970 */
  guint64 seq; /* distinguishes ids with the same @ms */
} WsId;

/* Size of a buffer that can hold any id as a string, including the terminating NUL, bytes. */
#define WS_ID_STRING_SIZE 42

typedef struct
{
  WsId id;
  guint64 offset; /* offset of the frame in the log */
} WsLogEntry;

/* Start of the memory file. The index begins on the next page; the ring follows the index. */
typedef struct
{
  WsMemfdHeader common;
  guint64 size;     /* size of the ring, bytes */
  guint64 capacity; /* maximum number of index entries */
  guint64 head;     /* offset of the end of the newest frame */
  guint64 oldest;   /* number of the oldest message in the log */
  guint64 count;    /* number of messages ever appended; also the number of the next message */
  WsId last;        /* id of the newest message */
} WsLogHeader;

/* A ring of encoded frames, and an index of these frames. Offsets count bytes since the log was
 * created and never wrap; the ring holds the bytes from tail to head. Only this module writes
 * the fields. */
typedef struct
{
  int fd;              /* owned: memory file (memfd_create(2)) */
  gsize size;          /* size of the ring, bytes */
  WsLogHeader *header; /* owned: mapping */
  WsLogEntry *index;   /* unowned: in the mapping of @header */
  guint8 *ring;        /* owned: two mappings of the same pages */
} WsLog;

/* Creates an empty log. @size: capacity for frames in bytes, rounded up to whole pages.
 * Returns: (transfer full) (nullable): the log, or NULL with a #GFileError. */
WsLog *ws_log_new (gsize size, GError **error);

/* Opens a log that another process created. Checks the header and a sample of the index entries, in
 * constant time; each index entry is checked again when it is used. Nothing is written to the log
 * until the first append. @fd: (transfer full), even on failure: the memory file of the log.
 * Returns: (transfer full) (nullable): the log, or NULL with a #GFileError if the layout is not
 * supported or the log is damaged. */
WsLog *ws_log_adopt (int fd, GError **error);

/* Creates a log of @size bytes, and copies the newest messages of @from to it, as many as fit. The
 * copied messages keep their offsets, numbers and ids.
 * Returns: (transfer full) (nullable): the log, or NULL with a #GFileError. */
WsLog *ws_log_copy (const WsLog *from, gsize size, GError **error);

void ws_log_free (WsLog *log);

/* Returns: the tail, which is the offset of the oldest frame in the log. */
guint64 ws_log_get_tail (const WsLog *log);

/* Returns: the offset at which the newest half of the log begins; it may be inside a frame. From
 * there to the head, at most half of the log's capacity is used, both in bytes and in number of
 * messages. If the log is at most half full, this is the tail. */
guint64 ws_log_get_middle (const WsLog *log);

/* Returns: the offset of the frame that will be the oldest in the log after a message of @length
 * bytes is appended. The frame of the message must fit into the log. Earlier frames remain in the
 * log, and can be sent, until the message is appended. */
guint64 ws_log_get_tail_after (const WsLog *log, gsize length);

/* Encodes and appends a message, removing the oldest messages if their space is needed. @now_ms:
 * time since 1970; if the clock was set back, ids continue from the last id. Returns: the id. */
WsId ws_log_append (WsLog *log, WsOpcode opcode, const guint8 *data, gsize length, guint64 now_ms);

/* Returns: the bytes from @offset to the head, contiguous in memory. @offset must be between tail
 * and head. */
const guint8 *ws_log_at (const WsLog *log, guint64 offset);

/* Returns: the number of the first message that begins at @offset or later. @offset must be between
 * tail and head. The first message ever appended is number 0. */
guint64 ws_log_find_offset (const WsLog *log, guint64 offset);

/* Returns: the first frame boundary at or after @offset, which must be between tail and head. */
guint64 ws_log_get_boundary (const WsLog *log, guint64 offset);

/* Returns: negative if @a is less than @b, 0 if they are equal, otherwise positive. */
int ws_id_compare (const WsId *a, const WsId *b);

/* Writes @id as "<ms>-<seq>". */
void ws_id_format (const WsId *id, char out[WS_ID_STRING_SIZE]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsLog, ws_log_free)
