/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A real Redis server, at a UNIX socket in a directory of its own. Ends with this process. */
typedef struct
{
  char *directory; /* owned */
  char *socket;    /* owned: its path */
  GPid pid;
} RedisProcess;

/* Waits until it can be used. */
RedisProcess *redis_process_new (void);
void redis_process_free (RedisProcess *redis);

/* Returns: (transfer full): the URL of one of its databases. */
char *redis_process_dup_url (const RedisProcess *redis, guint database);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RedisProcess, redis_process_free)

G_END_DECLS
