/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Whether the ports can be had, and who could reach them. Tries as rd-listener would, but for the
 * listening: with --reuse-port that would take connections away from the workers who are there.
 * What a port is for, this file does not know. */

#include "rd-check-ports.h"

#include <gio/gio.h>
#include <glib/gi18n.h>

#include "rd-check-holders.h"
#include "rd-socket.h"

typedef struct
{
  const RdCheckPort *port;     /* unowned */
  GInetSocketAddress *address; /* owned */
} Place;

typedef struct
{
  RdCheckFindings *findings; /* unowned */
  int service_pid;
  GPtrArray *places; /* Place, unowned: where the service could listen, were it on each alone */
} Check;

static void
place_free (gpointer data)
{
  Place *place = data;

  g_object_unref (place->address);
  g_free (place);
}

/* Returns: (transfer full): "127.0.0.1:8000", "[::1]:8000". */
static char *
name_of (GInetSocketAddress *address)
{
  return g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));
}

static gboolean
contains (const GArray *pids, int pid)
{
  for (guint i = 0; i < pids->len; i++)
    {
      if (g_array_index (pids, int, i) == pid)
        return TRUE;
    }
  return FALSE;
}

/* Returns: whether that does harm. */
static gboolean
report_taken (Check *check, const RdCheckPort *port, GInetSocketAddress *address)
{
  g_autoptr (GArray) holders = rd_check_holders_find (address);
  g_autofree char *name = name_of (address);
  g_autofree char *holder = NULL;

  if (contains (holders, check->service_pid))
    {
      rd_check_findings_add (check->findings, RD_CHECK_NOTE,
                             /* Translators: option, its value, number of a process */
                             _ ("%s %u is taken, but by the service itself, which runs already "
                                "(process %d)"),
                             port->option, port->port, check->service_pid);
      return FALSE;
    }
  if (holders->len == 0 && check->service_pid != 0)
    {
      rd_check_findings_add (check->findings, RD_CHECK_UNCHECKED,
                             /* Translators: address and port, number of a process */
                             _ ("whether %s is taken by the service itself, which runs already "
                                "(process %d): only its user and root can see that"),
                             name, check->service_pid);
      return FALSE;
    }
  if (holders->len == 0)
    {
      rd_check_findings_add (check->findings, RD_CHECK_BITES,
                             /* Translators: address and port, option */
                             _ ("%s is taken, so the service could not start; end what holds it "
                                "(ss -ltnp shows that) or give another %s"),
                             name, port->option);
      return TRUE;
    }

  holder = rd_check_holders_dup_name (g_array_index (holders, int, 0));
  rd_check_findings_add (check->findings, RD_CHECK_BITES,
                         /* Translators: address and port, name and number of a process, option */
                         _ ("%s is taken by %s (process %d), so the service could not start; end "
                            "that or give another %s"),
                         name, holder, g_array_index (holders, int, 0), port->option);
  return TRUE;
}

static void
report_failure (Check *check, const RdCheckPort *port, const char *name, const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    rd_check_findings_add (check->findings, RD_CHECK_BITES,
                           /* Translators: address and port, option */
                           _ ("%s is for the privileged, so the service could not start; give "
                              "another %s, or the service CAP_NET_BIND_SERVICE"),
                           name, port->option);
  else
    rd_check_findings_add (check->findings, RD_CHECK_BITES,
                           /* Translators: host or address, reason, option */
                           _ ("%s cannot be listened on, so the service could not start: %s; give "
                              "another %s"),
                           name, error->message, port->address_option);
}

static void
add_place (Check *check, const RdCheckPort *port, GInetSocketAddress *address)
{
  Place *place = g_new0 (Place, 1);

  place->port = port;
  place->address = g_object_ref (address);
  g_ptr_array_add (check->places, place);
}

