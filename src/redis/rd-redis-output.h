/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Commands, as they go over the wire, on their way out. As long as they are: whoever queues them
 * bounds them. No I/O. */
typedef struct
{
  GByteArray *bytes; /* owned */
  gsize sent;        /* of them: the rest is to go out */
} RdRedisOutput;

void rd_redis_output_init (RdRedisOutput *output);
void rd_redis_output_clear (RdRedisOutput *output);

/* Appends a command of @argc words. @sizes: of each, bytes; NULL: they are strings. */
void rd_redis_output_append (RdRedisOutput *output,
                             int argc,
                             const char *const *argv,
                             const gsize *sizes);

/* Returns: what is to go out next, valid until the next call; @size: 0: there is nothing. */
const guint8 *rd_redis_output_peek (const RdRedisOutput *output, gsize *size);

/* @size bytes of that went out. */
void rd_redis_output_advance (RdRedisOutput *output, gsize size);

G_END_DECLS
