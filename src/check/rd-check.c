/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Implements `ringdown --check`. */

#include "rd-check.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rd-check-identity.h"
#include "rd-check-ports.h"
#include "rd-check-units.h"
#include "rd-descriptors.h"
#include "rd-process.h"
#include "rd-redis.h"
#include "rd-units.h"

#define TERMINAL_COLUMNS  80
#define MIN_REDIS_VERSION 5 /* the first Redis version with streams */

/* Reports values that were ignored. */
static void
report_ignored (RdCheckReport *report, const RdConfig *config)
{
  for (char **text = config->warnings; *text != NULL; text++)
    rd_check_report_add (report, RD_CHECK_PROBLEM, "%s", *text);
  for (char **text = config->notes; *text != NULL; text++)
    rd_check_report_add (report, RD_CHECK_NOTE, "%s", *text);
}

static void
check_drain (RdCheckReport *report, const RdConfig *config)
{
  g_autofree char *grace = rd_units_format_duration (config->drain_grace_us);
  g_autofree char *timeout = rd_units_format_duration (config->drain_timeout_us);

  if (config->drain_grace_us > 0 && config->drain_grace_us >= config->drain_timeout_us)
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "drain-grace (%s) is not shorter than drain-timeout (%s): a drain accepts "
                         "new clients until it closes all clients. Shorten the first or lengthen "
                         "the second",
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

  if (!facts->has_socket)
    ports[n_ports++] = (RdCheckPort){ .option = "port",
                                      .address_option = "address",
                                      .addresses = (const char *const *) config->addresses,
                                      .port = config->port,
                                      .reuse_port = config->reuse_port,
                                      .may_bind = facts->may_bind_any_port,
                                      .is_in_container = facts->is_in_container,
                                      .exposure = "read and send messages",
                                      .service_pid = facts->service_pid,
                                      .service_urls = (const char *const *) facts->service_urls };
  if (!facts->has_admin_socket && config->admin_port >= 0)
    ports[n_ports++] = (RdCheckPort){ .option = "admin-port",
                                      .address_option = "admin-address",
                                      .addresses = admin_addresses,
                                      .port = config->admin_port,
                                      .may_bind = facts->may_bind_any_port,
                                      .is_in_container = facts->is_in_container,
                                      .exposure = "read the status and metrics",
                                      .service_pid = facts->service_pid };

  rd_check_ports (report, ports, n_ports);
}

static void
check_key_file (RdCheckReport *report, const char *path)
{
  GStatBuf status;

  if (g_stat (path, &status) == 0 && (status.st_mode & S_IROTH) != 0)
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "every user of this machine can read the password in %s. Make the file "
                         "private (chmod o-r)",
                         path);
}

static void
report_redis_failure (RdCheckReport *report, const char *name, const GError *error)
{
  if (g_error_matches (error, RD_REDIS_ERROR, RD_REDIS_ERROR_REFUSED))
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "Redis at %s refuses the service, so it cannot start: %s", name,
                         error->message);
  else if (g_error_matches (error, RD_REDIS_ERROR, RD_REDIS_ERROR_CLUSTER))
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "Redis at %s is in cluster mode, which is not supported, so the service "
                         "cannot start. Give the address of a server that is not in a cluster",
                         name);
  else if (g_error_matches (error, RD_REDIS_ERROR, RD_REDIS_ERROR_REPLICA))
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "Redis at %s is a replica: messages do not reach other nodes. Give the "
                         "address of its master",
                         name);
  else
    rd_check_report_add (report, RD_CHECK_NOTE,
                         "cannot use Redis at %s now (%s): the service starts nevertheless, and "
                         "connects later",
                         name, error->message);
}

