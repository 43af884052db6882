/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-memfd.h"

/* Reasons not to send a client the log in a flush pass; usually none is set. */
typedef enum
{
  WS_RECORD_BLOCKED = 1 << 0,  /* the socket is full: wait until it is writable */
  WS_RECORD_CONTROL = 1 << 1,  /* control frames are queued, or the connection closes */
  WS_RECORD_DETACHED = 1 << 2, /* no longer reads the log: evicted, or sent its close */
} WsRecordFlags;

/* One client. Sending a message uses only the first half, which is one cache line. */
typedef struct
{
  guint64 cursor;   /* offset into the log of the next byte to send */
  guint64 next;     /* number of the first message not yet counted as delivered */
  guint64 sent;     /* bytes */
  guint64 received; /* bytes */
  gint64 heard_us;  /* CLOCK_MONOTONIC: when bytes were received last */
  gint32 fd;        /* owned by the WsClient; valid in this process only */
  WsRecordFlags flags;
  guint64 reserved;

  guint64 id;
  gint64 connected_us; /* since 1970 */
  guint64 cookie;      /* SO_COOKIE of the socket, socket(7) */
  guint8 address[16];  /* network order; IPv4 in the first four bytes */
  guint16 family;      /* AF_INET, AF_INET6, or AF_UNSPEC if unknown */
  guint16 port;        /* host order */
  guint8 reserved_end[28];
} WsRecord;

G_STATIC_ASSERT (sizeof (WsRecord) == 128);

/* Whether the client of @record still has to be sent the log from before @offset. */
static inline gboolean
ws_record_is_before (const WsRecord *record, guint64 offset)
{
  return (record->flags & WS_RECORD_DETACHED) == 0 && record->cursor < offset;
}

/* Codes 1000 to 1015 are counted one by one, others by thousand, as peers can choose any. */
#define WS_CLOSE_SLOTS 18

/* Totals since the service was started, upgrades included. */
typedef struct
{
  guint64 accepted; /* also the newest client id */
  guint64 peak;     /* most clients at the same time */
  guint64 messages_in;
  guint64 bytes_in;
  guint64 delivered; /* messages sent whole, counted once for each client */
  guint64 bytes_out;
  guint64 slow_closed;
  guint64 flush_passes; /* over all clients */
  guint64 flush_us;     /* spent in flush passes */
  guint64 closed[WS_CLOSE_SLOTS];
} WsCounters;

/* Start of the file; the records follow on the next page. */
typedef struct
{
  WsMemfdHeader common;
  guint64 record_size;
  guint64 capacity; /* records */
  guint64 count;    /* records */
  WsCounters counters;
} WsTableHeader;

/* The records of all clients, in slots 0 … count - 1 of one memory file. */
typedef struct
{
  int fd;                /* owned: memory file (memfd_create(2)) */
  gsize size;            /* mapping, bytes */
  WsTableHeader *header; /* owned: mapping; only this module writes it, except for the counters */
  WsRecord *records;     /* in the mapping of header; they move when one is removed */
} WsTable;

/* @capacity: largest number of clients. Returns: (transfer full): NULL with a #GFileError. */
WsTable *ws_table_new (guint capacity, GError **error);

/* Opens a table of another process, read-only.
 * @fd: (transfer full), also on failure: the memory of the table. Returns: (transfer full): NULL
 * with a #GFileError if the layout is not supported or the table is damaged. */
WsTable *ws_table_adopt (int fd, GError **error);

void ws_table_free (WsTable *table);

/* Adds a copy of @from, with a new id if it has none (0). The table must have room.
 * Returns: (transfer none). */
WsRecord *ws_table_add (WsTable *table, const WsRecord *from);

/* Finds a record by @id, newest slots first. Cost: linear. */
gboolean ws_table_find (const WsTable *table, guint64 id, guint *slot);

/* Removes the record in @slot and moves the last record there. */
void ws_table_remove (WsTable *table, guint slot);

/* Returns: the index of close @code in WsCounters.closed. */
guint ws_close_slot (guint16 code);

/* Writes the name of an index in WsCounters.closed: "1000" … "1015", "3xxx", "4xxx". */
void ws_close_slot_format (guint slot, char out[8]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsTable, ws_table_free)
