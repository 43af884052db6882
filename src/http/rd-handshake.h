/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-metrics.h"
#include "rd-request.h"

/* The conditions for accepting an opening handshake. */
typedef struct
{
  const char *path;                 /* path of the WebSocket, such as "/ws" */
  const char *const *subprotocols;  /* supported subprotocols, NULL-terminated */
  const char *const *allow_origins; /* see rd_origins_may_connect() */
  gboolean is_draining;             /* no clients are accepted */
  gboolean is_full;                 /* the client limit is reached */
} RdHandshakeRules;

typedef enum
{
  RD_HANDSHAKE_OTHER,    /* the request is for another path */
  RD_HANDSHAKE_ACCEPTED, /* send @response */
  RD_HANDSHAKE_REFUSED,  /* send @refusal */
} RdHandshakeVerdict;

/* The result of a check. Initialize with zeros. */
typedef struct
{
  char *response; /* owned: the 101 response */
  RdRefusal refusal;
  char *text; /* owned: text of @refusal, if it is not constant */
} RdHandshake;

/* Checks an opening handshake (RFC 6455 §4.2). Has no side effects. Header fields that are lists
 * may have several lines (RFC 9110 §5.3). Of the subprotocols that the client offers, selects the
 * first that is supported; if none is, selects none (RFC 6455 §4.2.2). */
RdHandshakeVerdict rd_handshake_check (RdHandshake *handshake,
                                       const RdHandshakeRules *rules,
                                       const RdRequest *request);
void rd_handshake_clear (RdHandshake *handshake);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RdHandshake, rd_handshake_clear)
