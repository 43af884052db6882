/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* CPU time and memory of a process. CPU time is from the process clock, which is exact to the
 * nanosecond (schedstat lags by a tick while a thread runs), memory from smaps_rollup (the counters
 * in `status` are rounded). */

#include "load-probe.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <time.h>

gboolean
load_probe_cpu (pid_t pid, gint64 *cpu_ns, GError **error)
{
  struct timespec used = { 0 };
  clockid_t clock;
  int failure = pid != 0 ? clock_getcpuclockid (pid, &clock) : 0;

  if (failure == 0 && pid != 0 && clock_gettime (clock, &used) < 0)
    failure = errno;
  *cpu_ns = used.tv_sec * G_GINT64_CONSTANT (1000000000) + used.tv_nsec;
  if (failure == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (failure),
               "Cannot read the CPU time of process %d: %s", pid, g_strerror (failure));
  return FALSE;
}

static gint64
find_kib (const char *text, const char *label)
{
  const char *line = strstr (text, label);

  return line != NULL ? g_ascii_strtoll (line + strlen (label), NULL, 10) * 1024 : 0;
}

gboolean
load_probe_memory (pid_t pid, gint64 *rss, gint64 *pss, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/smaps_rollup", pid);
  g_autofree char *text = NULL;

  *rss = *pss = 0;
  if (pid == 0)
    return TRUE;
  if (!g_file_get_contents (path, &text, NULL, error))
    {
      g_prefix_error (error, "Cannot read the memory of process %d: ", pid);
      return FALSE;
    }
  *rss = find_kib (text, "\nRss:");
  *pss = find_kib (text, "\nPss:");
  return TRUE;
}
