/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Checks the systemd units of the service, and whether a user's service ends at logout. */

#include "rd-check-units.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "rd-message-bus.h"
#include "rd-redis-url.h"
#include "rd-text.h"
#include "rd-unit.h"
#include "rd-units.h"

#define TIMEOUT_MS         2000 /* timeout for each bus connection, and for each reply */
#define LOGIND             "org.freedesktop.login1"
#define LINGER_DIR         "/var/lib/systemd/linger"
#define MAX_VARIABLE_CHARS 60 /* maximum number of characters of NAME=VALUE in a result */
#define MAX_USER_CHARS     64 /* maximum number of characters of a user name */

/* Maximum time from the drain timeout to the exit; includes 5 s to wait for close frames. */
#define CLOSING_US (10 * G_TIME_SPAN_SECOND)

/* Maximum time from a stop request until the service asks systemd for more time to stop. */
#define EXTEND_US (2 * G_TIME_SPAN_SECOND)

typedef struct
{
  RdCheckReport *report;       /* unowned */
  const RdConfig *config;      /* unowned */
  char **environment;          /* unowned */
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
 * org.freedesktop.systemd1(5)), or NULL with an error. @stop_us: (out): TimeoutStopSec=;
 * G_MAXUINT64: unlimited. @may_extend: (out): whether systemd accepts EXTEND_TIMEOUT_USEC= from the
 * service, see sd_notify(3). */
static GVariant *
load_service (GDBusConnection *bus,
              const char *name,
              guint64 *stop_us,
              gboolean *may_extend,
              GError **error)
{
  g_autoptr (GVariant) service = NULL;
  g_autoptr (GVariant) unit = rd_unit_load (bus, name, &service, TIMEOUT_MS, NULL, error);
  const char *type, *access;

  if (unit == NULL)
    return NULL;
  if (!g_variant_lookup (service, "TimeoutStopUSec", "t", stop_us)
      || !g_variant_lookup (service, "Type", "&s", &type)
      || !g_variant_lookup (service, "NotifyAccess", "&s", &access))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "missing properties");
      return NULL;
    }
  *may_extend = g_str_has_prefix (type, "notify") && !g_str_equal (access, "none");
  return g_steal_pointer (&service);
}

static gboolean
is_active (GDBusConnection *bus, const char *name)
{
  g_autoptr (GVariant) unit = rd_unit_load (bus, name, NULL, TIMEOUT_MS, NULL, NULL);
  const char *state = "";

  if (unit != NULL)
    g_variant_lookup (unit, "ActiveState", "&s", &state);
  return g_str_equal (state, "active");
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

static gboolean
is_setting (const char *variable)
{
  return g_regex_match_simple ("^(RINGDOWN_|REDIS_(HOST|PORT|CHANNEL)=)", variable, 0, 0);
}

/* Returns: (transfer full): @variable (NAME=VALUE), printable and without its password. */
static char *
dup_variable_display (const char *variable)
{
  const char *prefix = "RINGDOWN_REDIS=";
  g_autoptr (RdRedisUrl) url = NULL;
  g_autofree char *place = NULL;
  g_autofree char *display = NULL;

  if (!g_str_has_prefix (variable, prefix))
    return rd_text_printable (variable, MAX_VARIABLE_CHARS);

  url = rd_redis_url_parse (variable + strlen (prefix), NULL);
  place = url != NULL ? rd_redis_url_dup_display (url) : NULL;
  display = g_strconcat (prefix, place != NULL ? place : "***", NULL);
  return rd_text_printable (display, MAX_VARIABLE_CHARS);
}

/* Reports variables that the unit sets for the service, but that this process does not have. */
static void
check_environment (const Check *check, const char *name, GVariant *service)
{
  g_auto (GStrv) variables = NULL;
  g_autoptr (GString) missing = g_string_new (NULL);

  g_variant_lookup (service, "Environment", "^as", &variables);
  for (char **variable = variables; variable != NULL && *variable != NULL; variable++)
    if (is_setting (*variable)
        && !g_strv_contains ((const char *const *) check->environment, *variable))
      {
        g_autofree char *display = dup_variable_display (*variable);

        g_string_append_printf (missing, " %s", display);
      }
  if (missing->len > 0)
    rd_check_report_add (check->report, RD_CHECK_UNCHECKED,
                         "variables that %s sets for the service:%s. Set them here, too, to check "
                         "them",
                         name, missing->str);
}

static void
check_user_manager (const Check *check)
{
  g_autofree char *name = g_strdup_printf ("user@%u.service", getuid ());
  guint64 stop_us;
  gboolean may_extend;
  g_autoptr (GVariant) service = load_service (check->system_bus, name, &stop_us, &may_extend,
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
  const char *instance = check->config->instance;
  g_autofree char *name = instance != NULL ? g_strdup_printf ("ringdown@%s.service", instance)
                                           : g_strdup ("ringdown.service");
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) service = NULL;
  guint64 stop_us;
  gboolean may_extend;

  find_running_instance (check, facts);
  service = load_service (check->bus, name, &stop_us, &may_extend, &error);
  if (service == NULL)
    {
      report_unknown (check, name, error);
      return;
    }

  g_variant_lookup (service, "LimitNOFILE", "t", &facts->max_descriptors);
  check_stop_timeout (check, name, FALSE, stop_us, may_extend);
  check_restart (check, name, service);
  check_environment (check, name, service);
  if (is_user (check))
    check_logout (check, name);
  if (instance == NULL)
    {
      facts->has_socket = is_active (check->bus, "ringdown.socket");
      facts->has_admin_socket = is_active (check->bus, "ringdown-admin.socket");
    }
}

static GDBusConnection *
connect_to_bus (GBusType type, char **environment)
{
  g_autofree char *address = rd_message_bus_dup_address (type, environment, NULL);

  return address != NULL ? rd_message_bus_connect (address, TIMEOUT_MS, NULL) : NULL;
}

void
rd_check_units (RdCheckReport *report,
                const RdConfig *config,
                char **environment,
                RdCheckFacts *facts)
{
  Check check = { .report = report, .config = config, .environment = environment };
  g_autoptr (GDBusConnection) bus = NULL;
  g_autoptr (GDBusConnection) system_bus = NULL;

  if (config->bus == RD_CONFIG_BUS_NONE)
    return;

  bus = connect_to_bus (is_user (&check) ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM, environment);
  if (bus == NULL)
    {
      rd_check_report_add (report, RD_CHECK_UNCHECKED,
                           "the systemd unit, and whether the service is running: cannot connect "
                           "to the message bus. The service would run without D-Bus");
      return;
    }
  if (is_user (&check))
    system_bus = connect_to_bus (G_BUS_TYPE_SYSTEM, environment);
  check.bus = bus;
  check.system_bus = system_bus;
  check_all (&check, facts);
}
