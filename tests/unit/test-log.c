/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The log: contiguous frames, a predictable tail, increasing ids, and adoption by another process.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "descriptors.h"
#include "frames.h"
#include "ws-log.h"

static WsLog *
new_log (gsize size)
{
  g_autoptr (GError) error = NULL;
  WsLog *log = ws_log_new (size, &error);

  g_assert_no_error (error);
  return log;
}

/* Appends message @number of @size bytes. */
static WsId
append (WsLog *log, guint64 number, gsize size, guint64 now_ms)
{
  g_autoptr (GBytes) payload = make_payload (number, size);

  return ws_log_append (log, WS_OPCODE_BINARY, g_bytes_get_data (payload, NULL), size, now_ms);
}

/* Asserts that message @number of @size bytes is at @offset. Returns: the offset after it. */
static guint64
assert_message_at (const WsLog *log, guint64 offset, guint64 number, gsize size)
{
  g_autoptr (GBytes) payload = make_payload (number, size);
  g_autoptr (GByteArray) in = g_byte_array_new ();
  Frame frame;

  g_byte_array_append (in, ws_log_at (log, offset), ws_frame_size (size));
  g_assert_true (frame_read (in, &frame));
  g_assert_cmphex (frame.opcode, ==, FRAME_BINARY);
  g_assert_cmpmem (frame.payload, frame.size, g_bytes_get_data (payload, NULL), size);
  return offset + ws_frame_size (size);
}

static void
new_log_is_empty (void)
{
  const gsize page = sysconf (_SC_PAGESIZE);
  g_autoptr (WsLog) log = new_log (1);
  g_autoptr (WsLog) larger = new_log (page + 1);

  g_assert_cmpuint (log->size, ==, page);
  g_assert_cmpuint (larger->size, ==, 2 * page);
  g_assert_cmpuint (log->header->head, ==, 0);
  g_assert_cmpuint (ws_log_get_tail (log), ==, 0);
  g_assert_cmpuint (log->header->count, ==, 0);
  g_assert_cmpuint (ws_log_find_offset (log, 0), ==, 0);
  g_assert_cmpuint (ws_log_get_boundary (log, 0), ==, 0);
}

static void
log_that_cannot_be_created_is_an_error (void)
{
  const gsize sizes[] = { 100 * ((gsize) 1 << 40), G_MAXSIZE / 4 };
  const guint descriptors = descriptors_count ();
  g_autoptr (GError) error = NULL;
  guint64 limit;

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GError) too_large = NULL;

      g_assert_null (ws_log_new (sizes[i], &too_large));
      g_assert_true (too_large != NULL && too_large->domain == G_FILE_ERROR);
      g_assert_nonnull (strstr (too_large->message, "the message log"));
    }

  limit = descriptors_restrict (0);
  g_assert_null (ws_log_new (1, &error));
  descriptors_restore (limit);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_MFILE);
  g_assert_nonnull (strstr (error->message, "ringdown-log"));
  g_assert_cmpuint (descriptors_count (), ==, descriptors);
}

static void
messages_are_stored_one_after_another (void)
{
  const gsize sizes[] = { 0, 1, 125, 126, 65535, 65536, 70000 };
  g_autoptr (WsLog) log = new_log (1 << 20);
  guint64 offset = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const guint64 head = log->header->head;

      append (log, i, sizes[i], 1);
      g_assert_cmpuint (log->header->head, ==, head + ws_frame_size (sizes[i]));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    offset = assert_message_at (log, offset, i, sizes[i]);

  g_assert_cmpuint (offset, ==, log->header->head);
  g_assert_cmpuint (log->header->count, ==, G_N_ELEMENTS (sizes));
  g_assert_cmpuint (ws_log_get_tail (log), ==, 0);
}

static void
text_stays_text (void)
{
  const guint8 frame[] = { 0x81, 0x02, 'h', 'i' };
  g_autoptr (WsLog) log = new_log (1);

  ws_log_append (log, WS_OPCODE_TEXT, frame + 2, 2, 1);
  g_assert_cmpmem (ws_log_at (log, 0), 4, frame, sizeof frame);
}

