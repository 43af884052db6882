/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-option.h"

/* The sources of a value, by increasing precedence. */
typedef enum
{
  RD_SOURCE_PRESET,
  RD_SOURCE_KEY_FILE,
  RD_SOURCE_OTHER_VARIABLE, /* a variable shared with other programs, such as REDIS_HOST */
  RD_SOURCE_ENVIRONMENT,
  RD_SOURCE_COMMAND_LINE,
} RdSource;

/* The values of a table of options from all sources, as text that has not been checked yet. */
typedef struct _RdSettings RdSettings;

/* @options: an array of @n_options, which outlives the settings; the options of a group are
 * adjacent. Returns: (transfer full): settings with the default values only. */
RdSettings *rd_settings_new (const RdOption *options, gsize n_options);
void rd_settings_free (RdSettings *self);

/* Returns: (transfer none): the table of options. */
const RdOption *rd_settings_get_options (const RdSettings *self, gsize *n_options);

/* Returns: (transfer none) (nullable): the first option with that @group and @name; NULL matches
 * any. */
const RdOption *rd_settings_find (const RdSettings *self, const char *group, const char *name);

/* Adds a value after the previous values from @source. @text: NULL for no value. */
void rd_settings_add (RdSettings *self, RdSource source, const RdOption *option, const char *text);

/* Returns: (transfer full): an unknown word for an error message: printable, and cut with "…" where
 * the password of a URL could follow. */
char *rd_settings_dup_printable (const char *text);

/* Adds the RINGDOWN_* variables in @envp (NULL-terminated). */
void rd_settings_add_environment (RdSettings *self, char **envp);

/* Adds a value from a variable that other programs use, too. @variable: its name, a literal. */
void rd_settings_add_other_variable (RdSettings *self,
                                     const RdOption *option,
                                     const char *variable,
                                     const char *text);

/* Adds the values in the key file: the file @given, or else the one that RINGDOWN_CONFIG in @envp
 * names, which must exist; or else the file of the user or the system, if there is one.
 * Returns: FALSE with %G_IO_ERROR or %G_KEY_FILE_ERROR; the message names the file, and the group
 * and the key if there is one. */
gboolean rd_settings_add_key_file (RdSettings *self,
                                   const char *given,
                                   char **envp,
                                   GError **error);

/* Returns: (transfer none) (nullable): the path of the key file that was read, printable. */
const char *rd_settings_get_key_file (const RdSettings *self);

/* Returns: (transfer none) (nullable): the variable @name; NULL if it is empty. */
const char *rd_settings_get_variable (char **envp, const char *name);

/* Sets the fields of the struct @record to the values from @source.
 * Returns: FALSE with an error: some fields may be set, and the message begins with the option,
 * the variable, or file, group and key. The error's domain depends on the source: %G_OPTION_ERROR,
 * %G_IO_ERROR or %G_KEY_FILE_ERROR. */
gboolean rd_settings_apply (const RdSettings *self,
                            RdSource source,
                            gpointer record,
                            GError **error);

/* Returns: the source with the highest precedence that has a value for @option. */
RdSource rd_settings_get_source (const RdSettings *self, const RdOption *option);

/* Returns: (transfer full): the name of that source: "--port", "RINGDOWN_PORT", "key file",
 * "default". */
char *rd_settings_dup_source (const RdSettings *self, const RdOption *option);

/* Sets an error for the options @name and @other, whose values contradict each other:
 * "--log-size “1MiB” @problem --max-message “64KiB”; @remedy". The domain is that of the source
 * with the higher precedence. Neither option may be a list or a secret. Returns: FALSE. */
gboolean rd_settings_refuse_pair (const RdSettings *self,
                                  const char *name,
                                  const char *problem,
                                  const char *other,
                                  const char *remedy,
                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSettings, rd_settings_free)
