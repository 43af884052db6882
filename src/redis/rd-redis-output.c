/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The bytes of commands that wait for the socket to take them
 * (https://redis.io/docs/reference/protocol-spec: arrays of bulk strings). What went out is dropped
 * when it is more than what is left, so that a byte is moved once at most on average. */

#include "rd-redis-output.h"

#include <string.h>

#define KEPT_BYTES (1 << 20) /* of memory, once all went out */

void
rd_redis_output_init (RdRedisOutput *output)
{
  output->bytes = g_byte_array_new ();
  output->sent = 0;
}

void
rd_redis_output_clear (RdRedisOutput *output)
{
  g_clear_pointer (&output->bytes, g_byte_array_unref);
}

static void
append_length (RdRedisOutput *output, char kind, gsize length)
{
  char line[32];
  const int size = g_snprintf (line, sizeof line, "%c%" G_GSIZE_FORMAT "\r\n", kind, length);

  g_byte_array_append (output->bytes, (const guint8 *) line, size);
}

void
rd_redis_output_append (RdRedisOutput *output,
                        int argc,
                        const char *const *argv,
                        const gsize *sizes)
{
  append_length (output, '*', argc);
  for (int i = 0; i < argc; i++)
    {
      const gsize size = sizes != NULL ? sizes[i] : strlen (argv[i]);

      append_length (output, '$', size);
      g_byte_array_append (output->bytes, (const guint8 *) argv[i], size);
      g_byte_array_append (output->bytes, (const guint8 *) "\r\n", 2);
    }
}

const guint8 *
rd_redis_output_peek (const RdRedisOutput *output, gsize *size)
{
  *size = output->bytes->len - output->sent;
  return output->bytes->data + output->sent;
}

void
rd_redis_output_advance (RdRedisOutput *output, gsize size)
{
  output->sent += size;
  if (output->sent <= output->bytes->len / 2)
    return;

  if (output->sent == output->bytes->len && output->sent > KEPT_BYTES)
    {
      rd_redis_output_clear (output);
      rd_redis_output_init (output);
      return;
    }

  g_byte_array_remove_range (output->bytes, 0, output->sent);
  output->sent = 0;
}
