/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Values that are handed over as memory. */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "descriptors.h"
#include "parcel-fixture.h"
#include "rd-parcel-value.h"

static GVariant *
load (int fd, const char *type)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = rd_parcel_value_load (fd, G_VARIANT_TYPE (type), "state", &error);

  g_assert_no_error (error);
  return value;
}

static void
value_comes_back (void)
{
  const char *const texts[] = { "()", "@as []", "{'a': <1>, 'b': <[byte 1, 2]>}", "('über', 7)" };
  const guint before = descriptors_count ();

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (texts[i]));
      g_autoptr (GError) error = NULL;
      const int fd = rd_parcel_value_store (value, "ringdown-test", &error);
      g_autoptr (GVariant) copy = NULL;

      g_assert_no_error (error);
      copy = load (fd, g_variant_get_type_string (value));
      g_assert_cmpvariant (copy, value);
      close (fd);
    }
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
large_value_comes_back (void)
{
  const gsize size = 20 << 20;
  g_autofree guint8 *data = g_malloc (size);
  g_autoptr (GVariant) value = NULL, copy = NULL;
  gconstpointer copied;
  gsize n;
  int fd;

  for (gsize i = 0; i < size; i++)
    data[i] = i * 2654435761u >> 24;
  value = g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, size, 1));
  fd = rd_parcel_value_store (value, "ringdown-test", NULL);
  copy = load (fd, "ay");
  copied = g_variant_get_fixed_array (copy, &n, 1);
  g_assert_cmpmem (copied, n, data, size);
  close (fd);
}

static void
copy_is_our_own (void)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new ("(s)", "before"));
  g_autoptr (GVariant) copy = NULL;
  const int fd = rd_parcel_value_store (value, "ringdown-test", NULL);

  copy = load (fd, "(s)");
  g_assert_cmpint (pwrite (fd, "after!", 6, 0), ==,
                   6); /* of the other process, when it should not */
  g_assert_cmpvariant (copy, value);
  close (fd);
}

/* Asserts that @fd, which it closes, has no "(s)". */
static void
expect_refusal (int fd, int code, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (fd);
  g_assert_null (rd_parcel_value_load (fd, G_VARIANT_TYPE ("(s)"), "state", &error));
  expect_error (&error, G_IO_ERROR, code, words);
  close (fd);
}

/* Returns: (transfer full): a memfd with @size bytes of @data. */
static int
make_file (gconstpointer data, gsize size)
{
  const int fd = memory_file_new (0);

  g_assert_cmpint (write (fd, data, size), ==, size);
  return fd;
}

static void
what_is_no_such_value_is_refused (void)
{
  const int huge = make_file ("", 0);
  int pipe_fds[2];

  expect_refusal (rd_parcel_value_store (g_variant_new ("(u)", 1), "ringdown-test", NULL),
                  G_IO_ERROR_INVALID_DATA, "state (8 bytes) has invalid contents");
  expect_refusal (make_file ("", 0), G_IO_ERROR_INVALID_DATA, "state (0 bytes)");
  expect_refusal (make_file ("text\0\0(s", 8), G_IO_ERROR_INVALID_DATA, "state (8 bytes)");
  g_assert_no_errno (ftruncate (huge, (1LL << 30) + 1));
  expect_refusal (huge, G_IO_ERROR_INVALID_DATA, "not a file of at most 1 GiB");
  expect_refusal (open ("/dev/null", O_RDONLY | O_CLOEXEC), G_IO_ERROR_INVALID_DATA,
                  "not a file of at most 1 GiB");
  g_assert_no_errno (pipe2 (pipe_fds, O_CLOEXEC));
  close (pipe_fds[1]);
  expect_refusal (pipe_fds[0], G_IO_ERROR_INVALID_DATA, "not a file of at most 1 GiB");
}

/* Nobody would take it. Its memory is never touched. */
static void
value_that_is_too_large_is_refused (void)
{
  const gsize size = (1 << 30) - strlen ("ay"); /* with its type, and a zero, a byte too many */
  const guint before = descriptors_count ();
  gpointer data = mmap (NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (data != MAP_FAILED);
  value = g_variant_ref_sink (
    g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, size, TRUE, NULL, NULL));
  g_assert_cmpint (rd_parcel_value_store (value, "ringdown-test", &error), ==, -1);
  expect_error (&error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                "ringdown-test has 1073741825 bytes, more than the 1 GiB");
  g_assert_cmpuint (descriptors_count (), ==, before);
  g_clear_pointer (&value, g_variant_unref);
  g_assert_no_errno (munmap (data, size));
}

static void
broken_value_does_no_harm (void)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_variant (g_variant_new_parsed (
    "{'clients': <[(uint64 1, b'half'), (2, b'frame')]>, 'next': <'1-0'>, 'n': <[1, 2, 3]>}")));
  guint n_loaded = 0;

  for (int i = 0; i < 5000; i++)
    {
      g_autofree guint8 *data = g_memdup2 (g_variant_get_data (value), g_variant_get_size (value));
      g_autoptr (GVariant) loaded = NULL;
      g_autofree char *text = NULL;
      int fd;

      for (int j = g_test_rand_int_range (0, 4); j > 0; j--)
        data[g_test_rand_int_range (0, g_variant_get_size (value))] = g_test_rand_int ();
      fd = make_file (data, g_variant_get_size (value));
      loaded = rd_parcel_value_load (fd, G_VARIANT_TYPE_VARDICT, "state", NULL);
      close (fd);
      if (loaded == NULL)
        continue;
      n_loaded++;
      text = g_variant_print (loaded, TRUE); /* looks at all of it */
    }
  g_assert_cmpuint (n_loaded, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/parcel-value", value_comes_back);
  g_test_add_func ("/parcel-value/large", large_value_comes_back);
  g_test_add_func ("/parcel-value/copy", copy_is_our_own);
  g_test_add_func ("/parcel-value/refused", what_is_no_such_value_is_refused);
  g_test_add_func ("/parcel-value/too-large", value_that_is_too_large_is_refused);
  g_test_add_func ("/parcel-value/broken", broken_value_does_no_harm);

  return g_test_run ();
}
