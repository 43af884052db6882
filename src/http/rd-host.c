/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Hosts as URLs and Host headers name them. What comes from here is safe to be put into a header
 * or a URL: letters, digits, and the few signs that a name or an address has. Never looks up a
 * name. */

#include "rd-host.h"

#include <gio/gio.h>
#include <string.h>

#define AUTHORITY_CHARS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-:[]"

char *
rd_host_parse (const char *authority)
{
  g_autofree char *url = NULL;
  g_autofree char *host = NULL;

  if (authority == NULL || authority[strspn (authority, AUTHORITY_CHARS)] != '\0')
    return NULL;

  url = g_strconcat ("http://", authority, NULL);
  if (!g_uri_split_network (url, G_URI_FLAGS_NONE, NULL, &host, NULL, NULL) || *host == '\0')
    return NULL;

  return g_ascii_strdown (host, -1);
}

RdHostKind
rd_host_classify (const char *host)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  if (address == NULL)
    return g_str_equal (host, "localhost") || g_str_has_suffix (host, ".localhost")
             ? RD_HOST_LOCALHOST
             : RD_HOST_NAME;
  if (g_inet_address_get_is_any (address))
    return RD_HOST_ANY;
  return g_inet_address_get_is_loopback (address) ? RD_HOST_LOOPBACK : RD_HOST_ADDRESS;
}
