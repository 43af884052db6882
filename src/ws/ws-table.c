/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The table: all of a client that outlives the process, and the counters, in a memfd without
 * pointers. Plain storage, kept dense by moving the last record into a gap. What the fields mean to
 * a connection is WsClient's. */

#include "ws-table.h"

#include "ws-memfd.h"

#include <glib/gi18n.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TABLE_MAGIC  G_GUINT64_CONSTANT (0x6c62742d64722d31) /* "1-rd-tbl" in memory */
#define TABLE_LAYOUT 1

/* At the beginning of the memfd; the records follow on the next page. The first two fields are the
 * same in every layout there will be. */
typedef struct
{
  guint64 magic;
  guint64 layout;
  guint64 record_size;
  guint64 capacity;
  guint64 count;
  WsCounters counters;
} TableHeader;

struct _WsTable
{
  int fd;              /* owned */
  gsize size;          /* of the mapping, bytes */
  TableHeader *header; /* owned: mapping */
  WsRecord *records;   /* within header's mapping */
};

G_STATIC_ASSERT (sizeof (TableHeader) <= 4096);

static gsize
memory_size_of (guint64 capacity)
{
  return ws_memfd_round (1) + ws_memfd_round (capacity * sizeof (WsRecord));
}

/* @fd: (transfer full). */
static WsTable *
table_on (int fd, guint capacity, int protection, GError **error)
{
  g_autoptr (WsTable) table = g_new0 (WsTable, 1);

  table->fd = fd;
  table->size = memory_size_of (capacity);
  table->header = mmap (NULL, table->size, protection, MAP_SHARED, fd, 0);
  if (table->header == MAP_FAILED)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                   _ ("cannot map the table of %u clients: %s"), capacity, g_strerror (errno));
      return NULL;
    }

  table->records = (gpointer) ((guint8 *) table->header + ws_memfd_round (1));
  return g_steal_pointer (&table);
}

WsTable *
ws_table_new (guint capacity, GError **error)
{
  const int fd = ws_memfd_create ("ringdown-table", memory_size_of (capacity), error);
  WsTable *table;

  if (fd < 0)
    return NULL;

  table = table_on (fd, capacity, PROT_READ | PROT_WRITE, error);
  if (table != NULL)
    *table->header = (TableHeader){ .magic = TABLE_MAGIC,
                                    .layout = TABLE_LAYOUT,
                                    .record_size = sizeof (WsRecord),
                                    .capacity = capacity };
  return table;
}

/* Whether @fd holds a table that this program understands; whatever follows from it lies within
 * the memory. */
static gboolean
check_header (int fd, TableHeader *header, GError **error)
{
  const gboolean is_table = pread (fd, header, sizeof *header, 0) == sizeof *header
                            && header->magic == TABLE_MAGIC;

  if (is_table && header->layout != TABLE_LAYOUT)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                   _ ("cannot take over the table of clients: its layout is %" PRIu64
                      ", this program knows %d; drain the old program, then start this one"),
                   header->layout, TABLE_LAYOUT);
      return FALSE;
    }

  if (!is_table || header->record_size != sizeof (WsRecord) || header->capacity > G_MAXUINT
      || header->count > header->capacity
      || ws_memfd_get_size (fd) != memory_size_of (header->capacity))
    {
      g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                           _ ("cannot take over the table of clients: it is damaged; drain the old "
                              "program, then start this one"));
      return FALSE;
    }

  return TRUE;
}

WsTable *
ws_table_adopt (int fd, GError **error)
{
  TableHeader header;

  if (!check_header (fd, &header, error))
    {
      close (fd);
      return NULL;
    }

  return table_on (fd, header.capacity, PROT_READ, error);
}
void
ws_table_free (WsTable *table)
{
  if (table->header != MAP_FAILED)
    munmap (table->header, table->size);
  close (table->fd);
  g_free (table);
}

int
ws_table_get_fd (const WsTable *table)
{
  return table->fd;
}

guint
ws_table_get_count (const WsTable *table)
{
  return table->header->count;
}

guint
ws_table_get_capacity (const WsTable *table)
{
  return table->header->capacity;
}

WsRecord *
ws_table_get (const WsTable *table, guint slot)
{
  return &table->records[slot];
}

WsRecord *
ws_table_add (WsTable *table)
{
  TableHeader *header = table->header;
  WsRecord *record = &table->records[header->count];

  g_assert (header->count < header->capacity);

  header->count++;
  header->counters.accepted++;
  header->counters.peak = MAX (header->counters.peak, header->count);
  *record = (WsRecord){ .id = header->counters.accepted, .fd = -1 };
  return record;
}

WsRecord *
ws_table_add_copy (WsTable *table, const WsRecord *from)
{
  TableHeader *header = table->header;
  WsRecord *record = &table->records[header->count];

  g_assert (header->count < header->capacity);

  header->count++;
  header->counters.peak = MAX (header->counters.peak, header->count);
  *record = *from;
  return record;
}

void
ws_table_remove (WsTable *table, guint slot)
{
  TableHeader *header = table->header;

  g_assert (slot < header->count);

  header->count--;
  table->records[slot] = table->records[header->count];
}

WsCounters *
ws_table_get_counters (const WsTable *table)
{
  return &table->header->counters;
}

guint
ws_close_slot (guint16 code)
{
  if (code >= 1000 && code <= 1015)
    return code - 1000;

  return code < 4000 ? WS_CLOSE_SLOTS - 2 : WS_CLOSE_SLOTS - 1;
}

void
ws_close_slot_format (guint slot, char out[8])
{
  if (slot < WS_CLOSE_SLOTS - 2)
    snprintf (out, 8, "%u", 1000 + slot);
  else
    snprintf (out, 8, "%uxxx", slot == WS_CLOSE_SLOTS - 2 ? 3 : 4);
}
