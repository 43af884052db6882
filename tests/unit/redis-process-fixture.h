/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* A real Redis server with a UNIX socket in a new directory. Killed when this process ends. */
typedef struct
{
  char *directory; /* owned */
  char *socket;    /* owned: path of the UNIX socket */
  GPid pid;
} RedisProcess;

/* Starts a server; blocks until it accepts connections. */
RedisProcess *redis_process_new (void);
void redis_process_free (RedisProcess *redis);

/* Returns: (transfer full): the URL of @database. */
char *redis_process_dup_url (const RedisProcess *redis, guint database);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RedisProcess, redis_process_free)
