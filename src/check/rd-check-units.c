/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Checks the systemd units of the service, and whether a user's service ends at logout. */

#include "rd-check-units.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "rd-message-bus.h"
#include "rd-text.h"
#include "rd-unit.h"
#include "rd-units.h"

#define TIMEOUT_MS       2000 /* timeout for each bus connection, and for each reply */
#define LOGIND           "org.freedesktop.login1"
#define LINGER_DIR       "/var/lib/systemd/linger"
#define MAX_USER_CHARS   64 /* maximum number of characters of a user name */
#define MAX_UNIT_CHARS   256
#define NET_BIND_SERVICE (G_GUINT64_CONSTANT (1) << 10) /* CAP_NET_BIND_SERVICE */

/* Maximum time from the drain timeout to the exit; includes 5 s to wait for close frames. */
#define CLOSING_US (10 * G_TIME_SPAN_SECOND)

/* Maximum time from a stop request until the service asks systemd for more time to stop. */
#define EXTEND_US (2 * G_TIME_SPAN_SECOND)

typedef struct
{
  RdCheckReport *report;       /* unowned */
  const RdConfig *config;      /* unowned */
  GDBusConnection *bus;        /* unowned: the service and its service manager are on this bus */
  GDBusConnection *system_bus; /* unowned, nullable: NULL if the bus is unreachable or not needed */
} Check;

/* Returns: (transfer full) (nullable): all properties (a{sv}) of @interface, or NULL on failure. */
static GVariant *
get_properties (GDBusConnection *bus, const char *name, const char *path, const char *interface)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    bus, name, path, "org.freedesktop.DBus.Properties", "GetAll", g_variant_new ("(s)", interface),
    G_VARIANT_TYPE ("(a{sv})"), G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS, NULL, NULL);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/* Returns whether a user's service manager (systemd --user) would run the service. */
static gboolean
is_user (const Check *check)
{
  return check->config->bus == RD_CONFIG_BUS_SESSION;
}

static void
find_running_instance (const Check *check, RdCheckFacts *facts)
{
  g_autofree char *bus_name = rd_config_dup_application_id (check->config);
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    check->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
    "GetConnectionUnixProcessID", g_variant_new ("(s)", bus_name), G_VARIANT_TYPE ("(u)"),
    G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, NULL, NULL);
  g_autoptr (GVariant) properties = NULL;

  if (reply == NULL)
    return;

  g_variant_get (reply, "(u)", &facts->service_pid);
  properties = get_properties (check->bus, bus_name, RD_OBJECT_PATH, RD_INTERFACE);
  if (properties != NULL)
    g_variant_lookup (properties, "Addresses", "^as", &facts->service_urls);
}

/* Returns: (transfer full) (nullable): the properties of the service unit @name (interface Service,
 * org.freedesktop.systemd1(5)), or NULL with an error. @unit: (out) (optional) (transfer full): the
 * properties of its interface Unit. @stop_us: (out): TimeoutStopSec=;
 * G_MAXUINT64: unlimited. @may_extend: (out): whether systemd accepts EXTEND_TIMEOUT_USEC= from the
 * service, see sd_notify(3). */
static GVariant *
load_service (GDBusConnection *bus,
              const char *name,
              GVariant **unit,
              guint64 *stop_us,
              gboolean *may_extend,
              GError **error)
{
  g_autoptr (GVariant) service = NULL;
  g_autoptr (GVariant) loaded = rd_unit_load (bus, name, &service, TIMEOUT_MS, NULL, error);
  const char *type, *access;

  if (loaded == NULL)
    return NULL;
  if (!g_variant_lookup (service, "TimeoutStopUSec", "t", stop_us)
      || !g_variant_lookup (service, "Type", "&s", &type)
      || !g_variant_lookup (service, "NotifyAccess", "&s", &access))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "missing properties");
      return NULL;
    }
  *may_extend = g_str_has_prefix (type, "notify") && !g_str_equal (access, "none");
  if (unit != NULL)
    *unit = g_steal_pointer (&loaded);
  return g_steal_pointer (&service);
}

/* Returns: (transfer full): the addresses that the socket unit with the properties @socket listens
 * on, separated by commas. */
static char *
dup_listen (GVariant *socket)
{
  g_autoptr (GVariantIter) listen = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  const char *address;

  g_variant_lookup (socket, "Listen", "a(ss)", &listen);
  while (listen != NULL && g_variant_iter_next (listen, "(&s&s)", NULL, &address))
    g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", address);
  return rd_text_printable (text->str, G_MAXSIZE);
}

