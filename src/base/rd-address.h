/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Returns: TRUE if @text is a host name (RFC 1123 §2.1, but with underscores, which container
 * networks use) or an IP address (IPv6 without brackets). Does not look up the name. */
gboolean rd_address_is_valid (const char *text);
