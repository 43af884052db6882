/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A shell as successor, and this program as its predecessor and as what adopts orphans: how it has
 * ended is told, it ends when told to, and it goes on without us and without its guard. */

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "parcel-fixture.h"
#include "rd-successor.h"

#define PATIENCE_MS 30000

typedef struct
{
  guint descriptors; /* at the beginning */
  RdSuccessor *successor;
  int fd;    /* our end of its parcel */
  char *how; /* it ended, as told */
  gboolean is_told;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  g_assert_no_errno (prctl (PR_SET_CHILD_SUBREAPER, 1)); /* as a service manager */
  fixture->descriptors = descriptors_count ();
}

/* What was started has ended, and nobody waits for it any more. */
static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  g_clear_pointer (&fixture->successor, rd_successor_free);
  close (fixture->fd);
  g_free (fixture->how);
  while (waitpid (-1, NULL, 0) > 0)
    ;
}

/* A successor that is a shell with @script, its parcel as standard input and output. */
static RdSuccessor *
spawn (Fixture *fixture, const char *script, GError **error)
{
  g_autofree char *command = g_strdup_printf ("exec <&3 >&3 3>&-; %s", script);
  const char *const argv[] = { "sh", "-c", command, NULL };
  g_auto (GStrv) environment = g_get_environ ();
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  fixture->fd = fds[0];
  return rd_successor_spawn ("/bin/sh", argv, environment, fds[1], error);
}

static void
start (Fixture *fixture, const char *script)
{
  g_autoptr (GError) error = NULL;

  fixture->successor = spawn (fixture, script, &error);
  g_assert_no_error (error);
}

static void
on_end (const char *how, gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->how = g_strdup (how);
  fixture->is_told = TRUE;
}

static void
expect_end (Fixture *fixture, guint patience_ms, const char *how)
{
  rd_successor_await_end (fixture->successor, patience_ms, on_end, fixture);
  while (!fixture->is_told)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (fixture->how, ==, how);
}

/* Returns: what the successor says next; "" at its end. */
static char *
hear (Fixture *fixture)
{
  char text[100];
  const gssize n = read (fixture->fd, text, sizeof text);

  g_assert_no_errno (n);
  return g_strndup (text, n);
}

static void
say (Fixture *fixture, const char *text)
{
  g_assert_no_errno (write (fixture->fd, text, strlen (text)));
}

static void
status_is_told (Fixture *fixture, gconstpointer unused)
{
  start (fixture, "exit 3");
  expect_end (fixture, PATIENCE_MS, "the new worker exited with status 3");
}

static void
signal_is_told (Fixture *fixture, gconstpointer unused)
{
  start (fixture, "kill -SEGV $$");
  expect_end (fixture, PATIENCE_MS, "the new worker was killed by a signal: Segmentation fault");
}

/* Its predecessor's, though “systemctl kill” sends them to all processes of a unit. */
static void
signals_that_are_not_meant_for_it_are_no_end (Fixture *fixture, gconstpointer unused)
{
  start (fixture, "kill -HUP $$; kill -USR1 $$; kill -USR2 $$; exit 3");
  expect_end (fixture, PATIENCE_MS, "the new worker exited with status 3");
}

static void
one_that_goes_on_is_waited_for_in_vain (Fixture *fixture, gconstpointer unused)
{
  start (fixture, "read x");
  expect_end (fixture, 20, NULL);
  say (fixture, "end\n");
}

static void
one_can_be_killed (Fixture *fixture, gconstpointer unused)
{
  start (fixture, "read x");
  rd_successor_kill (fixture->successor);
  expect_end (fixture, PATIENCE_MS, "the new worker was killed by a signal: Killed");
  rd_successor_kill (fixture->successor); /* once more is no matter */
}

static void
one_that_is_killed_ends_also_if_nobody_waits (Fixture *fixture, gconstpointer unused)
{
  g_autofree char *text = NULL;

  start (fixture, "read x");
  rd_successor_kill (fixture->successor);
  g_clear_pointer (&fixture->successor, rd_successor_free);
  text = hear (fixture);
  g_assert_cmpstr (text, ==, "");
}

static void
program_that_is_missing_is_named (Fixture *fixture, gconstpointer unused)
{
  const char *const argv[] = { "nothing", NULL };
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (GError) error = NULL;

  fixture->fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  fixture->successor = rd_successor_spawn ("/nowhere/ringdown", argv, environment,
                                           fcntl (fixture->fd, F_DUPFD_CLOEXEC, 0), &error);
  g_assert_null (fixture->successor);
  expect_error (&error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT,
                "cannot start /nowhere/ringdown: No such file or directory; install it again");
  g_assert_cmpint (waitpid (-1, NULL, 0), ==, -1); /* no guard is left either */
}

