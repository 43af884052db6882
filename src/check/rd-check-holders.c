/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Who listens on an address, from /proc: the sockets that take it, and the processes that have
 * these open. Only reads. A process that comes or goes meanwhile may be missed, and so are those
 * that the caller may not look into. */

#include "rd-check-holders.h"

#include <stdio.h>
#include <string.h>

#include "rd-text.h"

#define STATE_LISTEN   0x0a /* TCP_LISTEN of linux/tcp_states.h */
#define MAX_NAME_CHARS 32

/* Returns: (transfer full): @address as in the tables of proc_pid_net(5): its 32-bit words, each as
 * this machine reads it. */
static char *
encode (GInetAddress *address)
{
  const gsize n_words = g_inet_address_get_native_size (address) / sizeof (guint32);
  GString *text = g_string_new (NULL);
  guint32 words[4];

  memcpy (words, g_inet_address_to_bytes (address), n_words * sizeof (guint32));
  for (gsize i = 0; i < n_words; i++)
    g_string_append_printf (text, "%08X", words[i]);
  return g_string_free (text, FALSE);
}

static gboolean
is_any (const char *encoded)
{
  return encoded[strspn (encoded, "0")] == '\0';
}

/* Whether a socket on @held keeps others from @wanted. */
static gboolean
blocks (const char *held, const char *wanted)
{
  const gboolean is_same_family = strlen (held) == strlen (wanted);

  if (g_str_equal (held, wanted))
    return TRUE;
  if (is_any (held))
    return is_same_family || strlen (held) > strlen (wanted); /* [::] may take in IPv4 */
  return is_same_family && is_any (wanted);
}

/* Adds to @sockets what /proc/PID/fd calls those in @table that keep others from @address. */
static void
add_sockets (GHashTable *sockets, const char *table, GInetSocketAddress *address)
{
  g_autofree char *wanted = encode (g_inet_socket_address_get_address (address));
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (table, &text, NULL, NULL))
    return;

  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      char held[33];
      guint port, state;
      guint64 inode;

      /* sl local_address rem_address st queues timer retransmits uid timeout inode */
      if (sscanf (*line, " %*u: %32[0-9A-F]:%x %*s %x %*s %*s %*s %*u %*u %" G_GUINT64_FORMAT, held,
                  &port, &state, &inode)
            == 4
          && state == STATE_LISTEN && port == g_inet_socket_address_get_port (address)
          && blocks (held, wanted))
        g_hash_table_add (sockets, g_strdup_printf ("socket:[%" G_GUINT64_FORMAT "]", inode));
    }
}

static gboolean
has_one_of (const char *pid, GHashTable *sockets)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "fd", NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *fd;

  while (dir != NULL && (fd = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *link = g_build_filename (path, fd, NULL);
      g_autofree char *target = g_file_read_link (link, NULL);

      if (target != NULL && g_hash_table_contains (sockets, target))
        return TRUE;
    }
  return FALSE;
}

GArray *
rd_check_holders_find (GInetSocketAddress *address)
{
  g_autoptr (GHashTable) sockets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GDir) processes = g_dir_open ("/proc", 0, NULL);
  GArray *holders = g_array_new (FALSE, FALSE, sizeof (int));
  const char *name;

  add_sockets (sockets, "/proc/net/tcp", address);
  add_sockets (sockets, "/proc/net/tcp6", address);
  if (g_hash_table_size (sockets) == 0)
    return holders;

  while (processes != NULL && (name = g_dir_read_name (processes)) != NULL)
    {
      const int pid = (int) g_ascii_strtoll (name, NULL, 10);

      if (pid > 0 && has_one_of (name, sockets))
        g_array_append_val (holders, pid);
    }
  return holders;
}

char *
rd_check_holders_dup_name (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/comm", pid);
  g_autofree char *name = NULL;

  if (!g_file_get_contents (path, &name, NULL, NULL))
    return g_strdup ("");
  return rd_text_printable (g_strchomp (name), MAX_NAME_CHARS);
}
