/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What the old process of a hand-over sends: to a process that answers, or into a parcel that waits
 * for one. Blocks, as nobody is to be served meanwhile; what comes before and after is
 * rd-handover's. */

#include "rd-handover-send.h"

#include "rd-estate.h"
#include "rd-parcel-value.h"
#include "rd-sockets.h"

#include <poll.h>
#include <unistd.h>

#define WAITING_US G_TIME_SPAN_SECOND /* for a process that may not read what it does not know */

/* Returns: (transfer full) (element-type RdSocket): what we listen on. */
static GPtrArray *
list_sockets (RdComponents *parts)
{
  GPtrArray *sockets = rd_sockets_new ();

  rd_http_port_offer (rd_server_get_port (parts->server), sockets);
  if (parts->admin != NULL)
    rd_http_port_offer (rd_admin_get_port (parts->admin), sockets);
  return sockets;
}

static gboolean
send_listeners (RdComponents *parts, RdParcel *parcel, GPtrArray *sockets, GError **error)
{
  g_autoptr (GArray) fds = rd_sockets_dup_fds (sockets);

  return rd_parcel_send (
    parcel, RD_PARCEL_KIND_LISTENERS,
    g_variant_new ("(@a{sv}@aa{sv})", rd_estate_greet (parts), rd_sockets_describe (sockets)),
    (const int *) fds->data, fds->len, error);
}

gboolean
rd_handover_send_listeners (RdComponents *parts, RdParcel *parcel, GError **error)
{
  g_autoptr (GPtrArray) sockets = list_sockets (parts);

  return send_listeners (parts, parcel, sockets, error);
}

static gboolean
send_header (RdComponents *parts, RdParcel *parcel, const WsHandover *clients, GError **error)
{
  const int state_fd = rd_parcel_value_store (rd_estate_pack (parts, clients->state),
                                              "ringdown-state", error);
  const int fds[] = { clients->log_fd, clients->table_fd, state_fd };
  GVariantDict header = G_VARIANT_DICT_INIT (NULL);
  gboolean is_sent;

  if (state_fd < 0)
    {
      g_variant_dict_clear (&header);
      return FALSE;
    }

  g_variant_dict_insert (&header, "clients", "u", clients->sockets->len);
  g_variant_dict_insert (&header, "paused", "x", parts->paused_us);
  is_sent = rd_parcel_send (parcel, RD_PARCEL_KIND_HEADER, g_variant_dict_end (&header), fds,
                            G_N_ELEMENTS (fds), error);
  close (state_fd);
  return is_sent;
}

static gboolean
send_sockets (RdParcel *parcel, const WsHandover *clients, guint *n_sent, GError **error)
{
  const GArray *sockets = clients->sockets;

  *n_sent = rd_parcel_send_sockets (parcel, (const int *) sockets->data, sockets->len, error);
  return *n_sent == sockets->len;
}

static gboolean
commit (RdParcel *parcel, GError **error)
{
  return rd_parcel_send (parcel, RD_PARCEL_KIND_COMMIT, g_variant_new ("()"), NULL, 0, error);
}

void
rd_handover_send_waiting (RdComponents *parts, RdParcel *parcel)
{
  g_autoptr (GArray) fds = rd_http_port_steal_waiting (rd_server_get_port (parts->server));

  rd_parcel_set_deadline (parcel, g_get_monotonic_time () + WAITING_US);
  rd_parcel_send_sockets (parcel, (const int *) fds->data, fds->len, NULL);
}

gboolean
rd_handover_send (RdComponents *parts, RdParcel *parcel, gint64 timeout_us, GError **error)
{
  g_autoptr (WsHandover) clients = ws_engine_pack (rd_manager_get_engine (parts->manager));
  g_autoptr (RdParcelPacket) taken = NULL;
  guint n_sent;

  rd_parcel_set_deadline (parcel, g_get_monotonic_time () + timeout_us);
  if (!send_header (parts, parcel, clients, error)
      || !send_sockets (parcel, clients, &n_sent, error))
    return FALSE;

  taken = rd_parcel_receive (parcel, RD_PARCEL_KIND_TAKEN, error);
  return taken != NULL && commit (parcel, error);
}

/* Whether nobody has the other end any more. */
static gboolean
is_abandoned (const RdParcel *parcel)
{
  struct pollfd poll_fd = { .fd = rd_parcel_get_fd (parcel) };

  return poll (&poll_fd, 1, 0) > 0 && (poll_fd.revents & POLLHUP) != 0;
}

/* @other_fd: (transfer full): the end to be stored. */
static gboolean
store (RdComponents *parts, const RdParcel *parcel, int other_fd, GError **error)
{
  const gboolean is_given = rd_systemd_store (parts->systemd, other_fd, RD_INHERITED_CHANNEL,
                                              error);

  close (other_fd);
  if (is_given && is_abandoned (parcel))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           "the unit cannot store descriptors; add FileDescriptorStoreMax=16 "
                           "to its [Service] section (systemctl edit)");
      return FALSE;
    }

  return is_given;
}

/* @first: of the clients that could not go. */
static void
leave_behind (RdComponents *parts, const WsHandover *clients, guint first, const char *reason)
{
  g_warning ("Could not store %u of %u clients; closed them with code 1012: %s",
             clients->sockets->len - first, clients->sockets->len, reason);
  ws_engine_close_from (rd_manager_get_engine (parts->manager), first);
}

/* All but the sockets, without which there is nothing to go on with. */
static gboolean
fill (RdComponents *parts, RdParcel *parcel, const WsHandover *clients, GError **error)
{
  g_autoptr (GPtrArray) sockets = list_sockets (parts);

  /* those it keeps by itself; where they are kept here too, it could not open them anew */
  rd_sockets_drop_inherited (sockets);
  if (send_listeners (parts, parcel, sockets, error) && send_header (parts, parcel, clients, error))
    return TRUE;

  rd_systemd_unstore (parts->systemd, RD_INHERITED_CHANNEL);
  return FALSE;
}

gboolean
rd_handover_send_to_store (RdComponents *parts, GError **error)
{
  g_autoptr (WsHandover) clients = NULL;
  g_autoptr (GError) reason = NULL;
  g_autoptr (RdParcel) parcel = NULL;
  guint n_sent;
  int other_fd;

  /* stored while it is empty: a manager that is too slow must not keep connections open, and with
   * many descriptors on their way we may not send even this one */
  parcel = rd_parcel_new (RD_ESTATE_LAYOUT, &other_fd, error);
  if (parcel == NULL || !store (parts, parcel, other_fd, error))
    return FALSE;

  clients = ws_engine_pack (rd_manager_get_engine (parts->manager));
  if (!fill (parts, parcel, clients, error))
    return FALSE;

  /* whoever unpacks it takes the end for it where there was no room for this last word */
  if (send_sockets (parcel, clients, &n_sent, &reason) && commit (parcel, NULL))
    rd_handover_send_waiting (parts, parcel);
  else if (reason != NULL)
    leave_behind (parts, clients, n_sent, reason->message);
  return TRUE;
}
