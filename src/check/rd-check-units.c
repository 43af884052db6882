/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Whether the units let the service drain to the end, and its clients outlive a restart: that of
 * the service itself, and for a user's that of the manager around it, which ends with the last
 * session. Asks rd-check-systemd for the facts; where there is no unit, there is nothing to judge.
 */

#include "rd-check-units.h"

#include <glib/gi18n.h>

#include "rd-check-systemd.h"
#include "rd-redis-url.h"
#include "rd-text.h"
#include "rd-unit.h"
#include "rd-units.h"

/* Beyond the drain timeout: clients have 5 s to answer a close, and then it ends. */
#define CLOSING_US (10 * G_TIME_SPAN_SECOND)

/* Until a service that shall stop has asked for more time, even on a busy machine. */
#define FIRST_WORD_US (2 * G_TIME_SPAN_SECOND)

#define MAX_VARIABLE_CHARS 60

#define LINGER_DIR "/var/lib/systemd/linger"

/* Whether nobody is there to be asked, rather than silent. */
static gboolean
is_absent (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER);
}

/* Whether there is no such unit, or none can have that name. */
static gboolean
is_missing (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS);
}

static void
judge_service (RdCheckFindings *findings,
               const RdCheckUnits *units,
               const char *name,
               const RdCheckService *service)
{
  const guint64 needed_us = units->drain_timeout_us + CLOSING_US;
  g_autofree char *stop = rd_units_format_duration (service->stop_timeout_us);
  g_autofree char *drain = rd_units_format_duration (units->drain_timeout_us);
  g_autofree char *needed = rd_units_format_duration (needed_us);

  if (service->stop_timeout_us >= needed_us)
    return;
  if (!service->may_extend)
    rd_check_findings_add (findings, RD_CHECK_BITES,
                           /* Translators: a unit; a duration; another; the sum of both */
                           _ ("%s is killed %s after it was told to stop (TimeoutStopSec=), and "
                              "may not ask for more, but a drain takes up to %s: set Type=notify "
                              "and NotifyAccess=main, or TimeoutStopSec=%s, or shorten "
                              "drain-timeout"),
                           name, stop, drain, needed);
  else if (service->stop_timeout_us < FIRST_WORD_US)
    rd_check_findings_add (findings, RD_CHECK_BITES,
                           /* Translators: a unit; a duration */
                           _ ("%s is killed %s after it was told to stop (TimeoutStopSec=), which "
                              "may be before it could ask for time to drain: set "
                              "TimeoutStopSec=10s"),
                           name, stop);
}

static void
check_restart (RdCheckFindings *findings,
               const RdCheckUnits *units,
               const char *name,
               const RdCheckService *service)
{
  g_autoptr (GPtrArray) texts = rd_unit_check_restart (service->properties, name, units->is_user);

  for (guint i = 0; i < texts->len; i++)
    rd_check_findings_add (findings, RD_CHECK_BITES, "%s", (const char *) texts->pdata[i]);
}

static gboolean
is_read_by_service (const char *variable)
{
  static const char *const prefixes[] = { "RINGDOWN_",
                                          "REDIS_HOST=", "REDIS_PORT=", "REDIS_CHANNEL=" };

  for (gsize i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (variable, prefixes[i]))
      return TRUE;
  return FALSE;
}

static char *
dup_variable_display (const char *variable)
{
  g_autofree char *hidden = g_str_has_prefix (variable, "RINGDOWN_REDIS=")
                              ? rd_redis_url_hide_password (variable)
                              : g_strdup (variable);

  return rd_text_printable (hidden, MAX_VARIABLE_CHARS);
}

/* What the unit sets counts for the service, but not for who asks here. */
static void
check_environment (RdCheckFindings *findings,
                   const RdCheckUnits *units,
                   const char *name,
                   const RdCheckService *service)
{
  g_autoptr (GPtrArray) others = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *shown = NULL;

  for (char **variable = service->environment; variable != NULL && *variable != NULL; variable++)
    if (is_read_by_service (*variable)
        && !g_strv_contains ((const char *const *) units->environment, *variable))
      g_ptr_array_add (others, dup_variable_display (*variable));
  if (others->len == 0)
    return;

  g_ptr_array_add (others, NULL);
  shown = g_strjoinv (" ", (char **) others->pdata);
  rd_check_findings_add (findings, RD_CHECK_UNCHECKED,
                         /* Translators: a unit; variables of the environment with their values */
                         _ ("what %s sets for itself: %s; give it here too, to check that"), name,
                         shown);
}