/* The frame size has no common factor with the size of the ring, so that the ring ends at each byte
 * of a message once. */
static void
messages_are_whole_across_the_end_of_the_ring (void)
{
  const gsize size = 1021;
  const gsize frame = 4 + size;
  g_autoptr (WsLog) log = new_log (1);
  const gsize ring = log->size;
  gboolean was_cut_at[4 + 1021] = { FALSE };

  for (guint64 number = 0; number < ring; number++)
    {
      const guint64 begin = log->header->head;

      append (log, number, size, 1);
      assert_message_at (log, begin, number, size);
      if (number > 0)
        assert_message_at (log, begin - frame, number - 1, size);
      if (ring - begin % ring < frame)
        was_cut_at[ring - begin % ring] = TRUE;
    }

  for (gsize i = 1; i < frame; i++)
    g_assert_true (was_cut_at[i]);
}

static void
message_may_fill_the_whole_ring (void)
{
  g_autoptr (WsLog) log = new_log (1);
  const gsize ring = log->size;
  const gsize size = ring - 4;

  append (log, 0, 100, 1);
  for (guint64 number = 1; number < 4; number++)
    {
      const guint64 begin = log->header->head;

      g_assert_cmpuint (ws_frame_size (size), ==, ring);
      g_assert_cmpuint (ws_log_get_tail_after (log, size), ==, begin);
      append (log, number, size, 1);
      g_assert_cmpuint (ws_log_get_tail (log), ==, begin);
      assert_message_at (log, begin, number, size);
    }
}

static void
tail_after_an_append_is_predicted (void)
{
  g_autoptr (WsLog) log = new_log (1);

  for (guint64 number = 0; number < 1000; number++)
    {
      const gsize size = number * 37 % 1000;
      const guint64 tail = ws_log_get_tail (log);
      const guint64 after = ws_log_get_tail_after (log, size);

      g_assert_cmpuint (ws_log_get_tail (log), ==, tail); /* the call changes nothing */
      append (log, number, size, 1);
      g_assert_cmpuint (ws_log_get_tail (log), ==, after);
      g_assert_cmpuint (log->header->head - after, <=, log->size);
    }
}

/* Each message takes an index entry: with tiny messages the index is full before the ring. */
static void
index_limits_how_many_tiny_messages_are_held (void)
{
  g_autoptr (WsLog) log = new_log (1);
  const guint64 max = log->header->capacity;

  g_assert_cmpuint (max * ws_frame_size (1), <, log->size);
  for (guint64 number = 0; number < 3 * max; number++)
    {
      const guint64 after = ws_log_get_tail_after (log, 1);

      g_assert_cmpuint (after, ==, number < max ? 0 : (number - max + 1) * ws_frame_size (1));
      append (log, number, 1, number);
      g_assert_cmpuint (ws_log_get_tail (log), ==, after);
    }
  for (guint64 number = 2 * max; number < 3 * max; number++)
    assert_message_at (log, number * ws_frame_size (1), number, 1);
  g_assert_cmpuint (ws_log_find_offset (log, ws_log_get_tail (log)), ==, 2 * max);
}

static void
messages_are_found_by_offset (void)
{
  g_autoptr (WsLog) log = new_log (1 << 16);
  const gsize frame = ws_frame_size (10);

  for (guint64 number = 0; number < 10; number++)
    append (log, number, 10, 1);

  for (guint64 offset = 0; offset <= 10 * frame; offset++)
    {
      const guint64 number = (offset + frame - 1) / frame;

      g_assert_cmpuint (ws_log_find_offset (log, offset), ==, number);
      g_assert_cmpuint (ws_log_get_boundary (log, offset), ==, number * frame);
    }
}

