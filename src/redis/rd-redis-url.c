/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Redis URLs, as people give them and as people may see them. GLib takes them apart; what each part
 * may be, and the words for what is wrong, are here. Every text that leaves this file goes without
 * the password. Never connects, and never looks up a name. */

#include "rd-redis-url.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/un.h>

#include "rd-address.h"
#include "rd-text.h"

#define MAX_QUOTED_CHARS 60
#define MAX_PATH         (sizeof ((struct sockaddr_un *) NULL)->sun_path - 1)

typedef enum
{
  FAULT_NONE,
  FAULT_LENGTH,
  FAULT_SCHEME,
  FAULT_TLS,
  FAULT_SYNTAX,
  FAULT_USER,
  FAULT_HOST,
  FAULT_PORT,
  FAULT_DATABASE,
  FAULT_OPTIONS,
  FAULT_PATH,
} Fault;

/* Returns: (transfer full): a sentence: what is wrong with @shown, and what to give instead. */
static char *
describe (Fault fault, const char *shown)
{
  switch (fault)
    {
    case FAULT_LENGTH:
      return g_strdup_printf (_ ("“%s” is too long; give at most %d bytes"), shown,
                              RD_REDIS_URL_MAX);
    case FAULT_SCHEME:
      return g_strdup_printf (_ ("“%s” is not a Redis URL; give redis://HOST:PORT, unix:///PATH or "
                                 "the path of a UNIX socket"),
                              shown);
    case FAULT_TLS:
      return g_strdup_printf (_ ("“%s” asks for TLS, which is not spoken here; give redis:// and "
                                 "the address of a proxy that speaks it, such as stunnel"),
                              shown);
    case FAULT_SYNTAX:
      return g_strdup_printf (_ ("“%s” is not a valid URL; give "
                                 "redis://USER:PASSWORD@HOST:PORT/DATABASE, and %%XX for special "
                                 "characters of user and password"),
                              shown);
    case FAULT_USER:
      return g_strdup_printf (_ ("“%s” has a user without a password; give USER:PASSWORD@ or "
                                 ":PASSWORD@ before the host"),
                              shown);
    case FAULT_HOST:
      return g_strdup_printf (_ ("“%s” has no valid host; give a host name or an IP address, IPv6 "
                                 "in brackets"),
                              shown);
    case FAULT_PORT:
      return g_strdup_printf (_ ("“%s” has no valid port; give a number from 1 to 65535"), shown);
    case FAULT_DATABASE:
      return g_strdup_printf (_ ("“%s” has no valid database; give a number from 0 to %d"), shown,
                              RD_REDIS_DATABASE_MAX);
    case FAULT_OPTIONS:
      return g_strdup_printf (_ ("“%s” has unknown options; leave out ? or # and what follows, all "
                                 "but ?db=NUMBER after unix:///PATH"),
                              shown);
    case FAULT_PATH:
      return g_strdup_printf (_ ("“%s” has no valid path of a UNIX socket; give unix:///PATH, at "
                                 "most %d bytes of path"),
                              shown, (int) MAX_PATH);
    case FAULT_NONE:
      break;
    }

  g_assert_not_reached ();
}

/* Returns: FALSE if @text is no encoding of a string; NULL is one of NULL. */
static gboolean
decode (const char *text, char **out)
{
  *out = g_uri_unescape_string (text, NULL);
  return *out != NULL || text == NULL;
}

