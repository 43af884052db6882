/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The client table: records and counters, without pointers, in a memory file that is shared with
 * the new worker in an upgrade. When a record is removed, the last record moves to its slot. */

#include "ws-table.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define TABLE_MAGIC  G_GUINT64_CONSTANT (0x6c62742d64722d31) /* "1-rd-tbl" in memory */
#define TABLE_LAYOUT 1

static const WsMemfdHeader table_header = { TABLE_MAGIC, TABLE_LAYOUT };

G_STATIC_ASSERT (sizeof (WsTableHeader) <= 4096);

static gsize
memory_size_of (guint64 capacity)
{
  return ws_memfd_round (1) + ws_memfd_round (capacity * sizeof (WsRecord));
}

static gboolean
map (WsTable *table, guint capacity, int protection, GError **error)
{
  const gsize size = memory_size_of (capacity);
  guint8 *start = mmap (NULL, size, protection, MAP_SHARED, table->fd, 0);

  if (start == MAP_FAILED)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                   "cannot map the table of %u clients: %s", capacity, g_strerror (errno));
      return FALSE;
    }

  table->size = size;
  table->header = (gpointer) start;
  table->records = (gpointer) (start + ws_memfd_round (1));
  return TRUE;
}

WsTable *
ws_table_new (guint capacity, GError **error)
{
  g_autoptr (WsTable) table = g_new0 (WsTable, 1);

  table->fd = ws_memfd_create ("ringdown-table", memory_size_of (capacity), error);
  if (table->fd < 0 || !map (table, capacity, PROT_READ | PROT_WRITE, error))
    return NULL;

  *table->header = (WsTableHeader){ .common = table_header,
                                    .record_size = sizeof (WsRecord),
                                    .capacity = capacity };
  return g_steal_pointer (&table);
}

WsTable *
ws_table_adopt (int fd, GError **error)
{
  const char *what = "the table of clients";
  g_autoptr (WsTable) table = g_new0 (WsTable, 1);
  WsTableHeader header;

  table->fd = fd;
  if (!ws_memfd_read_header (fd, &table_header, what, &header, sizeof header, error))
    return NULL;
  if (header.record_size != sizeof (WsRecord) || header.capacity > G_MAXUINT
      || header.count > header.capacity
      || ws_memfd_get_size (fd) != memory_size_of (header.capacity))
    {
      ws_memfd_set_damaged (error, what);
      return NULL;
    }

  return map (table, header.capacity, PROT_READ, error) ? g_steal_pointer (&table) : NULL;
}

void
ws_table_free (WsTable *table)
{
  if (table->header != NULL)
    munmap (table->header, table->size);
  if (table->fd >= 0)
    close (table->fd);
  g_free (table);
}

WsRecord *
ws_table_add (WsTable *table, const WsRecord *from)
{
  WsTableHeader *header = table->header;
  WsRecord *record = &table->records[header->count];

  g_assert (header->count < header->capacity);

  header->count++;
  header->counters.peak = MAX (header->counters.peak, header->count);
  *record = *from;
  if (record->id == 0)
    record->id = ++header->counters.accepted;
  return record;
}

void
ws_table_remove (WsTable *table, guint slot)
{
  WsTableHeader *header = table->header;

  g_assert (slot < header->count);

  header->count--;
  table->records[slot] = table->records[header->count];
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
