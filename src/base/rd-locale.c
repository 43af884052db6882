/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The language of a program: what is marked for gettext comes out in that of the environment, in
 * UTF-8, whatever the terminal's character set. A message without a translation stays English.
 * Never changes how numbers are read or written. */

#include "rd-locale.h"

#include <glib/gi18n.h>
#include <locale.h>

void
rd_locale_init (void)
{
  const char *messages;

  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C");
  /* without a locale gettext would not even look at LANGUAGE; C.UTF-8 is always there */
  messages = setlocale (LC_MESSAGES, NULL);
  if (g_strcmp0 (messages, "C") == 0 || g_strcmp0 (messages, "POSIX") == 0)
    setlocale (LC_MESSAGES, "C.UTF-8");

  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
}
