/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A log writer for GLib that never blocks. */

#include "rd-log.h"

#include "rd-text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define MAX_CHARS    3000 /* maximum number of characters of a message */
#define FLUSH_US     (100 * G_TIME_SPAN_MILLISECOND)
#define JOURNAL_PATH "/run/systemd/journal/socket"
#define OWN_DOMAIN   "ringdown" /* prefix of the log domains of this project */

struct _RdLog
{
  int fd;               /* standard error */
  int journal_fd;       /* owned: datagram socket; -1 if standard error is not the journal */
  char **debug_domains; /* owned: domains in G_MESSAGES_DEBUG */
  gint level;           /* atomic: the least severe GLogLevelFlags to log */
  GMutex mutex;         /* protects the fields below */
  GString *buffer;      /* owned: lines to be written; the first may be partly written */
  guint dropped;        /* number of lines dropped since the last note that lines were dropped */
  int failure;          /* errno of the write that dropped lines; EAGAIN: the buffer was full */
  gboolean has_source;  /* on_writable() is in the main loop */
};

/* Opens standard error again, because O_NONBLOCK would affect all processes that share the open
 * file. Returns: the descriptor; STDERR_FILENO for files (which cannot block) and sockets, and if
 * the open fails, for example because the pipe belongs to another user. */
static int
open_nonblocking (void)
{
  struct stat status;
  int fd = -1;

  if (fstat (STDERR_FILENO, &status) == 0
      && (S_ISFIFO (status.st_mode) || S_ISCHR (status.st_mode)))
    fd = open ("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return fd >= 0 ? fd : STDERR_FILENO;
}

/* Writes at most PIPE_BUF bytes: as many fit into a pipe if poll(2) reports that it is writable.
 * Returns: the number of bytes, or -1 with errno, which is EAGAIN if the write would block. */
static gssize
write_some (RdLog *self, const char *data, gsize size)
{
  struct pollfd poll_fd = { .fd = self->fd, .events = POLLOUT };
  gssize n;

  size = MIN (size, PIPE_BUF);
  if (poll (&poll_fd, 1, 0) == 0)
    {
      errno = EAGAIN;
      return -1;
    }

  n = send (self->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  return n < 0 && errno == ENOTSOCK ? write (self->fd, data, size) : n;
}

static guint
count_lines (const char *text)
{
  guint n = 0;

  while ((text = strchr (text, '\n')) != NULL)
    {
      text++;
      n++;
    }
  return n;
}

/* Writes as much of the buffer as possible. Drops all of it if a write fails, for example because
 * the disk is full. */
static void
write_buffer (RdLog *self)
{
  while (self->buffer->len > 0)
    {
      const gssize n = write_some (self, self->buffer->str, self->buffer->len);

      if (n >= 0)
        g_string_erase (self->buffer, 0, n);
      else if (errno == EAGAIN)
        return;
      else if (errno != EINTR)
        {
          self->failure = errno;
          self->dropped += count_lines (self->buffer->str);
          g_string_truncate (self->buffer, 0);
        }
    }
}

/* The levels, most severe first. */
static const struct
{
  guint level;
  const char *name;
  int priority; /* in the journal, as in g_log_writer_journald() */
} levels[] = {
  { G_LOG_LEVEL_ERROR, "error", LOG_ERR },
  { G_LOG_LEVEL_CRITICAL, "critical", LOG_WARNING },
  { G_LOG_LEVEL_WARNING, "warning", LOG_WARNING },
  { G_LOG_LEVEL_MESSAGE, "message", LOG_NOTICE },
  { G_LOG_LEVEL_INFO, "info", LOG_INFO },
  { G_LOG_LEVEL_DEBUG, "debug", LOG_DEBUG },
};

/* Returns: the index of @level in levels. */
static guint
find_level (guint level)
{
  guint i = 0;

  while (i < G_N_ELEMENTS (levels) - 1 && level > levels[i].level)
    i++;
  return i;
}

/* Returns: (transfer full): a line of the log, with its newline. @domain: (nullable). */
static char *
format_line (guint level, const char *domain, const char *message)
{
  const gboolean is_ours = domain == NULL || g_str_has_prefix (domain, OWN_DOMAIN);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *date = g_date_time_format (now, "%FT%T");
  g_autofree char *zone = g_date_time_format (now, "%:z");
  g_autofree char *shown = rd_text_printable (message, MAX_CHARS);

  return g_strdup_printf ("%s.%03d%s [%d] %s: %s%s%s\n", date,
                          g_date_time_get_microsecond (now) / 1000, zone, (int) getpid (),
                          levels[find_level (level)].name, is_ours ? "" : domain,
                          is_ours ? "" : ": ", shown);
}

/* Returns: (transfer full): the message that lines were dropped. */
static char *
format_note (RdLog *self)
{
  const char *reason = self->failure != EAGAIN ? g_strerror (self->failure)
                       : self->journal_fd >= 0 ? "the journal was blocked"
                                               : "standard error was blocked";

  return g_strdup_printf (self->dropped == 1 ? "%u line was dropped: %s"
                                             : "%u lines were dropped: %s",
                          self->dropped, reason);
}

/* Writes how many lines were dropped, if there are any and the buffer is empty. */
static void
write_note (RdLog *self)
{
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  gssize n;

  if (self->dropped == 0 || self->buffer->len > 0)
    return;

  text = format_note (self);
  line = format_line (G_LOG_LEVEL_WARNING, NULL, text);
  n = write_some (self, line, strlen (line));
  if (n > 0)
    {
      g_string_append (self->buffer, line + n);
      self->dropped = 0;
    }
  else if (n < 0)
    self->failure = errno;
}

/* Returns: whether something is left that the main loop should write. */
static gboolean
write_pending (RdLog *self)
{
  write_buffer (self);
  write_note (self);
  return self->buffer->len > 0 || (self->dropped > 0 && self->failure == EAGAIN);
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user_data)
{
  RdLog *self = user_data;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  self->has_source = write_pending (self);
  return self->has_source;
}

/* Adds @line to the buffer, and writes as much of the buffer as possible. Drops @line if the buffer
 * is full, or if lines were dropped before and the log does not contain their number yet. */
static void
add_line (RdLog *self, const char *line)
{
  const gsize size = strlen (line);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  write_pending (self);
  if (self->dropped == 0 && self->buffer->len + size <= RD_LOG_BUFFER_SIZE)
    g_string_append_len (self->buffer, line, size);
  else if (self->dropped++ == 0)
    self->failure = EAGAIN;

  if (write_pending (self) && !self->has_source)
    {
      self->has_source = TRUE;
      g_unix_fd_add (self->fd, G_IO_OUT, on_writable, self);
    }
}

/* Sends one message to the journal in its native protocol (systemd-journald(8)). Returns: FALSE
 * with errno if that fails. */
static gboolean
send_to_journal (RdLog *self, guint level, const char *domain, const char *message)
{
  static const struct sockaddr_un address = { AF_UNIX, JOURNAL_PATH };
  g_autofree char *shown = rd_text_printable (message, MAX_CHARS);
  g_autofree char *fields = g_strdup_printf (
    "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nGLIB_DOMAIN=%s\nMESSAGE=%s\n",
    levels[find_level (level)].priority, g_get_prgname (), domain != NULL ? domain : "", shown);

  return sendto (self->journal_fd, fields, strlen (fields), MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *) &address, sizeof address)
         >= 0;
}

/* Sends a message to the journal, or drops it if the journal is blocked. Returns: FALSE if there is
 * no journal. */
static gboolean
add_to_journal (RdLog *self, guint level, const char *domain, const char *message)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  g_autofree char *note = self->dropped > 0 ? format_note (self) : NULL;

  if (note == NULL || send_to_journal (self, G_LOG_LEVEL_WARNING, OWN_DOMAIN, note))
    {
      self->dropped = 0;
      if (send_to_journal (self, level, domain, message))
        return TRUE;
    }
  if (errno != EAGAIN)
    return FALSE;

  self->failure = EAGAIN;
  self->dropped++;
  return TRUE;
}

