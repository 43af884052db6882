/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Parses request heads with libsoup, and formats the answers to the requests that are refused
 * without SoupServer. */

#include "rd-request.h"

#include "rd-pending.h"
#include "rd-text.h"

#include <string.h>

#define METHOD_MAX    32     /* maximum length of a method name; the registered ones have 17 */
#define TLS_HANDSHAKE '\x16' /* first byte of a TLS connection (RFC 8446 §5.1) */

gboolean
rd_refusal_set (RdRefusal *refusal,
                RdRefused reason,
                guint status,
                const char *fields,
                const char *text)
{
  *refusal = (RdRefusal){ .reason = reason, .status = status, .fields = fields, .text = text };
  return FALSE;
}

/* Refuses an invalid request. */
static gboolean
refuse (RdRefusal *refusal, guint status, const char *text)
{
  return rd_refusal_set (refusal, RD_REFUSED_REQUEST, status, NULL, text);
}

static const char *
get_phrase (guint status)
{
  if (status == RD_HTTP_UPGRADE_REQUIRED)
    return "Upgrade Required";

  return status == RD_HTTP_HEAD_TOO_LARGE ? "Request Header Fields Too Large"
                                          : soup_status_get_phrase (status);
}

char *
rd_refusal_format (const RdRefusal *refusal, gboolean is_head)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *date = soup_date_time_to_string (now, SOUP_DATE_HTTP);

  return g_strdup_printf ("HTTP/1.1 %u %s\r\n"
                          "Date: %s\r\n"
                          "Connection: close\r\n"
                          "%s"
                          "Cache-Control: no-store\r\n"
                          "X-Content-Type-Options: nosniff\r\n"
                          "Content-Type: text/plain; charset=utf-8\r\n"
                          "Content-Length: %zu\r\n"
                          "\r\n"
                          "%s%s",
                          refusal->status, get_phrase (refusal->status), date,
                          refusal->fields != NULL ? refusal->fields : "",
                          strlen (refusal->text) + 1, is_head ? "" : refusal->text,
                          is_head ? "" : "\n");
}

gsize
rd_request_find_end (const char *data, gsize size)
{
  const char *end = data + size;

  /* an empty line is CR LF, or LF alone (RFC 9112 §2.2) */
  for (const char *line = memchr (data, '\n', size); line != NULL;
       line = memchr (line + 1, '\n', end - (line + 1)))
    {
      if (line + 1 < end && line[1] == '\n')
        return line + 2 - data;
      if (line + 2 < end && line[1] == '\r' && line[2] == '\n')
        return line + 3 - data;
    }

  return 0;
}

gboolean
rd_request_may_begin (const char *data, gsize size, RdRefusal *refusal)
{
  /* an empty line may precede the request (RFC 9112 §2.2) */
  const gsize start = data[0] == '\r' && (size == 1 || data[1] == '\n') ? MIN (size, 2) : 0;
  gsize length = start;

  if (data[0] == TLS_HANDSHAKE)
    return refuse (refusal, SOUP_STATUS_BAD_REQUEST,
                   "This port does not accept TLS; use a URL with ws: or http:, or "
                   "terminate TLS in a proxy.");
  if (size >= 6 && (memcmp (data, "PROXY ", 6) == 0 || memcmp (data, "\r\n\r\n\0\r", 6) == 0))
    return refuse (refusal, SOUP_STATUS_BAD_REQUEST,
                   "The PROXY protocol is not supported; disable it in the proxy.");

  while (length < size
         && (g_ascii_isalnum (data[length]) || strchr (RD_TEXT_TOKEN_SYMBOLS, data[length]))
         && data[length] != '\0')
    length++;
  if (length - start <= METHOD_MAX && (length == size || (length > start && data[length] == ' ')))
    return TRUE;

  return refuse (refusal, SOUP_STATUS_BAD_REQUEST,
                 "The first bytes are not an HTTP/1.1 request; connect with an HTTP or "
                 "WebSocket client.");
}

gboolean
rd_request_may_wait (gsize size, gboolean is_last, RdRefusal *refusal)
{
  if (size > RD_PENDING_HEAD_MAX)
    return rd_refusal_set (refusal, RD_REFUSED_SIZE, RD_HTTP_HEAD_TOO_LARGE, NULL,
                           "The request line and the headers are longer than 8 KiB; send fewer or "
                           "shorter ones, for example fewer cookies.");

  return !is_last
         || refuse (refusal, SOUP_STATUS_BAD_REQUEST,
                    "The request is incomplete, or was sent in too many pieces.");
}

