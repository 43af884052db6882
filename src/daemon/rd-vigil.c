/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The last thing that an old process may have to do: nothing, for as long as the new one lives.
 * Blocks, as nothing else is left to be done; further signals come to nothing, and are to be sent
 * to the new one. */

#include "rd-vigil.h"

#include "rd-process.h"

#include <unistd.h>

#define NEED_TIME_MS 1000 /* of 30 s that it gets each time */

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
