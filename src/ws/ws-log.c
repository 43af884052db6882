/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The message log: header, index and ring of frames in one memory file, shared with the new worker
 * in an upgrade. The ring is mapped twice, side by side, so that any part of it is contiguous. */

#include "ws-log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOG_MAGIC  G_GUINT64_CONSTANT (0x676f6c2d64722d31) /* "1-rd-log" in memory */
#define LOG_LAYOUT 1

/* The index has one entry for this many bytes of the ring. Each message uses one entry, so if the
 * average frame is shorter than this, the index is full before the ring. */
#define BYTES_PER_ENTRY 64

/* Maximum number of index entries checked by ws_log_adopt(). Each check may cause a page fault. */
#define SAMPLES 64

static const WsMemfdHeader log_header = { LOG_MAGIC, LOG_LAYOUT };

/* Returns: the size in bytes of header and index for a ring of @size bytes. */
static gsize
front_size_of (gsize size)
{
  return ws_memfd_round (1) + ws_memfd_round (size / BYTES_PER_ENTRY * sizeof (WsLogEntry));
}

/* Maps header, index and ring of @size bytes, and then the ring again after itself. */
static gboolean
map (WsLog *log, gsize size, GError **error)
{
  const gsize front_size = front_size_of (size);
  const int protection = PROT_READ | PROT_WRITE;
  guint8 *start = mmap (NULL, front_size + 2 * size, protection, MAP_SHARED, log->fd, 0);

  log->size = size;
  if (start != MAP_FAILED)
    {
      log->header = (gpointer) start;
      log->index = (gpointer) (start + ws_memfd_round (1));
      log->ring = start + front_size;
      start = mmap (log->ring + size, size, protection, MAP_SHARED | MAP_FIXED, log->fd,
                    front_size);
    }
  if (start == MAP_FAILED)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                 "cannot map the message log (%zu bytes) twice: %s", size, g_strerror (errno));
  return start != MAP_FAILED;
}

WsLog *
ws_log_new (gsize size, GError **error)
{
  g_autoptr (WsLog) log = g_new0 (WsLog, 1);

  size = ws_memfd_round (MAX (size, 1));
  log->fd = ws_memfd_create ("ringdown-log", front_size_of (size) + size, error);
  if (log->fd < 0 || !map (log, size, error))
    return NULL;

  *log->header
    = (WsLogHeader){ .common = log_header, .size = size, .capacity = size / BYTES_PER_ENTRY };
  return g_steal_pointer (&log);
}

void
ws_log_free (WsLog *log)
{
  if (log->header != NULL)
    munmap (log->header, front_size_of (log->size) + 2 * log->size);
  if (log->fd >= 0)
    close (log->fd);
  g_free (log);
}

/* Returns: the offset of message @number, or the head if its index entry is damaged or @number is
 * header->count. @number must be between header->oldest and header->count. */
static inline guint64
offset_of (const WsLog *log, guint64 number)
{
  const WsLogHeader *header = log->header;
  guint64 offset;

  if (number == header->count)
    return header->head;

  offset = log->index[number % header->capacity].offset;
  return G_LIKELY (offset <= header->head && header->head - offset <= log->size) ? offset
                                                                                 : header->head;
}

/* Reads the header. Returns: TRUE, or FALSE with an error if the header does not match the file. */
static gboolean
check_header (int fd, WsLogHeader *header, GError **error)
{
  if (!ws_memfd_read_header (fd, &log_header, "the log", header, sizeof *header, error))
    return FALSE;
  if (header->size == 0 || header->size > G_MAXSSIZE / 4
      || header->size != ws_memfd_round (header->size)
      || header->capacity != header->size / BYTES_PER_ENTRY
      || ws_memfd_get_size (fd) != front_size_of (header->size) + header->size)
    return ws_memfd_set_damaged (error, "the log");

  return TRUE;
}

/* Returns: whether the header agrees with some index entries: the first, the last and a sample. */
static gboolean
is_sound (const WsLog *log)
{
  const WsLogHeader *header = log->header;
  const guint64 held = header->count - header->oldest;
  const guint64 samples = MIN (held, SAMPLES);
  const WsLogEntry *before = NULL;

  if (header->head > G_MAXINT64 || header->count > G_MAXINT64 || header->oldest > header->count
      || held > header->capacity)
    return FALSE;

  for (guint64 i = 0; i < samples; i++)
    {
      const guint64 number = header->count - 1
                             - (held - 1) * (samples - 1 - i) / MAX (samples - 1, 1);
      const WsLogEntry *entry = &log->index[number % header->capacity];

      if (entry->offset >= header->head || header->head - entry->offset > log->size
          || (before != NULL
              && (entry->offset <= before->offset || ws_id_compare (&entry->id, &before->id) <= 0)))
        return FALSE;
      before = entry;
    }

  return before == NULL || ws_id_compare (&before->id, &header->last) <= 0;
}