/* Reports whether the socket unit @name replaces the configured ports of the service. */
static void
check_socket (const Check *check, const char *name, RdCheckFacts *facts)
{
  g_autoptr (GVariant) socket = NULL;
  g_autoptr (GVariant) unit = rd_unit_load (check->bus, name, &socket, TIMEOUT_MS, NULL, NULL);
  g_autofree char *shown = rd_text_printable (name, MAX_UNIT_CHARS);
  g_autofree char *listen = NULL;
  const char *state = "", *fd_name = "";
  gboolean is_admin;

  if (unit != NULL)
    g_variant_lookup (unit, "ActiveState", "&s", &state);
  if (!g_str_equal (state, "active"))
    return;

  g_variant_lookup (socket, "FileDescriptorName", "&s", &fd_name);
  is_admin = g_str_equal (fd_name, "admin");
  *(is_admin ? &facts->has_admin_socket : &facts->has_socket) = TRUE;
  listen = dup_listen (socket);
  rd_check_report_add (check->report, RD_CHECK_NOTE, "%s is active: its ports (%s) replace %s",
                       shown, listen,
                       is_admin ? "admin-address and admin-port" : "address and port");
}

static void
check_sockets (const Check *check, GVariant *unit, RdCheckFacts *facts)
{
  g_auto (GStrv) triggers = NULL;

  g_variant_lookup (unit, "TriggeredBy", "^as", &triggers);
  for (char **name = triggers; name != NULL && *name != NULL; name++)
    if (g_str_has_suffix (*name, ".socket"))
      check_socket (check, *name, facts);
}

/* Checks whether a drain can end before systemd kills the unit @name. @is_manager: whether @name is
 * a user's service manager, which systemd stops when the last session of the user ends. */
static void
check_stop_timeout (const Check *check,
                    const char *name,
                    gboolean is_manager,
                    guint64 stop_us,
                    gboolean may_extend)
{
  const guint64 needed_us = check->config->drain_timeout_us + CLOSING_US;
  g_autofree char *stop = rd_units_format_duration (stop_us);
  g_autofree char *drain = rd_units_format_duration (check->config->drain_timeout_us);
  g_autofree char *needed = rd_units_format_duration (needed_us);

  if (stop_us >= needed_us)
    return;
  if (is_manager)
    rd_check_report_add (
      check->report, RD_CHECK_PROBLEM,
      "at logout and shutdown, systemd kills %s and all services in it after %s "
      "(TimeoutStopSec=), but a drain takes up to %s. Set TimeoutStopSec=%s for it "
      "(systemctl edit %s), or shorten drain-timeout",
      name, stop, drain, needed, name);
  else if (!may_extend)
    rd_check_report_add (
      check->report, RD_CHECK_PROBLEM,
      "after a stop, systemd kills %s within %s (TimeoutStopSec=), but a drain "
      "takes up to %s. Set Type=notify and NotifyAccess=main, so that the service can "
      "extend the timeout; or set TimeoutStopSec=%s; or shorten drain-timeout",
      name, stop, drain, needed);
  else if (stop_us < EXTEND_US)
    rd_check_report_add (
      check->report, RD_CHECK_PROBLEM,
      "after a stop, systemd kills %s within %s (TimeoutStopSec=), perhaps before "
      "the service has asked for more time to drain. Set TimeoutStopSec=10s",
      name, stop);
}

static void
check_restart (const Check *check, const char *name, GVariant *service)
{
  g_autoptr (GPtrArray) texts = rd_unit_check_restart (service, name, is_user (check));

  for (guint i = 0; i < texts->len; i++)
    rd_check_report_add (check->report, RD_CHECK_PROBLEM, "%s", (const char *) texts->pdata[i]);
}

static void
check_user_manager (const Check *check)
{
  g_autofree char *name = g_strdup_printf ("user@%u.service", getuid ());
  guint64 stop_us;
  gboolean may_extend;
  g_autoptr (GVariant) service = load_service (check->system_bus, name, NULL, &stop_us, &may_extend,
                                               NULL);

  if (service != NULL)
    check_stop_timeout (check, name, TRUE, stop_us, may_extend);
  else
    rd_check_report_add (check->report, RD_CHECK_UNCHECKED,
                         "the stop timeout of %s: no answer from the system's service manager",
                         name);
}

/* Finds out whether services of @user, the user of this process, keep running after the last
 * session ends. @lingers: (out): the result. Returns: TRUE, or FALSE if the result is unknown. */
