/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* `ringdown --check`: what the configuration amounts to here, before it counts. Reads as the list
 * of what is looked at; those who look take plain values. Whatever cannot be learned does not bite.
 */

#include "rd-check.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <unistd.h>

#include "rd-check-bus.h"
#include "rd-check-findings.h"
#include "rd-check-ports.h"
#include "rd-check-redis.h"
#include "rd-check-settings.h"
#include "rd-check-units.h"
#include "rd-descriptors.h"
#include "rd-message-bus.h"
#include "rd-text.h"
#include "rd-units.h"

#define TERMINAL_COLUMNS 80
#define MAX_USER_CHARS   64

static void
check_drain (RdCheckFindings *findings, const RdConfig *config)
{
  g_autofree char *grace = rd_units_format_duration (config->drain_grace_us);
  g_autofree char *timeout = rd_units_format_duration (config->drain_timeout_us);

  if (config->drain_grace_us == 0 || config->drain_grace_us < config->drain_timeout_us)
    return;
  rd_check_findings_add (
    findings, RD_CHECK_BITES,
    /* Translators: two durations */
    _ ("drain-grace (%s) is not shorter than drain-timeout (%s): clients are let "
       "in to the end, only to be closed; shorten the one or lengthen the "
       "other"),
    grace, timeout);
}

static void
check_descriptors (RdCheckFindings *findings, const RdConfig *config, guint64 unit_limit)
{
  const guint64 limit = MIN (rd_descriptors_raise (), unit_limit);
  RdDescriptors share;

  rd_descriptors_share (limit, &share);
  if (config->max_clients > share.clients)
    rd_check_findings_add (
      findings, RD_CHECK_BITES,
      ngettext (
        "max-clients is %u, but descriptors allow for %u client only: raise the hard limit "
        "(LimitNOFILE=, ulimit -Hn) or lower max-clients",
        "max-clients is %u, but descriptors allow for %u clients only: raise the hard limit "
        "(LimitNOFILE=, ulimit -Hn) or lower max-clients",
        share.clients),
      config->max_clients, share.clients);
}

static void
check_openness (RdCheckFindings *findings, const RdConfig *config, const RdCheckGiven *given)
{
  const char *const admin_addresses[] = { config->admin_address, NULL };
  g_autofree char *open = NULL;
  g_autofree char *admin_open = NULL;

  if (!given->has_socket)
    open = rd_check_ports_dup_open ((const char *const *) config->addresses);
  if (!given->has_admin_socket && config->admin_port >= 0)
    admin_open = rd_check_ports_dup_open (admin_addresses);

  if (open != NULL)
    rd_check_findings_add (findings, RD_CHECK_BITES,
                           /* Translators: one or more addresses */
                           _ ("address (%s) is open to the world: whoever reaches it can read and "
                              "send; listen on loopback, and put a proxy with TLS and "
                              "authentication before it"),
                           open);
  if (admin_open != NULL)
    rd_check_findings_add (findings, RD_CHECK_BITES,
                           /* Translators: an address */
                           _ ("admin-address (%s) is open to the world: whoever reaches it can see "
                              "how the service does; listen on loopback, and put a proxy with TLS "
                              "and authentication before it"),
                           admin_open);
}

static void
check_ports (RdCheckFindings *findings,
             const RdConfig *config,
             const RdCheckGiven *given,
             int service_pid)
{
  const char *const admin_addresses[] = { config->admin_address, NULL };
  RdCheckPort ports[2];
  gsize n_ports = 0;

  if (given->has_socket)
    rd_check_findings_add (findings, RD_CHECK_NOTE,
                           _ ("ringdown.socket is active: the service listens there, whatever "
                              "address and port say"));
  else
    ports[n_ports++] = (RdCheckPort){ .option = "port",
                                      .address_option = "address",
                                      .addresses = (const char *const *) config->addresses,
                                      .port = config->port,
                                      .reuse_port = config->reuse_port };
  if (given->has_admin_socket)
    rd_check_findings_add (findings, RD_CHECK_NOTE,
                           _ ("ringdown-admin.socket is active: the service listens there, "
                              "whatever admin-address and admin-port say"));
  else if (config->admin_port >= 0)
    ports[n_ports++] = (RdCheckPort){ .option = "admin-port",
                                      .address_option = "admin-address",
                                      .addresses = admin_addresses,
                                      .port = config->admin_port };

  rd_check_ports (findings, ports, n_ports, service_pid);
}

