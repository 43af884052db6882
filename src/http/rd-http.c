/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Sends HTTP responses, one per connection, and checks the origins and host names of requests. Does
 * not use the DNS. */

#include "rd-http.h"

#include <string.h>
#include <sys/socket.h>

#include "rd-text.h"

/* Valid characters of a Host header. None of them needs escaping in a URL. */
#define AUTHORITY_CHARS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-:[]"

/* Valid characters of a scheme (RFC 3986 §3.1). */
#define SCHEME_CHARS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "+-."

#define MAX_QUOTED_CHARS 300 /* the longest host name has 253 characters */

void
rd_http_reply (SoupServerMessage *message, guint status, const char *content_type, const char *body)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_message_headers_append (headers, "Connection", "close");
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_message_headers_replace (headers, "X-Content-Type-Options", "nosniff");
  soup_server_message_set_status (message, status, NULL);
  /* removes a body that libsoup may have set already */
  soup_message_body_truncate (soup_server_message_get_response_body (message));
  soup_server_message_set_response (message, content_type, SOUP_MEMORY_COPY, body, strlen (body));
}

/* @remote: (nullable): address of the client. */
static void
log_refused (GSocketAddress *remote, const char *reason, const char *text)
{
  g_autofree char *name = G_IS_INET_SOCKET_ADDRESS (remote)
                            ? g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (remote))
                            : g_strdup ("unknown");

  g_debug ("Connection refused: %s, %s%s%s", name, reason, text != NULL ? ": " : "",
           text != NULL ? text : "");
}

void
rd_http_log_refused (int fd, const char *reason, const char *text)
{
  g_autoptr (GSocketAddress) remote = NULL;
  struct sockaddr_storage native;
  socklen_t size = sizeof native;

  if (!g_log_get_debug_enabled ())
    return;

  if (getpeername (fd, (struct sockaddr *) &native, &size) == 0)
    remote = g_socket_address_new_from_native (&native, size);
  log_refused (remote, reason, text);
}

void
rd_http_refuse (SoupServerMessage *message, guint status, const char *line)
{
  g_autofree char *body = g_strconcat (line, "\n", NULL);

  if (g_log_get_debug_enabled ())
    log_refused (soup_server_message_get_remote_address (message), soup_status_get_phrase (status),
                 line);
  rd_http_reply (message, status, "text/plain; charset=utf-8", body);
}

gboolean
rd_http_require_get (SoupServerMessage *message)
{
  const char *method = soup_server_message_get_method (message);

  if (g_str_equal (method, SOUP_METHOD_GET) || g_str_equal (method, SOUP_METHOD_HEAD))
    return TRUE;

  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Allow",
                                "GET, HEAD");
  rd_http_refuse (message, SOUP_STATUS_METHOD_NOT_ALLOWED, "Method not supported; use GET.");
  return FALSE;
}

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

static gboolean
is_listed (const char *const *globs, const char *origin)
{
  for (gsize i = 0; globs[i] != NULL; i++)
    if (g_pattern_match_simple (globs[i], origin))
      return TRUE;

  return FALSE;
}

/* Returns: (transfer none) (nullable): the text after SCHEME:// in @origin, or NULL if @origin has
 * no scheme. */
static const char *
skip_scheme (const char *origin)
{
  gsize length = strspn (origin, SCHEME_CHARS);

  return length > 0 && g_str_has_prefix (origin + length, "://") ? origin + length + strlen ("://")
                                                                 : NULL;
}

gboolean
rd_origins_may_connect (const char *const *globs, const char *origin, const char *authority)
{
  g_autofree char *page_host = NULL;
  g_autofree char *host = NULL;

  if (origin == NULL || is_listed (globs, origin))
    return TRUE;

  page_host = rd_host_parse (skip_scheme (origin));
  host = rd_host_parse (authority);
  return page_host != NULL && g_strcmp0 (page_host, host) == 0;
}

gboolean
rd_origins_may_read (const char *const *globs, const char *origin, const char *authority)
{
  const char *page_authority;

  if (origin == NULL || is_listed (globs, origin))
    return TRUE;

  page_authority = skip_scheme (origin);
  return page_authority != NULL && authority != NULL
         && g_ascii_strcasecmp (page_authority, authority) == 0;
}

char *
rd_origins_dup_refusal (const char *origin)
{
  static const char *const without_host[] = { "null", "file://", NULL };
  g_autofree char *host = rd_host_parse (skip_scheme (origin));
  g_autofree char *shown = rd_text_printable (origin, MAX_QUOTED_CHARS);

  if (host == NULL && !g_strv_contains (without_host, origin))
    return g_strdup_printf ("Origin “%s” is malformed; send one such as https://www.example.org, "
                            "or no Origin",
                            shown);
  return g_strdup_printf ("Origin “%s” is not allowed; to allow it, start ringdown with "
                          "--allow-origin=%s",
                          shown, shown);
}

/* Returns whether the origin of pages at @scheme@authority is in @globs. @scheme: with "://".
 * @default_port: with a colon; origins do not contain it. */
static gboolean
is_listed_at (const char *const *globs,
              const char *scheme,
              const char *authority,
              const char *default_port)
{
  g_autofree char *url = g_strconcat (scheme, authority, NULL);
  g_autofree char *origin = g_ascii_strdown (url, -1);

  if (g_str_has_suffix (origin, default_port))
    origin[strlen (origin) - strlen (default_port)] = '\0';
  return is_listed (globs, origin);
}

/* Returns whether @host cannot be the name of a foreign machine in the public DNS. */
static gboolean
is_own_name (const char *host)
{
  return g_hostname_is_ip_address (host) || strchr (host, '.') == NULL
         || g_str_has_suffix (host, ".localhost") || g_str_has_suffix (host, ".local")
         || g_str_has_suffix (host, ".internal")
         || g_ascii_strcasecmp (host, g_get_host_name ()) == 0;
}

gboolean
rd_origins_is_trusted_name (const char *const *globs, const char *authority)
{
  g_autofree char *host = NULL;

  if (authority == NULL)
    return TRUE;
  host = rd_host_parse (authority);
  if (host == NULL)
    return FALSE;

  if (g_str_has_suffix (host, ".")) /* the end of a fully qualified name */
    host[strlen (host) - 1] = '\0';
  return is_own_name (host) || is_listed_at (globs, "http://", authority, ":80")
         || is_listed_at (globs, "https://", authority, ":443");
}

char *
rd_origins_dup_host_refusal (const char *authority)
{
  g_autofree char *host = rd_host_parse (authority);
  g_autofree char *shown = rd_text_printable (authority, MAX_QUOTED_CHARS);

  return g_strdup_printf ("Host “%s” is not trusted; use an IP address or localhost as the host, "
                          "or start ringdown with --allow-origin=http://%s",
                          shown, host != NULL ? shown : "NAME:PORT");
}
