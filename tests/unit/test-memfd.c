/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Sealed memory files. */

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptors.h"
#include "ws-memfd.h"

#define NOEXEC_SEAL 0x0008U /* MFD_NOEXEC_SEAL */
#define SEAL_EXEC   0x0020  /* F_SEAL_EXEC */

static void
file_is_zero_and_has_the_size (void)
{
  g_autoptr (GError) error = NULL;
  const int fd = ws_memfd_create ("ringdown-test", 10000, &error);
  guint8 byte = 1;
  struct stat status;

  g_assert_no_error (error);
  g_assert_no_errno (fstat (fd, &status));
  g_assert_cmpint (status.st_size, ==, 10000);
  g_assert_cmpint (status.st_blocks, ==, 0); /* pages are allocated when written */
  g_assert_cmpint (pread (fd, &byte, 1, 9999), ==, 1);
  g_assert_cmpuint (byte, ==, 0);
  close (fd);
}

static void
size_is_sealed (void)
{
  g_autoptr (GError) error = NULL;
  const int fd = ws_memfd_create ("ringdown-test", 4096, &error);

  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, 8192), ==, -1);
  g_assert_cmpint (ftruncate (fd, 0), ==, -1);
  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, F_SEAL_WRITE), ==, -1);
  close (fd);
}

static gboolean
kernel_has_noexec (void)
{
  const int fd = memfd_create ("ringdown-test", MFD_CLOEXEC | NOEXEC_SEAL);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

/* vm.memfd_noexec=2 allows no other memory file. */
static void
file_is_not_executable (void)
{
  const int fd = ws_memfd_create ("ringdown-test", 4096, NULL);
  struct stat status;

  if (!kernel_has_noexec ())
    {
      g_test_skip ("Linux 6.3 has MFD_NOEXEC_SEAL");
      close (fd);
      return;
    }

  g_assert_no_errno (fstat (fd, &status));
  g_assert_cmphex (status.st_mode & 0111, ==, 0);
  g_assert_cmphex (fcntl (fd, F_GET_SEALS) & SEAL_EXEC, ==, SEAL_EXEC);
  close (fd);
}

/* Makes memfd_create() fail with EINVAL if it has MFD_NOEXEC_SEAL, as Linux 6.2 does. */
static void
forget_noexec (void)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 3),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS,
              offsetof (struct seccomp_data, args[1]) + (G_BYTE_ORDER == G_BIG_ENDIAN ? 4 : 0)),
    BPF_JUMP (BPF_JMP | BPF_JSET | BPF_K, NOEXEC_SEAL, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = { .len = G_N_ELEMENTS (code), .filter = code };

  g_assert_no_errno (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  g_assert_no_errno (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void
old_kernel_gives_an_executable_file (void)
{
  g_autoptr (GError) error = NULL;
  int fd;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }

  forget_noexec ();
  g_assert_false (kernel_has_noexec ());
  fd = ws_memfd_create ("ringdown-test", 10000, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ws_memfd_get_size (fd), ==, 10000);
  close (fd);
}

static void
size_of_a_file_that_can_change_is_0 (void)
{
  const int fd = ws_memfd_create ("ringdown-test", 10000, NULL);
  const int not_sealed = memory_file_new (10000);
  const int file = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  const int half_sealed = memory_file_new (10000);

  g_assert_no_errno (fcntl (half_sealed, F_ADD_SEALS, F_SEAL_GROW));
  g_assert_cmpuint (ws_memfd_get_size (fd), ==, 10000);
  g_assert_cmpuint (ws_memfd_get_size (not_sealed), ==, 0);
  g_assert_cmpuint (ws_memfd_get_size (half_sealed), ==, 0);
  g_assert_cmpuint (ws_memfd_get_size (file), ==, 0);
  g_assert_cmpuint (ws_memfd_get_size (-1), ==, 0);
  close (fd);
  close (not_sealed);
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
impossible_size_is_refused (void)
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

  g_test_add_func ("/memfd/create", file_is_zero_and_has_the_size);
  g_test_add_func ("/memfd/create/sealed", size_is_sealed);
  g_test_add_func ("/memfd/create/noexec", file_is_not_executable);
  g_test_add_func ("/memfd/create/noexec/old-kernel", old_kernel_gives_an_executable_file);
  g_test_add_func ("/memfd/create/cloexec", descriptor_is_not_inherited);
  g_test_add_func ("/memfd/create/refused", impossible_size_is_refused);
  g_test_add_func ("/memfd/size", size_of_a_file_that_can_change_is_0);
  g_test_add_func ("/memfd/round", sizes_are_rounded_up_to_pages);

  return g_test_run ();
}