/* At the end of the last session the manager of a user stops, and the system gives it a time. */
static void
check_user_manager (RdCheckFindings *findings, const RdCheckUnits *units)
{
  const guint64 needed_us = units->drain_timeout_us + CLOSING_US;
  g_autofree char *name = g_strdup_printf ("user@%u.service", units->uid);
  g_autofree char *stop = NULL;
  g_autofree char *drain = rd_units_format_duration (units->drain_timeout_us);
  g_autofree char *needed = rd_units_format_duration (needed_us);
  g_autoptr (GError) error = NULL;
  g_auto (RdCheckService) service = { 0 };

  if (!rd_check_systemd_get_service (units->system_bus, name, &service, &error))
    {
      rd_check_findings_add (findings, RD_CHECK_UNCHECKED,
                             /* Translators: a unit of the system's service manager */
                             _ ("how long %s may take to stop: the system's service manager does "
                                "not say"),
                             name);
      return;
    }
  if (service.stop_timeout_us >= needed_us)
    return;

  stop = rd_units_format_duration (service.stop_timeout_us);
  rd_check_findings_add (findings, RD_CHECK_BITES,
                         /* Translators: a unit; a duration; another; the sum of both; the unit */
                         _ ("at logout and shutdown %s, with all in it, is killed after %s "
                            "(TimeoutStopSec=), but a drain takes up to %s: set TimeoutStopSec=%s "
                            "for it (systemctl edit %s), or shorten drain-timeout"),
                         name, stop, drain, needed, name);
}

static void
check_linger (RdCheckFindings *findings, const RdCheckUnits *units, const char *name)
{
  g_autofree char *mark = g_build_filename (LINGER_DIR, units->user, NULL);
  g_autoptr (GError) error = NULL;
  gboolean lingers;

  if (!rd_check_systemd_get_linger (units->system_bus, units->uid, mark, &lingers, &error))
    rd_check_findings_add (findings, RD_CHECK_UNCHECKED,
                           /* Translators: a unit */
                           _ ("whether %s ends at logout: logind does not say"), name);
  else if (!lingers)
    rd_check_findings_add (findings, RD_CHECK_BITES,
                           /* Translators: a unit; a user's name, twice */
                           _ ("%s ends when %s logs out, since lingering is off: loginctl "
                              "enable-linger %s"),
                           name, units->user, units->user);
}

/* What becomes of the service at logout, which the system's manager knows. */
static void
check_session (RdCheckFindings *findings, const RdCheckUnits *units, const char *name)
{
  if (units->system_bus == NULL)
    {
      rd_check_findings_add (findings, RD_CHECK_UNCHECKED,
                             /* Translators: a unit */
                             _ ("what becomes of %s at logout: the system bus cannot be reached"),
                             name);
      return;
    }
  check_user_manager (findings, units);
  check_linger (findings, units, name);
}

static void
report_unknown (RdCheckFindings *findings, const char *name, const GError *error)
{
  if (is_missing (error))
    rd_check_findings_add (findings, RD_CHECK_UNCHECKED,
                           /* Translators: a unit */
                           _ ("how long %s may take to stop: it is not installed"), name);
  else if (is_absent (error))
    rd_check_findings_add (findings, RD_CHECK_UNCHECKED,
                           _ ("how long %s may take to stop: no service manager is on the bus"),
                           name);
  else
    rd_check_findings_add (findings, RD_CHECK_UNCHECKED,
                           _ ("how long %s may take to stop: the service manager does not say"),
                           name);
}

void
rd_check_units (RdCheckFindings *findings, const RdCheckUnits *units, RdCheckGiven *given)
{
  g_autofree char *name = units->instance != NULL
                            ? g_strdup_printf ("ringdown@%s.service", units->instance)
                            : g_strdup ("ringdown.service");
  g_autoptr (GError) error = NULL;
  g_auto (RdCheckService) service = { 0 };

  if (!rd_check_systemd_get_service (units->manager_bus, name, &service, &error))
    {
      report_unknown (findings, name, error);
      return;
    }

  given->max_descriptors = service.max_descriptors;
  judge_service (findings, units, name, &service);
  check_restart (findings, units, name, &service);
  check_environment (findings, units, name, &service);
  if (units->is_user)
    check_session (findings, units, name);
  if (units->instance == NULL)
    {
      given->has_socket = rd_check_systemd_has_socket (units->manager_bus, "ringdown.socket");
      given->has_admin_socket = rd_check_systemd_has_socket (units->manager_bus,
                                                             "ringdown-admin.socket");
    }
}
