/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Puts @value, which may be too large for a packet, into memory that can be handed over; at most
 * 1 GiB. @value: a floating one is taken. @name: shows in /proc, and in errors.
 * Returns: (transfer full): a memfd, -1 with an error: G_IO_ERROR_MESSAGE_TOO_LARGE, or of the
 * system. */
int rd_parcel_value_store (GVariant *value, const char *name, GError **error);

/* Reads what another process has stored so; at most 1 GiB. @fd: stays the caller's. @name: in
 * errors. Returns: (transfer full): a value of @type, a copy of our own; NULL with an error. */
GVariant *rd_parcel_value_load (int fd, const GVariantType *type, const char *name, GError **error);

G_END_DECLS
