/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Looks at the Redis server that the service would use: whether it is there, lets us in and keeps
 * what it is given, and whether strangers can read the password. Writes nothing there, and never
 * shows the password. */

#include "rd-check-redis.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#include "rd-redis.h"

#define MIN_VERSION 5 /* the first that has streams */

typedef struct
{
  RdCheckFindings *findings; /* unowned */
  const char *name;          /* of the server */
  const char *info;          /* that it gives of itself */
} Check;

static void
check_key_file (RdCheckFindings *findings, const char *path)
{
  GStatBuf status;

  if (g_stat (path, &status) == 0 && (status.st_mode & S_IROTH) != 0)
    rd_check_findings_add (findings, RD_CHECK_BITES,
                           /* Translators: the path of the key file */
                           _ ("the password in %s can be read by every user of this machine: take "
                              "the file away from all others (chmod o-r)"),
                           path);
}

static void
report_failure (Check *check, const GError *error)
{
  if (g_error_matches (error, RD_REDIS_ERROR, RD_REDIS_ERROR_REFUSED))
    rd_check_findings_add (check->findings, RD_CHECK_BITES,
                           /* Translators: where the server is; the reason, in its own words */
                           _ ("Redis at %s does not let the service in, so it could not start: %s"),
                           check->name, error->message);
  else
    rd_check_findings_add (check->findings, RD_CHECK_NOTE,
                           /* Translators: where the server is; the reason */
                           _ ("Redis at %s cannot be used now (%s): the service starts all the "
                              "same, and joins the others when it can"),
                           check->name, error->message);
}

static void
check_role (Check *check)
{
  g_autofree char *role = rd_redis_info_dup (check->info, "role");
  g_autofree char *read_only = rd_redis_info_dup (check->info, "slave_read_only");

  if (g_strcmp0 (role, "slave") == 0 && g_strcmp0 (read_only, "1") == 0)
    rd_check_findings_add (check->findings, RD_CHECK_BITES,
                           /* Translators: where the server is */
                           _ ("Redis at %s is a read-only replica, so messages would not get to "
                              "other workers: give the server that it is a replica of"),
                           check->name);
}

static void
check_version (Check *check)
{
  g_autofree char *version = rd_redis_info_dup (check->info, "redis_version");

  if (version != NULL && g_ascii_strtoull (version, NULL, 10) < MIN_VERSION)
    rd_check_findings_add (check->findings, RD_CHECK_BITES,
                           /* Translators: where the server is; its version */
                           _ ("Redis at %s is version %s and has no streams, so messages would not "
                              "get to other workers: update it to %d or later, or give "
                              "redis-mode=pubsub"),
                           check->name, version, MIN_VERSION);
}

/* A policy for keys that expire does no harm: the stream is none. */
static void
check_eviction (Check *check)
{
  g_autofree char *limit = rd_redis_info_dup (check->info, "maxmemory");
  g_autofree char *policy = rd_redis_info_dup (check->info, "maxmemory_policy");

  if (limit != NULL && g_ascii_strtoull (limit, NULL, 10) > 0 && policy != NULL
      && g_str_has_prefix (policy, "allkeys-"))
    rd_check_findings_add (check->findings, RD_CHECK_BITES,
                           /* Translators: where the server is; a setting of it */
                           _ ("Redis at %s drops the stream when its memory is full "
                              "(maxmemory-policy %s), and with it messages that were not read yet: "
                              "set maxmemory-policy noeviction"),
                           check->name, policy);
}

void
rd_check_redis (RdCheckFindings *findings, const RdCheckRedis *redis)
{
  g_autoptr (RdRedisUrl) url = rd_redis_url_parse (redis->url, NULL);
  g_autofree char *name = rd_redis_url_dup_display (url);
  g_autoptr (GError) error = NULL;
  g_autofree char *info = NULL;
  Check check = { .findings = findings, .name = name };

  if (url->password != NULL && redis->key_file != NULL)
    check_key_file (findings, redis->key_file);

  info = rd_redis_info_ask (url, &error);
  if (info == NULL)
    {
      report_failure (&check, error);
      return;
    }
  check.info = info;
  check_role (&check);
  if (redis->has_stream)
    {
      check_version (&check);
      check_eviction (&check);
    }
}
