/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The log: header, index and ring of frames in one memfd, so that another process can go on with
 * it. The ring is mapped twice in a row, which makes every stretch of it contiguous. Does not know
 * who reads it: that nobody still needs what an append overwrites is the engine's care. */

#include "ws-log.h"

#include "ws-memfd.h"

#include <glib/gi18n.h>
#include <errno.h>
#include <inttypes.h>
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

/* At the beginning of the memfd; the index follows on the next page, then the ring. The first two
 * fields are the same in every layout there will be. */
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
  gsize size;        /* as in the header */
  LogHeader *header; /* owned: mapping */
  gsize front_size;  /* of header and index, bytes */
  LogEntry *index;   /* within header's mapping */
  guint8 *ring;      /* owned: two mappings of the same */
};

/* Of header and index, for a ring of @size bytes. */
static gsize
front_size_of (gsize size)
{
  return ws_memfd_round (1) + ws_memfd_round (size / BYTES_PER_ENTRY * sizeof (LogEntry));
}

static gboolean
map_ring (WsLog *log)
{
  const gsize size = log->size;

  log->ring = mmap (NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  for (int i = 0; i < 2 && log->ring != MAP_FAILED; i++)
    if (mmap (log->ring + i * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, log->fd,
              log->front_size)
        == MAP_FAILED)
      return FALSE;

  return log->ring != MAP_FAILED;
}

/* Maps a log with a ring of @size bytes. @fd: (transfer full), also on failure. */
static WsLog *
log_on (int fd, gsize size, GError **error)
{
  g_autoptr (WsLog) log = g_new0 (WsLog, 1);

  log->fd = fd;
  log->size = size;
  log->ring = MAP_FAILED;
  log->front_size = front_size_of (size);
  log->header = mmap (NULL, log->front_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (log->header == MAP_FAILED)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                   _ ("cannot map the log’s index: %s"), g_strerror (errno));
      return NULL;
    }
  log->index = (gpointer) ((guint8 *) log->header + ws_memfd_round (1));

  if (!map_ring (log))
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                   _ ("cannot map the log, twice %zu bytes: %s"), size, g_strerror (errno));
      return NULL;
    }

  return g_steal_pointer (&log);
}

WsLog *
ws_log_new (gsize size, GError **error)
{
  WsLog *log;
  int fd;

  size = ws_memfd_round (MAX (size, 1));
  fd = ws_memfd_create ("ringdown-log", front_size_of (size) + size, error);
  if (fd < 0)
    return NULL;

  log = log_on (fd, size, error);
  if (log != NULL)
    *log->header = (LogHeader){ .magic = LOG_MAGIC,
                                .layout = LOG_LAYOUT,
                                .size = size,
                                .capacity = size / BYTES_PER_ENTRY };
  return log;
}

void
ws_log_free (WsLog *log)
{
  if (log->ring != MAP_FAILED)
    munmap (log->ring, 2 * log->size);
  if (log->header != MAP_FAILED)
    munmap (log->header, log->front_size);
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

static gboolean
id_is_greater (const WsId *a, const WsId *b)
{
  return a->ms != b->ms ? a->ms > b->ms : a->seq > b->seq;
}

static void
set_damaged (GError **error)
{
  g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                       _ ("cannot take over the log: it is damaged; drain the old program, then "
                          "start this one"));
}

/* Whether @fd holds a log that this program understands, and has the memory for it. */
static gboolean
check_header (int fd, LogHeader *header, GError **error)
{
  const gboolean is_log = pread (fd, header, sizeof *header, 0) == sizeof *header
                          && header->magic == LOG_MAGIC;

  if (is_log && header->layout != LOG_LAYOUT)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                   _ ("cannot take over the log: its layout is %" PRIu64
                      ", this program knows %d; drain the old program, then start this one"),
                   header->layout, LOG_LAYOUT);
      return FALSE;
    }

  if (!is_log || header->size == 0 || header->size > G_MAXSSIZE / 4
      || header->size != ws_memfd_round (header->size)
      || header->capacity != header->size / BYTES_PER_ENTRY
      || ws_memfd_get_size (fd) != front_size_of (header->size) + header->size)
    {
      set_damaged (error);
      return FALSE;
    }

  return TRUE;
}

/* Whether the index and the ring hold what the header says. */
static gboolean
is_sound (const WsLog *log)
{
  const LogHeader *header = log->header;
  const LogEntry *before = NULL;

  if (header->head > G_MAXINT64 || header->count > G_MAXINT64 || header->oldest > header->count
      || header->count - header->oldest > header->capacity)
    return FALSE;

  for (guint64 number = header->oldest; number < header->count; number++)
    {
      const LogEntry *entry = &log->index[number % header->capacity];

      if (entry->offset >= header->head || header->head - entry->offset > log->size
          || (before != NULL
              && (entry->offset <= before->offset || !id_is_greater (&entry->id, &before->id))))
        return FALSE;
      before = entry;
    }

  return before == NULL || !id_is_greater (&before->id, &header->last);
}

WsLog *
ws_log_adopt (int fd, GError **error)
{
  g_autoptr (WsLog) log = NULL;
  LogHeader header;

  if (!check_header (fd, &header, error))
    {
      close (fd);
      return NULL;
    }

  log = log_on (fd, header.size, error);
  if (log == NULL)
    return NULL;
  if (!is_sound (log))
    {
      set_damaged (error);
      return NULL;
    }

  return g_steal_pointer (&log);
}

WsLog *
ws_log_copy (const WsLog *from, gsize size, GError **error)
{
  WsLog *log = ws_log_new (size, error);
  LogHeader *header;
  guint64 tail;

  if (log == NULL)
    return NULL;

  header = log->header;
  header->head = from->header->head;
  header->count = from->header->count;
  header->last = from->header->last;
  header->oldest = MAX (from->header->oldest,
                        header->count - MIN (header->count, header->capacity));
  while (header->head - offset_of (from, header->oldest) > log->size)
    header->oldest++;

  for (guint64 number = header->oldest; number < header->count; number++)
    log->index[number % header->capacity] = from->index[number % from->header->capacity];
  tail = ws_log_get_tail (log);
  memcpy (log->ring + tail % log->size, ws_log_at (from, tail), header->head - tail);
  return log;
}

int
ws_log_get_fd (const WsLog *log)
{
  return log->fd;
}

gsize
ws_log_get_size (const WsLog *log)
{
  return log->size;
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
  LogHeader *header = log->header;
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
  log->index[header->count % header->capacity] = (LogEntry){ .id = header->last,
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
