/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Prepares the standard descriptors and the locale of a program. */

#include "rd-startup.h"

#include <fcntl.h>
#include <glib/gi18n.h>
#include <locale.h>
#include <unistd.h>

void
rd_startup (void)
{
  const char *messages;
  int fd;

  do /* read-only, so that output to a descriptor that was closed remains an error */
    fd = open ("/dev/null", O_RDONLY);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    close (fd);

  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C"); /* numbers look the same everywhere */
  /* gettext ignores LANGUAGE in the locale "C"; C.UTF-8 exists on every system */
  messages = setlocale (LC_MESSAGES, NULL);
  if (g_strcmp0 (messages, "C") == 0 || g_strcmp0 (messages, "POSIX") == 0)
    setlocale (LC_MESSAGES, "C.UTF-8");

  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
}
