/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Parses request heads with libsoup, and formats the answers to the requests that are refused
 * without SoupServer. */

#include "rd-request.h"

#include <string.h>

#define METHOD_MAX    32     /* maximum length of a method name; the registered ones have 17 */
#define TLS_HANDSHAKE '\x16' /* first byte of a TLS connection (RFC 8446 §5.1) */

/* The characters of a token except digits and letters (RFC 9110 §5.6.2). */
#define TOKEN_CHARS "!#$%&'*+-.^_`|~"

gboolean
rd_refusal_set (RdRefusal *refusal, guint status, const char *fields, const char *format, ...)
{
  va_list arguments;

  refusal->status = status;
  refusal->fields = fields;
  va_start (arguments, format);
  refusal->text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return FALSE;
}

void
rd_refusal_clear (RdRefusal *refusal)
{
  g_clear_pointer (&refusal->text, g_free);
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
  gsize length = 0;

  if (data[0] == TLS_HANDSHAKE)
    return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL,
                           "This port does not accept TLS; use a URL with ws: or http:, or "
                           "terminate TLS in a proxy.");

  while (length < size && (g_ascii_isalnum (data[length]) || strchr (TOKEN_CHARS, data[length]))
         && data[length] != '\0')
    length++;
  if (length > 0 && length <= METHOD_MAX && (length == size || data[length] == ' '))
    return TRUE;

  return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL,
                         "The first bytes are not an HTTP/1.1 request; connect with an HTTP or "
                         "WebSocket client.");
}

/* Refuses requests with a body, and contradictions about its length (RFC 9112 §6.3). */
static gboolean
require_no_body (const RdRequest *request, RdRefusal *refusal)
{
  const char *length = soup_message_headers_get_list (request->headers, "Content-Length");
  const char *encoding = soup_message_headers_get_list (request->headers, "Transfer-Encoding");

  if (encoding == NULL && (length == NULL || g_str_equal (length, "0")))
    return TRUE;
  if (length != NULL && (encoding != NULL || length[strspn (length, G_CSET_DIGITS)] != '\0'))
    return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL,
                           "Content-Length must be one number, without Transfer-Encoding.");

  return rd_refusal_set (refusal, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, NULL,
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
  if (status == SOUP_STATUS_OK)
    return require_no_body (request, refusal);

  if (g_str_has_prefix (head, "PROXY "))
    return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL,
                           "The PROXY protocol is not supported; disable it in the proxy.");
  if (status == SOUP_STATUS_HTTP_VERSION_NOT_SUPPORTED)
    return rd_refusal_set (refusal, status, NULL,
                           "This version of HTTP is not supported; use HTTP/1.1.");

  return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL,
                         "The request line or a header field is malformed (RFC 9112).");
}

gboolean
rd_request_has_valid_uri (const RdRequest *request, RdRefusal *refusal)
{
  const char *host = soup_message_headers_get_list (request->headers, "Host");
  g_autofree char *url = NULL;

  if (host == NULL && request->version == SOUP_HTTP_1_1)
    return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL, "The header Host is missing.");

  url = *request->target == '/'
          ? g_strconcat ("http://", host != NULL ? host : "localhost", request->target, NULL)
          : g_strdup (request->target);
  if (g_uri_is_valid (url, SOUP_HTTP_URI_FLAGS, NULL))
    return TRUE;

  return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL,
                         "The path, the query or the header Host is not valid in a URL; encode "
                         "special characters as %%XX.");
}

char *
rd_request_dup_path (const RdRequest *request)
{
  const char *path = request->target;
  const char *separator = *path == '/' ? NULL : strstr (path, "://");
  gsize length;
  char *decoded;

  if (separator != NULL)
    path = separator + 3 + strcspn (separator + 3, "/?#");
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