/* Refuses requests with a body, and contradictions about its length (RFC 9112 §6.3). */
static gboolean
require_no_body (const RdRequest *request, RdRefusal *refusal)
{
  const char *length = soup_message_headers_get_list (request->headers, "Content-Length");
  const char *encoding = soup_message_headers_get_list (request->headers, "Transfer-Encoding");

  if (encoding == NULL && (length == NULL || g_str_equal (length, "0")))
    return TRUE;
  if (length != NULL
      && (encoding != NULL || *length == '\0' || length[strspn (length, G_CSET_DIGITS)] != '\0'))
    return refuse (refusal, SOUP_STATUS_BAD_REQUEST,
                   "Content-Length must be one number, without Transfer-Encoding.");

  return rd_refusal_set (refusal, RD_REFUSED_SIZE, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, NULL,
                         "Requests with a body are not supported; send the request without a "
                         "body.");
}

gboolean
rd_request_parse (RdRequest *request, const char *head, gsize size, RdRefusal *refusal)
{
  guint status;

  if (!rd_request_may_begin (head, size, refusal))
    return FALSE;

  request->headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  status = memchr (head, '\0', size) != NULL
             ? SOUP_STATUS_BAD_REQUEST
             : soup_headers_parse_request (head, size, request->headers, &request->method,
                                           &request->target, &request->version);
  /* libsoup reads "GET /\nHost: HTTP/1.1" as one line */
  if (status == SOUP_STATUS_OK && strchr (request->target, '\n') == NULL)
    return require_no_body (request, refusal);

  if (status == SOUP_STATUS_HTTP_VERSION_NOT_SUPPORTED)
    return refuse (refusal, status, "This version of HTTP is not supported; use HTTP/1.1.");
  if (status == SOUP_STATUS_EXPECTATION_FAILED)
    return refuse (refusal, status,
                   "The value of the header Expect is not supported; omit the header.");

  return refuse (refusal, SOUP_STATUS_BAD_REQUEST,
                 "The request line or a header field is malformed (RFC 9112).");
}

/* Returns whether SoupServer passes @request to a handler. @host: the header Host (nullable). */
static gboolean
is_served (const RdRequest *request, const char *host)
{
  g_autofree char *url = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GUri) uri = NULL;

  url = *request->target == '/'
          ? g_strconcat ("http://", host != NULL ? host : "localhost", request->target, NULL)
          : g_strdup (request->target);
  uri = g_uri_parse (url, SOUP_HTTP_URI_FLAGS, NULL);
  if (uri == NULL || !g_str_equal (g_uri_get_scheme (uri), "http") || g_uri_get_host (uri) == NULL)
    return FALSE;

  /* without Host, libsoup takes the whole target for the path */
  path = g_uri_unescape_string (host != NULL ? g_uri_get_path (uri) : request->target, NULL);
  return path != NULL && strstr (path, "/../") == NULL && !g_str_has_suffix (path, "/..")
         && (host == NULL || strchr (host, '/') == NULL)
         && !g_str_equal (request->method, "CONNECT");
}

gboolean
rd_request_has_valid_uri (const RdRequest *request, RdRefusal *refusal)
{
  const guint n_hosts = rd_request_count_lines (request, "Host");

  if (n_hosts > 1 || (n_hosts == 0 && request->version == SOUP_HTTP_1_1)) /* RFC 9112 §3.2 */
    return refuse (refusal, SOUP_STATUS_BAD_REQUEST, "The request must have one header Host.");
  if (is_served (request, soup_message_headers_get_one (request->headers, "Host")))
    return TRUE;

  return refuse (refusal, SOUP_STATUS_BAD_REQUEST,
                 "The request target and the header Host are not a valid http: URL; encode "
                 "special characters as %XX.");
}

char *
rd_request_dup_path (const RdRequest *request)
{
  const char *path = request->target;
  const char *authority = path + strcspn (path, ":/?#");
  gsize length;
  char *decoded;

  if (g_str_has_prefix (authority, "://"))
    path = authority + 3 + strcspn (authority + 3, "/?#");
  length = strcspn (path, "?#");
  decoded = g_uri_unescape_segment (path, path + length, NULL);
  return decoded != NULL ? decoded : g_strndup (path, length);
}

guint
rd_request_count_lines (const RdRequest *request, const char *name)
{
  SoupMessageHeadersIter iter;
  const char *line_name;
  const char *value;
  guint n = 0;

  soup_message_headers_iter_init (&iter, request->headers);
  while (soup_message_headers_iter_next (&iter, &line_name, &value))
    if (g_ascii_strcasecmp (line_name, name) == 0)
      n++;

  return n;
}

void
rd_request_clear (RdRequest *request)
{
  g_clear_pointer (&request->method, g_free);
  g_clear_pointer (&request->target, g_free);
  g_clear_pointer (&request->headers, soup_message_headers_unref);
}
