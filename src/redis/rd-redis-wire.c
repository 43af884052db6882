/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A connection in the main loop: writes what is queued and reads replies. Knows no command, and no
 * reply.
 *
 * Whatever it calls may free it. So it is reference counted: each call from the main loop holds it,
 * and looks whether it is over whenever somebody else was called. */

#include "rd-redis-wire.h"

#include "rd-redis-output.h"

#include <glib/gi18n.h>

#define READ_BYTES (64 << 10) /* at a time */

struct _RdRedisWire
{
  const RdRedisWireEvents *events; /* unowned: outlives us */
  gpointer user_data;              /* unowned */

  GMainContext *context;         /* owned */
  GSocketConnection *connection; /* owned */
  GSource *in;                   /* owned; NULL: it is over */
  GSource *out;                  /* owned; NULL while there is nothing to write */
  RdRedisReader *reader;         /* owned */
  RdRedisOutput output;
  gint64 heard_us;
};

static GPollableInputStream *
get_input (RdRedisWire *wire)
{
  return G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (G_IO_STREAM (wire->connection)));
}

static GPollableOutputStream *
get_output (RdRedisWire *wire)
{
  return G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (G_IO_STREAM (wire->connection)));
}

static GSource *
watch (RdRedisWire *wire, GSource *source, GPollableSourceFunc func)
{
  g_source_set_callback (source, G_SOURCE_FUNC (func), wire, NULL);
  g_source_attach (source, wire->context);
  return source;
}

static void
unwatch (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Ends all that could call us. What callers up the stack still use stays. */
static void
close_wire (RdRedisWire *wire)
{
  unwatch (&wire->in);
  unwatch (&wire->out);
  g_io_stream_close (G_IO_STREAM (wire->connection), NULL, NULL);
}

static gboolean
is_over (const RdRedisWire *wire)
{
  return wire->in == NULL;
}

static void
break_off (RdRedisWire *wire, const GError *error)
{
  if (is_over (wire))
    return;

  close_wire (wire);
  wire->events->broken (error, wire->user_data);
}

static void
break_off_system (RdRedisWire *wire, const GError *error)
{
  g_autoptr (GError) reason = rd_redis_error_new_system (error);

  break_off (wire, reason);
}

static void
break_off_closed (RdRedisWire *wire)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                                                  _ ("it closed the connection"));

  break_off (wire, error);
}

static void
hand_on (RdRedisWire *wire)
{
  while (!is_over (wire))
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (redisReply) reply = rd_redis_reader_next (wire->reader, &error);

      if (error != NULL)
        break_off (wire, error);
      if (reply == NULL)
        return;

      wire->events->reply (reply, wire->user_data);
    }
}

/* Reads once, and hands on what is complete by it. Returns: FALSE: nothing was there, or the wire
 * is over. */
static gboolean
receive (RdRedisWire *wire)
{
  char buffer[READ_BYTES];
  g_autoptr (GError) error = NULL;
  const gssize n = g_pollable_input_stream_read_nonblocking (get_input (wire), buffer,
                                                             sizeof buffer, NULL, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return FALSE;

  if (n < 0)
    break_off_system (wire, error);
  else if (n == 0)
    break_off_closed (wire);
  if (n <= 0)
    return FALSE;

  wire->heard_us = g_get_monotonic_time ();
  rd_redis_reader_feed (wire->reader, buffer, n);
  hand_on (wire);
  return !is_over (wire);
}

/* Writes once. */
static void
transmit (RdRedisWire *wire)
{
  gsize size;
  const guint8 *bytes = rd_redis_output_peek (&wire->output, &size);
  g_autoptr (GError) error = NULL;
  const gssize n = g_pollable_output_stream_write_nonblocking (get_output (wire), bytes, size, NULL,
                                                               &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return;

  if (n < 0)
    {
      /* What the server said before it hung up tells more than our failure to write. */
      while (receive (wire))
        continue;
      break_off_system (wire, error);
      return;
    }

  rd_redis_output_advance (&wire->output, n);
  if ((gsize) n == size)
    unwatch (&wire->out);
}

static void
finalize (gpointer data)
{
  RdRedisWire *wire = data;

  rd_redis_reader_free (wire->reader);
  rd_redis_output_clear (&wire->output);
  g_object_unref (wire->connection);
  g_main_context_unref (wire->context);
}

static void
unref (RdRedisWire *wire)
{
  g_rc_box_release_full (wire, finalize);
}

static gboolean
on_input (GObject *stream, gpointer user_data)
{
  RdRedisWire *wire = g_rc_box_acquire (user_data);

  receive (wire);
  unref (wire);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_output (GObject *stream, gpointer user_data)
{
  RdRedisWire *wire = g_rc_box_acquire (user_data);

  transmit (wire);
  unref (wire);
  return G_SOURCE_CONTINUE;
}

RdRedisWire *
rd_redis_wire_new (GSocketConnection *connection,
                   const RdRedisWireEvents *events,
                   gpointer user_data)
{
  RdRedisWire *wire = g_rc_box_new0 (RdRedisWire);

  wire->events = events;
  wire->user_data = user_data;
  wire->context = g_main_context_ref_thread_default ();
  wire->connection = g_object_ref (connection);
  wire->in = watch (wire, g_pollable_input_stream_create_source (get_input (wire), NULL), on_input);
  wire->reader = rd_redis_reader_new ();
  rd_redis_output_init (&wire->output);
  wire->heard_us = g_get_monotonic_time ();
  return wire;
}

void
rd_redis_wire_free (RdRedisWire *wire)
{
  close_wire (wire);
  unref (wire);
}

void
rd_redis_wire_send (RdRedisWire *wire, int argc, const char *const *argv, const gsize *sizes)
{
  if (is_over (wire))
    return;

  rd_redis_output_append (&wire->output, argc, argv, sizes);
  if (wire->out == NULL)
    wire->out = watch (wire, g_pollable_output_stream_create_source (get_output (wire), NULL),
                       on_output);
}

gint64
rd_redis_wire_get_heard_us (const RdRedisWire *wire)
{
  return wire->heard_us;
}

gboolean
rd_redis_wire_has_unread (RdRedisWire *wire)
{
  return g_pollable_input_stream_is_readable (get_input (wire));
}