WsLog *
ws_log_adopt (int fd, GError **error)
{
  g_autoptr (WsLog) log = g_new0 (WsLog, 1);
  WsLogHeader header;

  log->fd = fd;
  if (!check_header (fd, &header, error) || !map (log, header.size, error))
    return NULL;
  if (!is_sound (log))
    {
      ws_memfd_set_damaged (error, "the log");
      return NULL;
    }

  return g_steal_pointer (&log);
}

WsLog *
ws_log_copy (const WsLog *from, gsize size, GError **error)
{
  WsLog *log = ws_log_new (size, error);
  WsLogHeader *header;
  guint64 tail;

  if (log == NULL)
    return NULL;

  header = log->header;
  header->head = from->header->head;
  header->count = from->header->count;
  header->last = from->header->last;
  header->oldest = MAX (from->header->oldest,
                        header->count - MIN (header->count, header->capacity));
  if (header->head - offset_of (from, header->oldest) > log->size)
    header->oldest = MAX (header->oldest, ws_log_find_offset (from, header->head - log->size));

  for (guint64 number = header->oldest; number < header->count; number++)
    log->index[number % header->capacity] = from->index[number % from->header->capacity];
  tail = MAX (offset_of (from, header->oldest), header->head - MIN (header->head, log->size));
  memcpy (log->ring + tail % log->size, ws_log_at (from, tail), header->head - tail);
  return log;
}

guint64
ws_log_get_tail (const WsLog *log)
{
  return offset_of (log, log->header->oldest);
}

guint64
ws_log_get_middle (const WsLog *log)
{
  const WsLogHeader *header = log->header;
  const guint64 held = header->count - header->oldest;
  const guint64 by_count = offset_of (log, header->count - MIN (held, header->capacity / 2));

  return MAX (by_count, header->head - MIN (header->head, log->size / 2));
}

/* Returns: the value of header->oldest after appending a frame of @frame_size bytes. */
static guint64
oldest_after (const WsLog *log, gsize frame_size)
{
  const WsLogHeader *header = log->header;
  guint64 end = header->head + frame_size;
  guint64 oldest = header->oldest;

  g_assert (frame_size <= log->size);

  if (header->count - oldest == header->capacity)
    oldest++;
  while (end - offset_of (log, oldest) > log->size)
    oldest++;

  return oldest;
}

guint64
ws_log_get_tail_after (const WsLog *log, gsize length)
{
  return offset_of (log, oldest_after (log, ws_frame_size (length)));
}

WsId
ws_log_append (WsLog *log, WsOpcode opcode, const guint8 *data, gsize length, guint64 now_ms)
{
  WsLogHeader *header = log->header;
  guint8 *out = log->ring + header->head % log->size;
  gsize header_size;

  header->oldest = oldest_after (log, ws_frame_size (length));
  header_size = ws_frame_encode_header (out, opcode, length);
  if (length > 0)
    memcpy (out + header_size, data, length);

  if (now_ms > header->last.ms)
    header->last = (WsId){ .ms = now_ms };
  else
    header->last.seq++;
  log->index[header->count % header->capacity] = (WsLogEntry){ .id = header->last,
                                                               .offset = header->head };
  header->count++;
  header->head += header_size + length;
  return header->last;
}

const guint8 *
ws_log_at (const WsLog *log, guint64 offset)
{
  return log->ring + offset % log->size;
}

guint64
ws_log_find_offset (const WsLog *log, guint64 offset)
{
  guint64 low = log->header->oldest;
  guint64 high = log->header->count;

  while (low < high)
    {
      guint64 middle = low + (high - low) / 2;

      if (offset_of (log, middle) < offset)
        low = middle + 1;
      else
        high = middle;
    }

  return low;
}

guint64
ws_log_get_boundary (const WsLog *log, guint64 offset)
{
  return MAX (offset_of (log, ws_log_find_offset (log, offset)), offset);
}

int
ws_id_compare (const WsId *a, const WsId *b)
{
  if (a->ms != b->ms)
    return a->ms < b->ms ? -1 : 1;

  return a->seq == b->seq ? 0 : a->seq < b->seq ? -1 : 1;
}

void
ws_id_format (const WsId *id, char out[WS_ID_STRING_SIZE])
{
  snprintf (out, WS_ID_STRING_SIZE, "%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, id->ms, id->seq);
}