static void
ids_increase_even_if_the_clock_is_set_back (void)
{
  const struct
  {
    guint64 now_ms;
    WsId id;
  } cases[] = {
    { 1000, { 1000, 0 } }, /* forward */
    { 1000, { 1000, 1 } }, /* the same millisecond */
    { 1001, { 1001, 0 } }, /* the next */
    { 500, { 1001, 1 } },  /* clock set back */
    { 1000, { 1001, 2 } }, /* still behind */
    { 1001, { 1001, 3 } }, /* equal again */
    { 1002, { 1002, 0 } }, /* later */
    { 0, { 1002, 1 } },    /* clock set back to 0 */
    { 1700000000000, { 1700000000000, 0 } },
  };
  g_autoptr (WsLog) log = new_log (1);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const WsId id = append (log, i, 1, cases[i].now_ms);

      g_test_message ("case %zu", i);
      g_assert_cmpuint (id.ms, ==, cases[i].id.ms);
      g_assert_cmpuint (id.seq, ==, cases[i].id.seq);
    }
}

static void
ids_have_the_format_of_redis (void)
{
  const WsId longest = { G_MAXUINT64, G_MAXUINT64 };
  char out[WS_ID_STRING_SIZE];

  ws_id_format (&(WsId){ 1700000000000, 3 }, out);
  g_assert_cmpstr (out, ==, "1700000000000-3");
  ws_id_format (&longest, out);
  g_assert_cmpstr (out, ==, "18446744073709551615-18446744073709551615");
}

/* Opens @log as another process does. */
static WsLog *
adopt (const WsLog *log, GError **error)
{
  return ws_log_adopt (fcntl (log->fd, F_DUPFD_CLOEXEC, 0), error);
}

static void
adopted_log_continues_at_the_head (void)
{
  g_autoptr (WsLog) log = new_log (1);
  g_autoptr (WsLog) adopted = NULL;
  g_autoptr (GError) error = NULL;
  const WsId last = append (log, 0, 1000, 5000);
  WsId next;

  adopted = adopt (log, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (adopted->size, ==, log->size);
  g_assert_cmpuint (adopted->header->head, ==, log->header->head);
  assert_message_at (adopted, 0, 0, 1000);

  next = append (adopted, 1, 500, 1000); /* the clock is behind */
  g_assert_cmpuint (next.ms, ==, last.ms);
  g_assert_cmpuint (next.seq, ==, last.seq + 1);
  g_assert_cmpuint (log->header->head, ==, adopted->header->head); /* same memory */
  assert_message_at (log, 1004, 1, 500);
}

static glong
count_page_faults (void)
{
  struct rusage usage;

  g_assert_no_errno (getrusage (RUSAGE_SELF, &usage));
  return usage.ru_minflt;
}

/* Fills the index of a log of @size bytes with empty messages, and adopts the log.
 * Returns: the number of page faults. */
static glong
count_faults_of_adopting (gsize size)
{
  g_autoptr (WsLog) log = new_log (size);
  g_autoptr (WsLog) adopted = NULL;
  glong before;

  for (guint64 number = 0; number < log->header->capacity; number++)
    ws_log_append (log, WS_OPCODE_TEXT, NULL, 0, 1);
  before = count_page_faults ();
  adopted = adopt (log, NULL);
  g_assert_nonnull (adopted);
  return count_page_faults () - before;
}

static void
adopting_does_not_read_the_whole_index (void)
{
  const gsize large = 1 << 26;
  const glong index_pages = large / 64 * 24 / sysconf (_SC_PAGESIZE);
  const glong extra = count_faults_of_adopting (large) - count_faults_of_adopting (1 << 16);

  g_test_message ("%ld pages, %ld page faults", index_pages, extra);
  g_assert_cmpint (extra, <, index_pages / 32); /* the kernel maps 16 pages for one fault */
}

static void
adopting_writes_nothing (void)
{
  g_autoptr (WsLog) log = new_log (1);
  const gsize size = 3 * sysconf (_SC_PAGESIZE);
  g_autofree guint8 *before = g_malloc (size);
  g_autofree guint8 *after = g_malloc (size);

  for (guint64 number = 0; number < 10; number++)
    append (log, number, 1000, 1);
  g_assert_cmpint (pread (log->fd, before, size, 0), ==, size);
  ws_log_free (adopt (log, NULL));
  g_assert_cmpint (pread (log->fd, after, size, 0), ==, size);
  g_assert_cmpmem (before, size, after, size);
}

/* Offsets of the fields, which other versions of this program rely on. */
enum
{
  MAGIC = 0,
  LAYOUT = 8,
  SIZE = 16,
  CAPACITY = 24,
  HEAD = 32,
  OLDEST = 40,
  COUNT = 48,
  LAST_MS = 56,
  ENTRY_MS = 4096,
  ENTRY_SEQ = 4096 + 8,
  ENTRY_OFFSET = 4096 + 16,
};

static void
damaged_log_is_refused (void)
{
  const struct
  {
    off_t at;
    guint64 value;
  } cases[] = {
    { MAGIC, 0 },
    { LAYOUT, 2 },
    { SIZE, 0 },
    { SIZE, 4097 },
    { SIZE, 8192 },
    { SIZE, G_GUINT64_CONSTANT (1) << 63 },
    { CAPACITY, 0 },
    { CAPACITY, 65 },
    { HEAD, 0 },
    { HEAD, 8000 },
    { HEAD, G_GUINT64_CONSTANT (1) << 63 },
    { OLDEST, 4 },
    { OLDEST, G_MAXUINT64 },
    { COUNT, 4 },
    { COUNT, 100 },
    { COUNT, G_MAXUINT64 },
    { LAST_MS, 1 },
    { ENTRY_OFFSET, 102 },
    { ENTRY_OFFSET + 24, 0 },
    { ENTRY_OFFSET + 24, 204 },
    { ENTRY_OFFSET + 48, 306 },
    { ENTRY_OFFSET + 48, G_MAXUINT64 },
    { ENTRY_MS, 6 },
    { ENTRY_SEQ + 24, 0 },
  };
  const guint descriptors = descriptors_count ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (WsLog) log = new_log (1);
      g_autoptr (GError) error = NULL;

      for (guint64 number = 0; number < 3; number++)
        append (log, number, 100, 5); /* ids 5-0, 5-1, 5-2 at offsets 0, 102, 204 */
      g_assert_cmpint (pwrite (log->fd, &cases[i].value, 8, cases[i].at), ==, 8);
      g_test_message ("case %zu", i);
      g_assert_null (adopt (log, &error));
      g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
      g_assert_nonnull (strstr (error->message, "the log"));
    }
  g_assert_cmpuint (descriptors_count (), ==, descriptors);
}

