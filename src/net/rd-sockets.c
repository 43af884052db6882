/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Describes the listening sockets of the old worker for the new worker, which creates them again
 * from the descriptions and descriptors. Checks both, because they come from another process. */

#include "rd-sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define ROLE       "role"
#define ASKED_PORT "asked-port"
#define INHERITED  "inherited"

static const char *const role_names[]
  = { [RD_ROLE_CLIENTS] = "clients", [RD_ROLE_ADMIN] = "admin" };

GPtrArray *
rd_sockets_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) rd_socket_free);
}

void
rd_sockets_drop_inherited (GPtrArray *sockets)
{
  for (guint i = sockets->len; i > 0; i--)
    {
      const RdSocket *socket = sockets->pdata[i - 1];

      if (socket->is_inherited)
        g_ptr_array_remove_index (sockets, i - 1);
    }
}

GVariant *
rd_sockets_describe (GPtrArray *sockets)
{
  GVariantBuilder list = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  for (guint i = 0; i < sockets->len; i++)
    {
      const RdSocket *socket = sockets->pdata[i];
      GVariantDict about = G_VARIANT_DICT_INIT (NULL);

      g_variant_dict_insert (&about, ROLE, "s", role_names[socket->role]);
      g_variant_dict_insert (&about, ASKED_PORT, "u", socket->asked_port);
      g_variant_dict_insert (&about, INHERITED, "b", socket->is_inherited);
      g_variant_builder_add_value (&list, g_variant_dict_end (&about));
    }

  return g_variant_builder_end (&list);
}

GArray *
rd_sockets_dup_fds (GPtrArray *sockets)
{
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));

  for (guint i = 0; i < sockets->len; i++)
    {
      const RdSocket *socket = sockets->pdata[i];
      const int fd = g_socket_get_fd (socket->socket);

      g_array_append_val (fds, fd);
    }

  return fds;
}

static gboolean
read_role (GVariant *about, RdRole *role)
{
  const char *name;

  if (!g_variant_lookup (about, ROLE, "&s", &name))
    return FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (role_names); i++)
    if (g_str_equal (name, role_names[i]))
      {
        *role = i;
        return TRUE;
      }
  return FALSE;
}

/* Returns: (transfer full) (nullable): a socket for a duplicate of @fd, or NULL with an error. */
static GSocket *
duplicate (int fd, GError **error)
{
  const int own_fd = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  const int dup_errno = errno;
  GSocket *socket;

  if (own_fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (dup_errno),
                   "cannot take over a listening socket: %s; check the descriptor limit "
                   "(LimitNOFILE=, ulimit -Hn)",
                   g_strerror (dup_errno));
      return NULL;
    }

  socket = g_socket_new_from_fd (own_fd, error);
  if (socket == NULL)
    close (own_fd);
  return socket;
}

static RdSocket *
take (GVariant *about, int fd, GError **error)
{
  RdRole role;
  guint asked_port;
  gboolean is_inherited;
  g_autoptr (GSocket) socket = NULL;

  if (!read_role (about, &role) || !g_variant_lookup (about, ASKED_PORT, "u", &asked_port)
      || !g_variant_lookup (about, INHERITED, "b", &is_inherited) || !rd_socket_is_listening (fd))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           "the old worker passed invalid data about a listening socket; stop the "
                           "service and start it again");
      return NULL;
    }

  socket = duplicate (fd, error);
  return socket != NULL ? rd_socket_new (socket, role, asked_port, is_inherited, error) : NULL;
}

GPtrArray *
rd_sockets_new_described (GVariant *about, const GArray *fds, GError **error)
{
  g_autoptr (GPtrArray) sockets = rd_sockets_new ();

  if (!g_variant_is_of_type (about, G_VARIANT_TYPE ("aa{sv}"))
      || g_variant_n_children (about) != fds->len)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "the old worker passed %u listening sockets, but not as many descriptions; "
                   "stop the service and start it again",
                   fds->len);
      return NULL;
    }

  for (guint i = 0; i < fds->len; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (about, i);
      RdSocket *socket = take (child, g_array_index (fds, int, i), error);

      if (socket == NULL)
        return NULL;
      g_ptr_array_add (sockets, socket);
    }

  return g_steal_pointer (&sockets);
}
