/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The client table: dense after removals, unique ids, counters. */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "ws-table.h"

static WsTable *
new_table (guint capacity)
{
  g_autoptr (GError) error = NULL;
  WsTable *table = ws_table_new (capacity, &error);

  g_assert_no_error (error);
  return table;
}

static void
new_table_is_empty (void)
{
  const WsCounters zero = { 0 };
  g_autoptr (WsTable) table = new_table (7);

  g_assert_cmpuint (table->header->count, ==, 0);
  g_assert_cmpuint (table->header->capacity, ==, 7);
  g_assert_cmpmem (&table->header->counters, sizeof zero, &zero, sizeof zero);
}

static void
table_that_cannot_be_created_is_an_error (void)
{
  g_autoptr (GError) error = NULL;
  const guint64 limit = descriptors_restrict (0);
  g_autoptr (WsTable) table = ws_table_new (10, &error);

  descriptors_restore (limit);
  g_assert_null (table);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_MFILE);
  g_assert_nonnull (strstr (error->message, "ringdown-table"));
}

static void
new_records_are_zero_except_for_their_ids (void)
{
  g_autoptr (WsTable) table = new_table (3);

  for (guint64 id = 1; id <= 3; id++)
    {
      WsRecord *record = ws_table_add (table, &(WsRecord){ .fd = -1 });
      WsRecord expected = { .id = id, .fd = -1 };

      g_assert_true (record == &table->records[id - 1]);
      g_assert_cmpmem (record, sizeof *record, &expected, sizeof expected);
      memset (record, 0xEE, sizeof *record); /* content of a removed record */
      record->id = id;
    }

  ws_table_remove (table, 2);
  g_assert_cmpuint (ws_table_add (table, &(WsRecord){ .fd = -1 })->cursor, ==, 0);
}

static void
last_record_fills_the_gap (void)
{
  g_autoptr (WsTable) table = new_table (4);

  for (guint64 cursor = 0; cursor < 4; cursor++)
    ws_table_add (table, &(WsRecord){ .fd = -1 })->cursor = cursor;

  ws_table_remove (table, 1); /* from the middle; left: 0 3 2 */
  g_assert_cmpuint (table->header->count, ==, 3);
  g_assert_cmpuint (table->records[0].id, ==, 1);
  g_assert_cmpuint (table->records[1].id, ==, 4);
  g_assert_cmpuint (table->records[1].cursor, ==, 3);
  g_assert_cmpuint (table->records[2].id, ==, 3);

  ws_table_remove (table, 2); /* the last record; left: 0 3 */
  g_assert_cmpuint (table->header->count, ==, 2);
  g_assert_cmpuint (table->records[1].id, ==, 4);

  ws_table_remove (table, 0);
  ws_table_remove (table, 0);
  g_assert_cmpuint (table->header->count, ==, 0);
}

static void
ids_are_not_reused (void)
{
  g_autoptr (WsTable) table = new_table (2);

  for (guint64 id = 1; id < 1000; id++)
    {
      g_assert_cmpuint (ws_table_add (table, &(WsRecord){ .fd = -1 })->id, ==, id);
      ws_table_remove (table, 0);
    }
  g_assert_cmpuint (table->header->counters.accepted, ==, 999);
}

static void
peak_is_the_largest_count (void)
{
  g_autoptr (WsTable) table = new_table (5);
  const WsCounters *counters = &table->header->counters;

  ws_table_add (table, &(WsRecord){ .fd = -1 });
  ws_table_add (table, &(WsRecord){ .fd = -1 });
  ws_table_add (table, &(WsRecord){ .fd = -1 });
  ws_table_remove (table, 0);
  ws_table_remove (table, 0);
  ws_table_add (table, &(WsRecord){ .fd = -1 });
  g_assert_cmpuint (counters->peak, ==, 3);
  ws_table_add (table, &(WsRecord){ .fd = -1 });
  ws_table_add (table, &(WsRecord){ .fd = -1 });
  g_assert_cmpuint (counters->peak, ==, 4);
  g_assert_cmpuint (counters->accepted, ==, 6);
}

static void
records_of_a_full_table_do_not_overlap (void)
{
  const guint capacity = 1000;
  g_autoptr (WsTable) table = new_table (capacity);

  for (guint slot = 0; slot < capacity; slot++)
    ws_table_add (table, &(WsRecord){ .fd = -1 })->received = slot;
  for (guint slot = 0; slot < capacity; slot++)
    g_assert_cmpuint (table->records[slot].received, ==, slot);
  g_assert_cmpuint (table->header->count, ==, table->header->capacity);
}

