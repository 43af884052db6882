/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

#include "rd-option.h"

G_BEGIN_DECLS

/* Who can set an option, from weak to strong. */
typedef enum
{
  RD_SOURCE_PRESET,
  RD_SOURCE_KEY_FILE,
  RD_SOURCE_OTHER_VARIABLE, /* of the environment, under a name that is not ours alone */
  RD_SOURCE_ENVIRONMENT,
  RD_SOURCE_COMMAND_LINE,
} RdSource;

/* What each source says about a table of options, before anybody has looked at the values. */
typedef struct _RdSettings RdSettings;

/* @options: of @n_options, those of a group side by side; unowned: outlives the settings.
 * Returns: (transfer full): with what the presets say. */
RdSettings *rd_settings_new (const RdOption *options, gsize n_options);
void rd_settings_free (RdSettings *self);

/* Returns: (transfer none): the table, ended by @n_options. */
const RdOption *rd_settings_get_options (const RdSettings *self, gsize *n_options);

/* Returns: (transfer none) (nullable): the first option of that @group and @name; NULL is any. */
const RdOption *rd_settings_find (const RdSettings *self, const char *group, const char *name);

/* @source says @text of @option, after what it said before; NULL: that it has no value. */
void rd_settings_add (RdSettings *self, RdSource source, const RdOption *option, const char *text);

/* Returns: (transfer full): the name of the variable of @option: "RINGDOWN_DRAIN_TIMEOUT". */
char *rd_settings_dup_variable (const RdOption *option);

/* Adds what the variables in @envp (NULL-terminated) say. */
void rd_settings_add_environment (RdSettings *self, char **envp);

/* The variable @variable, a literal, says @text of @option. */
void rd_settings_add_other_variable (RdSettings *self,
                                     const RdOption *option,
                                     const char *variable,
                                     const char *text);

/* Returns: (transfer none) (nullable): the last such variable of @option; NULL: there is none. */
const char *rd_settings_get_other_variable (const RdSettings *self, const RdOption *option);

/* Returns: (transfer none) (nullable): the variable @name; an empty one counts as not set. */
const char *rd_settings_get_variable (char **envp, const char *name);

/* @name: of the key file that %RD_SOURCE_KEY_FILE stands for, fit to be shown.
 * Returns: (transfer none) (nullable): that name, NULL: no file was read. */
void rd_settings_set_key_file (RdSettings *self, const char *name);
const char *rd_settings_get_key_file (const RdSettings *self);

/* Puts what @source says into the fields of the struct at @record. On error some fields are set,
 * and the message starts with what to correct: option, variable, or file, group and key. The domain
 * is that of the source: %G_OPTION_ERROR, %G_IO_ERROR, %G_KEY_FILE_ERROR. */
gboolean rd_settings_apply (const RdSettings *self,
                            RdSource source,
                            gpointer record,
                            GError **error);

/* Returns: the strongest source that says anything of @option: the one that holds. */
RdSource rd_settings_get_source (const RdSettings *self, const RdOption *option);

/* Returns: (transfer full): where the option @name, which is no list and no secret, got its value,
 * and that value as it was typed: "--log-size “1MiB”". */
char *rd_settings_quote (const RdSettings *self, const char *name);

/* Sets an error, as from the stronger one's source: @message, that the two do not go together. */
void rd_settings_set_pair_error (const RdSettings *self,
                                 GError **error,
                                 const char *name,
                                 const char *other,
                                 const char *message);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSettings, rd_settings_free)

G_END_DECLS
