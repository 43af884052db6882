/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Sets up the standard file descriptors, signals and the locale of the process. */

#include "rd-startup.h"

#include <fcntl.h>
#include <glib/gi18n.h>
#include <locale.h>
#include <signal.h>
#include <unistd.h>

void
rd_startup (void)
{
  const char *messages;
  int fd;

  do /* O_RDONLY: writing to a descriptor that was closed at startup must still fail */
    fd = open ("/dev/null", O_RDONLY);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    close (fd);

  signal (SIGPIPE, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN); /* RLIMIT_FSIZE: writing to a file or shared memory beyond the limit */

  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C"); /* keeps "." as the decimal point */
  /* gettext ignores LANGUAGE in locale "C"; use "C.UTF-8" instead, which every system has */
  messages = setlocale (LC_MESSAGES, NULL);
  if (g_strcmp0 (messages, "C") == 0 || g_strcmp0 (messages, "POSIX") == 0)
    setlocale (LC_MESSAGES, "C.UTF-8");

  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
}
