/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* From what is configured to sockets that listen: those of a predecessor where it has them, new
 * ones elsewhere. Until the predecessor lets go it serves on its own as if nothing had been: this
 * file takes no connection from any socket, and closes none but its own. */

#include "rd-binding.h"

#include <glib/gi18n.h>
#include <sys/socket.h>

#include "rd-sockets.h"
#include "rd-tcp.h"

#define PORT_TRIES 20 /* for a free port that is free on all addresses */

struct _RdBinding
{
  GPtrArray *sockets;   /* RdSocket, owned; none while closed; may be more than the addresses */
  GPtrArray *addresses; /* GSocketAddress, owned: what is asked for, closed or not */
  RdRole role;
  guint asked_port;
  gboolean reuse_port;
  gboolean is_inherited;
};

/* Returns: (transfer full): a socket that listens on @address, or NULL with what went wrong. */
static GSocket *
listen_on (GSocketAddress *address, gboolean reuse_port, GError **error)
{
  g_autoptr (GSocket) socket = rd_tcp_bind (address, reuse_port, error);

  if (socket == NULL)
    return NULL;

  g_socket_set_listen_backlog (socket, RD_BINDING_BACKLOG);
  return g_socket_listen (socket, error) ? g_steal_pointer (&socket) : NULL;
}

/* Adds to @error, of listen_on(), where that was and what to do. */
static void
explain_failure (GError **error, GSocketAddress *address)
{
  g_autofree char *name = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));

  if (g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    {
      g_clear_error (error);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                   _ ("cannot listen on %s: the port is taken; end what holds it or give another "
                      "port"),
                   name);
      return;
    }

  /* Translators: an address with its port; the reason follows */
  g_prefix_error (error, _ ("cannot listen on %s: "), name);
}

static gboolean
has_socket (const RdBinding *self, const RdSocket *socket)
{
  for (guint i = 0; i < self->sockets->len; i++)
    if (((const RdSocket *) self->sockets->pdata[i])->socket == socket->socket)
      return TRUE;

  return FALSE;
}

static gboolean
has_address (const RdBinding *self, GSocketAddress *address)
{
  g_autofree char *name = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));

  for (guint i = 0; i < self->addresses->len; i++)
    {
      g_autofree char *other = g_socket_connectable_to_string (
        G_SOCKET_CONNECTABLE (self->addresses->pdata[i]));

      if (g_str_equal (name, other))
        return TRUE;
    }

  return FALSE;
}

/* Returns: (transfer none): the socket among ours, NULL with an error. */
static RdSocket *
add (RdBinding *self, GSocket *socket, GError **error)
{
  RdSocket *added = rd_socket_new (socket, self->role, self->asked_port, self->is_inherited, error);

  if (added != NULL)
    g_ptr_array_add (self->sockets, added);
  return added;
}

static void
use (RdBinding *self, const RdSocket *offer)
{
  RdSocket *used = rd_socket_copy (offer);

  used->role = self->role;
  used->asked_port = self->asked_port;
  g_ptr_array_add (self->sockets, used);
}

/* Returns: (transfer container) (element-type RdSocket): those of @offers, not in use yet, whose
 * addresses include @address, or are included. */
static GPtrArray *
find_overlapping (const RdBinding *self, GPtrArray *offers, GSocketAddress *address)
{
  GPtrArray *found = g_ptr_array_new ();

  for (guint i = 0; i < offers->len; i++)
    if (rd_socket_overlaps (offers->pdata[i], address) && !has_socket (self, offers->pdata[i]))
      g_ptr_array_add (found, offers->pdata[i]);

  return found;
}

/* Linux lets a user's sockets listen on addresses that include each other if all of them have
 * SO_REUSEPORT: the predecessor's are given it for this moment. From then on each connection goes
 * to the socket with the more exact address. */
static GSocket *
listen_beside (GPtrArray *neighbours, GSocketAddress *address, GError **error)
{
  g_autoptr (GPtrArray) lenient = g_ptr_array_new ();
  GSocket *socket;

  for (guint i = 0; i < neighbours->len; i++)
    {
      GSocket *neighbour = ((RdSocket *) neighbours->pdata[i])->socket;
      int is_shared = FALSE;

      if (g_socket_get_option (neighbour, SOL_SOCKET, SO_REUSEPORT, &is_shared, NULL) && !is_shared
          && g_socket_set_option (neighbour, SOL_SOCKET, SO_REUSEPORT, TRUE, NULL))
        g_ptr_array_add (lenient, neighbour);
    }

  socket = listen_on (address, TRUE, error);
  for (guint i = 0; i < lenient->len; i++)
    g_socket_set_option (lenient->pdata[i], SOL_SOCKET, SO_REUSEPORT, FALSE, NULL);
  return socket;
}

