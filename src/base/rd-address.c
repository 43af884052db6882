/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Checks the syntax of host names and IP addresses. */

#include "rd-address.h"

#define MAX_LENGTH 253 /* maximum number of characters of a host name */

#define LABEL "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"

gboolean
rd_address_is_valid (const char *text)
{
  const char *name = "^" LABEL "(\\." LABEL ")*\\.?\\z";
  const char *number_at_end = "(^|\\.)[0-9]+\\.?\\z"; /* a name must not end in a number */
  gsize length = 0;

  while (g_ascii_isgraph (text[length]))
    length++;
  if (text[length] != '\0' || length > MAX_LENGTH)
    return FALSE;

  if (g_hostname_is_ip_address (text))
    return TRUE;
  return g_regex_match_simple (name, text, G_REGEX_CASELESS, 0)
         && !g_regex_match_simple (number_at_end, text, 0, 0);
}
