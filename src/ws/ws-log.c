/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The log: header, index and ring of frames in one memfd, so that another process can go on with
 * it. The ring is mapped twice in a row, which makes every stretch of it contiguous. Does not know
 * who reads it: that nobody still needs what an append overwrites is the engine's care. */

#include "ws-log.h"

#include "ws-memfd.h"

#include <glib/gi18n.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOG_MAGIC  G_GUINT64_CONSTANT (0x676f6c2d64722d31) /* "1-rd-log" in memory */
#define LOG_LAYOUT 1

/* One index entry for so many bytes of ring. A message takes one entry; where messages are
 * shorter than this the index runs out first and bounds the history. */
#define BYTES_PER_ENTRY 64

typedef struct
{
  WsId id;
  guint64 offset;
} LogEntry;

/* At the beginning of the memfd; the index follows on the next page, then the ring. */
typedef struct
{
  guint64 magic;
  guint64 layout;
  guint64 size;     /* of the ring, bytes */
  guint64 capacity; /* of the index, entries */
  guint64 head;     /* offset */
  guint64 oldest;   /* number of the oldest message held */
  guint64 count;    /* number of the next message */
  WsId last;
} LogHeader;

struct _WsLog
{
  int fd;            /* owned */
  LogHeader *header; /* owned: mapping */
  gsize front_size;  /* of header and index, bytes */
  LogEntry *index;   /* within header's mapping */
  guint8 *ring;      /* owned: two mappings of the same */
};

static gboolean
map_ring (WsLog *log, gsize size)
{
  log->ring = mmap (NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  for (int i = 0; i < 2 && log->ring != MAP_FAILED; i++)
    if (mmap (log->ring + i * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, log->fd,
              log->front_size)
        == MAP_FAILED)
      return FALSE;

  return log->ring != MAP_FAILED;
}

WsLog *
ws_log_new (gsize size, GError **error)
{
  g_autoptr (WsLog) log = g_new0 (WsLog, 1);
  gsize page = ws_memfd_round (1);
  guint64 capacity;

  size = ws_memfd_round (MAX (size, 1));
  capacity = size / BYTES_PER_ENTRY;
  log->header = MAP_FAILED;
  log->ring = MAP_FAILED;
  log->front_size = page + ws_memfd_round (capacity * sizeof (LogEntry));
  log->fd = ws_memfd_create ("ringdown-log", log->front_size + size, error);
  if (log->fd < 0)
    return NULL;

  log->header = mmap (NULL, log->front_size, PROT_READ | PROT_WRITE, MAP_SHARED, log->fd, 0);
  if (log->header == MAP_FAILED)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                   _ ("cannot map the log’s index: %s"), g_strerror (errno));
      return NULL;
    }
  *log->header
    = (LogHeader){ .magic = LOG_MAGIC, .layout = LOG_LAYOUT, .size = size, .capacity = capacity };
  log->index = (gpointer) ((guint8 *) log->header + page);

  if (!map_ring (log, size))
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                   _ ("cannot map the log, twice %zu bytes: %s"), size, g_strerror (errno));
      return NULL;
    }

  return g_steal_pointer (&log);
}

void
ws_log_free (WsLog *log)
{
  if (log->ring != MAP_FAILED)
    munmap (log->ring, 2 * log->header->size);
  if (log->header != MAP_FAILED)
    munmap (log->header, log->front_size);
  if (log->fd >= 0)
    close (log->fd);
  g_free (log);
}

/* The offset at which message @number begins, oldest … count: the one to come begins at the head.
 */
static inline guint64
offset_of (const WsLog *log, guint64 number)
{
  const LogHeader *header = log->header;

  return number == header->count ? header->head : log->index[number % header->capacity].offset;
}

gsize
ws_log_get_size (const WsLog *log)
{
  return log->header->size;
}

guint64
ws_log_get_head (const WsLog *log)
{
  return log->header->head;
}

guint64
ws_log_get_tail (const WsLog *log)
{
  return offset_of (log, log->header->oldest);
}

guint64
ws_log_get_count (const WsLog *log)
{
  return log->header->count;
}

guint64
ws_log_get_count_max (const WsLog *log)
{
  return log->header->capacity;
}

/* Returns: the number of the oldest message that stays when a frame of @frame_size is appended. */
static guint64
oldest_after (const WsLog *log, gsize frame_size)
{
  const LogHeader *header = log->header;
  guint64 end = header->head + frame_size;
  guint64 oldest = header->oldest;

  g_assert (frame_size <= header->size);

  if (header->count - oldest == header->capacity)
    oldest++;
  while (end - offset_of (log, oldest) > header->size)
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
  LogHeader *header = log->header;
  guint8 *out = log->ring + header->head % header->size;
  gsize header_size;

  header->oldest = oldest_after (log, ws_frame_size (length));
  header_size = ws_frame_encode_header (out, opcode, length);
  if (length > 0)
    memcpy (out + header_size, data, length);

  if (now_ms > header->last.ms)
    header->last = (WsId){ .ms = now_ms };
  else
    header->last.seq++;
  log->index[header->count % header->capacity] = (LogEntry){ .id = header->last,
                                                             .offset = header->head };
  header->count++;
  header->head += header_size + length;
  return header->last;
}

const guint8 *
ws_log_at (const WsLog *log, guint64 offset)
{
  return log->ring + offset % log->header->size;
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
  return offset_of (log, ws_log_find_offset (log, offset));
}

int
ws_id_compare (const WsId *a, const WsId *b)
{
  if (a->ms != b->ms)
    return a->ms < b->ms ? -1 : 1;

  return a->seq == b->seq ? 0 : a->seq < b->seq ? -1 : 1;
}

gboolean
ws_log_find_id (const WsLog *log, const WsId *id, guint64 *offset)
{
  const LogHeader *header = log->header;
  guint64 low = header->oldest;
  guint64 high = header->count;

  while (low < high)
    {
      guint64 middle = low + (high - low) / 2;

      if (ws_id_compare (&log->index[middle % header->capacity].id, id) > 0)
        high = middle;
      else
        low = middle + 1;
    }

  *offset = offset_of (log, low);
  return low > header->oldest || header->oldest == 0;
}

void
ws_id_format (const WsId *id, char out[WS_ID_STRING_SIZE])
{
  snprintf (out, WS_ID_STRING_SIZE, "%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, id->ms, id->seq);
}