/* Only a sample of the index is checked: damage elsewhere must do no harm later. */
static void
damaged_entries_give_no_offset_outside_the_log (void)
{
  const guint64 count = 10000;

  for (guint round = 0; round < 200; round++)
    {
      g_autoptr (WsLog) log = new_log (count * 64);
      g_autoptr (WsLog) adopted = NULL;
      g_autoptr (WsLog) copy = NULL;

      for (guint64 number = 0; number < count; number++)
        ws_log_append (log, WS_OPCODE_TEXT, (const guint8 *) "x", 1, 1);
      for (guint i = 0; i < 50; i++)
        {
          const guint64 damage = (guint64) g_test_rand_int () << g_test_rand_int_range (0, 33);
          const off_t at = ENTRY_OFFSET + 24 * g_test_rand_int_range (1, count - 1);

          g_assert_cmpint (pwrite (log->fd, &damage, sizeof damage, at), ==, 8);
        }

      adopted = adopt (log, NULL);
      if (adopted == NULL)
        continue; /* the sample had a damaged entry */
      copy = ws_log_copy (adopted, 2 * log->size, NULL);
      for (guint i = 0; i < 3000; i++)
        {
          const guint64 head = adopted->header->head;
          const guint64 tail = ws_log_get_tail (adopted);
          const guint64 offset = tail + g_test_rand_int_range (0, head - tail + 1);
          const guint64 boundary = ws_log_get_boundary (adopted, offset);

          g_assert_cmpuint (head - tail, <=, adopted->size);
          g_assert_cmpuint (boundary, >=, offset);
          g_assert_cmpuint (boundary, <=, head);
          append (adopted, i, 100, 1);
        }
    }
}

