/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The facts that systemd and logind can tell over D-Bus. Believes no answer of another type than
 * documented, and asks no more once one is missing. What a fact means for the service is for others
 * to judge. */

#include "rd-check-systemd.h"

#include "rd-check-bus.h"
#include "rd-unit.h"

#define LOGIND "org.freedesktop.login1"

static char *
find_unit (GDBusConnection *bus, const char *name, GError **error)
{
  return rd_unit_find (bus, name, RD_CHECK_BUS_TIMEOUT_MS, NULL, error);
}

/* Returns: (transfer full): the properties that all units have; NULL with an error, also if there
 * is no such unit. */
static GVariant *
get_unit (GDBusConnection *bus, const char *path, GError **error)
{
  g_autoptr (GVariant) unit = rd_unit_get_properties (bus, path, "Unit", RD_CHECK_BUS_TIMEOUT_MS,
                                                      NULL, error);
  const char *state = "";

  if (unit == NULL)
    return NULL;
  g_variant_lookup (unit, "LoadState", "&s", &state);
  if (g_str_equal (state, "loaded"))
    return g_steal_pointer (&unit);

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "not loaded");
  return NULL;
}

gboolean
rd_check_systemd_get_service (GDBusConnection *bus,
                              const char *name,
                              RdCheckService *service,
                              GError **error)
{
  g_autofree char *path = find_unit (bus, name, error);
  g_autoptr (GVariant) unit = path != NULL ? get_unit (bus, path, error) : NULL;
  g_autoptr (GVariant) properties = NULL;
  const char *type, *access;

  *service = (RdCheckService){ .max_descriptors = G_MAXUINT64 };
  if (unit != NULL)
    properties = rd_unit_get_properties (bus, path, "Service", RD_CHECK_BUS_TIMEOUT_MS, NULL,
                                         error);
  if (properties == NULL)
    return FALSE;
  if (!g_variant_lookup (properties, "TimeoutStopUSec", "t", &service->stop_timeout_us)
      || !g_variant_lookup (properties, "Type", "&s", &type)
      || !g_variant_lookup (properties, "NotifyAccess", "&s", &access))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "properties are missing");
      return FALSE;
    }

  g_variant_lookup (properties, "LimitNOFILE", "t", &service->max_descriptors);
  g_variant_lookup (properties, "Environment", "^as", &service->environment);
  service->may_extend = g_str_has_prefix (type, "notify") && !g_str_equal (access, "none");
  service->properties = g_steal_pointer (&properties);
  return TRUE;
}

void
rd_check_service_clear (RdCheckService *service)
{
  g_clear_pointer (&service->environment, g_strfreev);
  g_clear_pointer (&service->properties, g_variant_unref);
}

gboolean
rd_check_systemd_has_socket (GDBusConnection *bus, const char *name)
{
  g_autofree char *path = find_unit (bus, name, NULL);
  g_autoptr (GVariant) unit = path != NULL ? get_unit (bus, path, NULL) : NULL;
  const char *state = "";

  if (unit != NULL)
    g_variant_lookup (unit, "ActiveState", "&s", &state);
  return g_str_equal (state, "active");
}

/* Returns: (transfer full): what logind knows of the user; NULL with an error. */
static GVariant *
get_user (GDBusConnection *bus, uid_t uid, GError **error)
{
  g_autoptr (GVariant) answer = rd_check_bus_call (
    bus, LOGIND, "/org/freedesktop/login1", LOGIND ".Manager", "GetUser",
    g_variant_new ("(u)", (guint32) uid), "(o)", error);
  const char *path;

  if (answer == NULL)
    return NULL;
  g_variant_get (answer, "(&o)", &path);
  return rd_check_bus_get_properties (bus, LOGIND, path, LOGIND ".User", error);
}

gboolean
rd_check_systemd_get_linger (GDBusConnection *bus,
                             uid_t uid,
                             const char *mark,
                             gboolean *lingers,
                             GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GVariant) user = get_user (bus, uid, &reason);
  g_autofree char *name = reason != NULL ? g_dbus_error_get_remote_error (reason) : NULL;

  if (g_strcmp0 (name, LOGIND ".NoSuchUser") == 0) /* has no session now */
    {
      *lingers = g_file_test (mark, G_FILE_TEST_EXISTS);
      return TRUE;
    }
  if (user == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
  if (g_variant_lookup (user, "Linger", "b", lingers))
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the property is missing");
  return FALSE;
}
