/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Why a flush pass cannot simply send from the log; none set is the steady state. */
typedef enum
{
  WS_RECORD_BLOCKED = 1 << 0,  /* the socket took no more: wait until it is writable */
  WS_RECORD_CONTROL = 1 << 1,  /* control frames wait, or the connection is closing */
  WS_RECORD_DETACHED = 1 << 2, /* no longer follows the log: fell off, or was sent its close */
} WsRecordFlags;

/* One client. Its first half is all that a message touches: one cache line. */
typedef struct
{
  guint64 cursor;   /* offset into the log of the next byte to send */
  guint64 next;     /* number of the first message not counted as delivered yet */
  guint64 sent;     /* bytes */
  guint64 received; /* bytes */
  gint64 heard_us;  /* when bytes came last, CLOCK_MONOTONIC */
  gint32 fd;        /* owned by the WsClient; a number of this process */
  WsRecordFlags flags;
  guint64 reserved;

  guint64 id;
  gint64 connected_us; /* since 1970 */
  guint64 cookie;      /* SO_COOKIE: the socket's name in the kernel, socket(7) */
  guint8 address[16];  /* in network order; IPv4 in the first four bytes */
  guint16 family;      /* AF_INET, AF_INET6, or AF_UNSPEC where there is none to tell */
  guint16 port;        /* host order */
  guint8 reserved_end[28];
} WsRecord;

G_STATIC_ASSERT (sizeof (WsRecord) == 128);

/* Close codes are counted apart up to 1015, then by the thousand: strangers choose them. */
#define WS_CLOSE_SLOTS 18

/* What is counted over the life of the service, restarts and all. */
typedef struct
{
  guint64 accepted; /* also the last id given */
  guint64 peak;     /* clients at one time */
  guint64 messages_in;
  guint64 bytes_in;
  guint64 delivered; /* messages, one for each client that was sent it whole */
  guint64 bytes_out;
  guint64 slow_closed;
  guint64 flush_passes; /* over all clients */
  guint64 flush_us;     /* spent in them */
  guint64 closed[WS_CLOSE_SLOTS];
} WsCounters;

/* The records of all clients in one memfd, dense: 0 … count - 1. */
typedef struct _WsTable WsTable;

/* @capacity: how many clients it can take. Returns: (transfer full): NULL with a #GFileError. */
WsTable *ws_table_new (guint capacity, GError **error);

/* Opens a table that another process made, whose descriptor this is, to look at: nothing of it may
 * be written.
 * @fd: (transfer full), also on failure. Returns: (transfer full): NULL with a #GFileError, also
 * where it is of another layout, or damaged in a way that could do harm. */
WsTable *ws_table_adopt (int fd, GError **error);

void ws_table_free (WsTable *table);

/* Returns: (transfer none): its memory, which is all of it (memfd_create(2)). */
int ws_table_get_fd (const WsTable *table);

guint ws_table_get_count (const WsTable *table);
guint ws_table_get_capacity (const WsTable *table);

/* Returns: (transfer none): the record in @slot; valid until a client leaves. */
WsRecord *ws_table_get (const WsTable *table, guint slot);

/* Returns: (transfer none): a record behind the others, zero but for its new id. The table has
 * room: to refuse is the caller's. */
WsRecord *ws_table_add (WsTable *table);

/* Returns: (transfer none): a record behind the others, the same as @from, which keeps its id: for
 * a client that comes from another table. There is room as well. */
WsRecord *ws_table_add_copy (WsTable *table, const WsRecord *from);

/* Removes the record in @slot; the last one moves into its place. */
void ws_table_remove (WsTable *table, guint slot);

/* Returns: (transfer none): the counters, which live in the memfd too. */
WsCounters *ws_table_get_counters (const WsTable *table);

/* Where connections that ended with @code are counted: an index into WsCounters.closed. */
guint ws_close_slot (guint16 code);

/* The name of such an index: "1000" … "1015", "3xxx", "4xxx". */
void ws_close_slot_format (guint slot, char out[8]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsTable, ws_table_free)

G_END_DECLS
