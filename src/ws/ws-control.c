/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Control frames on their way out: what is due, and what is encoded and sent in part. Encodes them
 * in the order in which they are to go, and writes all of it down for another process. When they
 * may go out, and what follows from it, is WsClient's. No I/O. */

#include "ws-control.h"

#include <string.h>

WsControl *
ws_control_new (guint64 at)
{
  WsControl *control = g_new0 (WsControl, 1);

  control->at = at;
  control->out = g_byte_array_new ();
  return control;
}

void
ws_control_free (WsControl *control)
{
  g_byte_array_unref (control->out);
  g_free (control);
}

gboolean
ws_control_is_due (const WsControl *control)
{
  return control->pong_due || control->ping_due || control->close_due;
}

void
ws_control_encode (WsControl *control)
{
  guint8 frame[WS_CONTROL_FRAME_MAX];
  gsize size;

  if (control->pong_due)
    {
      size = ws_frame_encode_control (frame, WS_OPCODE_PONG, control->pong, control->pong_size);
      g_byte_array_append (control->out, frame, size);
    }
  if (control->ping_due)
    {
      size = ws_frame_encode_control (frame, WS_OPCODE_PING, NULL, 0);
      g_byte_array_append (control->out, frame, size);
    }
  if (control->close_due)
    {
      g_byte_array_append (control->out, control->close, control->close_size);
      control->close_in_out = TRUE;
    }

  control->pong_due = FALSE;
  control->ping_due = FALSE;
  control->close_due = FALSE;
}

static GVariant *
pack_bytes (const guint8 *data, gsize size)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, size, 1);
}

GVariant *
ws_control_pack (const WsControl *control)
{
  return g_variant_new ("(tubbbb@ay@ay@ay)", control->at, control->sent, control->ping_due,
                        control->pong_due, control->close_due, control->close_in_out,
                        pack_bytes (control->out->data, control->out->len),
                        pack_bytes (control->pong, control->pong_size),
                        pack_bytes (control->close, control->close_size));
}

/* Returns: whether the bytes fit into @max of @out, where they are then. */
static gboolean
unpack_bytes (GVariant *packed, guint8 *out, gsize max, guint8 *size)
{
  gsize length;
  const guint8 *bytes = g_variant_get_fixed_array (packed, &length, 1);

  if (length > max)
    return FALSE;

  if (length > 0)
    memcpy (out, bytes, length);
  *size = length;
  return TRUE;
}

WsControl *
ws_control_unpack (GVariant *packed)
{
  g_autoptr (WsControl) control = ws_control_new (0);
  g_autoptr (GVariant) out = NULL;
  g_autoptr (GVariant) pong = NULL;
  g_autoptr (GVariant) close = NULL;
  const guint8 *bytes;
  gsize size;

  g_variant_get (packed, "(tubbbb@ay@ay@ay)", &control->at, &control->sent, &control->ping_due,
                 &control->pong_due, &control->close_due, &control->close_in_out, &out, &pong,
                 &close);

  bytes = g_variant_get_fixed_array (out, &size, 1);
  if (control->sent > size || (control->close_due && control->close_in_out))
    return NULL;
  if (size > 0)
    g_byte_array_append (control->out, bytes, size);

  if (!unpack_bytes (pong, control->pong, sizeof control->pong, &control->pong_size)
      || !unpack_bytes (close, control->close, sizeof control->close, &control->close_size))
    return NULL;

  return g_steal_pointer (&control);
}
