/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Keeps the process of the old worker running until the new worker exits. */

#include "rd-vigil.h"

#include "rd-process.h"

#include <unistd.h>

#define NEED_TIME_MS 1000 /* interval of rd_systemd_extend_timeout(), which adds 30 s each time */

void
rd_vigil_keep (RdSystemd *systemd, pid_t heir)
{
  const int fd = rd_process_open (heir);

  do
    rd_systemd_extend_timeout (systemd);
  while (!rd_process_has_ended (fd, NEED_TIME_MS));

  if (fd >= 0)
    close (fd);
}
