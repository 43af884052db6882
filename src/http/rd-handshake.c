/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Checks opening handshakes (RFC 6455 §4.2). */

#include "rd-handshake.h"

#include "rd-http.h"

#include <string.h>

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 §1.3 */
#define KEY_CHARS   24 /* size of 16 bytes in Base64, RFC 4648 */
#define KEY_BYTES   16
#define SHA1_BYTES  20

#define ALLOW       "Allow: GET\r\n"
#define RETRY_AFTER "Retry-After: 5\r\n"
#define UPGRADE     "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"

static const char *
get_list (const RdRequest *request, const char *name)
{
  return soup_message_headers_get_list (request->headers, name);
}

/* Returns whether the list header @name has the element @token; ignores case. */
static gboolean
has_token (const RdRequest *request, const char *name, const char *token)
{
  const char *list = get_list (request, name);

  return list != NULL && soup_header_contains (list, token);
}

/* Requires a request to switch to WebSocket version 13 (RFC 6455 §4.2.1, §4.4). */
static gboolean
require_upgrade (const RdRequest *request, RdRefusal *refusal)
{
  if (!has_token (request, "Upgrade", "websocket"))
    return rd_refusal_set (refusal, RD_HTTP_UPGRADE_REQUIRED, UPGRADE,
                           "This path is a WebSocket endpoint, and the request has no “Upgrade: "
                           "websocket”; use a WebSocket client, or let the proxy forward the "
                           "headers Upgrade and Connection.");
  if (!has_token (request, "Connection", "Upgrade"))
    return rd_refusal_set (refusal, RD_HTTP_UPGRADE_REQUIRED, UPGRADE,
                           "The request has no “Connection: Upgrade”; let the proxy forward the "
                           "headers Upgrade and Connection.");
  if (!has_token (request, "Sec-WebSocket-Version", "13"))
    return rd_refusal_set (refusal, RD_HTTP_UPGRADE_REQUIRED, UPGRADE,
                           "The request has no “Sec-WebSocket-Version: 13”; no other version is "
                           "supported.");
  return TRUE;
}

/* Requires GET, HTTP/1.1, one Host, and one valid key (RFC 6455 §4.2.1, RFC 9112 §3.2). */
static gboolean
require_valid_fields (const RdRequest *request, RdRefusal *refusal)
{
  const char *key = soup_message_headers_get_one (request->headers, "Sec-WebSocket-Key");
  g_autofree guchar *bytes = NULL;
  gsize size = 0;

  if (!g_str_equal (request->method, SOUP_METHOD_GET))
    return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL,
                           "The method of a WebSocket handshake must be GET.");
  if (request->version != SOUP_HTTP_1_1)
    return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL,
                           "WebSocket needs HTTP/1.1; the request, or the proxy, uses HTTP/1.0.");
  if (rd_request_count_lines (request, "Host") != 1)
    return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL,
                           "The request must have one header Host.");

  if (rd_request_count_lines (request, "Sec-WebSocket-Key") == 1 && strlen (key) == KEY_CHARS)
    bytes = g_base64_decode (key, &size);
  if (size != KEY_BYTES)
    return rd_refusal_set (refusal, SOUP_STATUS_BAD_REQUEST, NULL,
                           "The request must have one header Sec-WebSocket-Key: 16 bytes in "
                           "Base64 (RFC 6455, section 4.1).");
  return TRUE;
}

/* Returns: (nullable): the first subprotocol that the client offers and @rules has. */
static const char *
select_subprotocol (const RdHandshakeRules *rules, const RdRequest *request)
{
  const char *list = get_list (request, "Sec-WebSocket-Protocol");
  GSList *offers = list != NULL ? soup_header_parse_list (list) : NULL;
  const char *selected = NULL;

  for (GSList *l = offers; l != NULL && selected == NULL; l = l->next)
    for (gsize i = 0; rules->subprotocols[i] != NULL && selected == NULL; i++)
      if (g_str_equal (l->data, rules->subprotocols[i]))
        selected = rules->subprotocols[i];

  g_slist_free_full (offers, g_free);
  return selected;
}

/* Returns: (transfer full): the 101 response (RFC 6455 §4.2.2). */
static char *
format_response (const RdHandshakeRules *rules, const RdRequest *request)
{
  const char *key = soup_message_headers_get_one (request->headers, "Sec-WebSocket-Key");
  const char *subprotocol = select_subprotocol (rules, request);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA1);
  g_autofree char *accept = NULL;
  guint8 digest[SHA1_BYTES];
  gsize size = sizeof digest;

  g_checksum_update (checksum, (const guchar *) key, KEY_CHARS);
  g_checksum_update (checksum, (const guchar *) ACCEPT_GUID, strlen (ACCEPT_GUID));
  g_checksum_get_digest (checksum, digest, &size);
  accept = g_base64_encode (digest, size);
  return g_strconcat ("HTTP/1.1 101 Switching Protocols\r\n"
                      "Upgrade: websocket\r\n"
                      "Connection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: ",
                      accept, subprotocol != NULL ? "\r\nSec-WebSocket-Protocol: " : "",
                      subprotocol != NULL ? subprotocol : "", "\r\n\r\n", NULL);
}

static RdHandshakeVerdict
refuse (RdHandshake *handshake, RdRefused reason)
{
  handshake->reason = reason;
  return RD_HANDSHAKE_REFUSED;
}

RdHandshakeVerdict
rd_handshake_check (RdHandshake *handshake, const RdHandshakeRules *rules, const RdRequest *request)
{
  RdRefusal *refusal = &handshake->refusal;
  g_autofree char *path = rd_request_dup_path (request);
  const char *origin = get_list (request, "Origin");

  if (!g_str_equal (path, rules->path))
    return RD_HANDSHAKE_OTHER;
  if (!g_str_equal (request->method, SOUP_METHOD_GET)
      && !g_str_equal (request->method, SOUP_METHOD_HEAD))
    {
      rd_refusal_set (refusal, SOUP_STATUS_METHOD_NOT_ALLOWED, ALLOW,
                      "The method is not supported here; use GET.");
      return refuse (handshake, RD_REFUSED_METHOD);
    }
  if (!require_upgrade (request, refusal) || !require_valid_fields (request, refusal))
    return refuse (handshake, RD_REFUSED_HANDSHAKE);
  if (rules->is_draining)
    {
      rd_refusal_set (refusal, SOUP_STATUS_SERVICE_UNAVAILABLE, RETRY_AFTER,
                      "The service is draining; try again later.");
      return refuse (handshake, RD_REFUSED_DRAINING);
    }
  if (rules->is_full)
    {
      rd_refusal_set (refusal, SOUP_STATUS_SERVICE_UNAVAILABLE, RETRY_AFTER,
                      "The client limit is reached; try again later.");
      return refuse (handshake, RD_REFUSED_FULL);
    }
  if (!rd_origins_may_connect (rules->allow_origins, origin, get_list (request, "Host")))
    {
      refusal->status = SOUP_STATUS_FORBIDDEN;
      refusal->text = rd_origins_dup_refusal (origin);
      return refuse (handshake, RD_REFUSED_ORIGIN);
    }

  handshake->response = format_response (rules, request);
  return RD_HANDSHAKE_ACCEPTED;
}

void
rd_handshake_clear (RdHandshake *handshake)
{
  g_clear_pointer (&handshake->response, g_free);
  rd_refusal_clear (&handshake->refusal);
}