static gboolean
get_linger (const Check *check, const char *user, gboolean *lingers)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    check->system_bus, LOGIND, "/org/freedesktop/login1", LOGIND ".Manager", "GetUser",
    g_variant_new ("(u)", (guint32) getuid ()), G_VARIANT_TYPE ("(o)"),
    G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS, NULL, &error);
  g_autofree char *name = error != NULL ? g_dbus_error_get_remote_error (error) : NULL;
  g_autofree char *file = g_build_filename (LINGER_DIR, user, NULL);
  g_autoptr (GVariant) properties = NULL;
  const char *path;

  if (g_strcmp0 (name, LOGIND ".NoSuchUser") == 0) /* the user has no session now */
    {
      *lingers = g_file_test (file, G_FILE_TEST_EXISTS);
      return TRUE;
    }
  if (reply == NULL)
    return FALSE;

  g_variant_get (reply, "(&o)", &path);
  properties = get_properties (check->system_bus, LOGIND, path, LOGIND ".User");
  return properties != NULL && g_variant_lookup (properties, "Linger", "b", lingers);
}

static void
check_logout (const Check *check, const char *name)
{
  g_autofree char *user = rd_text_printable (g_get_user_name (), MAX_USER_CHARS);
  gboolean lingers;

  if (check->system_bus == NULL)
    {
      rd_check_report_add (check->report, RD_CHECK_UNCHECKED,
                           "whether %s survives a logout: cannot connect to the system bus", name);
      return;
    }
  check_user_manager (check);
  if (!get_linger (check, user, &lingers))
    rd_check_report_add (check->report, RD_CHECK_UNCHECKED,
                         "whether %s survives a logout: no answer from logind", name);
  else if (!lingers)
    rd_check_report_add (check->report, RD_CHECK_PROBLEM,
                         "%s ends when %s logs out. Enable lingering: loginctl enable-linger %s",
                         name, user, user);
}

static void
report_unknown (const Check *check, const char *name, const GError *error)
{
  const char *reason = "no answer from the service manager";

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)
      || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS)) /* invalid unit name */
    reason = "it is not installed";
  else if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
           || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    reason = "no service manager is on the bus";
  rd_check_report_add (check->report, RD_CHECK_UNCHECKED, "the unit %s: %s", name, reason);
}

static void
check_all (const Check *check, RdCheckFacts *facts)
{
  g_autofree char *name = rd_check_units_dup_name (check->config);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) unit = NULL;
  g_autoptr (GVariant) service = NULL;
  guint64 capabilities = 0;
  guint64 stop_us;
  gboolean may_extend;

  find_running_instance (check, facts);
  service = load_service (check->bus, name, &unit, &stop_us, &may_extend, &error);
  if (service == NULL)
    {
      report_unknown (check, name, error);
      return;
    }

  g_variant_lookup (service, "LimitNOFILE", "t", &facts->max_descriptors);
  check_stop_timeout (check, name, FALSE, stop_us, may_extend);
  check_restart (check, name, service);
  g_variant_lookup (service, "AmbientCapabilities", "t", &capabilities);
  facts->may_bind_any_port = (capabilities & NET_BIND_SERVICE) != 0;
  if (is_user (check))
    check_logout (check, name);
  check_sockets (check, unit, facts);
}

char *
rd_check_units_dup_name (const RdConfig *config)
{
  return config->instance != NULL ? g_strdup_printf ("ringdown@%s.service", config->instance)
                                  : g_strdup ("ringdown.service");
}

/* @address: (nullable) (transfer full). Returns: (nullable). */
static GDBusConnection *
connect_to (char *address)
{
  g_autofree char *owned = address;

  return owned != NULL ? rd_message_bus_connect (owned, TIMEOUT_MS, NULL) : NULL;
}

GDBusConnection *
rd_check_units_connect (const RdConfig *config, char **environment)
{
  return config->bus != RD_CONFIG_BUS_NONE
           ? connect_to (rd_config_dup_bus_address (config, environment, NULL))
           : NULL;
}

GVariant *
rd_check_units_load (GDBusConnection *bus, const RdConfig *config)
{
  g_autofree char *name = rd_check_units_dup_name (config);
  g_autoptr (GVariant) unit = NULL;
  GVariant *service = NULL;

  if (bus != NULL)
    unit = rd_unit_load (bus, name, &service, TIMEOUT_MS, NULL, NULL);
  return service;
}

void
rd_check_units (RdCheckReport *report,
                const RdConfig *config,
                GDBusConnection *bus,
                char **environment,
                RdCheckFacts *facts)
{
  Check check = { .report = report, .config = config, .bus = bus };
  g_autoptr (GDBusConnection) system_bus = NULL;

  if (config->bus == RD_CONFIG_BUS_NONE)
    return;

  if (bus == NULL)
    {
      rd_check_report_add (report, RD_CHECK_UNCHECKED,
                           "the systemd unit, and whether the service is running: cannot connect "
                           "to the message bus. The service would run without D-Bus");
      return;
    }
  if (is_user (&check))
    system_bus = connect_to (rd_message_bus_dup_address (G_BUS_TYPE_SYSTEM, environment, NULL));
  check.system_bus = system_bus;
  check_all (&check, facts);
}