/* Tries all that @host stands for: as for the service, one must work, and none be taken. */
static void
try_host (Check *check, const RdCheckPort *port, const char *host)
{
  g_autoptr (GError) error = NULL;
  g_autolist (GInetAddress) inets = g_resolver_lookup_by_name (g_resolver_get_default (), host,
                                                               NULL, &error);
  gboolean works = FALSE;
  g_autofree char *name = g_strdup (host);

  for (GList *l = inets; l != NULL; l = l->next)
    {
      g_autoptr (GSocketAddress) any = g_inet_socket_address_new (l->data, port->port);
      GInetSocketAddress *address = G_INET_SOCKET_ADDRESS (any);
      g_autoptr (GError) reason = NULL;
      g_autoptr (GSocket) socket = rd_socket_bind (any, port->reuse_port, &reason);

      if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE)
          && report_taken (check, port, address))
        return;
      if (reason == NULL || g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
        {
          works = TRUE;
          add_place (check, port, address);
        }
      else
        {
          g_clear_error (&error);
          error = g_steal_pointer (&reason);
          g_free (name);
          name = name_of (address);
        }
    }
  if (!works)
    report_failure (check, port, name, error);
}

/* Whether two sockets that listen cannot have these at the same time. */
static gboolean
exclude_each_other (const Place *one, const Place *other)
{
  GInetAddress *this = g_inet_socket_address_get_address (one->address);
  GInetAddress *that = g_inet_socket_address_get_address (other->address);

  const gboolean is_same_option = one->port == other->port;

  /* any free port: the same one for all addresses of an option */
  if ((one->port->port == 0 && !is_same_option) || one->port->port != other->port->port
      || g_inet_address_get_family (this) != g_inet_address_get_family (that)
      || (one->port->reuse_port && other->port->reuse_port))
    return FALSE;
  if (g_inet_address_equal (this, that))
    return !is_same_option; /* the service listens but once on one that is named twice */
  return g_inet_address_get_is_any (this) || g_inet_address_get_is_any (that);
}

/* They bind one by one; that they could not listen together shows only here. */
static void
compare_places (Check *check)
{
  for (guint i = 0; i < check->places->len; i++)
    for (guint j = i + 1; j < check->places->len; j++)
      {
        const Place *one = check->places->pdata[i];
        const Place *other = check->places->pdata[j];
        g_autofree char *this = name_of (one->address);
        g_autofree char *that = name_of (other->address);

        if (!exclude_each_other (one, other))
          continue;
        rd_check_findings_add (check->findings, RD_CHECK_BITES,
                               /* Translators: option, address and port; both again */
                               _ ("%s (%s) and %s (%s) exclude each other, so the service could "
                                  "not start; leave out one, or give it another port"),
                               one->port->address_option, this, other->port->address_option, that);
        return; /* there are mostly two, of IPv4 and of IPv6 */
      }
}

void
rd_check_ports (RdCheckFindings *findings, const RdCheckPort *ports, gsize n_ports, int service_pid)
{
  g_autoptr (GPtrArray) places = g_ptr_array_new_with_free_func (place_free);
  Check check = { findings, service_pid, places };

  for (gsize i = 0; i < n_ports; i++)
    {
      for (const char *const *host = ports[i].addresses; *host != NULL; host++)
        try_host (&check, &ports[i], *host);
    }
  compare_places (&check);
}

static gboolean
is_open (const char *host)
{
  g_autolist (GInetAddress) inets = g_resolver_lookup_by_name (g_resolver_get_default (), host,
                                                               NULL, NULL);

  for (GList *l = inets; l != NULL; l = l->next)
    {
      if (!g_inet_address_get_is_loopback (l->data))
        return TRUE;
    }
  return FALSE;
}

char *
rd_check_ports_dup_open (const char *const *addresses)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) open = NULL;

  for (; *addresses != NULL; addresses++)
    {
      if (is_open (*addresses))
        g_strv_builder_add (builder, *addresses);
    }
  open = g_strv_builder_end (builder);
  return open[0] != NULL ? g_strjoinv (", ", open) : NULL;
}
