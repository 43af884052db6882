/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The origins (RFC 6454) that --allow-origin lists, and what follows from the list for what
 * browsers ask of us. Others than browsers tell no origin, and need not be kept from being used by
 * strangers. */
typedef struct _RdOrigins RdOrigins;

/* @globs: "http://localhost:*"; none: any origin may connect. */
RdOrigins *rd_origins_new (const char *const *globs);
void rd_origins_free (RdOrigins *origins);

/* Whether pages of @origin (nullable: no browser) may connect. */
gboolean rd_origins_may_connect (const RdOrigins *origins, const char *origin);

/* Whether pages of @origin (nullable) may ask, under the name of @authority (a Host header,
 * nullable), for what we show: those we have served under that name, and those listed. */
gboolean rd_origins_may_ask (const RdOrigins *origins, const char *origin, const char *authority);

/* Whether @authority (a Host header, nullable) names this machine whatever strangers do: by an
 * address, as localhost, by its own name, or as one of the origins listed. Any other name may be
 * pointed here by its owner, for the sake of his own page: DNS rebinding. */
gboolean rd_origins_may_name_us (const RdOrigins *origins, const char *authority);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdOrigins, rd_origins_free)

G_END_DECLS
