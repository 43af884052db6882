/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <libsoup/soup.h>

#include "rd-metrics.h"

/* Status codes for which libsoup has no constants: RFC 9110 §15.5.22, RFC 6585 §5. */
#define RD_HTTP_UPGRADE_REQUIRED 426
#define RD_HTTP_HEAD_TOO_LARGE   431

/* The head of an HTTP/1 request (RFC 9112 §2.1). */
typedef struct
{
  char *method;                /* owned */
  char *target;                /* owned: request target as sent, such as "/ws?a=b" */
  SoupHTTPVersion version;     /* HTTP/1.0 or HTTP/1.1 */
  SoupMessageHeaders *headers; /* owned */
  gsize size;                  /* size of the head in bytes; 0 if it is incomplete */
} RdRequest;

/* Why a request is refused. Initialize with zeros. */
typedef struct
{
  RdRefused reason;   /* for the metrics */
  guint status;       /* HTTP status code */
  const char *fields; /* (nullable): response header fields, each with CR LF */
  const char *text;   /* one line without newline, shown to the user */
} RdRefusal;

/* Finds the end of the request head in @data. Returns: the size of the head with the empty line
 * that ends it, or 0 if the head is incomplete. */
gsize rd_request_find_end (const char *data, gsize size);

/* Checks the first bytes of a head. Returns: FALSE with @refusal if no more bytes can make them a
 * request of HTTP/1, for example if they are TLS. */
gboolean rd_request_may_begin (const char *data, gsize size, RdRefusal *refusal);

/* Returns: TRUE if an incomplete head of @size bytes should wait for more bytes; otherwise FALSE
 * with @refusal. @is_last: whether no more bytes are read. */
gboolean rd_request_may_wait (gsize size, gboolean is_last, RdRefusal *refusal);

/* Parses a complete head. Refuses malformed heads, other versions of HTTP, and requests with a
 * body. Returns: TRUE with @request, or FALSE with @refusal. Call rd_request_clear() in both cases.
 */
gboolean rd_request_parse (RdRequest *request, const char *head, gsize size, RdRefusal *refusal);

/* Returns: TRUE if SoupServer can parse the target and the Host header; otherwise FALSE with
 * @refusal. SoupServer itself would refuse the request without a text. */
gboolean rd_request_has_valid_uri (const RdRequest *request, RdRefusal *refusal);

/* Returns: (transfer full): the decoded path of the target, without the query. For a target in
 * absolute form (RFC 9112 §3.2.2), without scheme and authority. */
char *rd_request_dup_path (const RdRequest *request);

/* Returns the number of header lines with @name. */
guint rd_request_count_lines (const RdRequest *request, const char *name);

/* Sets all fields of @refusal, which does not copy the strings. Returns: FALSE. */
gboolean rd_refusal_set (RdRefusal *refusal,
                         RdRefused reason,
                         guint status,
                         const char *fields,
                         const char *text);

/* Returns: (transfer full): the complete response for @refusal, which asks the client to close the
 * connection. @is_head: whether the method is HEAD, whose responses have no body. */
char *rd_refusal_format (const RdRefusal *refusal, gboolean is_head);

void rd_request_clear (RdRequest *request);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RdRequest, rd_request_clear)
