/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-option.h"

typedef enum
{
  RD_CONFIG_BUS_SESSION,
  RD_CONFIG_BUS_SYSTEM,
  RD_CONFIG_BUS_NONE,
} RdConfigBus;

typedef enum
{
  RD_CONFIG_REDIS_STREAM,
  RD_CONFIG_REDIS_PUBSUB,
} RdConfigRedisMode;

/* The value of every option. The table in rd-options.c describes them. */
typedef struct
{
  char **addresses;
  guint port;
  char *path;
  char *admin_address;
  int admin_port; /* -1: no admin listener */
  gint64 notify_interval_us;
  char *notify_message;
  gint64 drain_timeout_us;
  gint64 drain_interval_us;
  gint64 drain_grace_us;
  char *redis; /* URL, with password; NULL: no Redis */
  RdConfigRedisMode redis_mode;
  char *redis_channel;
  guint redis_history;
  guint64 redis_buffer;
  char *instance; /* nullable */
  gboolean reuse_port;
  RdConfigBus bus;
  gboolean replace;
  gint64 handover_timeout_us;
  guint64 log_size;
  guint64 max_message;
  guint max_clients; /* 0: limited by descriptors only */
  gint64 ping_interval_us;
  gint64 ping_timeout_us;
  char **allow_origins; /* glob patterns; empty: any origin */
} RdConfig;

/* Returns: (transfer none): the table of all options, whose fields are in RdConfig. The options of
 * a group are adjacent. */
const RdOption *rd_options_get (gsize *n_options);
