/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Checks before a restart whether the new process could read its configuration, by running the
 * program with --check. It prints the settings once it has read them. */

#include "rd-trial.h"

#include <errno.h>
#include <gio/gunixinputstream.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "rd-text.h"
#include "rd-unit.h"

#define REPLY_MS         2000
#define PROGRAM_MS       5000
#define MAX_ERROR_CHARS  1000
#define ERROR_BUFFER     4096
#define OWN_ERROR_PREFIX "ringdown: "

/* Properties of the unit that decide which files the service can read. */
static const char *const access_properties[] = {
  "User",
  "Group",
  "SupplementaryGroups",
  "DynamicUser",
  "PrivateUsers",
  "RootDirectory",
  "RootImage",
  "ProtectHome",
  "ProtectSystem",
  "ReadWritePaths",
  "ReadOnlyPaths",
  "InaccessiblePaths",
  "BindPaths",
  "BindReadOnlyPaths",
  "TemporaryFileSystem",
};

/* Properties of the unit with files that only the service manager can read. */
static const char *const credential_properties[] = {
  "LoadCredential",
  "LoadCredentialEncrypted",
  "SetCredential",
  "SetCredentialEncrypted",
};

typedef struct
{
  GVariant *started;  /* owned, nullable */
  char *program;      /* owned */
  char **environment; /* owned */
} Trial;

static void
trial_free (gpointer data)
{
  Trial *self = data;

  g_clear_pointer (&self->started, g_variant_unref);
  g_free (self->program);
  g_strfreev (self->environment);
  g_free (self);
}

/* Returns: (transfer full): a copy of @environment without what the unit sets; --check gets that
 * from the unit, which may have changed since the start of this process. */
static char **
dup_environment (char **environment)
{
  g_autoptr (GStrvBuilder) kept = g_strv_builder_new ();

  for (; *environment != NULL; environment++)
    if (!g_regex_match_simple ("^(RINGDOWN_|REDIS_|NOTIFY_SOCKET=|WATCHDOG_)", *environment, 0, 0))
      g_strv_builder_add (kept, *environment);
  return g_strv_builder_end (kept);
}

/* Returns: whether this process can read all environment files of the unit that exist. */
static gboolean
can_read_environment (GVariant *service)
{
  g_autoptr (GVariantIter) files = NULL;
  const char *path;

  g_variant_lookup (service, "EnvironmentFiles", "a(sb)", &files);
  while (files != NULL && g_variant_iter_next (files, "(&sb)", &path, NULL))
    if (access (path, R_OK) != 0 && errno != ENOENT)
      return FALSE;

  return TRUE;
}

/* Returns: whether the new process can read the same files as this process. @started: (nullable):
 * properties of the unit at the start of this process. @service: properties now. */
static gboolean
has_same_access (GVariant *started, GVariant *service)
{
  for (gsize i = 0; started != NULL && i < G_N_ELEMENTS (access_properties); i++)
    {
      g_autoptr (GVariant) old = g_variant_lookup_value (started, access_properties[i], NULL);
      g_autoptr (GVariant) new = g_variant_lookup_value (service, access_properties[i], NULL);

      if (old != new && (old == NULL || new == NULL || !g_variant_equal (old, new)))
        return FALSE;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (credential_properties); i++)
    {
      g_autoptr (GVariant) list = g_variant_lookup_value (service, credential_properties[i],
                                                          G_VARIANT_TYPE_ARRAY);

      if (list != NULL && g_variant_n_children (list) > 0)
        return FALSE;
    }
  return can_read_environment (service);
}

/* Returns: (transfer full) (nullable): ExecStart= of the unit of this process, with --check; NULL:
 * unknown, or not a command of @program. */