/* Returns: (transfer full) (nullable): the value of the field @key, if it is a string. */
static char *
dup_field (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, key))
      return fields[i].length < 0 ? g_strdup (fields[i].value)
                                  : g_strndup (fields[i].value, fields[i].length);

  return NULL;
}

static gboolean
is_wanted (RdLog *self, guint level, const char *domain)
{
  const gboolean is_ours = domain != NULL && g_str_has_prefix (domain, OWN_DOMAIN);

  if ((level <= G_LOG_LEVEL_MESSAGE || is_ours) && level <= (guint) g_atomic_int_get (&self->level))
    return TRUE;

  return level > G_LOG_LEVEL_MESSAGE
         && (g_strv_contains ((const char *const *) self->debug_domains, "all")
             || (domain != NULL
                 && g_strv_contains ((const char *const *) self->debug_domains, domain)));
}

static GLogWriterOutput
write_message (GLogLevelFlags flags, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  RdLog *self = user_data;
  const guint level = flags & G_LOG_LEVEL_MASK;
  g_autofree char *domain = dup_field (fields, n_fields, "GLIB_DOMAIN");
  g_autofree char *message = NULL;
  g_autofree char *line = NULL;

  if (!is_wanted (self, level, domain)
      || (message = dup_field (fields, n_fields, "MESSAGE")) == NULL
      || (self->journal_fd >= 0 && add_to_journal (self, level, domain, message)))
    return G_LOG_WRITER_HANDLED;

  line = format_line (level, domain, message);
  add_line (self, line);
  return G_LOG_WRITER_HANDLED;
}

RdLog *
rd_log_new (void)
{
  RdLog *self = g_new0 (RdLog, 1);
  const char *debug_domains = g_getenv ("G_MESSAGES_DEBUG");

  signal (SIGTTOU, SIG_IGN); /* would stop a background process that writes, see "stty tostop" */
  g_mutex_init (&self->mutex);
  self->fd = open_nonblocking ();
  self->journal_fd = g_log_writer_is_journald (STDERR_FILENO)
                       ? socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
                       : -1;
  self->debug_domains = g_strsplit (debug_domains != NULL ? debug_domains : "", " ", -1);
  self->buffer = g_string_new (NULL);
  rd_log_set_level (self, G_LOG_LEVEL_MESSAGE);
  g_log_set_writer_func (write_message, self, NULL);
  return self;
}

void
rd_log_set_level (RdLog *self, GLogLevelFlags level)
{
  g_atomic_int_set (&self->level, (gint) level);
  g_log_set_debug_enabled (is_wanted (self, G_LOG_LEVEL_DEBUG, OWN_DOMAIN));
}

void
rd_log_print_error (RdLog *self, const char *text)
{
  g_autofree char *line = g_strdup_printf ("%s: %s\n", g_get_prgname (), text);

  add_line (self, line);
}

void
rd_log_flush (RdLog *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  const gint64 deadline_us = g_get_monotonic_time () + FLUSH_US;
  struct pollfd poll_fd = { .fd = self->fd, .events = POLLOUT };
  gint64 left_us;

  while (write_pending (self) && (left_us = deadline_us - g_get_monotonic_time ()) > 0)
    poll (&poll_fd, 1, left_us / 1000);
}