/* Returns: (transfer full) (nullable): the bus that the service would be on. */
static GDBusConnection *
connect_to_bus (RdCheckFindings *findings, const char *address)
{
  GDBusConnection *bus = address != NULL
                           ? rd_message_bus_connect (address, RD_CHECK_BUS_TIMEOUT_MS, NULL)
                           : NULL;

  if (bus == NULL)
    rd_check_findings_add (findings, RD_CHECK_UNCHECKED,
                           _ ("the unit of the service, and whether it runs already: the bus "
                              "cannot be reached, and the service would go without"));
  return bus;
}

/* Looks at what is on the bus. Returns: the process of the service, if it runs already, else 0. */
static int
check_bus (RdCheckFindings *findings,
           const RdConfig *config,
           char **environment,
           RdCheckGiven *given)
{
  const gboolean is_user = config->bus == RD_CONFIG_BUS_SESSION;
  g_autofree char *id = rd_config_dup_application_id (config);
  g_autofree char *session_address = rd_message_bus_dup_address (G_BUS_TYPE_SESSION, environment,
                                                                 NULL);
  g_autofree char *system_address = rd_message_bus_dup_address (G_BUS_TYPE_SYSTEM, environment,
                                                                NULL);
  g_autofree char *user = rd_text_printable (g_get_user_name (), MAX_USER_CHARS);
  g_autoptr (GDBusConnection) bus = NULL;
  g_autoptr (GDBusConnection) system_bus = NULL;

  if (id == NULL)
    return 0;
  bus = connect_to_bus (findings, is_user ? session_address : system_address);
  if (bus == NULL)
    return 0;

  if (is_user && system_address != NULL)
    system_bus = rd_message_bus_connect (system_address, RD_CHECK_BUS_TIMEOUT_MS, NULL);
  rd_check_units (findings,
                  &(RdCheckUnits){ .manager_bus = bus,
                                   .system_bus = system_bus,
                                   .is_user = is_user,
                                   .uid = getuid (),
                                   .user = user,
                                   .instance = config->instance,
                                   .drain_timeout_us = config->drain_timeout_us,
                                   .environment = environment },
                  given);
  return rd_check_bus_get_owner_pid (bus, id);
}

static void
check_redis (RdCheckFindings *findings, const RdConfig *config, const RdSettings *settings)
{
  const RdOption *option = rd_settings_find (settings, NULL, "redis");
  const gboolean is_in_file = rd_settings_get_source (settings, option) == RD_SOURCE_KEY_FILE;

  if (config->redis == NULL)
    return;
  rd_check_redis (
    findings, &(RdCheckRedis){ .url = config->redis,
                               .key_file = is_in_file ? rd_settings_get_key_file (settings) : NULL,
                               .has_stream = config->redis_mode == RD_CONFIG_REDIS_STREAM });
}

static gboolean
print (GString *page)
{
  const gboolean is_printed = fputs (page->str, stdout) >= 0 && fflush (stdout) == 0;

  g_string_truncate (page, 0);
  return is_printed;
}

gboolean
rd_check (const RdConfig *config, const RdSettings *settings, char **environment)
{
  const guint columns = isatty (STDOUT_FILENO) ? TERMINAL_COLUMNS : 0;
  g_autoptr (RdCheckFindings) findings = rd_check_findings_new ();
  g_autoptr (GString) page = g_string_new (NULL);
  RdCheckGiven given = { .max_descriptors = G_MAXUINT64 };
  gboolean is_printed;
  int service_pid;

  rd_check_settings_append (page, settings, config, columns);
  is_printed = print (page); /* what follows may take its time */

  check_drain (findings, config);
  service_pid = check_bus (findings, config, environment, &given);
  check_descriptors (findings, config, given.max_descriptors);
  check_openness (findings, config, &given);
  check_ports (findings, config, &given, service_pid);
  check_redis (findings, config, settings);

  rd_check_findings_append (findings, page, columns);
  return print (page) && is_printed && rd_check_findings_get (findings, RD_CHECK_BITES)->len == 0;
}
