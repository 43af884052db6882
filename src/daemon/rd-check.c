/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Implements `ringdown --check`. */

#include "rd-check.h"

#include <stdio.h>
#include <unistd.h>

#include "rd-check-ports.h"
#include "rd-check-redis.h"
#include "rd-check-units.h"
#include "rd-descriptors.h"
#include "rd-message-bus.h"
#include "rd-text.h"
#include "rd-units.h"

#define TERMINAL_COLUMNS 80
#define MAX_USER_CHARS   64

static void
check_drain (RdCheckReport *report, const RdConfig *config)
{
  g_autofree char *grace = rd_units_format_duration (config->drain_grace_us);
  g_autofree char *timeout = rd_units_format_duration (config->drain_timeout_us);

  if (config->drain_grace_us > 0 && config->drain_grace_us >= config->drain_timeout_us)
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "drain-grace (%s) is not shorter than drain-timeout (%s): a drain accepts "
                         "new clients until it closes them. Shorten the first or lengthen the "
                         "second",
                         grace, timeout);
}

static void
check_descriptors (RdCheckReport *report, const RdConfig *config, guint64 unit_limit)
{
  RdDescriptors share;

  rd_descriptors_share (MIN (rd_descriptors_raise (), unit_limit), &share);
  if (config->max_clients > share.clients)
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "max-clients is %u, but there are only enough file descriptors for %u. "
                         "Raise the hard limit (LimitNOFILE=, ulimit -Hn), or lower max-clients",
                         config->max_clients, share.clients);
}

static void
check_ports (RdCheckReport *report, const RdConfig *config, const RdCheckFacts *facts)
{
  const char *const admin_addresses[] = { config->admin_address, NULL };
  RdCheckPort ports[2];
  gsize n_ports = 0;

  if (facts->has_socket)
    rd_check_report_add (report, RD_CHECK_NOTE,
                         "ringdown.socket is active: it overrides address and port");
  else
    ports[n_ports++] = (RdCheckPort){ .option = "port",
                                      .address_option = "address",
                                      .addresses = (const char *const *) config->addresses,
                                      .port = config->port,
                                      .reuse_port = config->reuse_port,
                                      .exposure = "read and send messages",
                                      .service_pid = facts->service_pid,
                                      .service_urls = (const char *const *) facts->service_urls };
  if (facts->has_admin_socket)
    rd_check_report_add (report, RD_CHECK_NOTE,
                         "ringdown-admin.socket is active: it overrides admin-address and "
                         "admin-port");
  else if (config->admin_port >= 0)
    ports[n_ports++] = (RdCheckPort){ .option = "admin-port",
                                      .address_option = "admin-address",
                                      .addresses = admin_addresses,
                                      .port = config->admin_port,
                                      .exposure = "read the status and metrics",
                                      .service_pid = facts->service_pid };

  rd_check_ports (report, ports, n_ports);
}

static void
check_bus (RdCheckReport *report, const RdConfig *config, char **environment, RdCheckFacts *facts)
{
  const gboolean is_user = config->bus == RD_CONFIG_BUS_SESSION;
  const GBusType type = is_user ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM;
  g_autofree char *name = rd_config_dup_application_id (config);
  g_autofree char *address = rd_message_bus_dup_address (type, environment, NULL);
  g_autofree char *system_address = rd_message_bus_dup_address (G_BUS_TYPE_SYSTEM, environment,
                                                                NULL);
  g_autofree char *user = rd_text_printable (g_get_user_name (), MAX_USER_CHARS);
  g_autoptr (GDBusConnection) bus = NULL;
  g_autoptr (GDBusConnection) system_bus = NULL;

  if (name == NULL)
    return;
  if (address != NULL)
    bus = rd_message_bus_connect (address, RD_CHECK_BUS_TIMEOUT_MS, NULL);
  if (bus == NULL)
    {
      rd_check_report_add (report, RD_CHECK_UNCHECKED,
                           "the systemd unit, and whether the service is running: cannot connect "
                           "to the message bus. The service would run without it");
      return;
    }

  if (is_user && system_address != NULL)
    system_bus = rd_message_bus_connect (system_address, RD_CHECK_BUS_TIMEOUT_MS, NULL);
  rd_check_units (report,
                  &(RdCheckUnits){ .bus = bus,
                                   .system_bus = system_bus,
                                   .is_user = is_user,
                                   .uid = getuid (),
                                   .user = user,
                                   .instance = config->instance,
                                   .bus_name = name,
                                   .drain_timeout_us = config->drain_timeout_us,
                                   .environment = environment },
                  facts);
}

static void
check_redis (RdCheckReport *report, const RdConfig *config, const RdSettings *settings)
{
  const RdOption *option = rd_settings_find (settings, NULL, "redis");
  const gboolean is_in_file = rd_settings_get_source (settings, option) == RD_SOURCE_KEY_FILE;

  if (config->redis != NULL)
    rd_check_redis (
      report, &(RdCheckRedis){ .url = config->redis,
                               .key_file = is_in_file ? rd_settings_get_key_file (settings) : NULL,
                               .has_stream = config->redis_mode == RD_CONFIG_REDIS_STREAM });
}

static gboolean
print (const char *text)
{
  return fputs (text, stdout) >= 0 && fflush (stdout) == 0;
}

gboolean
rd_check (const RdConfig *config, const RdSettings *settings, char **environment)
{
  const guint columns = isatty (STDOUT_FILENO) ? TERMINAL_COLUMNS : 0;
  g_autoptr (RdCheckReport) report = rd_check_report_new ();
  g_autofree char *table = rd_check_report_format_settings (settings, config, columns);
  g_autofree char *results = NULL;
  RdCheckFacts facts = { .max_descriptors = G_MAXUINT64 };
  gboolean is_printed = print (table); /* at once: the checks may take some time */

  check_drain (report, config);
  check_bus (report, config, environment, &facts);
  check_descriptors (report, config, facts.max_descriptors);
  check_ports (report, config, &facts);
  check_redis (report, config, settings);
  g_strfreev (facts.service_urls);

  results = rd_check_report_format (report, columns);
  is_printed = print (results) && is_printed;
  return is_printed && rd_check_report_get (report, RD_CHECK_PROBLEM)->len == 0;
}
