/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-check-findings.h"

G_BEGIN_DECLS

/* Redis as the configuration has it. */
typedef struct
{
  const char *url;      /* a valid one */
  const char *key_file; /* that @url was read from; NULL: from elsewhere */
  gboolean has_stream;  /* messages pass through a stream */
} RdCheckRedis;

/* Finds out whether the server lets us in, and can do what it is there for, within 2 s. */
void rd_check_redis (RdCheckFindings *findings, const RdCheckRedis *redis);

G_END_DECLS
