/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Checks opening handshakes (RFC 6455 §4.2). */

#include "rd-handshake.h"

#include "rd-http.h"

#include <string.h>

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 §1.3 */
#define KEY_PADDING "==" /* ends 16 bytes in Base64, after KEY_DIGITS digits (RFC 4648 §4) */
#define KEY_DIGITS  22
#define SHA1_BYTES  20

#define BASE64_DIGITS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "+/"

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

static gboolean
require_method (const RdRequest *request, RdRefusal *refusal)
{
  return g_str_equal (request->method, SOUP_METHOD_GET)
         || g_str_equal (request->method, SOUP_METHOD_HEAD)
         || rd_refusal_set (refusal, RD_REFUSED_METHOD, SOUP_STATUS_METHOD_NOT_ALLOWED, ALLOW,
                            "The method is not supported here; use GET.");
}

/* Requires a request to switch to WebSocket version 13 (RFC 6455 §4.2.1, §4.4). HTTP/1.0 has no
 * header Upgrade (RFC 9110 §7.8). */
static gboolean
require_upgrade (const RdRequest *request, RdRefusal *refusal)
{
  if (request->version != SOUP_HTTP_1_1)
    return rd_refusal_set (refusal, RD_REFUSED_HANDSHAKE, SOUP_STATUS_BAD_REQUEST, NULL,
                           "WebSocket needs HTTP/1.1; the request, or the proxy, uses HTTP/1.0.");
  if (!has_token (request, "Upgrade", "websocket"))
    return rd_refusal_set (refusal, RD_REFUSED_HANDSHAKE, RD_HTTP_UPGRADE_REQUIRED, UPGRADE,
                           "This path is a WebSocket endpoint, and the request has no “Upgrade: "
                           "websocket”; use a WebSocket client, or let the proxy forward the "
                           "headers Upgrade and Connection.");
  if (!has_token (request, "Connection", "Upgrade"))
    return rd_refusal_set (refusal, RD_REFUSED_HANDSHAKE, RD_HTTP_UPGRADE_REQUIRED, UPGRADE,
                           "The request has no “Connection: Upgrade”; let the proxy forward the "
                           "headers Upgrade and Connection.");
  if (!has_token (request, "Sec-WebSocket-Version", "13"))
    return rd_refusal_set (refusal, RD_REFUSED_HANDSHAKE, RD_HTTP_UPGRADE_REQUIRED, UPGRADE,
                           "The request has no “Sec-WebSocket-Version: 13”; no other version is "
                           "supported.");
  return TRUE;
}

/* Requires GET, one Host, and one valid key (RFC 6455 §4.2.1, RFC 9112 §3.2). */
static gboolean
require_valid_fields (const RdRequest *request, RdRefusal *refusal)
{
  const char *key = soup_message_headers_get_one (request->headers, "Sec-WebSocket-Key");

  if (!g_str_equal (request->method, SOUP_METHOD_GET))
    return rd_refusal_set (refusal, RD_REFUSED_HANDSHAKE, SOUP_STATUS_BAD_REQUEST, NULL,
                           "The method of a WebSocket handshake must be GET.");
  if (rd_request_count_lines (request, "Host") != 1)
    return rd_refusal_set (refusal, RD_REFUSED_HANDSHAKE, SOUP_STATUS_BAD_REQUEST, NULL,
                           "The request must have one header Host.");

  if (rd_request_count_lines (request, "Sec-WebSocket-Key") != 1
      || strspn (key, BASE64_DIGITS) != KEY_DIGITS || !g_str_equal (key + KEY_DIGITS, KEY_PADDING))
    return rd_refusal_set (refusal, RD_REFUSED_HANDSHAKE, SOUP_STATUS_BAD_REQUEST, NULL,
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

  g_checksum_update (checksum, (const guchar *) key, strlen (key));
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

/* Requires a service that accepts clients, and an allowed origin. */
static gboolean
require_permission (RdHandshake *handshake, const RdHandshakeRules *rules, const RdRequest *request)
{
  const char *origin = get_list (request, "Origin");

  if (rules->is_draining)
    return rd_refusal_set (&handshake->refusal, RD_REFUSED_DRAINING,
                           SOUP_STATUS_SERVICE_UNAVAILABLE, RETRY_AFTER,
                           "The service is draining; try again later.");
  if (rules->is_full)
    return rd_refusal_set (&handshake->refusal, RD_REFUSED_FULL, SOUP_STATUS_SERVICE_UNAVAILABLE,
                           RETRY_AFTER, "The client limit is reached; try again later.");
  if (rd_origins_may_connect (rules->allow_origins, origin, get_list (request, "Host")))
    return TRUE;

  handshake->text = rd_origins_dup_refusal (origin);
  return rd_refusal_set (&handshake->refusal, RD_REFUSED_ORIGIN, SOUP_STATUS_FORBIDDEN, NULL,
                         handshake->text);
}

RdHandshakeVerdict
rd_handshake_check (RdHandshake *handshake, const RdHandshakeRules *rules, const RdRequest *request)
{
  RdRefusal *refusal = &handshake->refusal;
  g_autofree char *path = rd_request_dup_path (request);

  if (!g_str_equal (path, rules->path))
    return RD_HANDSHAKE_OTHER;
  if (!require_method (request, refusal) || !require_upgrade (request, refusal)
      || !require_valid_fields (request, refusal)
      || !require_permission (handshake, rules, request))
    return RD_HANDSHAKE_REFUSED;

  handshake->response = format_response (rules, request);
  return RD_HANDSHAKE_ACCEPTED;
}

void
rd_handshake_clear (RdHandshake *handshake)
{
  g_clear_pointer (&handshake->response, g_free);
  g_clear_pointer (&handshake->text, g_free);
}
