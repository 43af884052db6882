/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-check-report.h"

G_BEGIN_DECLS

/* Redis in the configuration. */
typedef struct
{
  const char *url;      /* valid */
  const char *key_file; /* that has the URL; NULL: another source has it */
  gboolean has_stream;  /* messages pass through a stream */
} RdCheckRedis;

/* Checks the Redis server within 2 s, without writing to it: whether it can be reached, accepts
 * user and password, and can store messages. Also checks whether other users can read the password
 * in the key file. The report does not contain the password. */
void rd_check_redis (RdCheckReport *report, const RdCheckRedis *redis);

G_END_DECLS
