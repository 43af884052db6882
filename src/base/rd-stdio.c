/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The three standard descriptors. One that is closed would be given to the next thing that is
 * opened, a client's socket or the log of messages, and what is printed be written into that. Never
 * touches one that is open. */

#include "rd-stdio.h"

#include <fcntl.h>
#include <unistd.h>

void
rd_stdio_open (void)
{
  int fd;

  do
    fd = open ("/dev/null", O_RDONLY);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    close (fd);
}
