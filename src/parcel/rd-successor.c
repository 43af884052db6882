/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A successor as a child of our child: starts it from the path that this process was started from,
 * which may have another program by now, ends it, and knows how it ended. The child between, the
 * guard, tells that; when it goes, the successor is the service manager's child, as we are. What a
 * successor is told, and what it says, goes through the parcel and is others' care. */

#include "rd-successor.h"

#include "rd-guard.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PARCEL_FD 3 /* in the successor: behind standard input, output and error */

struct _RdSuccessor
{
  GSubprocess *guard;   /* owned: ends as the successor does */
  int word_fd;          /* owned: a byte has the guard kill the successor */
  GCancellable *cancel; /* owned: of the wait */
  guint patience_id;
  RdSuccessorFunc func;
  gpointer user_data;
};

/* Signals with a handler in every worker that does not have to ignore them. */
static const int handled_signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };

typedef struct
{
  int word_fd;
  sigset_t ignored; /* signals that the new worker has to ignore */
} Setup;

void
rd_successor_get_ignored (sigset_t *ignored, gboolean is_new_worker)
{
  struct sigaction action;
  sigset_t blocked;

  sigemptyset (ignored);
  sigprocmask (SIG_BLOCK, NULL, &blocked);
  for (gsize i = 0; i < G_N_ELEMENTS (handled_signals); i++)
    if (sigaction (handled_signals[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN
        && (!is_new_worker || sigismember (&blocked, handled_signals[i])))
      sigaddset (ignored, handled_signals[i]);
}

/* Signals to be ignored for good are also blocked, to mark them for rd_successor_get_ignored(). */
static void
set_guard (gpointer data)
{
  const Setup *setup = data;

  rd_guard_divide (setup->word_fd);

  for (gsize i = 0; i < G_N_ELEMENTS (handled_signals); i++)
    if (sigismember (&setup->ignored, handled_signals[i]))
      signal (handled_signals[i], SIG_IGN); /* GLib has set the default action for some */
  sigprocmask (SIG_BLOCK, &setup->ignored, NULL);

  /* meant for us, though all processes of a unit may get them: “systemctl kill” */
  signal (SIGHUP, SIG_IGN);
  signal (SIGUSR1, SIG_IGN);
  signal (SIGUSR2, SIG_IGN);
}

/* Makes a way to the guard, our end first. The other is above PARCEL_FD, which the child is about
 * to put something else in. Returns: FALSE with an error. */
static gboolean
open_word (int *fds, GError **error)
{
  int pair[2];
  int failure;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0)
    {
      fds[0] = pair[0];
      fds[1] = fcntl (pair[1], F_DUPFD_CLOEXEC, PARCEL_FD + 1);
      failure = errno;
      close (pair[1]);
      if (fds[1] >= 0)
        return TRUE;
      close (fds[0]);
    }
  else
    failure = errno;

  g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (failure), g_strerror (failure));
  return FALSE;
}

/* Whether @reason, why a process could not be started, is the file of its program. @number: (out):
 * the same as an errno. */
static gboolean
is_of_file (const GError *reason, int *number)
{
  static const struct
  {
    GSpawnError code;
    int number;
  } table[] = {
    { G_SPAWN_ERROR_NOENT, ENOENT },   { G_SPAWN_ERROR_NOTDIR, ENOTDIR },
    { G_SPAWN_ERROR_ACCES, EACCES },   { G_SPAWN_ERROR_PERM, EPERM },
    { G_SPAWN_ERROR_LOOP, ELOOP },     { G_SPAWN_ERROR_NOEXEC, ENOEXEC },
    { G_SPAWN_ERROR_LIBBAD, ELIBBAD },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_error_matches (reason, G_SPAWN_ERROR, table[i].code))
      {
        *number = table[i].number;
        return TRUE;
      }

  return FALSE;
}

/* @reason: (transfer full): GLib's own text has the path once more, and no advice. */
static void
set_no_start (const char *program, GError *reason, GError **error)
{
  int number;

  if (is_of_file (reason, &number))
    {
      g_set_error (error, reason->domain, reason->code,
                   "cannot start %s: %s; install it again, or start the new program "
                   "with “ringdown --replace”",
                   program, g_strerror (number));
      g_error_free (reason);
    }
  else
    g_propagate_prefixed_error (error, reason, "cannot start %s: ", program);
}