static Fault
read_user (RdRedisUrl *url, GUri *uri)
{
  if (!decode (g_uri_get_user (uri), &url->user)
      || !decode (g_uri_get_password (uri), &url->password))
    return FAULT_SYNTAX;

  if (url->user != NULL && *url->user == '\0')
    g_clear_pointer (&url->user, g_free);
  if (url->user != NULL && url->password == NULL)
    return FAULT_USER; /* some would take it for a password */
  if (url->user == NULL && url->password != NULL && *url->password == '\0')
    g_clear_pointer (&url->password, g_free);
  return FAULT_NONE;
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

static Fault
read_server (RdRedisUrl *url, GUri *uri)
{
  const char *host = g_uri_get_host (uri);
  const char *path = g_uri_get_path (uri);
  const int port = g_uri_get_port (uri);

  if (host == NULL || !rd_address_is_valid (host))
    return FAULT_HOST;
  if (port == 0)
    return FAULT_PORT;
  if (g_uri_get_query (uri) != NULL || g_uri_get_fragment (uri) != NULL)
    return FAULT_OPTIONS;
  if (*path == '/' && path[1] != '\0' && !read_database (url, path + 1))
    return FAULT_DATABASE;

  url->host = g_strdup (host);
  url->port = port > 0 ? (guint) port : RD_REDIS_PORT;
  return FAULT_NONE;
}

static gboolean
is_socket_path (const char *path)
{
  return *path == '/' && strlen (path) <= MAX_PATH;
}

static Fault
read_socket (RdRedisUrl *url, GUri *uri)
{
  const char *host = g_uri_get_host (uri);
  const char *query = g_uri_get_query (uri);

  if ((host != NULL && *host != '\0') || g_uri_get_port (uri) >= 0)
    return FAULT_PATH; /* "unix://run/redis.sock" */
  if (!decode (g_uri_get_path (uri), &url->path) || !is_socket_path (url->path))
    return FAULT_PATH;
  if (g_uri_get_fragment (uri) != NULL || (query != NULL && !g_str_has_prefix (query, "db=")))
    return FAULT_OPTIONS;
  if (query != NULL && !read_database (url, query + strlen ("db=")))
    return FAULT_DATABASE;
  return FAULT_NONE;
}

static Fault
fault_of (const GError *error)
{
  if (g_error_matches (error, G_URI_ERROR, G_URI_ERROR_BAD_HOST))
    return FAULT_HOST;
  if (g_error_matches (error, G_URI_ERROR, G_URI_ERROR_BAD_PORT))
    return FAULT_PORT;
  return FAULT_SYNTAX;
}

static gboolean
has_scheme (const char *text, const char *scheme)
{
  return g_ascii_strncasecmp (text, scheme, strlen (scheme)) == 0;
}

static Fault
read_url (RdRedisUrl *url, const char *text)
{
  const gboolean is_socket = has_scheme (text, "unix://");
  g_autoptr (GError) error = NULL;
  g_autoptr (GUri) uri = NULL;
  Fault fault;

  if (has_scheme (text, "rediss://"))
    return FAULT_TLS;
  if (!is_socket && !has_scheme (text, "redis://"))
    return FAULT_SCHEME;

  /* ENCODED: a password may be any bytes, and GLib decodes UTF-8 only. */
  uri = g_uri_parse (text, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED, &error);
  if (uri == NULL)
    return fault_of (error);

  fault = read_user (url, uri);
  if (fault != FAULT_NONE)
    return fault;
  return is_socket ? read_socket (url, uri) : read_server (url, uri);
}

static Fault
read_text (RdRedisUrl *url, const char *text)
{
  if (strlen (text) > RD_REDIS_URL_MAX)
    return FAULT_LENGTH;
  if (*text != '/')
    return read_url (url, text);

  url->path = g_strdup (text);
  return is_socket_path (text) ? FAULT_NONE : FAULT_PATH;
}

RdRedisUrl *
rd_redis_url_parse (const char *text, GError **error)
{
  g_autoptr (RdRedisUrl) url = g_new0 (RdRedisUrl, 1);
  const Fault fault = read_text (url, text);
  g_autofree char *hidden = NULL;
  g_autofree char *shown = NULL;
  g_autofree char *message = NULL;

  if (fault == FAULT_NONE)
    return g_steal_pointer (&url);

  hidden = rd_redis_url_hide_password (text);
  shown = rd_text_printable (hidden, MAX_QUOTED_CHARS);
  message = describe (fault, shown);
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

/* Returns: (transfer full): what stands before host or path: "", or up to the @. */
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

char *
rd_redis_url_hide_password (const char *text)
{
  static const struct
  {
    const char *pattern;
    const char *replacement;
  } rules[] = {
    /* before an @; the last one, for a password may have one that is not encoded */
    { "(://|:).*@", "\\1***@" },
    /* where a port should be, or where the host was forgotten */
    { "(://:|://[^][:/?#@]+:(?![0-9]{1,5}(/|\\z))).*", "\\1***" },
    /* as other programs take it: ?password= */
    { "(://[^?#]*[?#])(?!db=[0-9]*\\z).*", "\\1***" },
  };
  char *hidden = g_strdup (text);

  for (gsize i = 0; *text != '/' && i < G_N_ELEMENTS (rules); i++)
    {
      g_autoptr (GRegex) regex = g_regex_new (rules[i].pattern, G_REGEX_RAW | G_REGEX_DOTALL, 0,
                                              NULL);
      g_autofree char *before = hidden;

      hidden = g_regex_replace (regex, before, -1, 0, rules[i].replacement, 0, NULL);
      if (hidden == NULL) /* too long for that */
        return g_strdup ("***");
    }
  return hidden;
}
