/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Whose successor a process is: of who has started it for that, of who has left its clients to the
 * service manager, or, with --replace, of who has the name on the bus, whom it asks. All that
 * follows is rd-succession's. Never starts a service that does not run. */

#include "rd-predecessor.h"

#include "rd-estate.h"
#include "rd-message-bus.h"

#include <gio/gunixfdlist.h>

#define TIMEOUT_S 10

/* @fd: (transfer full). Returns: FALSE with an error. */
static gboolean
hand_over (GDBusConnection *bus, const char *name, int fd, GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new_from_array (&fd, 1);
  g_autoptr (GVariant) answer = g_dbus_connection_call_with_unix_fd_list_sync (
    bus, name, RD_OBJECT_PATH, RD_INTERFACE, "HandOver", g_variant_new ("(h)", 0), NULL,
    G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_S * 1000, fds, NULL, NULL, error);

  return answer != NULL;
}

static gboolean
is_nobody (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER);
}

/* Why the service that has @name does not hand over. @reason: of the call; changed. */
static void
set_refusal (const char *name, GError *reason, GError **error)
{
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
      || g_error_matches (reason, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   "%s does not hand over: no answer within %d s; is it suspended or "
                   "overloaded?",
                   name, TIMEOUT_S);
      return;
    }

  g_dbus_error_strip_remote_error (reason);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s does not hand over: %s", name,
               reason->message);
}

/* Asks the service that has @name on @bus to hand over to us. @ours: (out) (transfer full): the end
 * of a parcel through which it will; NULL: there is none. Returns: FALSE with an error if there is
 * a service, but it will not. */
static gboolean
ask_for_parcel (GDBusConnection *bus, const char *name, RdParcel **ours, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (RdParcel) parcel = NULL;
  int other_fd;

  *ours = NULL;
  parcel = rd_parcel_new (RD_ESTATE_LAYOUT, &other_fd, error);
  if (parcel == NULL)
    return FALSE;
  if (hand_over (bus, name, other_fd, &reason))
    {
      *ours = g_steal_pointer (&parcel);
      return TRUE;
    }
  if (is_nobody (reason))
    return TRUE;

  set_refusal (name, reason, error);
  return FALSE;
}

/* What the service manager has kept is nobody else's by now: if it is of no use we begin anew. */
static void
take_stored (int fd, RdSuccession **succession)
{
  g_autoptr (GError) error = NULL;
  RdParcel *parcel = rd_parcel_new_for_fd (fd, RD_ESTATE_LAYOUT, &error);

  if (parcel != NULL)
    *succession = rd_succession_new (parcel, TRUE);
  if (*succession != NULL && rd_succession_greet (*succession, &error))
    return;

  g_warning ("Cannot read the stored clients; all clients are lost: %s", error->message);
  g_clear_pointer (succession, rd_succession_free);
}

/* --replace */
static gboolean
replace (const RdConfig *config, char **environment, RdSuccession **succession, GError **error)
{
  g_autofree char *address = NULL;
  g_autoptr (GDBusConnection) bus = NULL;
  g_autofree char *name = rd_config_dup_application_id (config);
  RdParcel *parcel;

  if (name == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           "--replace needs a message bus; set --bus=session or --bus=system");
      return FALSE;
    }

  address = rd_config_dup_bus_address (config, environment, error);
  if (address != NULL)
    bus = rd_message_bus_connect (address, TIMEOUT_S * 1000, error);
  if (bus == NULL)
    {
      g_prefix_error (error, "--replace needs a message bus: ");
      return FALSE;
    }
  if (!ask_for_parcel (bus, name, &parcel, error))
    return FALSE;
  if (parcel == NULL)
    return TRUE;

  *succession = rd_succession_new (parcel, FALSE);
  return rd_succession_greet (*succession, error);
}

gboolean
rd_predecessor_find (const RdConfig *config,
                     char **environment,
                     RdInherited *inherited,
                     RdSuccession **succession,
                     GError **error)
{
  int fd;

  if (*succession != NULL)
    return rd_succession_greet (*succession, error);
  while (*succession == NULL && (fd = rd_inherited_steal_channel (inherited)) >= 0)
    take_stored (fd, succession);

  return inherited->channels->len > 0 || !config->replace
         || replace (config, environment, succession, error);
}
