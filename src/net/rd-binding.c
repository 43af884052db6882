/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Opens the listening sockets of a port: takes over matching sockets of the old worker, and binds
 * new sockets for the other addresses. Does not accept connections on the sockets of the old worker
 * and does not shut them down, because the old worker still accepts connections on them. */

#include "rd-binding.h"

#include <sys/socket.h>

#include "rd-address.h"
#include "rd-sockets.h"

#define LOOK_UP_US (10 * G_TIME_SPAN_SECOND) /* time limit to look up all names of a port */
#define PORT_TRIES 20 /* maximum number of tries to find a port that is free on all addresses */

struct _RdBinding
{
  GPtrArray *sockets;   /* RdSocket, owned: empty if closed; one socket per element of addresses,
                         * and sockets of the old worker that overlap with these sockets */
  GPtrArray *addresses; /* GSocketAddress, owned: not cleared by rd_binding_close() */
  RdRole role;
  guint asked_port;
  gboolean reuse_port;
  gboolean is_inherited;
};

/* Listens on @address. Returns: (transfer full) (nullable): a socket, or NULL with an error. */
static GSocket *
listen_on (GSocketAddress *address, gboolean reuse_port, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (GSocket) socket = rd_socket_bind (address, reuse_port, &failure);
  g_autofree char *name = rd_socket_dup_name (address);

  if (socket != NULL)
    g_socket_set_listen_backlog (socket, RD_BINDING_BACKLOG);
  if (socket != NULL && g_socket_listen (socket, &failure))
    return g_steal_pointer (&socket);

  if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                 "cannot listen on %s: the port is in use; stop the program that uses it (see ss "
                 "-ltnp) or choose another port",
                 name);
  else
    g_propagate_prefixed_error (error, g_steal_pointer (&failure), "cannot listen on %s: ", name);
  return NULL;
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
  return g_ptr_array_find_with_equal_func (self->addresses, address,
                                           (GEqualFunc) rd_socket_is_same_address, NULL);
}

/* Adds @socket and its address to @self. Returns: TRUE, or FALSE with an error. */
static gboolean
add (RdBinding *self, GSocket *socket, GError **error)
{
  RdSocket *added = rd_socket_new (socket, self->role, self->asked_port, self->is_inherited, error);

  if (added == NULL)
    return FALSE;

  g_ptr_array_add (self->sockets, added);
  g_ptr_array_add (self->addresses, g_object_ref (added->address));
  return TRUE;
}

/* Adds a copy of @offer, a socket of the old worker, to the sockets of @self. */
static void
use (RdBinding *self, const RdSocket *offer)
{
  RdSocket *used = rd_socket_copy (offer);

  used->role = self->role;
  used->asked_port = self->asked_port;
  g_ptr_array_add (self->sockets, used);
}

/* Returns: (transfer container) (element-type RdSocket): the sockets in @offers that @self does not
 * use, and whose addresses overlap with @address. */
static GPtrArray *
find_overlapping (const RdBinding *self, GPtrArray *offers, GSocketAddress *address)
{
  GPtrArray *found = g_ptr_array_new ();

  for (guint i = 0; i < offers->len; i++)
    {
      RdSocket *offer = offers->pdata[i];

      if (rd_socket_is_overlapping (address, offer->address) && !has_socket (self, offer))
        g_ptr_array_add (found, offer);
    }

  return found;
}

/* Listens on @address, which overlaps with the sockets in @overlapping. Linux allows this if all
 * sockets belong to the same user and have SO_REUSEPORT, so this call sets SO_REUSEPORT
 * on @overlapping temporarily. Linux passes a connection to the socket with the more specific
 * address. */
static GSocket *
listen_overlapping (GPtrArray *overlapping, GSocketAddress *address, GError **error)
{
  g_autoptr (GPtrArray) changed = g_ptr_array_new ();
  GSocket *socket;

  for (guint i = 0; i < overlapping->len; i++)
    {
      GSocket *other = ((RdSocket *) overlapping->pdata[i])->socket;
      int is_shared = FALSE;

      if (g_socket_get_option (other, SOL_SOCKET, SO_REUSEPORT, &is_shared, NULL) && !is_shared
          && g_socket_set_option (other, SOL_SOCKET, SO_REUSEPORT, TRUE, NULL))
        g_ptr_array_add (changed, other);
    }

  socket = listen_on (address, TRUE, error);
  for (guint i = 0; i < changed->len; i++)
    g_socket_set_option (changed->pdata[i], SOL_SOCKET, SO_REUSEPORT, FALSE, NULL);
  return socket;
}

/* Listens on @address with a new socket. Returns: TRUE, or FALSE with an error. */
static gboolean
listen_new (RdBinding *self, GPtrArray *offers, GSocketAddress *address, GError **error)
{
  g_autoptr (GPtrArray) overlapping = find_overlapping (self, offers, address);
  g_autoptr (GSocket) socket = overlapping->len > 0
                                 ? listen_overlapping (overlapping, address, error)
                                 : listen_on (address, self->reuse_port, error);
  GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS (address);

  if (socket == NULL || !add (self, socket, error))
    return FALSE;

  /* keep overlapping sockets: closing one would reset the connections in its backlog */
  if (g_inet_address_get_is_any (g_inet_socket_address_get_address (inet)))
    for (guint i = 0; i < overlapping->len; i++)
      use (self, overlapping->pdata[i]);
  return TRUE;
}

