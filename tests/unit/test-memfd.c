/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Memory that is fit to be handed to another process. */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ws-memfd.h"

static void
memory_is_zero_and_of_the_size_asked_for (void)
{
  g_autoptr (GError) error = NULL;
  const int fd = ws_memfd_create ("ringdown-test", 10000, &error);
  guint8 byte = 1;
  struct stat status;

  g_assert_no_error (error);
  g_assert_no_errno (fstat (fd, &status));
  g_assert_cmpint (status.st_size, ==, 10000);
  g_assert_cmpint (status.st_blocks, ==, 0); /* takes memory once written */
  g_assert_cmpint (pread (fd, &byte, 1, 9999), ==, 1);
  g_assert_cmpuint (byte, ==, 0);
  close (fd);
}

static void
size_cannot_be_changed_any_more (void)
{
  g_autoptr (GError) error = NULL;
  const int fd = ws_memfd_create ("ringdown-test", 4096, &error);

  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, 8192), ==, -1);
  g_assert_cmpint (ftruncate (fd, 0), ==, -1);
  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, F_SEAL_WRITE), ==, -1); /* nor who may write */
  close (fd);
}

static void
size_of_what_cannot_change_is_told (void)
{
  const int fd = ws_memfd_create ("ringdown-test", 10000, NULL);
  const int open_memory = memfd_create ("ringdown-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  const int file = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  const int half_sealed = memfd_create ("ringdown-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  g_assert_no_errno (ftruncate (open_memory, 10000));
  g_assert_no_errno (ftruncate (half_sealed, 10000));
  g_assert_no_errno (fcntl (half_sealed, F_ADD_SEALS, F_SEAL_GROW));
  g_assert_cmpuint (ws_memfd_get_size (fd), ==, 10000);
  g_assert_cmpuint (ws_memfd_get_size (open_memory), ==, 0);
  g_assert_cmpuint (ws_memfd_get_size (half_sealed), ==, 0);
  g_assert_cmpuint (ws_memfd_get_size (file), ==, 0);
  g_assert_cmpuint (ws_memfd_get_size (-1), ==, 0);
  close (fd);
  close (open_memory);
  close (half_sealed);
  close (file);
}

static void
descriptor_is_not_inherited (void)
{
  const int fd = ws_memfd_create ("ringdown-test", 1, NULL);

  g_assert_cmpint (fcntl (fd, F_GETFD), ==, FD_CLOEXEC);
  close (fd);
}

static void
more_than_there_can_be_is_refused (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (ws_memfd_create ("ringdown-test", G_MAXSIZE, &error), ==, -1);
  g_assert_true (error != NULL && error->domain == G_FILE_ERROR);
  g_assert_nonnull (strstr (error->message, "ringdown-test"));
}

static void
sizes_are_rounded_up_to_pages (void)
{
  const gsize page = sysconf (_SC_PAGESIZE);

  g_assert_cmpuint (ws_memfd_round (0), ==, 0);
  g_assert_cmpuint (ws_memfd_round (1), ==, page);
  g_assert_cmpuint (ws_memfd_round (page), ==, page);
  g_assert_cmpuint (ws_memfd_round (page + 1), ==, 2 * page);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/memfd/create", memory_is_zero_and_of_the_size_asked_for);
  g_test_add_func ("/memfd/create/sealed", size_cannot_be_changed_any_more);
  g_test_add_func ("/memfd/create/cloexec", descriptor_is_not_inherited);
  g_test_add_func ("/memfd/create/refused", more_than_there_can_be_is_refused);
  g_test_add_func ("/memfd/size", size_of_what_cannot_change_is_told);
  g_test_add_func ("/memfd/round", sizes_are_rounded_up_to_pages);

  return g_test_run ();
}
