/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Checks only the syntax. Returns: TRUE if @text is an IP address (IPv6 without brackets) or a host
 * name (RFC 1123 §2.1; underscores, which container networks use, are also valid). */
gboolean rd_address_is_valid (const char *text);

/* Looks up the addresses of the host @name. Blocks until @deadline_us (CLOCK_MONOTONIC) at most,
 * and does not iterate the caller's main context. Returns: (transfer full) (element-type
 * GInetAddress): the addresses, to be freed with g_resolver_free_addresses(), or NULL with a
 * %G_RESOLVER_ERROR, or %G_IO_ERROR_TIMED_OUT. */
GList *rd_address_look_up (const char *name, gint64 deadline_us, GError **error);
