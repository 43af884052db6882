/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-client.h"

/* #GVariant types of the values that the functions below make. */
#define WS_INPUT_PACKED_TYPE   "(y(yyy)bt(bytay)ayay)"
#define WS_CONTROL_PACKED_TYPE "(tubbbbayayay)"
#define WS_CLIENT_PACKED_TYPE  "(yqyxm" WS_INPUT_PACKED_TYPE "m" WS_CONTROL_PACKED_TYPE ")"

/* Writes down, for another process, what of @client is not in its record. @deadline_us: when its
 * timer fires. Returns: (transfer floating): NULL in the steady state, where there is nothing. */
GVariant *ws_client_pack (const WsClient *client, gint64 deadline_us);

/* Has @client, which is new, stand there. Returns: FALSE if no client can stand so. */
gboolean ws_client_unpack (WsClient *client, GVariant *packed, gint64 *deadline_us);

/* Packs @input after ws_input_release_event(). Returns: (transfer floating). */
GVariant *ws_input_pack (const WsInput *input);

/* Restores @input, which is all zero. Returns: FALSE if the state is impossible. */
gboolean ws_input_unpack (WsInput *input, GVariant *packed);

/* Returns: (transfer floating). */
GVariant *ws_control_pack (const WsControl *control);

/* Returns: (transfer full): NULL if the state is impossible. */
WsControl *ws_control_unpack (GVariant *packed);

/* Whether record, log and all else of @client, which comes from another process, agree so far that
 * nothing of it can lead astray. */
gboolean ws_client_is_sound (const WsClient *client, const WsLog *log);
