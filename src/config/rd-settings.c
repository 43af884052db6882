/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Keeps what each source says, as text, and puts it into the fields through the one door there is,
 * rd_option_set(). Tells where a wrong value stands. Takes the environment's names from the table;
 * never looks at a command line or a file. */

#include "rd-settings.h"

#include <gio/gio.h>
#include <glib/gi18n.h>

#include "rd-text.h"

#define N_SOURCES        (RD_SOURCE_COMMAND_LINE + 1)
#define MAX_QUOTED_CHARS 60

struct _RdSettings
{
  const RdOption *options; /* unowned: outlives us */
  gsize n_options;
  GPtrArray **values[N_SOURCES]; /* one an option: char *, owned; NULL where the source is silent */
  const char **other_variables;  /* one an option: a literal; NULL where there is none */
  char *key_file;                /* its name, for errors; nullable, owned */
};

RdSettings *
rd_settings_new (const RdOption *options, gsize n_options)
{
  RdSettings *self = g_new0 (RdSettings, 1);

  self->options = options;
  self->n_options = n_options;
  self->other_variables = g_new0 (const char *, n_options);
  for (int source = 0; source < N_SOURCES; source++)
    self->values[source] = g_new0 (GPtrArray *, n_options);
  for (gsize i = 0; i < n_options; i++)
    rd_settings_add (self, RD_SOURCE_PRESET, &options[i], options[i].preset);
  return self;
}

void
rd_settings_free (RdSettings *self)
{
  for (int source = 0; source < N_SOURCES; source++)
    {
      for (gsize i = 0; i < self->n_options; i++)
        g_clear_pointer (&self->values[source][i], g_ptr_array_unref);
      g_free (self->values[source]);
    }
  g_free (self->other_variables);
  g_free (self->key_file);
  g_free (self);
}

const RdOption *
rd_settings_get_options (const RdSettings *self, gsize *n_options)
{
  *n_options = self->n_options;
  return self->options;
}

const RdOption *
rd_settings_find (const RdSettings *self, const char *group, const char *name)
{
  for (gsize i = 0; i < self->n_options; i++)
    {
      const RdOption *option = &self->options[i];

      if ((group == NULL || g_str_equal (option->group, group))
          && (name == NULL || g_str_equal (option->name, name)))
        return option;
    }
  return NULL;
}

void
rd_settings_add (RdSettings *self, RdSource source, const RdOption *option, const char *text)
{
  GPtrArray **values = &self->values[source][option - self->options];

  if (*values == NULL)
    *values = g_ptr_array_new_null_terminated (1, g_free, TRUE);
  if (text != NULL)
    g_ptr_array_add (*values, g_strdup (text));
}

char *
rd_settings_dup_variable (const RdOption *option)
{
  g_autofree char *upper = g_ascii_strup (option->name, -1);

  return g_strdup_printf ("RINGDOWN_%s", g_strdelimit (upper, "-", '_'));
}

const char *
rd_settings_get_variable (char **envp, const char *name)
{
  const char *value = g_environ_getenv (envp, name);

  return value != NULL && *value != '\0' ? value : NULL;
}

void
rd_settings_add_environment (RdSettings *self, char **envp)
{
  for (gsize i = 0; i < self->n_options; i++)
    {
      g_autofree char *name = rd_settings_dup_variable (&self->options[i]);
      const char *value = rd_settings_get_variable (envp, name);

      if (value != NULL)
        rd_settings_add (self, RD_SOURCE_ENVIRONMENT, &self->options[i], value);
    }
}

void
rd_settings_add_other_variable (RdSettings *self,
                                const RdOption *option,
                                const char *variable,
                                const char *text)
{
  self->other_variables[option - self->options] = variable;
  rd_settings_add (self, RD_SOURCE_OTHER_VARIABLE, option, text);
}

const char *
rd_settings_get_other_variable (const RdSettings *self, const RdOption *option)
{
  return self->other_variables[option - self->options];
}

void
rd_settings_set_key_file (RdSettings *self, const char *name)
{
  g_free (self->key_file);
  self->key_file = g_strdup (name);
}

const char *
rd_settings_get_key_file (const RdSettings *self)
{
  return self->key_file;
}

/* Returns: (transfer full): where to find what @source says about @option. */
static char *
locate (const RdSettings *self, RdSource source, const RdOption *option)
{
  switch (source)
    {
    case RD_SOURCE_COMMAND_LINE:
      return g_strdup_printf ("--%s", option->name);
    case RD_SOURCE_ENVIRONMENT:
      return rd_settings_dup_variable (option);
    case RD_SOURCE_OTHER_VARIABLE:
      return g_strdup (rd_settings_get_other_variable (self, option));
    case RD_SOURCE_KEY_FILE:
      return g_strdup_printf ("%s: [%s] %s", self->key_file, option->group, option->name);
    case RD_SOURCE_PRESET:
      break;
    }
  return g_strdup_printf (_ ("%s (default)"), option->name);
}

static void
set_value_error (GError **error, RdSource source, const char *message)
{
  const struct
  {
    GQuark domain;
    int code;
  } kinds[N_SOURCES] = {
    [RD_SOURCE_PRESET] = { G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT },
    [RD_SOURCE_KEY_FILE] = { G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE },
    [RD_SOURCE_OTHER_VARIABLE] = { G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT },
    [RD_SOURCE_ENVIRONMENT] = { G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT },
    [RD_SOURCE_COMMAND_LINE] = { G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE },
  };

  g_set_error_literal (error, kinds[source].domain, kinds[source].code, message);
}

gboolean
rd_settings_apply (const RdSettings *self, RdSource source, gpointer record, GError **error)
{
  for (gsize i = 0; i < self->n_options; i++)
    {
      const RdOption *option = &self->options[i];
      const GPtrArray *values = self->values[source][i];
      g_autoptr (GError) reason = NULL;
      g_autofree char *place = NULL;
      g_autofree char *message = NULL;

      if (values == NULL
          || rd_option_set (option, record, (const char *const *) values->pdata, &reason))
        continue;

      place = locate (self, source, option);
      message = g_strdup_printf ("%s: %s", place, reason->message);
      set_value_error (error, option->is_remote ? RD_SOURCE_ENVIRONMENT : source, message);
      return FALSE;
    }
  return TRUE;
}

RdSource
rd_settings_get_source (const RdSettings *self, const RdOption *option)
{
  RdSource source = RD_SOURCE_COMMAND_LINE;

  while (source > RD_SOURCE_PRESET && self->values[source][option - self->options] == NULL)
    source--;
  return source;
}

char *
rd_settings_quote (const RdSettings *self, const char *name)
{
  const RdOption *option = rd_settings_find (self, NULL, name);
  RdSource source = rd_settings_get_source (self, option);
  const GPtrArray *values = self->values[source][option - self->options];
  const char *value = g_ptr_array_index (values, values->len - 1);
  g_autofree char *shown = rd_text_printable (value, MAX_QUOTED_CHARS);
  g_autofree char *place = locate (self, source, option);

  /* Translators: where a setting comes from, and its value; only the quotes are to be translated */
  return g_strdup_printf (_ ("%s “%s”"), place, shown);
}

void
rd_settings_set_pair_error (const RdSettings *self,
                            GError **error,
                            const char *name,
                            const char *other,
                            const char *message)
{
  RdSource source = rd_settings_get_source (self, rd_settings_find (self, NULL, name));
  RdSource other_source = rd_settings_get_source (self, rd_settings_find (self, NULL, other));

  set_value_error (error, MAX (source, other_source), message);
}
