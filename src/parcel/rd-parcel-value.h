/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Writes a value that may be too large for a packet to a new memfd of at most 1 GiB. @value:
 * consumed if floating. @name: name of the memfd in /proc and in error messages. Returns: (transfer
 * full): the memfd, or -1 with %G_IO_ERROR_MESSAGE_TOO_LARGE or a system error. */
int rd_parcel_value_store (GVariant *value, const char *name, GError **error);

/* Reads a value that another process wrote with rd_parcel_value_store(). @fd: (transfer none):
 * memfd of at most 1 GiB. @name: name of the memfd, for error messages. Returns: (transfer full)
 * (nullable): a copy of the value, of type @type, or NULL with an error. */
GVariant *rd_parcel_value_load (int fd, const GVariantType *type, const char *name, GError **error);

G_END_DECLS