static void
close_codes_have_slots_with_names (void)
{
  const struct
  {
    guint16 code;
    const char *name;
  } cases[] = {
    { 1000, "1000" }, { 1005, "1005" }, { 1006, "1006" }, { 1013, "1013" }, { 1015, "1015" },
    { 3000, "3xxx" }, { 3999, "3xxx" }, { 4000, "4xxx" }, { 4999, "4xxx" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const guint slot = ws_close_slot (cases[i].code);
      char name[8];

      g_assert_cmpuint (slot, <, WS_CLOSE_SLOTS);
      ws_close_slot_format (slot, name);
      g_assert_cmpstr (name, ==, cases[i].name);
    }
}

static void
all_codes_have_slots_and_all_slots_have_names (void)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint code = 0; code <= 65535; code++)
    g_assert_cmpuint (ws_close_slot (code), <, WS_CLOSE_SLOTS);
  for (guint slot = 0; slot < WS_CLOSE_SLOTS; slot++)
    {
      char name[8];

      ws_close_slot_format (slot, name);
      g_assert_true (g_hash_table_add (names, g_strdup (name)));
    }
}

static WsTable *
adopt (const WsTable *table, GError **error)
{
  return ws_table_adopt (fcntl (table->fd, F_DUPFD_CLOEXEC, 0), error);
}

static void
adopted_table_has_the_same_records (void)
{
  g_autoptr (WsTable) table = new_table (1000);
  g_autoptr (WsTable) adopted = NULL;
  g_autoptr (GError) error = NULL;

  for (guint slot = 0; slot < 500; slot++)
    ws_table_add (table, &(WsRecord){ .fd = -1 })->received = slot;
  table->header->counters.delivered = 12345;
  adopted = adopt (table, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (adopted->header->count, ==, 500);
  g_assert_cmpuint (adopted->header->capacity, ==, 1000);
  g_assert_cmpuint (adopted->header->counters.delivered, ==, 12345);
  for (guint slot = 0; slot < 500; slot++)
    g_assert_cmpmem (&adopted->records[slot], sizeof (WsRecord), &table->records[slot],
                     sizeof (WsRecord));
}

static void
copied_record_keeps_its_id (void)
{
  g_autoptr (WsTable) from = new_table (10);
  g_autoptr (WsTable) table = new_table (3);
  WsRecord *record;

  ws_table_add (from, &(WsRecord){ .fd = -1 });
  ws_table_add (from, &(WsRecord){ .fd = -1 })->sent = 7;
  table->header->counters = from->header->counters;
  record = ws_table_add (table, &from->records[1]);
  g_assert_true (record == table->records);
  g_assert_cmpuint (record->id, ==, 2);
  g_assert_cmpuint (record->sent, ==, 7);
  g_assert_cmpuint (table->header->count, ==, 1);
  g_assert_cmpuint (table->header->counters.accepted, ==, 2);
  g_assert_cmpuint (table->header->counters.peak, ==, 2);
  g_assert_cmpuint (ws_table_add (table, &(WsRecord){ .fd = -1 })->id, ==, 3);
}

/* Offsets of the fields, which other versions of this program rely on. */
enum
{
  MAGIC = 0,
  LAYOUT = 8,
  RECORD_SIZE = 16,
  CAPACITY = 24,
  COUNT = 32,
};

static void
damaged_table_is_refused (void)
{
  const struct
  {
    off_t at;
    guint64 value;
  } cases[] = {
    { MAGIC, 0 },
    { LAYOUT, 2 },
    { RECORD_SIZE, 64 },
    { CAPACITY, 0 },
    { CAPACITY, 33 },
    { CAPACITY, G_MAXUINT64 / 128 + 1 },
    { CAPACITY, G_MAXUINT64 },
    { COUNT, 33 },
    { COUNT, G_MAXUINT64 },
  };
  const guint descriptors = descriptors_count ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (WsTable) table = new_table (32); /* one page */
      g_autoptr (GError) error = NULL;

      ws_table_add (table, &(WsRecord){ .fd = -1 });
      g_assert_cmpint (pwrite (table->fd, &cases[i].value, 8, cases[i].at), ==, 8);
      g_test_message ("case %zu", i);
      g_assert_null (adopt (table, &error));
      g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
      g_assert_nonnull (strstr (error->message, "the table"));
    }
  g_assert_cmpuint (descriptors_count (), ==, descriptors);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/table/new", new_table_is_empty);
  g_test_add_func ("/table/new/refused", table_that_cannot_be_created_is_an_error);
  g_test_add_func ("/table/add", new_records_are_zero_except_for_their_ids);
  g_test_add_func ("/table/remove", last_record_fills_the_gap);
  g_test_add_func ("/table/ids", ids_are_not_reused);
  g_test_add_func ("/table/peak", peak_is_the_largest_count);
  g_test_add_func ("/table/full", records_of_a_full_table_do_not_overlap);
  g_test_add_func ("/table/close-slots", close_codes_have_slots_with_names);
  g_test_add_func ("/table/close-slots/all", all_codes_have_slots_and_all_slots_have_names);
  g_test_add_func ("/table/adopt", adopted_table_has_the_same_records);
  g_test_add_func ("/table/adopt/damaged", damaged_table_is_refused);
  g_test_add_func ("/table/copy", copied_record_keeps_its_id);

  return g_test_run ();
}
