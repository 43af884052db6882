/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-option.h"

/* The sources of an option's value, in order of increasing precedence. */
typedef enum
{
  RD_SOURCE_PRESET, /* the default value */
  RD_SOURCE_KEY_FILE,
  RD_SOURCE_OTHER_VARIABLE, /* a variable shared with other programs, such as REDIS_HOST */
  RD_SOURCE_ENVIRONMENT,
  RD_SOURCE_COMMAND_LINE,
} RdSource;

/* The values of all options from all sources, as unchecked text. Other modules only read this. */
typedef struct
{
  const RdOption *options; /* unowned: outlives us */
  gsize n_options;
  GPtrArray **values;           /* owned: the values by source and option; see values_of() */
  const char **other_variables; /* owned: for each option, a name such as REDIS_HOST, or NULL */
  char *key_file;               /* owned, nullable: printable path; NULL: none was read */
  GStrvBuilder *warnings;       /* owned: values that were ignored although somebody set them */
  GStrvBuilder *notes;          /* owned: values that were ignored because they are not for us */
} RdSettings;

/* Creates settings with the default values. @options: an array of @n_options elements that must
 * outlive the settings; options of the same group must be adjacent. Returns: (transfer full). */
RdSettings *rd_settings_new (const RdOption *options, gsize n_options);
void rd_settings_free (RdSettings *self);

/* Returns: (transfer none) (nullable): the first option called @name in @group, or NULL if there is
 * none. A NULL @group matches all groups; a NULL @name matches all names. */
const RdOption *rd_settings_find (const RdSettings *self, const char *group, const char *name);

/* Appends @text to the values of @option from @source. A NULL @text adds no value, but
 * @option counts as set by @source. */
void rd_settings_add (RdSettings *self, RdSource source, const RdOption *option, const char *text);

/* Returns: (transfer full): @text, such as an unknown option, in printable form for a message. "…"
 * replaces the first ":", "@" or "=" and everything after it, which may contain a password. */
char *rd_settings_dup_printable (const char *text);

/* Adds the values of the RINGDOWN_* variables in @envp (NULL-terminated). Adds a warning for each
 * unknown variable, and a note for each one that rd_settings_ignore_link() ignores. */
void rd_settings_add_environment (RdSettings *self, char **envp);

/* Adds a note if Kubernetes or Docker has set the variable @name to the URL of a service, as in
 * RINGDOWN_PORT=tcp://10.0.0.1:8000. Returns: whether that is so. */
gboolean rd_settings_ignore_link (RdSettings *self, const char *name, const char *value);

/* Adds @text to the values of @option from %RD_SOURCE_OTHER_VARIABLE. @variable: the name of the
 * environment variable, for messages; a string literal, which is not copied. */
void rd_settings_add_other_variable (RdSettings *self,
                                     const RdOption *option,
                                     const char *variable,
                                     const char *text);

/* Adds the values in the key file. Its path is @given (nullable) or, if that is NULL,
 * RINGDOWN_CONFIG in @envp; in both cases the file must be readable. If neither is set, reads the
 * user's key file if it exists, otherwise the system's key file if it exists. Of these two, a file
 * that is only for another user is ignored, with a warning or note; but with --bus=system, the
 * system's key file is for any user. Call rd_settings_add_environment() first. Returns: TRUE, or
 * FALSE with a %G_IO_ERROR or %G_KEY_FILE_ERROR, whose message names the file and, if a value is
 * invalid, the group and the key. */
gboolean rd_settings_add_key_file (RdSettings *self,
                                   const char *given,
                                   char **envp,
                                   GError **error);

/* Returns: (transfer none) (nullable): value of variable @name, or NULL if it is empty or unset. */
const char *rd_settings_get_variable (char **envp, const char *name);

/* Sets those fields of the struct @record for which @source contains values.
 * Returns: TRUE, or FALSE with an error; some fields may be set even on failure. The message begins
 * with the option, the variable, or the file, group and key. The error domain depends on @source:
 * %G_OPTION_ERROR, %G_IO_ERROR or %G_KEY_FILE_ERROR. */
gboolean rd_settings_apply (const RdSettings *self,
                            RdSource source,
                            gpointer record,
                            GError **error);

/* Returns: among the sources that set @option, the one with the highest precedence. */
RdSource rd_settings_get_source (const RdSettings *self, const RdOption *option);

/* Returns: (transfer full): the source that sets @option, as text for messages: "--port",
 * "RINGDOWN_PORT", "key file" or "default". */
char *rd_settings_dup_source (const RdSettings *self, const RdOption *option);

/* Sets an error for two options, @name and @other, whose values contradict each other. Example of
 * the message: "--log-size “1MiB” @problem --max-message “64KiB”; @remedy". The source of @name or
 * @other with the higher precedence determines the error domain, as in rd_settings_apply(). The
 * options must not be lists or contain a password. Returns: FALSE. */
gboolean rd_settings_refuse_pair (const RdSettings *self,
                                  const char *name,
                                  const char *problem,
                                  const char *other,
                                  const char *remedy,
                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSettings, rd_settings_free)