/* Returns: FALSE with an error, of which explain_failure() makes one for people. */
static gboolean
listen_anew (RdBinding *self, GPtrArray *offers, GSocketAddress *address, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (GPtrArray) neighbours = find_overlapping (self, offers, address);
  g_autoptr (GSocket) socket = listen_on (address, self->reuse_port, &failure);
  GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS (address);
  const RdSocket *added;

  if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE) && neighbours->len > 0)
    {
      g_clear_error (&failure);
      socket = listen_beside (neighbours, address, &failure);
    }
  if (socket == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }

  added = add (self, socket, error);
  if (added == NULL)
    return FALSE;
  g_ptr_array_add (self->addresses, g_object_ref (added->address));

  /* they go on getting what is for them: to close them would reset who connects just then */
  if (g_inet_address_get_is_any (g_inet_socket_address_get_address (inet)))
    for (guint i = 0; i < neighbours->len; i++)
      use (self, neighbours->pdata[i]);
  return TRUE;
}

/* Listens on all of @inets, which a name stands for. A name may stand for an address family that
 * this machine has not got; a port that is taken is another matter, as half a service is none.
 * @port: where it is 0, set to the one that was free. */
static gboolean
listen_on_host (RdBinding *self, GPtrArray *offers, GList *inets, guint *port, GError **error)
{
  g_autoptr (GError) failure = NULL;
  gboolean is_listening = FALSE;

  for (GList *l = inets; l != NULL; l = l->next)
    {
      g_autoptr (GSocketAddress) address = g_inet_socket_address_new (l->data, *port);

      if (has_address (self, address))
        {
          is_listening = TRUE;
          continue;
        }

      g_clear_error (&failure);
      if (listen_anew (self, offers, address, &failure))
        {
          is_listening = TRUE;
          *port = g_inet_socket_address_get_port (
            g_ptr_array_index (self->addresses, self->addresses->len - 1));
          continue;
        }

      explain_failure (&failure, address);
      if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
        break;
    }

  if (is_listening && !g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

/* Uses the offers for just what is asked for. */
static void
use_offers (RdBinding *self, GPtrArray *offers, GList *inets, guint port)
{
  for (GList *l = inets; l != NULL; l = l->next)
    {
      g_autoptr (GSocketAddress) address = g_inet_socket_address_new (l->data, port);

      for (guint i = 0; i < offers->len && !has_address (self, address); i++)
        if (rd_socket_is_at (offers->pdata[i], address))
          {
            use (self, offers->pdata[i]);
            g_ptr_array_add (self->addresses, g_object_ref (address));
          }
    }
}

/* All offers that fit come first: what a new address includes is free for that only then. */
static gboolean
listen_on_hosts (RdBinding *self, GPtrArray *offers, GPtrArray *hosts, guint port, GError **error)
{
  for (guint i = 0; i < hosts->len; i++)
    use_offers (self, offers, hosts->pdata[i], port);
  for (guint i = 0; i < hosts->len; i++)
    if (!listen_on_host (self, offers, hosts->pdata[i], &port, error))
      {
        rd_binding_close (self);
        g_ptr_array_set_size (self->addresses, 0);
        return FALSE;
      }

  return TRUE;
}

/* Returns: (transfer full) (element-type GList): of each name its GInetAddress, NULL with an error.
 */
static GPtrArray *
resolve (const char *const *names, GError **error)
{
  g_autoptr (GPtrArray) hosts = g_ptr_array_new_with_free_func (
    (GDestroyNotify) g_resolver_free_addresses);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      GList *inets = g_resolver_lookup_by_name (g_resolver_get_default (), names[i], NULL, error);

      if (inets == NULL)
        {
          g_prefix_error (error, _ ("cannot listen on %s: "), names[i]);
          return NULL;
        }
      g_ptr_array_add (hosts, inets);
    }

  return g_steal_pointer (&hosts);
}

/* Returns: the port that was free for @role when the predecessor was asked for any; else 0. */
static guint
get_any_port (GPtrArray *offers, RdRole role)
{
  for (guint i = 0; i < offers->len; i++)
    {
      const RdSocket *offer = offers->pdata[i];

      if (offer->role == role && offer->asked_port == 0)
        return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (offer->address));
    }

  return 0;
}

