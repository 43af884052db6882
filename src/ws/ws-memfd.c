/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Anonymous files for what shall outlive the process: the log and the table. Makes them, sealed so
 * that whoever they are handed to can trust their size. Mapping them, and what is where in them, is
 * their owners'. */

#include "ws-memfd.h"

#include <glib/gi18n.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int
ws_memfd_create (const char *name, gsize size, GError **error)
{
  int fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd >= 0 && ftruncate (fd, size) == 0 && fcntl (fd, F_ADD_SEALS, SEALS) == 0)
    return fd;

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
               /* Translators: %s is the name of a memory file */
               _ ("cannot create %s, %zu bytes of shared memory: %s"), name, size,
               g_strerror (errno));
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

gsize
ws_memfd_round (gsize size)
{
  gsize page = sysconf (_SC_PAGESIZE);

  return (size + page - 1) / page * page;
}
