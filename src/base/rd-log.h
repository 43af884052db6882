/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Writes the log of the process (g_log()) to standard error, in UTF-8 whatever the locale, one line
 * per message. Never blocks: if standard error cannot take a line, the line waits in a buffer of
 * %RD_LOG_BUFFER_SIZE bytes, which the main loop writes later. Lines that do not fit are dropped;
 * when the log continues, a line says how many. If standard error is the journal, messages go to
 * the journal, without a buffer; unlike g_log_writer_journald(), this does not block either. */
typedef struct _RdLog RdLog;

#define RD_LOG_BUFFER_SIZE 65536

/* Installs the log in GLib, for all threads. Call this once, before any message is logged. The
 * level is %G_LOG_LEVEL_MESSAGE. Returns: (transfer none): the log, which is never freed. */
RdLog *rd_log_new (void);

/* Logs messages of @level and of more severe levels. %G_LOG_LEVEL_INFO and %G_LOG_LEVEL_DEBUG only
 * affect the domains of this project; as always in GLib, the environment variable G_MESSAGES_DEBUG
 * enables these two levels in the domains that it names. g_log_get_debug_enabled() then returns
 * whether debug messages of this project are logged. */
void rd_log_set_level (RdLog *self, GLogLevelFlags level);

/* Writes "PROGRAM: TEXT" without date and level, for an error that ends a program. */
void rd_log_print_error (RdLog *self, const char *text);

/* Writes the buffer before the process exits. If standard error is blocked, waits up to 100 ms. */
void rd_log_flush (RdLog *self);
