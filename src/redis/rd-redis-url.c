/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Parses Redis URLs and formats them without the password. */

#include "rd-redis-url.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/un.h>

#include "rd-address.h"

#define MAX_PATH (sizeof ((struct sockaddr_un *) NULL)->sun_path - 1) /* bytes, see unix(7) */

/* Syntax of a URL, for error messages. These omit the given text, which may contain a password. */
#define FORM                                                                               \
  "give redis://USER:PASSWORD@HOST:PORT/DATABASE, unix://USER:PASSWORD@/PATH?db=DATABASE " \
  "or /PATH, and %XX for special characters"

/* Decodes %XX in @text (nullable). Returns: FALSE if @text is invalid. */
static gboolean
decode (const char *text, char **out)
{
  *out = g_uri_unescape_string (text, NULL);
  return *out != NULL || text == NULL;
}

/* Each of the read functions reads one part of the URL. Returns: (nullable): the name of the
 * invalid part; NULL if the part is valid. */

static const char *
read_user (RdRedisUrl *url, GUri *uri)
{
  if (!decode (g_uri_get_user (uri), &url->user)
      || !decode (g_uri_get_password (uri), &url->password))
    return "%XX code";

  if (url->user != NULL && *url->user == '\0')
    g_clear_pointer (&url->user, g_free);
  if (url->user != NULL && url->password == NULL)
    return "user without a password"; /* other programs would use the user name as the password */
  if (url->user == NULL && url->password != NULL && *url->password == '\0')
    g_clear_pointer (&url->password, g_free);
  return NULL;
}

static gboolean
read_database (RdRedisUrl *url, const char *text)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 0, RD_REDIS_DATABASE_MAX, &number, NULL))
    return FALSE;

  url->database = (guint) number;
  return TRUE;
}

static const char *
read_server (RdRedisUrl *url, GUri *uri)
{
  const char *host = g_uri_get_host (uri);
  const char *path = g_uri_get_path (uri);
  const int port = g_uri_get_port (uri);

  if (host == NULL || !rd_address_is_valid (host))
    return "host";
  if (port == 0)
    return "port";
  if (g_uri_get_query (uri) != NULL || g_uri_get_fragment (uri) != NULL)
    return "option";
  if (*path == '/' && path[1] != '\0' && !read_database (url, path + 1))
    return "database";

  url->host = g_strdup (host);
  url->port = port > 0 ? (guint) port : RD_REDIS_PORT;
  return NULL;
}

static gboolean
is_socket_path (const char *path)
{
  return *path == '/' && strlen (path) <= MAX_PATH;
}

static const char *
read_socket (RdRedisUrl *url, GUri *uri)
{
  const char *host = g_uri_get_host (uri);
  const char *query = g_uri_get_query (uri);

  if ((host != NULL && *host != '\0') || g_uri_get_port (uri) >= 0)
    return "path"; /* in "unix://run/redis.sock", "run" is a host, not part of the path */
  if (!decode (g_uri_get_path (uri), &url->path) || !is_socket_path (url->path))
    return "path";
  if (g_uri_get_fragment (uri) != NULL || (query != NULL && !g_str_has_prefix (query, "db=")))
    return "option";
  if (query != NULL && !read_database (url, query + strlen ("db=")))
    return "database";
  return NULL;
}

static gboolean
has_scheme (const char *text, const char *scheme)
{
  return g_ascii_strncasecmp (text, scheme, strlen (scheme)) == 0;
}

static const char *
read_url (RdRedisUrl *url, const char *text)
{
  const gboolean is_socket = has_scheme (text, "unix://");
  g_autoptr (GError) error = NULL;
  g_autoptr (GUri) uri = NULL;
  const char *part;

  if (has_scheme (text, "rediss://"))
    return "scheme (TLS is not supported)";
  if (!is_socket && !has_scheme (text, "redis://"))
    return "scheme";

  /* ENCODED: if GLib decoded the URL, it would reject passwords that are not UTF-8. */
  uri = g_uri_parse (text, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED, &error);
  if (uri == NULL)
    return error->code == G_URI_ERROR_BAD_HOST   ? "host"
           : error->code == G_URI_ERROR_BAD_PORT ? "port"
                                                 : "%XX code";

  part = read_user (url, uri);
  if (part != NULL)
    return part;
  return is_socket ? read_socket (url, uri) : read_server (url, uri);
}

static const char *
read_text (RdRedisUrl *url, const char *text)
{
  if (strlen (text) > RD_REDIS_URL_MAX)
    return "length: more than " G_STRINGIFY (RD_REDIS_URL_MAX) " bytes";
  if (*text != '/')
    return read_url (url, text);

  url->path = g_strdup (text);
  return is_socket_path (text) ? NULL : "path";
}

RdRedisUrl *
rd_redis_url_parse (const char *text, GError **error)
{
  g_autoptr (RdRedisUrl) url = g_new0 (RdRedisUrl, 1);
  const char *part = read_text (url, text);

  if (part == NULL)
    return g_steal_pointer (&url);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "invalid %s; %s", part, FORM);
  return NULL;
}

void
rd_redis_url_free (RdRedisUrl *url)
{
  g_free (url->host);
  g_free (url->path);
  g_free (url->user);
  g_free (url->password);
  g_free (url);
}

/* Returns: (transfer full): host and port, or the path, escaped as in a URL. */
static char *
dup_address (const RdRedisUrl *url)
{
  g_autofree char *host = NULL;

  if (url->path != NULL)
    return g_uri_escape_string (url->path, "/", FALSE);

  host = g_uri_escape_string (url->host, ":", FALSE); /* escapes the "%" in "fe80::1%eth0" */
  return g_strdup_printf (strchr (host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, url->port);
}

char *
rd_redis_url_dup_display (const RdRedisUrl *url)
{
  g_autofree char *user = g_uri_escape_string (url->user != NULL ? url->user : "", NULL, FALSE);
  g_autofree char *address = dup_address (url);
  g_autofree char *database = g_strdup_printf (url->path != NULL ? "?db=%u" : "/%u", url->database);

  if (url->path != NULL && url->password == NULL && url->database == 0)
    return g_strdup (url->path);

  return g_strconcat (url->path != NULL ? "unix://" : "redis://", url->password != NULL ? user : "",
                      url->password != NULL ? ":***@" : "", address,
                      url->database != 0 ? database : NULL, NULL);
}

char *
rd_redis_url_dup_place (const RdRedisUrl *url)
{
  g_autofree char *host = NULL;

  if (url->path != NULL)
    return g_strdup_printf ("%u@%s", url->database, url->path);

  host = g_ascii_strdown (url->host, -1);
  return g_strdup_printf ("%u@[%s]:%u", url->database, host, url->port);
}