static char **
dup_command (GVariant *unit, GVariant *service, const char *program)
{
  g_autoptr (GVariantIter) commands = NULL;
  g_autoptr (GVariant) command = NULL;
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  g_autofree const char **arguments = NULL;
  const char *name = "", *path;
  guint32 main_pid = 0;

  g_variant_lookup (unit, "Id", "&s", &name);
  g_variant_lookup (service, "MainPID", "u", &main_pid);
  g_variant_lookup (service, "ExecStart", "a(sasbttttuii)", &commands);
  if (main_pid != (guint32) getpid () || commands == NULL
      || !g_regex_match_simple ("^ringdown(@.+)?\\.service$", name, 0, 0))
    return NULL;

  command = g_variant_iter_next_value (commands);
  if (command == NULL)
    return NULL;

  g_variant_get_child (command, 0, "&s", &path);
  g_variant_get_child (command, 1, "^a&s", &arguments);
  if (!g_str_equal (path, program))
    return NULL;

  g_strv_builder_add (words, path);
  for (gsize i = 1; arguments[0] != NULL && arguments[i] != NULL; i++)
    g_strv_builder_add (words, arguments[i]);
  g_strv_builder_add (words, "--check");
  return g_strv_builder_end (words);
}

/* Waits until the program prints something or exits. Returns: TRUE if it exits first. */
static gboolean
ends_without_output (GSubprocess *process)
{
  GInputStream *output = g_subprocess_get_stdout_pipe (process);
  struct pollfd poll_fd = { g_unix_input_stream_get_fd (G_UNIX_INPUT_STREAM (output)), POLLIN, 0 };
  char byte;
  int n;

  do
    n = poll (&poll_fd, 1, PROGRAM_MS);
  while (n < 0 && errno == EINTR);
  return n > 0 && read (poll_fd.fd, &byte, 1) == 0;
}

/* Returns: (transfer full) (nullable): the error with which the program has refused its
 * configuration; NULL: it has not. */
static char *
dup_refusal (GSubprocess *process)
{
  char buffer[ERROR_BUFFER + 1] = "";
  gsize length = 0;
  const char *line;

  g_input_stream_read_all (g_subprocess_get_stderr_pipe (process), buffer, ERROR_BUFFER, &length,
                           NULL, NULL);
  if (!g_subprocess_wait (process, NULL, NULL) || !g_subprocess_get_if_exited (process)
      || g_subprocess_get_exit_status (process) == 0 || length == 0)
    return NULL;

  g_strchomp (buffer);
  line = strrchr (buffer, '\n');
  line = line != NULL ? line + 1 : buffer;
  if (g_str_has_prefix (line, OWN_ERROR_PREFIX))
    line += strlen (OWN_ERROR_PREFIX);
  return rd_text_printable (line, MAX_ERROR_CHARS);
}

static void
try_in_thread (GTask *task, gpointer bus, gpointer data, GCancellable *cancellable)
{
  const Trial *self = data;
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
    G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GVariant) service = NULL;
  g_autoptr (GVariant) unit = rd_unit_load (bus, NULL, &service, REPLY_MS, cancellable, NULL);
  g_auto (GStrv) command = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autofree char *refusal = NULL;

  if (unit != NULL && has_same_access (self->started, service))
    command = dup_command (unit, service, self->program);
  g_subprocess_launcher_set_environ (launcher, self->environment);
  if (command != NULL)
    process = g_subprocess_launcher_spawnv (launcher, (const char *const *) command, NULL);
  if (process != NULL && ends_without_output (process))
    refusal = dup_refusal (process);
  else if (process != NULL)
    g_subprocess_force_exit (process);

  if (refusal != NULL && rd_unit_is_stopping (bus, unit, REPLY_MS))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, "the unit is to stop");
  else if (refusal != NULL)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s", refusal);
  else
    g_task_return_boolean (task, TRUE);
}

void
rd_trial_run (GDBusConnection *bus,
              GVariant *started,
              const char *program,
              char **environment,
              GCancellable *cancellable,
              GAsyncReadyCallback callback,
              gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (bus, cancellable, callback, user_data);
  Trial *self = g_new0 (Trial, 1);

  self->started = started != NULL ? g_variant_ref (started) : NULL;
  self->program = g_strdup (program);
  self->environment = dup_environment (environment);
  g_task_set_task_data (task, self, trial_free);
  g_task_run_in_thread (task, try_in_thread);
}

gboolean
rd_trial_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
