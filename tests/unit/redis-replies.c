/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Replies of a Redis server, parsed from bytes of the protocol. */

#include "redis-replies.h"

#include <string.h>

redisReply *
make_reply (const char *wire)
{
  g_autoptr (RdRedisReader) reader = rd_redis_reader_new ();
  redisReply *reply;

  rd_redis_reader_feed (reader, wire, strlen (wire));
  reply = rd_redis_reader_next (reader, NULL);
  g_assert_nonnull (reply);
  return reply;
}

void
wire_array (GString *wire, gsize n)
{
  g_string_append_printf (wire, "*%zu\r\n", n);
}

void
wire_string (GString *wire, const char *string)
{
  g_string_append_printf (wire, "$%zu\r\n%s\r\n", strlen (string), string);
}

void
wire_number (GString *wire, guint64 number)
{
  g_string_append_printf (wire, ":%" G_GUINT64_FORMAT "\r\n", number);
}

void
wire_id (GString *wire, const WsId *id)
{
  char text[WS_ID_STRING_SIZE];

  ws_id_format (id, text);
  wire_string (wire, text);
}

void
wire_entry (GString *wire, const WsId *id, const char *node, guint64 sequence, const char *text)
{
  g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, sequence);

  wire_array (wire, 2);
  wire_id (wire, id);
  wire_array (wire, 6);
  wire_string (wire, "node");
  wire_string (wire, node);
  wire_string (wire, "seq");
  wire_string (wire, number);
  wire_string (wire, "text");
  wire_string (wire, text);
}

void
wire_info (GString *wire, guint64 length, const WsId *first, const WsId *last, guint64 added)
{
  wire_array (wire, 8);
  wire_string (wire, "length");
  wire_number (wire, length);
  wire_string (wire, "last-generated-id");
  wire_id (wire, last);
  wire_string (wire, "entries-added");
  wire_number (wire, added);
  wire_string (wire, "first-entry");
  if (first != NULL)
    wire_entry (wire, first, "first", 1, "");
  else
    g_string_append (wire, "*-1\r\n");
}
