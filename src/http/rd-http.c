/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Answers HTTP requests, for all handlers: one answer per connection, and a line of text with each
 * refusal. */

#include "rd-http.h"

#include <string.h>

void
rd_http_reply (SoupServerMessage *message, guint status, const char *content_type, const char *body)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_message_headers_append (headers, "Connection", "close");
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_message_headers_replace (headers, "X-Content-Type-Options", "nosniff");
  soup_server_message_set_status (message, status,
                                  status == RD_HTTP_UPGRADE_REQUIRED ? "Upgrade Required" : NULL);
  /* removes what libsoup may have set already */
  soup_message_body_truncate (soup_server_message_get_response_body (message));
  soup_server_message_set_response (message, content_type, SOUP_MEMORY_COPY, body, strlen (body));
}

void
rd_http_refuse (SoupServerMessage *message, guint status, const char *line)
{
  g_autofree char *body = g_strconcat (line, "\n", NULL);

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
