/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Peers and the main loop in one thread. Over socket pairs everything pending can be done without
 * waiting, so that tests wait for timers only. */

#include "crowd.h"

static void
free_peer (gpointer peer)
{
  peer_free (peer);
}

Crowd *
crowd_new (GMainContext *context)
{
  Crowd *crowd = g_new0 (Crowd, 1);

  crowd->context = g_main_context_ref (context != NULL ? context : g_main_context_default ());
  crowd->peers = g_ptr_array_new_with_free_func (free_peer);
  return crowd;
}

void
crowd_free (Crowd *crowd)
{
  g_ptr_array_unref (crowd->peers);
  g_main_context_unref (crowd->context);
  g_free (crowd);
}

Peer *
crowd_add (Crowd *crowd, int *server_fd)
{
  Peer *peer = peer_new (server_fd);

  g_ptr_array_add (crowd->peers, peer);
  return peer;
}

void
crowd_settle (Crowd *crowd)
{
  gboolean moved;

  do
    {
      moved = g_main_context_iteration (crowd->context, FALSE);
      for (guint i = 0; i < crowd->peers->len; i++)
        {
          Peer *peer = g_ptr_array_index (crowd->peers, i);

          if (!peer->is_stalled)
            moved |= peer_read (peer, G_MAXSIZE);
        }
    }
  while (moved);
}

static gboolean
on_moment_over (gpointer user_data)
{
  return G_SOURCE_REMOVE;
}

void
crowd_wait (Crowd *crowd)
{
  g_autoptr (GSource) moment = g_timeout_source_new (1);

  g_source_set_callback (moment, on_moment_over, NULL, NULL);
  g_source_attach (moment, crowd->context);
  g_main_context_iteration (crowd->context, TRUE);
  g_source_destroy (moment);
  crowd_settle (crowd);
}
