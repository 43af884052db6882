/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Checks only the syntax. Returns: TRUE if @text is an IP address (IPv6 without brackets) or a host
 * name (RFC 1123 §2.1; underscores, which container networks use, are also valid). */
gboolean rd_address_is_valid (const char *text);