/* Checks whether the Redis server supports streams and never evicts them. @info: reply to INFO. */
static void
check_redis_stream (RdCheckReport *report, const char *name, const char *info)
{
  g_autofree char *version = rd_redis_info_dup (info, "redis_version");
  g_autofree char *limit = rd_redis_info_dup (info, "maxmemory");
  g_autofree char *policy = rd_redis_info_dup (info, "maxmemory_policy");

  if (version != NULL && g_ascii_strtoull (version, NULL, 10) < MIN_REDIS_VERSION)
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "Redis at %s is version %s and has no streams: messages do not reach "
                         "other nodes. Update it to %d or later, or set redis-mode=pubsub",
                         name, version, MIN_REDIS_VERSION);
  /* policies other than allkeys-* evict only keys with an expiry time; the stream has none */
  if (limit != NULL && g_ascii_strtoull (limit, NULL, 10) > 0 && policy != NULL
      && g_str_has_prefix (policy, "allkeys-"))
    rd_check_report_add (report, RD_CHECK_PROBLEM,
                         "Redis at %s deletes the stream when its memory is full "
                         "(maxmemory-policy %s), with messages that other nodes have not read. "
                         "Set maxmemory-policy noeviction",
                         name, policy);
}

static void
check_redis (RdCheckReport *report, const RdConfig *config, const RdSettings *settings)
{
  const RdOption *option = rd_settings_find (settings, NULL, "redis");
  g_autoptr (RdRedisUrl) url = rd_redis_url_parse (config->redis, NULL);
  g_autofree char *name = rd_redis_url_dup_display (url);
  g_autoptr (GError) error = NULL;
  g_autofree char *info = NULL;

  if (url->password != NULL && rd_settings_get_source (settings, option) == RD_SOURCE_KEY_FILE)
    check_key_file (report, settings->key_file);

  info = rd_redis_info_ask (url, &error);
  if (info == NULL)
    {
      report_redis_failure (report, name, error);
      return;
    }
  if (config->redis_mode == RD_REDIS_STREAM)
    check_redis_stream (report, name, info);
}

static gboolean
print (const char *text)
{
  return fputs (text, stdout) >= 0 && fflush (stdout) == 0;
}

/* Finds the running instance in the container of this process, which has no message bus. */
static void
find_container (RdCheckFacts *facts)
{
  const pid_t pid = rd_process_find_service ();

  facts->is_in_container = pid > 0 || rd_process_ends_container ();
  if (facts->service_pid == 0)
    facts->service_pid = pid;
}

/* Prints the settings in @config and all problems. Returns: as rd_check(). */
static gboolean
check_config (RdCheckReport *report,
              const RdConfig *config,
              const RdSettings *settings,
              GDBusConnection *bus,
              char **environment)
{
  const guint columns = isatty (STDOUT_FILENO) ? TERMINAL_COLUMNS : 0;
  g_autofree char *table = rd_check_report_format_settings (settings, config, columns);
  g_autofree char *results = NULL;
  RdCheckFacts facts = { .max_descriptors = G_MAXUINT64 };
  gboolean is_printed = print (table); /* printed first: the checks may take seconds */

  report_ignored (report, config);
  check_drain (report, config);
  rd_check_units (report, config, bus, environment, &facts);
  check_descriptors (report, config, facts.max_descriptors);
  find_container (&facts);
  check_ports (report, config, &facts);
  if (config->redis != NULL)
    check_redis (report, config, settings);
  g_strfreev (facts.service_urls);

  results = rd_check_report_format (report, columns);
  is_printed = print (results) && is_printed;
  return is_printed && report->texts[RD_CHECK_PROBLEM]->len == 0;
}

gboolean
rd_check (const RdConfig *found, char **argv, char **environment, GError **error)
{
  g_autoptr (RdCheckReport) report = rd_check_report_new ();
  g_autoptr (GDBusConnection) bus = rd_check_units_connect (found, environment);
  g_autoptr (RdCheckIdentity) identity = rd_check_identity_new (report, found, bus, environment);
  g_autoptr (RdSettings) settings = NULL;
  g_autoptr (RdConfig) config = NULL;

  if (!identity->has_credential)
    rd_check_identity_assume (identity, report);
  config = rd_config_load (argv, identity->environment, &settings, error);
  if (config == NULL && identity->user != NULL && geteuid () == identity->uid)
    g_prefix_error (error, "as the user %s of %s: ", identity->user, identity->unit);
  if (config == NULL)
    return FALSE;

  if (identity->has_credential)
    rd_check_identity_assume (identity, report);
  return check_config (report, config, settings, bus, environment);
}
