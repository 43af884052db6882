/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A successor as a child process: starts it from the path that this process was started from, which
 * may have another program by now, ends it, and knows how it ended. What it is told, and what it
 * says, goes through the parcel and is others' care. */

#include "rd-successor.h"

#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>

#define PARCEL_FD 3 /* in the child: behind standard input, output and error */

struct _RdSuccessor
{
  GSubprocess *process; /* owned */
  GCancellable *cancel; /* owned: of the wait */
  guint patience_id;
  RdSuccessorFunc func;
  gpointer user_data;
};

RdSuccessor *
rd_successor_spawn (const char *program,
                    const char *const *argv,
                    char **environment,
                    int fd,
                    GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
    G_SUBPROCESS_FLAGS_STDIN_INHERIT);
  g_autofree char *number = g_strdup_printf ("%d", PARCEL_FD);
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  g_auto (GStrv) command = NULL;
  GSubprocess *process;
  RdSuccessor *self;

  g_strv_builder_add (words, program);
  for (gsize i = 0; argv[0] != NULL && argv[i + 1] != NULL; i++)
    g_strv_builder_add (words, argv[i + 1]);
  command = g_strv_builder_end (words);

  g_subprocess_launcher_set_environ (launcher, environment);
  g_subprocess_launcher_setenv (launcher, RD_SUCCESSOR_VARIABLE, number, TRUE);
  g_subprocess_launcher_take_fd (launcher, fd, PARCEL_FD);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) command, error);
  if (process == NULL)
    {
      /* Translators: a path; the reason follows */
      g_prefix_error (error, _ ("cannot start %s: "), program);
      return NULL;
    }

  self = g_new0 (RdSuccessor, 1);
  self->process = process;
  self->cancel = g_cancellable_new ();
  return self;
}

void
rd_successor_free (RdSuccessor *self)
{
  g_cancellable_cancel (self->cancel);
  g_clear_handle_id (&self->patience_id, g_source_remove);
  g_object_unref (self->cancel);
  g_object_unref (self->process);
  g_free (self);
}

void
rd_successor_kill (RdSuccessor *self)
{
  g_subprocess_force_exit (self->process);
}

/* Returns: (transfer full) (nullable). */
static char *
describe_end (GSubprocess *process)
{
  if (g_subprocess_get_identifier (process) != NULL)
    return NULL;
  if (g_subprocess_get_if_signaled (process))
    /* Translators: %s is the name of a signal */
    return g_strdup_printf (_ ("the new process was killed by a signal: %s"),
                            strsignal (g_subprocess_get_term_sig (process)));

  return g_strdup_printf (_ ("the new process ended with status %d"),
                          g_subprocess_get_exit_status (process));
}

static void
tell (RdSuccessor *self)
{
  g_autofree char *how = describe_end (self->process);

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
  g_subprocess_wait_async (self->process, self->cancel, on_end, self);
}
