/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-option.h"

G_BEGIN_DECLS

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

/* Every option, as it holds: command line over environment over key file over default.
 * What each means, its unit and its limits: `ringdown --help`, from the table below. */
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
  char *redis; /* a URL with a password in it, see rd_redis_url_parse(); NULL: no Redis */
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
  guint max_clients; /* 0: as many as descriptors allow */
  gint64 ping_interval_us;
  gint64 ping_timeout_us;
  char **allow_origins; /* globs; empty: any origin */
} RdConfig;

/* Returns: (transfer none): every option of the program, @n_options of them, those of a group side
 * by side; their fields are those of RdConfig. */
const RdOption *rd_options_get (gsize *n_options);

G_END_DECLS
