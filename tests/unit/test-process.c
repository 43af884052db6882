/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The path of the own program, tested with links in a temporary working directory, and the end of
 * other processes. */

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rd-process.h"

typedef struct
{
  char *directory; /* owned */
  char *before;    /* owned: previous working directory */
  char *path;      /* owned: previous PATH */
  char *program;   /* owned: path of this program, links resolved */
} Fixture;

/* “v1/program” is this program, “current” a link to “v1”, “v2/program” another program. */
static void
set_up (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  fixture->before = g_get_current_dir ();
  fixture->path = g_strdup (g_getenv ("PATH"));
  fixture->program = g_file_read_link ("/proc/self/exe", &error);
  g_assert_no_error (error);
  fixture->directory = g_dir_make_tmp ("ringdown-XXXXXX", &error);
  g_assert_no_error (error);

  g_assert_no_errno (chdir (fixture->directory));
  g_assert_no_errno (g_mkdir ("v1", 0700));
  g_assert_no_errno (g_mkdir ("v2", 0700));
  g_assert_no_errno (symlink (fixture->program, "v1/program"));
  g_assert_no_errno (symlink ("/bin/sh", "v2/program"));
  g_assert_no_errno (symlink ("v1", "current"));
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  static const char *const names[] = { "current", "v1/program", "v2/program", "v1", "v2" };

  g_assert_no_errno (chdir (fixture->directory));
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_no_errno (g_remove (names[i]));
  g_assert_no_errno (chdir (fixture->before));
  g_assert_no_errno (g_rmdir (fixture->directory));
  g_setenv ("PATH", fixture->path != NULL ? fixture->path : "/bin", TRUE);
  g_free (fixture->directory);
  g_free (fixture->before);
  g_free (fixture->path);
  g_free (fixture->program);
}

/* Asserts that the program started as @argv0 is found at @path, relative to the directory. */
static void
expect_program (Fixture *fixture, const char *argv0, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *found = rd_process_dup_program (argv0, &error);
  g_autofree char *due = g_canonicalize_filename (path, fixture->directory);

  g_assert_no_error (error);
  g_assert_cmpstr (found, ==, due);
}

static void
path_keeps_its_links (Fixture *fixture, gconstpointer unused)
{
  g_autofree char *absolute = g_build_filename (fixture->directory, "current", "program", NULL);

  expect_program (fixture, absolute, "current/program");
  expect_program (fixture, fixture->program, fixture->program);
}

static void
relative_path_is_made_absolute (Fixture *fixture, gconstpointer unused)
{
  expect_program (fixture, "current/program", "current/program");
  expect_program (fixture, "./v2/.././current//program", "current/program");
  g_assert_no_errno (chdir ("v2"));
  expect_program (fixture, "../current/program", "current/program");
}

static void
name_is_searched_in_path (Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = g_strdup_printf ("/nowhere:%s/current:/bin", fixture->directory);

  g_setenv ("PATH", path, TRUE);
  expect_program (fixture, "program", "current/program");
  g_setenv ("PATH", "/nowhere:current", TRUE);
  expect_program (fixture, "program", "current/program");
  g_setenv ("PATH", "/nowhere", TRUE);
  expect_program (fixture, "program", fixture->program);
}

/* No other program may be started in place of this one. */
static void
other_programs_are_ignored (Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = g_strdup_printf ("%s/v2", fixture->directory);

  expect_program (fixture, NULL, fixture->program);
  expect_program (fixture, "", fixture->program);
  expect_program (fixture, "-program", fixture->program);
  expect_program (fixture, "nothing/program", fixture->program);
  expect_program (fixture, "v2/program", fixture->program);
  expect_program (fixture, "v1", fixture->program);
  g_setenv ("PATH", path, TRUE);
  expect_program (fixture, "program", fixture->program);
}

/* Starts a process that ends after @life_ms. Returns: its id. */
static pid_t
start_process (guint life_ms)
{
  const pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      g_usleep (life_ms * G_TIME_SPAN_MILLISECOND);
      _exit (0);
    }
  return pid;
}

static void
on_alarm (int number)
{
}

/* Interrupts system calls of this process every @interval_ms; 0: no more. */
static void
interrupt_every (guint interval_ms)
{
  const struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
  const struct timeval interval = { .tv_usec = interval_ms * 1000 };
  const struct itimerval timer = { .it_interval = interval, .it_value = interval };

  g_assert_no_errno (sigaction (SIGALRM, &action, NULL));
  g_assert_no_errno (setitimer (ITIMER_REAL, &timer, NULL));
}

static void
end_of_a_process_is_seen_despite_signals (void)
{
  const pid_t pid = start_process (300);
  const int fd = rd_process_open (pid);

  interrupt_every (20);
  g_assert_true (rd_process_has_ended (fd, 20000));
  interrupt_every (0);
  g_assert_true (rd_process_has_ended (fd, 0));
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  close (fd);
}

static void
timeout_is_kept_despite_signals (void)
{
  const pid_t pid = start_process (20000);
  const int fd = rd_process_open (pid);
  const gint64 since_us = g_get_monotonic_time ();
  gint64 passed_us;

  interrupt_every (20);
  g_assert_false (rd_process_has_ended (fd, 200));
  interrupt_every (0);
  passed_us = g_get_monotonic_time () - since_us;
  g_assert_cmpint (passed_us, >=, 200 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (passed_us, <, 15 * G_TIME_SPAN_SECOND);
  g_assert_no_errno (kill (pid, SIGKILL));
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  close (fd);
}

static void
unknown_process_counts_as_ended (void)
{
  g_assert_true (rd_process_has_ended (-1, 20000));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define TEST(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  TEST ("/process/program/links", path_keeps_its_links);
  TEST ("/process/program/relative", relative_path_is_made_absolute);
  TEST ("/process/program/name", name_is_searched_in_path);
  TEST ("/process/program/other", other_programs_are_ignored);
#undef TEST
  g_test_add_func ("/process/end/interrupted", end_of_a_process_is_seen_despite_signals);
  g_test_add_func ("/process/end/timeout", timeout_is_kept_despite_signals);
  g_test_add_func ("/process/end/unknown", unknown_process_counts_as_ended);

  return g_test_run ();
}