static void
program_that_may_not_be_executed_is_named (Fixture *fixture, gconstpointer unused)
{
  const char *const argv[] = { "null", NULL };
  char *environment[] = { NULL };
  g_autoptr (GError) error = NULL;

  fixture->fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  fixture->successor = rd_successor_spawn ("/dev/null", argv, environment,
                                           fcntl (fixture->fd, F_DUPFD_CLOEXEC, 0), &error);
  g_assert_null (fixture->successor);
  expect_error (&error, G_SPAWN_ERROR, G_SPAWN_ERROR_ACCES,
                "cannot start /dev/null: Permission denied; install it again");
}

static void
program_is_told_where_it_was_started (Fixture *fixture, gconstpointer unused)
{
  g_autofree char *text = NULL;

  start (fixture, "tr '\\0' '\\n' </proc/$$/cmdline | head -n 1");
  text = hear (fixture);
  g_assert_cmpstr (text, ==, "/bin/sh\n");
}

static int
get_parent (const char *pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/status", pid);
  g_autofree char *status = NULL;

  g_assert_true (g_file_get_contents (path, &status, NULL, NULL));
  return atoi (strstr (status, "PPid:") + strlen ("PPid:"));
}

static void
one_that_is_released_is_the_managers_child (Fixture *fixture, gconstpointer unused)
{
  g_autofree char *pid = NULL;
  g_autofree char *text = NULL;

  start (fixture, "echo $$; read x; echo $x");
  pid = g_strchomp (hear (fixture));
  g_assert_cmpint (get_parent (pid), !=, getpid ());

  rd_successor_release (fixture->successor);
  g_assert_cmpint (get_parent (pid), ==, getpid ());
  rd_successor_kill (fixture->successor); /* there is nobody any more who could */
  g_clear_pointer (&fixture->successor, rd_successor_free);
  say (fixture, "on\n");
  text = hear (fixture);
  g_assert_cmpstr (text, ==, "on\n");
}

static void
one_goes_on_when_its_predecessor_dies (Fixture *fixture, gconstpointer unused)
{
  g_autofree char *text = NULL;
  g_autofree char *pid = NULL;
  int pair[2];
  pid_t predecessor;

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM, 0, pair));
  fixture->fd = pair[0];
  predecessor = fork ();
  if (predecessor == 0)
    {
      const char *const argv[] = { "sh", "-c", "exec <&3 >&3 3>&-; echo $$; read x; echo $x",
                                   NULL };
      char *environment[] = { NULL };

      fixture->successor = rd_successor_spawn ("/bin/sh", argv, environment, pair[1], NULL);
      _exit (fixture->successor == NULL);
    }

  close (pair[1]);
  g_assert_cmpint (waitpid (predecessor, NULL, 0), ==, predecessor);
  pid = g_strchomp (hear (fixture));
  while (get_parent (pid) != getpid ()) /* until the guard has gone, too */
    g_usleep (1000);
  say (fixture, "on\n");
  text = hear (fixture);
  g_assert_cmpstr (text, ==, "on\n");
}

/* A connection that only they still have would stay open with nobody who serves it. */
static void
neither_it_nor_its_guard_holds_what_is_ours (Fixture *fixture, gconstpointer unused)
{
  int ours[2];
  char byte;

  g_assert_no_errno (pipe (ours)); /* not even marked */
  start (fixture, "read x");
  close (ours[1]);
  g_assert_cmpint (read (ours[0], &byte, 1), ==, 0);
  close (ours[0]);
  say (fixture, "end\n");
  expect_end (fixture, PATIENCE_MS, "the new worker exited with status 0");
  g_clear_pointer (&fixture->successor, rd_successor_free);
  close (fixture->fd);
  fixture->fd = -1;
  while (descriptors_count () > fixture->descriptors) /* GLib's thread closes the last of them */
    g_usleep (1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define TEST(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  TEST ("/successor/status", status_is_told);
  TEST ("/successor/signal", signal_is_told);
  TEST ("/successor/signals", signals_that_are_not_meant_for_it_are_no_end);
  TEST ("/successor/goes-on", one_that_goes_on_is_waited_for_in_vain);
  TEST ("/successor/kill", one_can_be_killed);
  TEST ("/successor/kill/unheard", one_that_is_killed_ends_also_if_nobody_waits);
  TEST ("/successor/missing", program_that_is_missing_is_named);
  TEST ("/successor/forbidden", program_that_may_not_be_executed_is_named);
  TEST ("/successor/name", program_is_told_where_it_was_started);
  TEST ("/successor/release", one_that_is_released_is_the_managers_child);
  TEST ("/successor/predecessor", one_goes_on_when_its_predecessor_dies);
  TEST ("/successor/descriptors", neither_it_nor_its_guard_holds_what_is_ours);
#undef TEST

  return g_test_run ();
}
