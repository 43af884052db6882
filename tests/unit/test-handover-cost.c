/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What a hand-over costs, measured by what it takes to have the kernel watch the sockets, which is
 * left for later: a third of that here, and several times as long under valgrind. */

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "descriptors.h"
#include "handover-fixture.h"

#define CLIENTS 10000
#define ROUNDS  7
#define TIMES   5

static const WsEngineOptions many
  = { .log_size = 1 << 22, .max_message = 1 << 16, .max_clients = CLIENTS };

/* Clients whose peers hung up, as these would take descriptors too: nobody reads from them here.
 * Returns: how many there are. */
static guint
fill (EngineFixture *fixture, guint count)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < count; i++)
    {
      int fd;
      Peer *peer = peer_new (&fd);

      peer_free (peer);
      g_assert_nonnull (ws_engine_adopt (fixture->engine, fd, NULL, &error));
    }
  return count;
}

/* Of this process: the machine may have others to serve. */
static gint64
cpu_us (void)
{
  struct timespec time;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

static gint64
measure_watching (const WsHandover *handover)
{
  const int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
  gint64 begin_us = cpu_us ();

  for (guint i = 0; i < handover->sockets->len; i++)
    g_assert_no_errno (
      epoll_ctl (epoll_fd, EPOLL_CTL_ADD, g_array_index (handover->sockets, int, i), &event));
  begin_us = cpu_us () - begin_us;
  close (epoll_fd);
  return begin_us;
}

/* Lets go of a hand-over's sockets without closing them: here they are the old engine's too. */
static void
disown (WsEngine *engine, guint clients)
{
  for (guint slot = 0; slot < clients; slot++)
    ws_engine_get_client (engine, slot)->record->fd = -1;
}

typedef struct
{
  gint64 pack_us;
  gint64 unpack_us;
  gint64 watch_us;
} Cost;

static Cost
measure (EngineFixture *fixture, guint clients)
{
  g_autoptr (WsHandover) handover = NULL;
  gint64 begin_us = cpu_us ();
  WsEngine *engine;
  Cost cost;

  handover = ws_engine_pack (fixture->engine);
  cost.pack_us = cpu_us () - begin_us;
  cost.watch_us = measure_watching (handover);

  handover->log_fd = dup (handover->log_fd);
  handover->table_fd = dup (handover->table_fd);
  begin_us = cpu_us ();
  engine = engine_fixture_new_from (fixture, handover, &many, NULL);
  cost.unpack_us = cpu_us () - begin_us;
  g_assert_nonnull (engine);
  g_assert_cmpuint (handover->moved, ==, clients);
  disown (engine, clients);
  ws_engine_free (engine);
  return cost;
}

static void
handover_costs_little (EngineFixture *fixture, gconstpointer data)
{
  const guint clients = fill (fixture, CLIENTS);
  double least = G_MAXDOUBLE;

  ws_engine_pause (fixture->engine);
  for (guint round = 0; round < ROUNDS; round++)
    {
      const Cost cost = measure (fixture, clients);

      g_test_message ("%u clients: packed in %.2f ms, unpacked in %.2f ms; watching alone %.2f ms",
                      clients, cost.pack_us / 1000.0, cost.unpack_us / 1000.0,
                      cost.watch_us / 1000.0);
      least = MIN (least, (double) (cost.pack_us + cost.unpack_us) / cost.watch_us);
    }
  g_assert_cmpfloat (least, <, TIMES);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  descriptors_raise ();

  ENGINE_TEST ("/handover/cost", &many, handover_costs_little);

  return g_test_run ();
}
