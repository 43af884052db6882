/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Where a browser finds the clients' port: the addresses that the service listens on, as seen from
 * where the browser is. That is told by the name under which it has found the admin port. Never
 * looks up a name. */

#include "rd-page-urls.h"

#include "rd-host.h"

#include <string.h>

/* Returns: (transfer none) (nullable): what a browser calls @address that calls this machine @host;
 * NULL: it is out of its reach. */
static const char *
reach (const char *address, const char *host)
{
  const RdHostKind from = rd_host_classify (host);

  switch (rd_host_classify (address))
    {
    case RD_HOST_ANY:
      return host;
    case RD_HOST_LOCALHOST:
    case RD_HOST_LOOPBACK:
      if (from == RD_HOST_LOCALHOST)
        return host;
      return from == RD_HOST_LOOPBACK || from == RD_HOST_ANY ? address : NULL;
    case RD_HOST_ADDRESS:
    case RD_HOST_NAME:
      return address;
    }

  g_assert_not_reached ();
}

/* Returns: (transfer full) (nullable): @url in its parts; NULL if no browser understands it: an
 * inherited socket may be bound to a link-local address, fe80::1%2, and URLs have no zones. */
static GUri *
parse (const char *url)
{
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_ENCODED, NULL);

  return uri != NULL && strchr (g_uri_get_host (uri), '%') == NULL ? g_steal_pointer (&uri) : NULL;
}

static gboolean
contains (GPtrArray *urls, const char *url)
{
  return g_ptr_array_find_with_equal_func (urls, url, g_str_equal, NULL);
}

char **
rd_page_urls_reach (const char *const *urls, const char *host)
{
  g_autoptr (GPtrArray) near = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *far = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; urls[i] != NULL; i++)
    {
      g_autoptr (GUri) uri = parse (urls[i]);
      const char *reached = uri != NULL ? reach (g_uri_get_host (uri), host) : NULL;
      g_autofree char *url = NULL;
      GPtrArray *list = g_strcmp0 (reached, host) == 0 ? near : far;

      if (reached == NULL)
        continue;
      url = g_uri_join (G_URI_FLAGS_ENCODED, g_uri_get_scheme (uri), NULL, reached,
                        g_uri_get_port (uri), g_uri_get_path (uri), NULL, NULL);
      if (!contains (list, url))
        g_ptr_array_add (list, g_steal_pointer (&url));
    }

  g_ptr_array_extend_and_steal (near, far);
  g_ptr_array_add (near, NULL);
  return (char **) g_ptr_array_steal (near, NULL);
}
