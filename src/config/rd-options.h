/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-option.h"
#include "rd-redis.h"

typedef enum
{
  RD_CONFIG_BUS_SESSION,
  RD_CONFIG_BUS_SYSTEM,
  RD_CONFIG_BUS_NONE,
} RdConfigBus;

typedef enum
{
  RD_CONFIG_DRAIN_SERVICE_RESTART,
  RD_CONFIG_DRAIN_GOING_AWAY,
} RdConfigDrainCode;

/* In the order of GLogLevelFlags. */
typedef enum
{
  RD_CONFIG_LOG_WARNING,
  RD_CONFIG_LOG_MESSAGE,
  RD_CONFIG_LOG_INFO,
  RD_CONFIG_LOG_DEBUG,
} RdConfigLogLevel;

/* The values of all options. The table in rd-options.c describes the options. */
typedef struct
{
  char **addresses;
  guint port; /* 0: any free port */
  char *path;
  char *admin_address;
  int admin_port; /* 0: any free port; -1: no admin port */
  gint64 notify_interval_us;
  char *notify_message;
  gint64 drain_timeout_us;
  gint64 shutdown_timeout_us;
  gint64 drain_interval_us;
  gint64 drain_grace_us;
  RdConfigDrainCode drain_code;
  char *redis; /* nullable: URL, which may contain a password; NULL for no Redis */
  RdRedisMode redis_mode;
  char *redis_channel;
  guint redis_history;
  guint64 redis_buffer;
  char *instance; /* nullable */
  RdConfigLogLevel log_level;
  gboolean reuse_port;
  RdConfigBus bus;
  gboolean replace;
  gint64 handover_timeout_us;
  guint64 log_size;
  guint64 max_message;
  guint max_clients; /* 0: limited only by file descriptors */
  gint64 ping_interval_us;
  gint64 ping_timeout_us;
  char **allow_origins; /* glob patterns of additional origins; may be empty */
  char **subprotocols;  /* accepted WebSocket subprotocols; may be empty */

  /* Not options: values that were ignored, one sentence each. */
  char **warnings; /* somebody set the value for us, or may have */
  char **notes;    /* the value is not for us */
} RdConfig;

/* Returns: (transfer none): the table of all options, which set the fields of RdConfig. Options of
 * the same group are adjacent. @n_options: (out): number of options in the table. */
const RdOption *rd_options_get (gsize *n_options);