static void
other_files_are_refused (void)
{
  const int fds[] = { -1, open ("/dev/null", O_RDONLY | O_CLOEXEC),
                      open ("/proc/self/exe", O_RDONLY | O_CLOEXEC) };

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (ws_log_adopt (fds[i], &error));
      g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
      g_assert_cmpint (fcntl (fds[i], F_GETFD), ==, -1);
    }
}

static void
copy_of_another_size_has_the_newest_messages (void)
{
  const gsize page = sysconf (_SC_PAGESIZE);
  g_autoptr (WsLog) log = new_log (4 * page);
  g_autoptr (WsLog) smaller = NULL;
  g_autoptr (WsLog) larger = NULL;
  const guint count = 40;

  for (guint64 number = 0; number < count; number++)
    append (log, number, 1000, 1);
  smaller = ws_log_copy (log, page, NULL);
  larger = ws_log_copy (log, 16 * page, NULL);
  g_assert_cmpuint (smaller->size, ==, page);
  g_assert_cmpuint (larger->size, ==, 16 * page);
  g_assert_cmpuint (ws_log_get_tail (smaller), ==, (count - 4) * 1004);
  g_assert_cmpuint (ws_log_get_tail (larger), ==, ws_log_get_tail (log));
  for (guint64 number = count - 4; number < count; number++)
    {
      assert_message_at (smaller, number * 1004, number, 1000);
      assert_message_at (larger, number * 1004, number, 1000);
    }
  g_assert_cmpuint (append (smaller, count, 1000, 1).seq, ==, count);
}

/* No message fits into the copy. */
static void
copy_may_be_empty (void)
{
  const gsize page = sysconf (_SC_PAGESIZE);
  g_autoptr (WsLog) log = new_log (4 * page);
  g_autoptr (WsLog) none = ws_log_copy (log, page, NULL);
  g_autoptr (WsLog) too_long = NULL;

  g_assert_cmpuint (none->header->head, ==, 0);
  append (log, 0, 2 * page, 1);
  too_long = ws_log_copy (log, page, NULL);
  g_assert_cmpuint (ws_log_get_tail (too_long), ==, log->header->head);
  g_assert_cmpuint (too_long->header->head, ==, log->header->head);
  g_assert_cmpuint (too_long->header->count, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/log/new", new_log_is_empty);
  g_test_add_func ("/log/new/refused", log_that_cannot_be_created_is_an_error);
  g_test_add_func ("/log/append", messages_are_stored_one_after_another);
  g_test_add_func ("/log/append/text", text_stays_text);
  g_test_add_func ("/log/append/wrap", messages_are_whole_across_the_end_of_the_ring);
  g_test_add_func ("/log/append/largest", message_may_fill_the_whole_ring);
  g_test_add_func ("/log/tail", tail_after_an_append_is_predicted);
  g_test_add_func ("/log/tail/index", index_limits_how_many_tiny_messages_are_held);
  g_test_add_func ("/log/find/offset", messages_are_found_by_offset);
  g_test_add_func ("/log/adopt", adopted_log_continues_at_the_head);
  g_test_add_func ("/log/adopt/reads", adopting_writes_nothing);
  g_test_add_func ("/log/adopt/cost", adopting_does_not_read_the_whole_index);
  g_test_add_func ("/log/adopt/damaged", damaged_log_is_refused);
  g_test_add_func ("/log/adopt/damaged/unseen", damaged_entries_give_no_offset_outside_the_log);
  g_test_add_func ("/log/adopt/other-files", other_files_are_refused);
  g_test_add_func ("/log/copy", copy_of_another_size_has_the_newest_messages);
  g_test_add_func ("/log/copy/empty", copy_may_be_empty);
  g_test_add_func ("/log/ids", ids_increase_even_if_the_clock_is_set_back);
  g_test_add_func ("/log/ids/format", ids_have_the_format_of_redis);

  return g_test_run ();
}
