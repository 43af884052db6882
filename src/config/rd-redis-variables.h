/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-settings.h"

G_BEGIN_DECLS

/* Adds what REDIS_HOST, REDIS_PORT and REDIS_CHANNEL in @envp (NULL-terminated) say of the options
 * redis and redis-channel, as far as no stronger source does. After those were added. Returns:
 * FALSE with %G_IO_ERROR_INVALID_ARGUMENT; the message starts with the variable. */
gboolean rd_redis_variables_read (RdSettings *settings, char **envp, GError **error);

G_END_DECLS
