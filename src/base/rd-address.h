/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether @text is a host name (RFC 1123 §2.1, also with underscores, which container networks
 * have in their names) or an IP address, IPv6 without brackets. Looks up no name. */
gboolean rd_address_is_valid (const char *text);

G_END_DECLS
