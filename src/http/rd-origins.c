/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Whom a browser may speak for, as the list of origins and the nature of names have it. Judges by
 * the headers Origin and Host alone, so that whatever is no browser can pretend to anything:
 * keeping those out is not the purpose. Never looks up a name. */

#include "rd-origins.h"

#include "rd-host.h"

#include <string.h>

struct _RdOrigins
{
  GPtrArray *globs; /* GPatternSpec, owned */
};

RdOrigins *
rd_origins_new (const char *const *globs)
{
  RdOrigins *origins = g_new0 (RdOrigins, 1);

  origins->globs = g_ptr_array_new_with_free_func ((GDestroyNotify) g_pattern_spec_free);
  for (gsize i = 0; globs[i] != NULL; i++)
    g_ptr_array_add (origins->globs, g_pattern_spec_new (globs[i]));
  return origins;
}

void
rd_origins_free (RdOrigins *origins)
{
  g_ptr_array_unref (origins->globs);
  g_free (origins);
}

static gboolean
is_listed (const RdOrigins *origins, const char *origin)
{
  const gsize length = strlen (origin);

  for (guint i = 0; i < origins->globs->len; i++)
    if (g_pattern_spec_match (origins->globs->pdata[i], length, origin, NULL))
      return TRUE;

  return FALSE;
}

/* Whether pages that were asked for under @authority are of @origin. */
static gboolean
is_at (const char *origin, const char *authority)
{
  const char *place = strstr (origin, "://");

  return place != NULL && authority != NULL
         && g_ascii_strcasecmp (place + strlen ("://"), authority) == 0;
}

gboolean
rd_origins_may_connect (const RdOrigins *origins, const char *origin)
{
  return origin == NULL || origins->globs->len == 0 || is_listed (origins, origin);
}

gboolean
rd_origins_may_ask (const RdOrigins *origins, const char *origin, const char *authority)
{
  return origin == NULL || is_at (origin, authority) || is_listed (origins, origin);
}

gboolean
rd_origins_may_name_us (const RdOrigins *origins, const char *authority)
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
  return is_listed (origins, origin) || is_listed (origins, secure_origin);
}
