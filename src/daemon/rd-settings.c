/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Keeps what each source says, as text, and puts it into the fields through the one door there is,
 * rd_option_set(). Tells where a wrong value stands. Takes the environment's names from the table;
 * never looks at a command line or a file. */

#include "rd-settings.h"

#include <gio/gio.h>

#include "rd-text.h"

#define N_SOURCES        (RD_SOURCE_COMMAND_LINE + 1)
#define MAX_QUOTED_CHARS 60

struct _RdSettings
{
  const RdOption *options; /* unowned: outlives us */
  gsize n_options;
  GPtrArray **values[N_SOURCES]; /* one an option: char *, owned; NULL where the source is silent */
  char *key_file;                /* its name, for errors; nullable, owned */
};

RdSettings *
rd_settings_new (const RdOption *options, gsize n_options)
{
  RdSettings *self = g_new0 (RdSettings, 1);

  self->options = options;
  self->n_options = n_options;
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

static char *
variable_name (const RdOption *option)
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
      g_autofree char *name = variable_name (&self->options[i]);
      const char *value = rd_settings_get_variable (envp, name);

      if (value != NULL)
        rd_settings_add (self, RD_SOURCE_ENVIRONMENT, &self->options[i], value);
    }
}

void
rd_settings_set_key_file (RdSettings *self, const char *name)
{
  g_free (self->key_file);
  self->key_file = g_strdup (name);
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
      return variable_name (option);
    case RD_SOURCE_KEY_FILE:
      return g_strdup_printf ("%s: [%s] %s", self->key_file, option->group, option->name);
    case RD_SOURCE_PRESET:
      break;
    }
  return g_strdup_printf ("%s (default)", option->name);
}

G_GNUC_PRINTF (3, 4)
static void
set_value_error (GError **error, RdSource source, const char *format, ...)
{
  const struct
  {
    GQuark domain;
    int code;
  } kinds[N_SOURCES] = {
    [RD_SOURCE_PRESET] = { G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT },
    [RD_SOURCE_KEY_FILE] = { G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE },
    [RD_SOURCE_ENVIRONMENT] = { G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT },
    [RD_SOURCE_COMMAND_LINE] = { G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE },
  };
  va_list args;

  va_start (args, format);
  g_propagate_error (error,
                     g_error_new_valist (kinds[source].domain, kinds[source].code, format, args));
  va_end (args);
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

      if (values == NULL
          || rd_option_set (option, record, (const char *const *) values->pdata, &reason))
        continue;

      place = locate (self, source, option);
      set_value_error (error, source, "%s: %s", place, reason->message);
      return FALSE;
    }
  return TRUE;
}

static RdSource
strongest_source (const RdSettings *self, const RdOption *option)
{
  RdSource source = RD_SOURCE_COMMAND_LINE;

  while (source > RD_SOURCE_PRESET && self->values[source][option - self->options] == NULL)
    source--;
  return source;
}

/* Returns: (transfer full): where @option, which is no list, got its value, and what that is. */
static char *
describe (const RdSettings *self, const RdOption *option)
{
  RdSource source = strongest_source (self, option);
  const GPtrArray *values = self->values[source][option - self->options];
  const char *value = g_ptr_array_index (values, values->len - 1);
  g_autofree char *shown = rd_text_printable (value, MAX_QUOTED_CHARS);
  g_autofree char *place = locate (self, source, option);

  return g_strdup_printf ("%s “%s”", place, shown);
}

gboolean
rd_settings_refuse_pair (const RdSettings *self,
                         const char *name,
                         const char *conflict,
                         const char *other,
                         const char *advice,
                         GError **error)
{
  const RdOption *first = rd_settings_find (self, NULL, name);
  const RdOption *second = rd_settings_find (self, NULL, other);
  RdSource source = MAX (strongest_source (self, first), strongest_source (self, second));
  g_autofree char *this = describe (self, first);
  g_autofree char *that = describe (self, second);

  set_value_error (error, source, "%s %s %s; %s", this, conflict, that, advice);
  return FALSE;
}
