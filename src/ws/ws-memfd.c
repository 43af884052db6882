/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Sealed memory files that are shared with another process. */

#include "ws-memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#  define MFD_NOEXEC_SEAL 0x0008U /* since Linux 6.3 */
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Linux requires MFD_NOEXEC_SEAL if vm.memfd_noexec is 2. Linux versions before 6.3 reject the flag
 * with EINVAL. */
static int
create (const char *name)
{
  const guint flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int fd = memfd_create (name, flags | MFD_NOEXEC_SEAL);

  return fd >= 0 || errno != EINVAL ? fd : memfd_create (name, flags);
}

int
ws_memfd_create (const char *name, gsize size, GError **error)
{
  const int fd = create (name);

  if (fd >= 0 && ftruncate (fd, size) == 0 && fcntl (fd, F_ADD_SEALS, SEALS) == 0)
    return fd;

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
               "cannot create %zu bytes of shared memory for %s: %s%s", size, name,
               g_strerror (errno),
               errno == EFBIG ? "; raise the file size limit (LimitFSIZE=, ulimit -f)" : "");
  if (fd >= 0)
    close (fd);
  return -1;
}

gsize
ws_memfd_get_size (int fd)
{
  const int seals = fcntl (fd, F_GET_SEALS);
  struct stat status;

  if (seals < 0 || (seals & SEALS) != SEALS || fstat (fd, &status) != 0)
    return 0;

  return status.st_size;
}

gboolean
ws_memfd_set_damaged (GError **error, const char *what)
{
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
               "cannot take over %s: the data is damaged; drain the old service, then start this "
               "one",
               what);
  return FALSE;
}

gboolean
ws_memfd_read_header (int fd,
                      const WsMemfdHeader *expected,
                      const char *what,
                      gpointer header,
                      gsize size,
                      GError **error)
{
  const WsMemfdHeader *common = header;

  if (pread (fd, header, size, 0) != (gssize) size || common->magic != expected->magic)
    return ws_memfd_set_damaged (error, what);
  if (common->layout == expected->layout)
    return TRUE;

  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
               "cannot take over %s: its layout version is %" PRIu64 ", and only version %" PRIu64
               " is supported; drain the old service, then start this one",
               what, common->layout, expected->layout);
  return FALSE;
}

gsize
ws_memfd_round (gsize size)
{
  const gsize page = sysconf (_SC_PAGESIZE);

  return (size + page - 1) / page * page;
}
