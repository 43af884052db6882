/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Checks the ports in the configuration: whether the service could listen on them, and whether
 * other machines can reach them. */

#include "rd-check-ports.h"

#include <gio/gio.h>

#include "rd-socket.h"

#define RESOLVE_TIMEOUT_MS 2000 /* maximum total time to resolve all host names */

/* A host name or IP address in the configuration. */
typedef struct
{
  const RdCheckPort *port; /* unowned */
  const char *name;        /* unowned */
  GList *inets;            /* GInetAddress, owned */
  GError *error;           /* owned, nullable: from the resolver */
} Host;

/* An address on which the service could listen. Two such addresses may conflict. */
typedef struct
{
  const RdCheckPort *port; /* unowned */
  GSocketAddress *address; /* owned */
} Place;

static void
host_free (gpointer data)
{
  Host *host = data;

  g_resolver_free_addresses (host->inets);
  g_clear_error (&host->error);
  g_free (host);
}

static void
place_clear (gpointer data)
{
  g_object_unref (((Place *) data)->address);
}

static void
on_resolved (GObject *resolver, GAsyncResult *result, gpointer user_data)
{
  Host *host = user_data;

  host->inets = g_resolver_lookup_by_name_finish (G_RESOLVER (resolver), result, &host->error);
}

static gboolean
is_resolved (const Host *host)
{
  return host->inets != NULL || host->error != NULL;
}

static gboolean
on_timeout (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

/* Resolves the addresses of all @ports. Returns: (transfer full) (element-type Host): the results.
 * A host name that is not resolved before the timeout has the error %G_IO_ERROR_CANCELLED. */
static GPtrArray *
resolve_all (const RdCheckPort *ports, gsize n_ports)
{
  GPtrArray *hosts = g_ptr_array_new_with_free_func (host_free);
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSource) timeout = g_timeout_source_new (RESOLVE_TIMEOUT_MS);

  g_main_context_push_thread_default (context);
  g_source_set_callback (timeout, on_timeout, cancellable, NULL);
  g_source_attach (timeout, context);
  for (gsize i = 0; i < n_ports; i++)
    for (const char *const *name = ports[i].addresses; *name != NULL; name++)
      {
        Host *host = g_new0 (Host, 1);

        host->port = &ports[i];
        host->name = *name;
        g_ptr_array_add (hosts, host);
        g_resolver_lookup_by_name_async (g_resolver_get_default (), host->name, cancellable,
                                         on_resolved, host);
      }
  for (guint i = 0; i < hosts->len; i++)
    while (!is_resolved (hosts->pdata[i]))
      g_main_context_iteration (context, TRUE);
  g_source_destroy (timeout);
  g_main_context_pop_thread_default (context);
  return hosts;
}

/* Returns whether the running instance of the service listens on @address. */
static gboolean
is_own (const RdCheckPort *port, GSocketAddress *address)
{
  for (const char *const *text = port->service_urls; *text != NULL; text++)
    {
      g_autoptr (GSocketAddress) own = NULL;
      g_autofree char *host = NULL;
      int number;

      if (g_uri_split_network (*text, G_URI_FLAGS_NONE, NULL, &host, &number, NULL))
        own = g_inet_socket_address_new_from_string (host, number);
      if (own != NULL && rd_socket_is_overlapping (own, address))
        return TRUE;
    }
  return FALSE;
}

/* Reports that the port of @address is in use. Returns whether this is a problem. */
static gboolean
report_in_use (RdCheckReport *report, const RdCheckPort *port, GSocketAddress *address)
{
  g_autofree char *name = rd_socket_dup_name (address);

  if (port->service_pid != 0 && port->service_urls == NULL && !port->is_in_container)
    rd_check_report_add (report, RD_CHECK_UNCHECKED,
                         "whether %s %u is in use by the running instance of this service (process "
                         "%d): find the process with ss -ltnp 'sport = :%u'",
                         port->option, port->port, port->service_pid, port->port);
  else if (port->service_pid != 0 && (port->is_in_container || is_own (port, address)))
    rd_check_report_add (report, RD_CHECK_NOTE,
                         "%s %u is in use by the running instance of this service (process %d)",
                         port->option, port->port, port->service_pid);
  else
    {
      rd_check_report_add (report, RD_CHECK_PROBLEM,
                           "%s is in use: the service cannot start. Find the process with ss -ltnp "
                           "'sport = :%u' and stop it, or change %s",
                           name, port->port, port->option);
      return TRUE;
    }
  return FALSE;
}

