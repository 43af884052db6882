/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A Redis server in a child process. */

#include "redis-process-fixture.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define WAIT_US (20 * G_TIME_SPAN_SECOND)
#define POLL_US (10 * G_TIME_SPAN_MILLISECOND)

static void
end_with_parent (gpointer unused)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

/* Returns: (transfer full) (nullable): path of the Redis server. Debian's redis-tools contains it
 * as redis-check-rdb, which runs as the server if argv[0] is redis-server. */
static char *
find_program (void)
{
  char *program = g_find_program_in_path ("redis-server");

  return program != NULL ? program : g_find_program_in_path ("redis-check-rdb");
}

static gboolean
answers (const char *path)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GSocketConnection) connection = g_socket_client_connect (
    client, G_SOCKET_CONNECTABLE (address), NULL, NULL);

  return connection != NULL;
}

static void
spawn (RedisProcess *redis, const char *program)
{
  const char *const argv[] = {
    program, "redis-server",   "--port",       "0",           "--save", "", "--loglevel", "warning",
    "--dir", redis->directory, "--unixsocket", redis->socket, NULL
  };
  g_autoptr (GError) error = NULL;

  g_spawn_async (NULL, (char **) argv, NULL,
                 G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_DO_NOT_REAP_CHILD
                   | G_SPAWN_STDOUT_TO_DEV_NULL,
                 end_with_parent, NULL, &redis->pid, &error);
  g_assert_no_error (error);
}

RedisProcess *
redis_process_new (void)
{
  RedisProcess *redis = g_new0 (RedisProcess, 1);
  const gint64 deadline_us = g_get_monotonic_time () + WAIT_US;
  g_autofree char *program = find_program ();
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (program);
  redis->directory = g_dir_make_tmp ("ringdown-redis-XXXXXX", &error);
  g_assert_no_error (error);
  redis->socket = g_build_filename (redis->directory, "redis.sock", NULL);

  spawn (redis, program);
  while (!answers (redis->socket))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      g_usleep (POLL_US);
    }
  return redis;
}

void
redis_process_free (RedisProcess *redis)
{
  g_assert_no_errno (kill (redis->pid, SIGKILL));
  g_assert_cmpint (waitpid (redis->pid, NULL, 0), ==, redis->pid);
  g_spawn_close_pid (redis->pid);
  g_unlink (redis->socket);
  g_assert_no_errno (g_rmdir (redis->directory));
  g_free (redis->socket);
  g_free (redis->directory);
  g_free (redis);
}

char *
redis_process_dup_url (const RedisProcess *redis, guint database)
{
  return g_strdup_printf ("unix://%s?db=%u", redis->socket, database);
}
