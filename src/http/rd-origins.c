/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Checks origins and host names of HTTP requests against the allowed origins. No name is looked up
 * in the DNS. */

#include "rd-origins.h"

#include <gio/gio.h>
#include <string.h>

/* Without quotes, white space and so on: a parsed host can be put into a header or URL as it is. */
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

static gboolean
is_listed (const char *const *globs, const char *origin)
{
  for (gsize i = 0; globs[i] != NULL; i++)
    if (g_pattern_match_simple (globs[i], origin))
      return TRUE;

  return FALSE;
}

/* Returns whether @origin is @authority with a scheme in front. */
static gboolean
is_at (const char *origin, const char *authority)
{
  const char *separator = strstr (origin, "://");

  return separator != NULL && authority != NULL
         && g_ascii_strcasecmp (separator + strlen ("://"), authority) == 0;
}

gboolean
rd_origins_may_connect (const char *const *globs, const char *origin)
{
  return origin == NULL || globs[0] == NULL || is_listed (globs, origin);
}

gboolean
rd_origins_may_read (const char *const *globs, const char *origin, const char *authority)
{
  return origin == NULL || is_at (origin, authority) || is_listed (globs, origin);
}

gboolean
rd_origins_is_trusted_name (const char *const *globs, const char *authority)
{
  g_autofree char *host = rd_host_parse (authority);
  g_autofree char *origin = NULL;
  g_autofree char *secure_origin = NULL;

  if (host == NULL)
    return FALSE;
  if (rd_host_classify (host) != RD_HOST_NAME || g_ascii_strcasecmp (host, g_get_host_name ()) == 0)
    return TRUE;

  origin = g_strconcat ("http://", authority, NULL);
  secure_origin = g_strconcat ("https://", authority, NULL);
  return is_listed (globs, origin) || is_listed (globs, secure_origin);
}