static void
remove_used (RdBinding *self, GPtrArray *offers)
{
  for (guint i = offers->len; i > 0; i--)
    if (has_socket (self, offers->pdata[i - 1]))
      g_ptr_array_remove_index (offers, i - 1);
}

static RdBinding *
binding_new (RdRole role)
{
  RdBinding *self = g_new0 (RdBinding, 1);

  self->sockets = rd_sockets_new ();
  self->addresses = g_ptr_array_new_with_free_func (g_object_unref);
  self->role = role;
  return self;
}

RdBinding *
rd_binding_new (const RdBindingOptions *options, GError **error)
{
  g_autoptr (RdBinding) self = binding_new (options->role);
  g_autoptr (GPtrArray) hosts = resolve (options->addresses, error);
  g_autoptr (GPtrArray) offers = options->offers != NULL ? g_ptr_array_ref (options->offers)
                                                         : rd_sockets_new ();
  g_autoptr (GError) failure = NULL;
  guint port = options->port != 0 ? options->port : get_any_port (offers, options->role);
  int tries = options->port != 0 ? 1 : PORT_TRIES;

  if (hosts == NULL)
    return NULL;

  self->asked_port = options->port;
  self->reuse_port = options->reuse_port;
  while (!listen_on_hosts (self, offers, hosts, port, &failure))
    {
      /* any port: what is free on one address need not be on the next */
      if (--tries == 0 || !g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return NULL;
        }
      g_clear_error (&failure);
      port = 0;
    }

  remove_used (self, offers);
  return g_steal_pointer (&self);
}

RdBinding *
rd_binding_new_inherited (GPtrArray *sockets, RdRole role, GError **error)
{
  g_autoptr (RdBinding) self = binding_new (role);

  self->is_inherited = TRUE;
  for (guint i = 0; i < sockets->len; i++)
    {
      const RdSocket *added = add (self, sockets->pdata[i], error);

      if (added == NULL)
        return NULL;
      g_ptr_array_add (self->addresses, g_object_ref (added->address));
    }

  return g_steal_pointer (&self);
}

void
rd_binding_free (RdBinding *self)
{
  g_ptr_array_unref (self->sockets);
  g_ptr_array_unref (self->addresses);
  g_free (self);
}

gboolean
rd_binding_is_inherited (const RdBinding *self)
{
  return self->is_inherited;
}

void
rd_binding_share (RdBinding *self)
{
  if (!self->reuse_port)
    return;

  for (guint i = 0; i < self->sockets->len; i++)
    g_socket_set_option (((RdSocket *) self->sockets->pdata[i])->socket, SOL_SOCKET, SO_REUSEPORT,
                         TRUE, NULL);
}

void
rd_binding_close (RdBinding *self)
{
  g_ptr_array_set_size (self->sockets, 0);
}

gboolean
rd_binding_reopen (RdBinding *self, GError **error)
{
  g_autoptr (RdBinding) again = binding_new (self->role);

  again->asked_port = self->asked_port;
  for (guint i = 0; i < self->addresses->len; i++)
    {
      GSocketAddress *address = self->addresses->pdata[i];
      g_autoptr (GError) failure = NULL;
      g_autoptr (GSocket) socket = listen_on (address, self->reuse_port, &failure);

      if (socket == NULL || add (again, socket, &failure) == NULL)
        {
          explain_failure (&failure, address);
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
    }

  g_ptr_array_unref (self->sockets);
  self->sockets = g_ptr_array_ref (again->sockets);
  return TRUE;
}

GPtrArray *
rd_binding_get_sockets (RdBinding *self)
{
  return self->sockets;
}

char **
rd_binding_dup_addresses (RdBinding *self)
{
  char **names = g_new0 (char *, self->addresses->len + 1);

  for (guint i = 0; i < self->addresses->len; i++)
    names[i] = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (self->addresses->pdata[i]));

  return names;
}
