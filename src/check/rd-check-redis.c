/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Checks the Redis server in the configuration, and who can read its password. */

#include "rd-check-redis.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#include "rd-redis.h"

#define MIN_VERSION 5 /* has streams */

typedef struct
{
  RdCheckReport *report; /* unowned */
  const char *name;      /* of the server, for people */
  const char *info;      /* reply to INFO */
} Check;

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
report_failure (Check *check, const GError *error)
{
  if (g_error_matches (error, RD_REDIS_ERROR, RD_REDIS_ERROR_REFUSED))
    rd_check_report_add (check->report, RD_CHECK_PROBLEM,
                         "Redis at %s refuses the service, which cannot start: %s", check->name,
                         error->message);
  else
    rd_check_report_add (check->report, RD_CHECK_NOTE,
                         "cannot use Redis at %s now (%s): the service starts nevertheless, and "
                         "connects later",
                         check->name, error->message);
}

static void
check_role (Check *check)
{
  g_autofree char *role = rd_redis_info_dup (check->info, "role");
  g_autofree char *read_only = rd_redis_info_dup (check->info, "slave_read_only");

  if (g_strcmp0 (role, "slave") == 0 && g_strcmp0 (read_only, "1") == 0)
    rd_check_report_add (check->report, RD_CHECK_PROBLEM,
                         "Redis at %s is a read-only replica: messages do not reach other nodes. "
                         "Give the address of its primary server",
                         check->name);
}

static void
check_version (Check *check)
{
  g_autofree char *version = rd_redis_info_dup (check->info, "redis_version");

  if (version != NULL && g_ascii_strtoull (version, NULL, 10) < MIN_VERSION)
    rd_check_report_add (check->report, RD_CHECK_PROBLEM,
                         "Redis at %s is version %s and has no streams: messages do not reach "
                         "other nodes. Update it to %d or later, or set redis-mode=pubsub",
                         check->name, version, MIN_VERSION);
}

/* Policies other than allkeys-* evict only keys that expire; the stream does not. */
static void
check_eviction (Check *check)
{
  g_autofree char *limit = rd_redis_info_dup (check->info, "maxmemory");
  g_autofree char *policy = rd_redis_info_dup (check->info, "maxmemory_policy");

  if (limit != NULL && g_ascii_strtoull (limit, NULL, 10) > 0 && policy != NULL
      && g_str_has_prefix (policy, "allkeys-"))
    rd_check_report_add (check->report, RD_CHECK_PROBLEM,
                         "Redis at %s deletes the stream when its memory is full "
                         "(maxmemory-policy %s), with messages that other nodes have not read. "
                         "Set maxmemory-policy noeviction",
                         check->name, policy);
}

void
rd_check_redis (RdCheckReport *report, const RdCheckRedis *redis)
{
  g_autoptr (RdRedisUrl) url = rd_redis_url_parse (redis->url, NULL);
  g_autofree char *name = rd_redis_url_dup_display (url);
  g_autoptr (GError) error = NULL;
  g_autofree char *info = NULL;
  Check check = { .report = report, .name = name };

  if (url->password != NULL && redis->key_file != NULL)
    check_key_file (report, redis->key_file);

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