/* Listens on @inets, the addresses of one host. Returns: TRUE if at least one address works;
 * FALSE with an error if none works, or if the port is in use on any address. Ignores other
 * errors, since a host can have addresses of a family that this machine does not support. @port:
 * (inout): 0 is replaced with the chosen port. */
static gboolean
listen_on_host (RdBinding *self, GPtrArray *offers, GList *inets, guint *port, GError **error)
{
  g_autoptr (GError) failure = NULL;
  gboolean is_listening = FALSE;

  for (GList *l = inets; l != NULL; l = l->next)
    {
      g_autoptr (GSocketAddress) address = g_inet_socket_address_new (l->data, *port);

      g_clear_error (&failure);
      if (has_address (self, address) || listen_new (self, offers, address, &failure))
        {
          is_listening = TRUE;
          *port = g_inet_socket_address_get_port (
            g_ptr_array_index (self->addresses, self->addresses->len - 1));
        }
      else if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
        {
          is_listening = FALSE;
          break;
        }
    }

  if (!is_listening)
    g_propagate_error (error, g_steal_pointer (&failure));
  return is_listening;
}

/* Uses each socket in @offers whose port is @port and whose IP address is in @inets. */
static void
use_offers (RdBinding *self, GPtrArray *offers, GList *inets, guint port)
{
  for (GList *l = inets; l != NULL; l = l->next)
    {
      g_autoptr (GSocketAddress) address = g_inet_socket_address_new (l->data, port);

      for (guint i = 0; i < offers->len && !has_address (self, address); i++)
        {
          const RdSocket *offer = offers->pdata[i];

          if (!rd_socket_is_same_address (offer->address, address))
            continue;
          use (self, offer);
          g_ptr_array_add (self->addresses, g_object_ref (address));
        }
    }
}

/* Listens on all @hosts. Binds new sockets only after all matching sockets in @offers are used,
 * because find_overlapping() skips used sockets. Returns: TRUE, or FALSE with an error. */
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

/* Resolves @names. Returns: (transfer full) (nullable) (element-type GList): a list of GInetAddress
 * per name, or NULL with an error. */
static GPtrArray *
resolve (const char *const *names, GError **error)
{
  g_autoptr (GPtrArray) hosts = g_ptr_array_new_with_free_func (
    (GDestroyNotify) g_resolver_free_addresses);
  const gint64 deadline_us = g_get_monotonic_time () + LOOK_UP_US;

  for (gsize i = 0; names[i] != NULL; i++)
    {
      GList *inets = rd_address_look_up (names[i], deadline_us, error);

      if (inets == NULL)
        {
          g_prefix_error (error, "cannot listen on %s: ", names[i]);
          return NULL;
        }
      g_ptr_array_add (hosts, inets);
    }

  return g_steal_pointer (&hosts);
}

/* If the old worker was configured with port 0 for @role, returns the actual port; otherwise 0. */
static guint
get_free_port (GPtrArray *offers, RdRole role)
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

static gboolean
use_inherited (RdBinding *self, GPtrArray *sockets, GError **error)
{
  self->is_inherited = TRUE;
  for (guint i = 0; i < sockets->len; i++)
    if (!add (self, sockets->pdata[i], error))
      return FALSE;

  return TRUE;
}

static gboolean
listen_on_all (RdBinding *self, const RdBindingOptions *options, GError **error)
{
  g_autoptr (GPtrArray) hosts = resolve (options->addresses, error);
  g_autoptr (GPtrArray) offers = options->offers != NULL ? g_ptr_array_ref (options->offers)
                                                         : rd_sockets_new ();
  g_autoptr (GError) failure = NULL;
  guint port = options->port != 0 ? options->port : get_free_port (offers, options->role);
  int tries = options->port != 0 ? 1 : PORT_TRIES;

  if (hosts == NULL)
    return FALSE;

  self->asked_port = options->port;
  self->reuse_port = options->reuse_port;
  while (!listen_on_hosts (self, offers, hosts, port, &failure))
    {
      /* try again: a port that is free on one address may be in use on another */
      if (--tries == 0 || !g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
      g_clear_error (&failure);
      port = 0;
    }

  remove_used (self, offers);
  return TRUE;
}

RdBinding *
rd_binding_new (const RdBindingOptions *options, GError **error)
{
  g_autoptr (RdBinding) self = g_new0 (RdBinding, 1);
  const gboolean is_inherited = options->inherited != NULL && options->inherited->len > 0;

  self->sockets = rd_sockets_new ();
  self->addresses = g_ptr_array_new_with_free_func (g_object_unref);
  self->role = options->role;
  if (!(is_inherited ? use_inherited (self, options->inherited, error)
                     : listen_on_all (self, options, error)))
    return NULL;

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
  for (guint i = 0; self->reuse_port && i < self->sockets->len; i++)
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
  g_autoptr (GPtrArray) sockets = rd_sockets_new ();

  for (guint i = 0; i < self->addresses->len; i++)
    {
      g_autoptr (GSocket) socket = listen_on (self->addresses->pdata[i], self->reuse_port, error);
      RdSocket *added = socket != NULL
                          ? rd_socket_new (socket, self->role, self->asked_port, FALSE, error)
                          : NULL;

      if (added == NULL)
        return FALSE;
      g_ptr_array_add (sockets, added);
    }

  g_ptr_array_unref (self->sockets);
  self->sockets = g_steal_pointer (&sockets);
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
    names[i] = rd_socket_dup_name (self->addresses->pdata[i]);

  return names;
}