/* Returns: (transfer full): what starts @program, with @fd as its parcel. */
static GSubprocessLauncher *
new_launcher (char **environment, int fd)
{
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_INHERIT);
  g_autofree char *number = g_strdup_printf ("%d", PARCEL_FD);

  g_subprocess_launcher_set_environ (launcher, environment);
  g_subprocess_launcher_setenv (launcher, RD_SUCCESSOR_VARIABLE, number, TRUE);
  g_subprocess_launcher_take_fd (launcher, fd, PARCEL_FD);
  return launcher;
}

RdSuccessor *
rd_successor_spawn (const char *program,
                    const char *const *argv,
                    char **environment,
                    int fd,
                    GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = new_launcher (environment, fd);
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  g_auto (GStrv) command = NULL;
  GError *reason = NULL;
  GSubprocess *process;
  RdSuccessor *self;
  Setup setup;
  int word_fds[2];

  if (!open_word (word_fds, &reason))
    {
      set_no_start (program, reason, error);
      return NULL;
    }

  g_strv_builder_add (words, program);
  for (gsize i = 0; argv[0] != NULL && argv[i + 1] != NULL; i++)
    g_strv_builder_add (words, argv[i + 1]);
  command = g_strv_builder_end (words);

  setup.word_fd = word_fds[1];
  rd_successor_get_ignored (&setup.ignored, FALSE); /* the other signals have handlers by now */
  g_subprocess_launcher_set_child_setup (launcher, set_guard, &setup, NULL);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) command, &reason);
  close (word_fds[1]);
  if (process == NULL)
    {
      close (word_fds[0]);
      set_no_start (program, reason, error);
      return NULL;
    }

  self = g_new0 (RdSuccessor, 1);
  self->guard = process;
  self->word_fd = word_fds[0];
  self->cancel = g_cancellable_new ();
  return self;
}

void
rd_successor_free (RdSuccessor *self)
{
  g_cancellable_cancel (self->cancel);
  g_clear_handle_id (&self->patience_id, g_source_remove);
  g_object_unref (self->cancel);
  g_object_unref (self->guard);
  close (self->word_fd);
  g_free (self);
}

void
rd_successor_kill (RdSuccessor *self)
{
  const char word = 'k';

  if (send (self->word_fd, &word, sizeof word, MSG_NOSIGNAL) < 0)
    g_debug ("Cannot kill the new worker: %s", g_strerror (errno));
}

void
rd_successor_release (RdSuccessor *self)
{
  g_subprocess_force_exit (self->guard);
  g_subprocess_wait (self->guard, NULL, NULL);
}

/* Returns: (transfer full) (nullable). */
static char *
describe_end (GSubprocess *process)
{
  if (g_subprocess_get_identifier (process) != NULL)
    return NULL;
  if (g_subprocess_get_if_signaled (process))
    return g_strdup_printf ("the new worker was killed by a signal: %s",
                            strsignal (g_subprocess_get_term_sig (process)));

  return g_strdup_printf ("the new worker exited with status %d",
                          g_subprocess_get_exit_status (process));
}

static void
tell (RdSuccessor *self)
{
  g_autofree char *how = describe_end (self->guard);

  g_clear_handle_id (&self->patience_id, g_source_remove);
  self->func (how, self->user_data); /* last: it may free us */
}

static void
on_end (GObject *process, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  /* cancelled: then @user_data is gone, or was told */
  if (g_subprocess_wait_finish (G_SUBPROCESS (process), result, &error))
    tell (user_data);
}

static gboolean
on_patience_over (gpointer user_data)
{
  RdSuccessor *self = user_data;

  self->patience_id = 0;
  g_cancellable_cancel (self->cancel);
  tell (self);
  return G_SOURCE_REMOVE;
}

void
rd_successor_await_end (RdSuccessor *self,
                        guint patience_ms,
                        RdSuccessorFunc func,
                        gpointer user_data)
{
  self->func = func;
  self->user_data = user_data;
  self->patience_id = g_timeout_add (patience_ms, on_patience_over, self);
  g_subprocess_wait_async (self->guard, self->cancel, on_end, self);
}
