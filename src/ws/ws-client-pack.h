/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-client.h"

/* #GVariant types of the values that the pack functions below return. */
#define WS_INPUT_PACKED_TYPE   "(y(yyy)bt(bytay)ayay)"
#define WS_CONTROL_PACKED_TYPE "(tubbbbayayay)"
#define WS_CLIENT_PACKED_TYPE  "(yqyxm" WS_INPUT_PACKED_TYPE "m" WS_CONTROL_PACKED_TYPE ")"

/* Packs the state of @client that its record does not contain. @deadline_us: deadline of its timer.
 * Returns: (transfer floating) (nullable): the state, or NULL if there is nothing to pack. */
GVariant *ws_client_pack (const WsClient *client, gint64 deadline_us);

/* Restores the state of @client from @packed. @deadline_us: (out): deadline of its timer.
 * Returns: TRUE, or FALSE if the state is impossible. */
gboolean ws_client_unpack (WsClient *client, GVariant *packed, gint64 *deadline_us);

/* Packs @input; first call ws_input_release_event(). Returns: (transfer floating): the state. */
GVariant *ws_input_pack (const WsInput *input);

/* Restores @input, which must be all zero. Returns: TRUE, or FALSE if the state is impossible. */
gboolean ws_input_unpack (WsInput *input, GVariant *packed);

/* Returns: whether the record and the state of a restored client agree with each other and with the
 * log. */
gboolean ws_client_is_sound (const WsClient *client, const WsLog *log);
