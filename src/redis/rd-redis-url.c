/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Redis URLs: parsed, and displayed without the password. */

#include "rd-redis-url.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/un.h>

#include "rd-address.h"

#define MAX_PATH 107 /* bytes, see unix(7) */
G_STATIC_ASSERT (MAX_PATH == sizeof ((struct sockaddr_un *) NULL)->sun_path - 1);

/* Error messages. They do not repeat the URL: any part of a wrong URL may be a password. */
#define BAD_LENGTH "URL is too long; give at most " G_STRINGIFY (RD_REDIS_URL_MAX) " bytes"
#define BAD_SCHEME \
  "not a Redis URL; give redis://HOST:PORT, unix:///PATH or the path of a UNIX socket"
#define BAD_TLS                                                                               \
  "TLS is not supported; give redis:// and the address of a proxy that supports it, such as " \
  "stunnel"
#define BAD_SYNTAX                                                                       \
  "not a valid URL; give redis://USER:PASSWORD@HOST:PORT/DATABASE, and %XX for special " \
  "characters of user and password"
#define BAD_USER "user without a password; give USER:PASSWORD@ or :PASSWORD@ before the host"
#define BAD_HOST "no valid host; give a host name or an IP address, IPv6 in brackets"
#define BAD_PORT "no valid port; give a number from 1 to 65535"
#define BAD_DATABASE \
  "no valid database; give a number from 0 to " G_STRINGIFY (RD_REDIS_DATABASE_MAX)
#define BAD_OPTIONS \
  "unknown options; leave out ? or # and the rest, except ?db=NUMBER after unix:///PATH"
#define BAD_PATH                                                       \
  "no valid path of a UNIX socket; give unix:///PATH, with a path of " \
  "at most " G_STRINGIFY (MAX_PATH) " bytes"

/* Decodes %XX in @text (nullable). Returns: FALSE if it is invalid. */
static gboolean
decode (const char *text, char **out)
{
  *out = g_uri_unescape_string (text, NULL);
  return *out != NULL || text == NULL;
}

/* Each of these reads a part of the URL. Returns: NULL, or one of the messages above. */

static const char *
read_user (RdRedisUrl *url, GUri *uri)
{
  if (!decode (g_uri_get_user (uri), &url->user)
      || !decode (g_uri_get_password (uri), &url->password))
    return BAD_SYNTAX;

  if (url->user != NULL && *url->user == '\0')
    g_clear_pointer (&url->user, g_free);
  if (url->user != NULL && url->password == NULL)
    return BAD_USER; /* other programs take it as the password */
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
    return BAD_HOST;
  if (port == 0)
    return BAD_PORT;
  if (g_uri_get_query (uri) != NULL || g_uri_get_fragment (uri) != NULL)
    return BAD_OPTIONS;
  if (*path == '/' && path[1] != '\0' && !read_database (url, path + 1))
    return BAD_DATABASE;

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
    return BAD_PATH; /* "unix://run/redis.sock" */
  if (!decode (g_uri_get_path (uri), &url->path) || !is_socket_path (url->path))
    return BAD_PATH;
  if (g_uri_get_fragment (uri) != NULL || (query != NULL && !g_str_has_prefix (query, "db=")))
    return BAD_OPTIONS;
  if (query != NULL && !read_database (url, query + strlen ("db=")))
    return BAD_DATABASE;
  return NULL;
}

static const char *
get_message (const GError *error)
{
  if (g_error_matches (error, G_URI_ERROR, G_URI_ERROR_BAD_HOST))
    return BAD_HOST;
  if (g_error_matches (error, G_URI_ERROR, G_URI_ERROR_BAD_PORT))
    return BAD_PORT;
  return BAD_SYNTAX;
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
  const char *message;

  if (has_scheme (text, "rediss://"))
    return BAD_TLS;
  if (!is_socket && !has_scheme (text, "redis://"))
    return BAD_SCHEME;

  /* ENCODED: a password may have any bytes, and GLib decodes UTF-8 only. */
  uri = g_uri_parse (text, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED, &error);
  if (uri == NULL)
    return get_message (error);

  message = read_user (url, uri);
  if (message != NULL)
    return message;
  return is_socket ? read_socket (url, uri) : read_server (url, uri);
}

static const char *
read_text (RdRedisUrl *url, const char *text)
{
  if (strlen (text) > RD_REDIS_URL_MAX)
    return BAD_LENGTH;
  if (*text != '/')
    return read_url (url, text);

  url->path = g_strdup (text);
  return is_socket_path (text) ? NULL : BAD_PATH;
}

RdRedisUrl *
rd_redis_url_parse (const char *text, GError **error)
{
  g_autoptr (RdRedisUrl) url = g_new0 (RdRedisUrl, 1);
  const char *message = read_text (url, text);

  if (message == NULL)
    return g_steal_pointer (&url);

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, message);
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

RdRedisUrl *
rd_redis_url_copy (const RdRedisUrl *url)
{
  RdRedisUrl *copy = g_new0 (RdRedisUrl, 1);

  copy->host = g_strdup (url->host);
  copy->port = url->port;
  copy->path = g_strdup (url->path);
  copy->user = g_strdup (url->user);
  copy->password = g_strdup (url->password);
  copy->database = url->database;
  return copy;
}

/* Returns: (transfer full): user and password up to the @, or "". */
static char *
dup_user_display (const RdRedisUrl *url)
{
  g_autofree char *user = g_uri_escape_string (url->user != NULL ? url->user : "", NULL, FALSE);

  return url->password != NULL ? g_strconcat (user, ":***@", NULL) : g_strdup ("");
}

static char *
dup_server_display (const RdRedisUrl *url)
{
  g_autofree char *user = dup_user_display (url);
  g_autofree char *host = g_uri_escape_string (url->host, ":", FALSE); /* "fe80::1%eth0" */
  g_autofree char *database = url->database != 0 ? g_strdup_printf ("/%u", url->database)
                                                 : g_strdup ("");
  const gboolean is_ipv6 = strchr (host, ':') != NULL;

  return g_strdup_printf ("redis://%s%s%s%s:%u%s", user, is_ipv6 ? "[" : "", host,
                          is_ipv6 ? "]" : "", url->port, database);
}

static char *
dup_socket_display (const RdRedisUrl *url)
{
  g_autofree char *user = dup_user_display (url);
  g_autofree char *path = g_uri_escape_string (url->path, "/", FALSE);
  g_autofree char *database = url->database != 0 ? g_strdup_printf ("?db=%u", url->database)
                                                 : g_strdup ("");

  if (url->password == NULL && url->database == 0)
    return g_strdup (url->path);
  return g_strconcat ("unix://", user, path, database, NULL);
}

char *
rd_redis_url_dup_display (const RdRedisUrl *url)
{
  return url->path != NULL ? dup_socket_display (url) : dup_server_display (url);
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
