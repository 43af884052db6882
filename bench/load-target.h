/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* A server to connect to. */
typedef struct _LoadTarget LoadTarget;

/* @url: ws://127.0.0.1:8000/ws. */
LoadTarget *load_target_new (const char *url, GError **error);
void load_target_free (LoadTarget *target);

/* Starts a non-blocking connection from a source address that depends on @index.
 * Returns: (transfer full): the socket, or -1 with an error. */
int load_target_connect (const LoadTarget *target, guint index, GError **error);

const char *load_target_get_url (const LoadTarget *target);

/* Returns: (transfer none): the request of the handshake. */
const char *load_target_get_request (const LoadTarget *target);

/* Checks the answer of the server (RFC 6455 section 4.1). @head: up to the empty line. */
gboolean load_target_check_answer (const LoadTarget *target, const char *head, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoadTarget, load_target_free)
