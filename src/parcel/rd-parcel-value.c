/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A value as the content of a memfd, on its way to another process: serialised as a variant, so
 * with its type. Believes neither the size nor the type of what another process has stored, and
 * works on a copy of its own. What the value says is for others to judge. */

#include "rd-parcel-value.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ws-memfd.h"

#define FILE_MAX (1 << 30) /* bytes: 1 GiB, as errors say */

static gboolean
write_all (int fd, const char *data, gsize size)
{
  gsize done = 0;

  while (done < size)
    {
      const gssize n = pwrite (fd, data + done, size - done, done);

      if (n < 0 && errno != EINTR)
        return FALSE;
      done += MAX (n, 0);
    }
  return TRUE;
}

/* Returns: FALSE with errno; ENODATA if there are fewer bytes. */
static gboolean
read_all (int fd, char *data, gsize size)
{
  gsize done = 0;

  while (done < size)
    {
      const gssize n = pread (fd, data + done, size - done, done);

      if (n == 0)
        errno = ENODATA;
      if (n == 0 || (n < 0 && errno != EINTR))
        return FALSE;
      done += MAX (n, 0);
    }
  return TRUE;
}

int
rd_parcel_value_store (GVariant *value, const char *name, GError **error)
{
  g_autoptr (GVariant) packed = g_variant_ref_sink (g_variant_new_variant (value));
  const gsize size = g_variant_get_size (packed); /* adds up, copies nothing */
  int fd;

  if (size > FILE_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                   "%s has %zu bytes, more than the 1 GiB that a new worker can take "
                   "over; try again when fewer clients are in the middle of a message,"
                   " or lower --max-message",
                   name, size);
      return -1;
    }

  fd = ws_memfd_create (name, size, error);
  if (fd < 0 || write_all (fd, g_variant_get_data (packed), size))
    return fd;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
               "cannot write %s, %zu bytes of shared memory: %s", name, size, g_strerror (errno));
  close (fd);
  return -1;
}

/* Returns: (transfer full): what is in @fd; NULL with an error. */
static GBytes *
read_file (int fd, const char *name, GError **error)
{
  g_autofree char *data = NULL;
  struct stat status;

  if (fstat (fd, &status) != 0 || !S_ISREG (status.st_mode) || status.st_size > FILE_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "%s is not a file of at most 1 GiB; the other worker is faulty", name);
      return NULL;
    }

  data = g_malloc (status.st_size);
  if (read_all (fd, data, status.st_size))
    return g_bytes_new_take (g_steal_pointer (&data), status.st_size);

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
               "cannot read %s, %zu bytes of shared memory: %s", name, (gsize) status.st_size,
               g_strerror (errno));
  return NULL;
}

GVariant *
rd_parcel_value_load (int fd, const GVariantType *type, const char *name, GError **error)
{
  g_autoptr (GBytes) bytes = read_file (fd, name, error);
  g_autoptr (GVariant) packed = NULL, value = NULL;

  if (bytes == NULL)
    return NULL;

  /* not looked through for its normal form: that takes GLib 50 ns a byte, and clients wait */
  packed = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARIANT, bytes, FALSE));
  value = g_variant_get_variant (packed);
  if (g_variant_is_of_type (value, type))
    return g_steal_pointer (&value);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               "%s (%zu bytes) has invalid contents; the other worker is faulty", name,
               g_bytes_get_size (bytes));
  return NULL;
}
