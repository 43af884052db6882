/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-memfd.h"

/* Flags of a record. A flush pass handles clients with flags specially; most clients have none. */
typedef enum
{
  WS_RECORD_BLOCKED = 1 << 0,  /* the socket buffer is full: wait until the socket is writable */
  WS_RECORD_CONTROL = 1 << 1,  /* control frames are queued */
  WS_RECORD_DETACHED = 1 << 2, /* the log is no longer sent: client evicted, or close frame sent */
} WsRecordFlags;

/* The record of a client. Sending a message uses only the first half, which is one cache line. */
typedef struct
{
  guint64 cursor;   /* log offset of the next byte to send */
  guint64 next;     /* number of the first message not yet counted as delivered */
  guint64 sent;     /* number of bytes sent */
  guint64 received; /* number of bytes received */
  gint64 heard_us;  /* CLOCK_MONOTONIC: time when bytes were last received */
  gint32 fd;        /* owned by the WsClient; valid only in this process */
  WsRecordFlags flags;
  guint64 reserved;

  guint64 id;
  gint64 connected_us; /* time since 1970 */
  guint64 cookie;      /* SO_COOKIE of the socket, socket(7) */
  guint8 address[16];  /* network byte order; an IPv4 address is in the first four bytes */
  guint16 family;      /* AF_INET, AF_INET6, or AF_UNSPEC if unknown */
  guint16 port;        /* host byte order */
  guint8 reserved_end[28];
} WsRecord;

G_STATIC_ASSERT (sizeof (WsRecord) == 128);

/* Returns: TRUE if log bytes before @offset still have to be sent to the client of @record; always
 * FALSE if the client is detached (%WS_RECORD_DETACHED). */
static inline gboolean
ws_record_is_before (const WsRecord *record, guint64 offset)
{
  return (record->flags & WS_RECORD_DETACHED) == 0 && record->cursor < offset;
}

/* Number of close code counters: one for each code in 1000 … 1015, one for 3xxx, one for 4xxx. */
#define WS_CLOSE_SLOTS 18

/* Totals since the service started; an upgrade does not reset them. */
typedef struct
{
  guint64 accepted; /* number of clients accepted; also the newest client id */
  guint64 peak;     /* maximum number of clients at the same time */
  guint64 messages_in;
  guint64 bytes_in;
  guint64 delivered; /* number of messages sent completely, summed over all clients */
  guint64 bytes_out;
  guint64 slow_closed;            /* number of clients closed with 1013 */
  guint64 flush_passes;           /* number of completed flush passes */
  guint64 flush_us;               /* time spent in flush passes */
  guint64 closed[WS_CLOSE_SLOTS]; /* number of disconnects by close code; see ws_close_slot() */
} WsCounters;

/* Start of the memory file; the records begin on the next page. */
typedef struct
{
  WsMemfdHeader common;
  guint64 record_size;
  guint64 capacity; /* maximum number of records */
  guint64 count;    /* number of records */
  WsCounters counters;
} WsTableHeader;

/* The records of all clients, in slots 0 … count - 1 of one memory file. */
typedef struct
{
  int fd;                /* owned: memory file (memfd_create(2)) */
  gsize size;            /* size of the mapping, bytes */
  WsTableHeader *header; /* owned: mapping; other modules write only the field @counters */
  WsRecord *records;     /* unowned: in the mapping of @header; ws_table_remove() moves records */
} WsTable;

/* Creates an empty table for @capacity clients. Returns: (transfer full) (nullable): the table, or
 * NULL with a #GFileError. */
WsTable *ws_table_new (guint capacity, GError **error);

/* Opens a table of another process, read-only. @fd: (transfer full), even on failure. Returns:
 * (transfer full) (nullable): the table, or NULL with a #GFileError if the layout is not supported
 * or the data is damaged. */
WsTable *ws_table_adopt (int fd, GError **error);

void ws_table_free (WsTable *table);

/* Adds a copy of @from, with a new id if the id of @from is 0. The table must not be full.
 * Returns: (transfer none): the new record. */
WsRecord *ws_table_add (WsTable *table, const WsRecord *from);

/* Removes the record in @slot and moves the last record to this slot. */
void ws_table_remove (WsTable *table, guint slot);

/* Returns: the index of close code @code in WsCounters.closed. */
guint ws_close_slot (guint16 code);

/* Writes the label of @slot, an index in WsCounters.closed: "1000" … "1015", "3xxx", "4xxx". */
void ws_close_slot_format (guint slot, char out[8]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsTable, ws_table_free)