static void
report_failure (RdCheckReport *report, const Host *host, const char *name, const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    rd_check_report_add (report, RD_CHECK_UNCHECKED,
                         "whether the service can listen on %s: no answer from the name server "
                         "within %d s",
                         name, RESOLVE_TIMEOUT_MS / 1000);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "%s needs privileges: the service cannot start. Change %s, or give the "
                         "service CAP_NET_BIND_SERVICE",
                         name, host->port->option);
  else
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "cannot listen on %s: %s. The service cannot start; change %s", name,
                         error->message, host->port->address_option);
}

/* Adds the usable addresses of @host to @places; reports a problem if @host cannot be used. */
static void
try_host (RdCheckReport *report, const Host *host, GArray *places)
{
  const RdCheckPort *port = host->port;
  g_autoptr (GError) error = host->error != NULL ? g_error_copy (host->error) : NULL;
  g_autofree char *name = g_strdup (host->name);
  gboolean works = FALSE;

  for (GList *l = host->inets; l != NULL; l = l->next)
    {
      g_autoptr (GSocketAddress) address = g_inet_socket_address_new (l->data, port->port);
      g_autoptr (GError) reason = NULL;
      g_autoptr (GSocket) socket = rd_socket_bind (address, port->reuse_port, &reason);
      gboolean is_in_use = g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
      gboolean is_denied = g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);

      if (is_in_use && report_in_use (report, port, address))
        return;
      if (reason == NULL || is_in_use || (is_denied && port->may_bind))
        {
          const Place place = { port, g_object_ref (address) };

          g_array_append_val (places, place);
          works = TRUE;
        }
      else
        {
          g_clear_error (&error);
          error = g_steal_pointer (&reason);
          g_free (name);
          name = rd_socket_dup_name (address);
        }
    }
  if (!works)
    report_failure (report, host, name, error);
}

static gboolean
is_conflict (const Place *one, const Place *other)
{
  /* with port 0, each option gets its own free port, so two options cannot conflict */
  if ((one->port->port == 0 && one->port != other->port)
      || (one->port->reuse_port && other->port->reuse_port))
    return FALSE;
  /* an address listed twice in one option is no conflict: the service ignores the duplicate */
  if (one->port == other->port && rd_socket_is_same_address (one->address, other->address))
    return FALSE;
  return rd_socket_is_overlapping (one->address, other->address);
}

/* Reports the first pair of conflicting addresses, of which only one can be used. Further pairs
 * are not reported, since IPv4 and IPv6 addresses often have the same conflict. */
static void
compare_places (RdCheckReport *report, const GArray *places)
{
  for (guint i = 0; i < places->len; i++)
    for (guint j = i + 1; j < places->len; j++)
      {
        const Place *one = &g_array_index (places, Place, i);
        const Place *other = &g_array_index (places, Place, j);
        g_autofree char *this = rd_socket_dup_name (one->address);
        g_autofree char *that = rd_socket_dup_name (other->address);

        if (!is_conflict (one, other))
          continue;
        rd_check_report_add (report, RD_CHECK_PROBLEM,
                             "%s (%s) and %s (%s) conflict: the service cannot start. Remove one, "
                             "or change its port",
                             one->port->address_option, this, other->port->address_option, that);
        return;
      }
}

static gboolean
is_exposed (const Host *host)
{
  for (GList *l = host->inets; l != NULL; l = l->next)
    if (!g_inet_address_get_is_loopback (l->data))
      return TRUE;

  return FALSE;
}

static void
report_exposure (RdCheckReport *report, const RdCheckPort *port, const GPtrArray *hosts)
{
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; i < hosts->len; i++)
    {
      const Host *host = hosts->pdata[i];

      if (host->port == port && is_exposed (host))
        g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", host->name);
    }
  if (names->len > 0)
    rd_check_report_add (
      report, RD_CHECK_PROBLEM,
      "%s (%s): other machines can connect, and %s. Listen on loopback, behind a "
      "proxy with TLS and authentication",
      port->address_option, names->str, port->exposure);
}

void
rd_check_ports (RdCheckReport *report, const RdCheckPort *ports, gsize n_ports)
{
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (Place));
  g_autoptr (GPtrArray) hosts = resolve_all (ports, n_ports);

  g_array_set_clear_func (places, place_clear);
  for (gsize i = 0; i < n_ports; i++)
    if (!ports[i].is_in_container)
      report_exposure (report, &ports[i], hosts);
  for (guint i = 0; i < hosts->len; i++)
    try_host (report, hosts->pdata[i], places);
  compare_places (report, places);
}
