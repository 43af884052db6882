/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Collects the values of options from all sources, reads the key file, and reports invalid values
 * with their source. */

#include "rd-settings.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "rd-text.h"

#define SYSTEM_KEY_FILE "/etc/ringdown/ringdown.conf"
#define N_SOURCES       (RD_SOURCE_COMMAND_LINE + 1)
#define PREFIX          "RINGDOWN_"
#define MAX_NAME_CHARS  60 /* maximum number of characters of a variable's name in a warning */

/* Variables that Kubernetes and Docker links set for a service called NAME have these names after
 * "NAME_". https://kubernetes.io/docs/concepts/services-networking/service */
#define LINK_NAME                                                                      \
  "(SERVICE_(HOST|PORT)(_.+)?|PORT_[0-9]+(_TCP|_UDP|_SCTP)(_PROTO|_PORT(_.+)?|_ADDR)?" \
  "|ENV_.+)$"

/* Returns: a pointer to the array of values of @option from @source. The array may be NULL. */
static GPtrArray **
values_of (const RdSettings *self, RdSource source, const RdOption *option)
{
  return &self->values[source * self->n_options + (option - self->options)];
}

RdSettings *
rd_settings_new (const RdOption *options, gsize n_options)
{
  RdSettings *self = g_new0 (RdSettings, 1);

  self->options = options;
  self->n_options = n_options;
  self->other_variables = g_new0 (const char *, n_options);
  self->values = g_new0 (GPtrArray *, N_SOURCES * n_options);
  self->warnings = g_strv_builder_new ();
  self->notes = g_strv_builder_new ();
  for (gsize i = 0; i < n_options; i++)
    rd_settings_add (self, RD_SOURCE_PRESET, &options[i], options[i].preset);
  return self;
}

void
rd_settings_free (RdSettings *self)
{
  for (gsize i = 0; i < N_SOURCES * self->n_options; i++)
    g_clear_pointer (&self->values[i], g_ptr_array_unref);
  g_free (self->values);
  g_free (self->other_variables);
  g_free (self->key_file);
  g_strv_builder_unref (self->warnings);
  g_strv_builder_unref (self->notes);
  g_free (self);
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
  GPtrArray **values = values_of (self, source, option);

  if (*values == NULL)
    *values = g_ptr_array_new_null_terminated (1, g_free, TRUE);
  if (text != NULL)
    g_ptr_array_add (*values, g_strdup (text));
}

RdSource
rd_settings_get_source (const RdSettings *self, const RdOption *option)
{
  RdSource source = RD_SOURCE_COMMAND_LINE;

  while (source > RD_SOURCE_PRESET && *values_of (self, source, option) == NULL)
    source--;
  return source;
}

/* Returns: (transfer none) (nullable): the unchecked value of @option; of a list, the last one. */
static const char *
get_text (const RdSettings *self, const RdOption *option)
{
  const GPtrArray *values = *values_of (self, rd_settings_get_source (self, option), option);

  return values->len > 0 ? g_ptr_array_index (values, values->len - 1) : NULL;
}

const char *
rd_settings_get_variable (char **envp, const char *name)
{
  const char *value = g_environ_getenv (envp, name);

  return value != NULL && *value != '\0' ? value : NULL;
}

gboolean
rd_settings_ignore_link (RdSettings *self, const char *name, const char *value)
{
  g_autofree char *shown = rd_text_printable (value, RD_OPTION_MAX_QUOTED);
  g_autofree char *text = NULL;

  if (!g_str_has_suffix (name, "_PORT")
      || !g_regex_match_simple ("^(tcp|udp|sctp)://", value, 0, 0))
    return FALSE;

  text = g_strdup_printf ("%s: “%s” is ignored; Kubernetes or Docker sets this variable for a "
                          "service of that name",
                          name, shown);
  g_strv_builder_add (self->notes, text);
  return TRUE;
}

/* Returns whether @name (RINGDOWN_*) is the variable of an option, of another purpose, or of a
 * service in Kubernetes or Docker. */
static gboolean
is_known_variable (const RdSettings *self, const char *name, const char *value)
{
  if (g_str_equal (name, PREFIX "CONFIG") || g_str_equal (name, PREFIX "HANDOVER")
      || g_regex_match_simple ("^" PREFIX "(.+_)?" LINK_NAME, name, 0, 0)
      || (g_str_has_suffix (name, "_PORT") && strstr (value, "://") != NULL)
      || (g_str_has_suffix (name, "_NAME") && *value == '/'))
    return TRUE;

  for (gsize i = 0; i < self->n_options; i++)
    {
      g_autofree char *known = rd_option_dup_variable (&self->options[i]);

      if (g_str_equal (name, known))
        return TRUE;
    }
  return FALSE;
}

static void
warn_of_unknown_variables (RdSettings *self, char **envp)
{
  for (; *envp != NULL; envp++)
    {
      g_auto (GStrv) parts = g_strsplit (*envp, "=", 2);
      g_autofree char *shown = NULL;
      g_autofree char *text = NULL;

      if (!g_str_has_prefix (*envp, PREFIX) || parts[1] == NULL || *parts[1] == '\0'
          || is_known_variable (self, parts[0], parts[1]))
        continue;

      shown = rd_text_printable (parts[0], MAX_NAME_CHARS);
      text = g_strdup_printf ("%s: unknown variable, ignored; see ringdown --help", shown);
      g_strv_builder_add (self->warnings, text);
    }
}

void
rd_settings_add_environment (RdSettings *self, char **envp)
{
  for (gsize i = 0; i < self->n_options; i++)
    {
      g_autofree char *name = rd_option_dup_variable (&self->options[i]);
      const char *value = rd_settings_get_variable (envp, name);

      if (value != NULL && !rd_settings_ignore_link (self, name, value))
        rd_settings_add (self, RD_SOURCE_ENVIRONMENT, &self->options[i], value);
    }
  warn_of_unknown_variables (self, envp);
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

char *
rd_settings_dup_printable (const char *text)
{
  g_autofree char *start = g_strndup (text, strcspn (text, ":@="));
  g_autofree char *shown = rd_text_printable (start, RD_OPTION_MAX_QUOTED);

  return g_strconcat (shown, start[strlen (start)] == text[strlen (start)] ? "" : "…", NULL);
}

static gboolean
read_key (RdSettings *self, GKeyFile *file, const char *group, const char *key, GError **error)
{
  const RdOption *option = rd_settings_find (self, group, key);
  const RdOption *elsewhere = rd_settings_find (self, NULL, key);
  g_autoptr (GError) reason = NULL;
  g_autofree char *value = g_key_file_get_string (file, group, key, &reason);

  if (option != NULL && reason == NULL)
    {
      rd_settings_add (self, RD_SOURCE_KEY_FILE, option, value);
      return TRUE;
    }

  if (option != NULL)
    /* do not use GLib's message, which may quote a password */
    g_set_error_literal (error, reason->domain, reason->code,
                         reason->code == G_KEY_FILE_ERROR_INVALID_VALUE
                           ? "unknown escape sequence in the value; write \\\\ for a backslash"
                           : "the value is not valid UTF-8");
  else if (elsewhere != NULL)
    g_set_error (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND,
                 "wrong group; this key belongs in [%s]", elsewhere->group);
  else
    g_set_error_literal (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND,
                         "unknown key; see ringdown --help");
  return FALSE;
}

static gboolean
read_group (RdSettings *self, GKeyFile *file, const char *group, GError **error)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, group, NULL, NULL);
  g_autofree char *shown = rd_settings_dup_printable (group);

  if (rd_settings_find (self, group, NULL) == NULL)
    {
      g_set_error (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_GROUP_NOT_FOUND,
                   "[%s]: unknown group; see ringdown --help", shown);
      return FALSE;
    }
  for (char **key = keys; *key != NULL; key++)
    {
      if (!read_key (self, file, group, *key, error))
        {
          g_autofree char *shown_key = rd_settings_dup_printable (*key);

          g_prefix_error (error, "[%s] %s: ", shown, shown_key);
          return FALSE;
        }
    }
  return TRUE;
}

/* Returns: the number (from 1) of the first line in @text that GLib rejects with the error @code of
 * %G_KEY_FILE_ERROR. GLib's own message would quote the line, which may contain a password. */
static guint
find_bad_line (const char *text, int code)
{
  const char *start = code == G_KEY_FILE_ERROR_GROUP_NOT_FOUND ? "" : "[group]\n";
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint n = 0;

  for (; lines[n] != NULL; n++)
    {
      g_autoptr (GKeyFile) file = g_key_file_new ();
      g_autofree char *one = g_strconcat (start, lines[n], NULL);

      if (!g_key_file_load_from_data (file, one, -1, 0, NULL) && *one != '\0')
        break;
    }
  return n + 1;
}

static gboolean
read_groups (RdSettings *self, const char *text, gsize length, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) reason = NULL;
  g_auto (GStrv) groups = NULL;

  /* KEEP_TRANSLATIONS: read_group() must see keys such as "port[de]" to reject them */
  if (!g_key_file_load_from_data (file, text, length, G_KEY_FILE_KEEP_TRANSLATIONS, &reason))
    {
      g_set_error (error, reason->domain, reason->code,
                   reason->code == G_KEY_FILE_ERROR_GROUP_NOT_FOUND
                     ? "line %u is before the first [GROUP]"
                     : "line %u is not KEY=VALUE, [GROUP] or #COMMENT",
                   find_bad_line (text, reason->code));
      return FALSE;
    }

  groups = g_key_file_get_groups (file, NULL);
  for (char **group = groups; *group != NULL; group++)
    {
      if (!read_group (self, file, *group, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_key_file (RdSettings *self, const char *path, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autofree char *name = rd_text_printable (path, G_MAXSIZE);
  g_autofree char *shown = NULL;
  g_autofree char *text = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, &reason))
    {
      shown = rd_text_printable (reason->message, G_MAXSIZE); /* the path may be unprintable */
      g_set_error_literal (error, G_IO_ERROR, g_io_error_from_file_error (reason->code), shown);
      return FALSE;
    }
  if (!read_groups (self, text, length, &reason))
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&reason), "%s: ", name);
      return FALSE;
    }
  self->key_file = g_steal_pointer (&name);
  return TRUE;
}

/* Returns: (transfer full) (nullable): path of the user's key file (XDG Base Directory
 * Specification), or NULL if neither XDG_CONFIG_HOME nor HOME defines it. */
static char *
user_key_file (char **envp)
{
  const char *config = rd_settings_get_variable (envp, "XDG_CONFIG_HOME");
  const char *home = rd_settings_get_variable (envp, "HOME");

  if (config != NULL && g_path_is_absolute (config))
    return g_build_filename (config, "ringdown", "ringdown.conf", NULL);
  return home != NULL ? g_build_filename (home, ".config", "ringdown", "ringdown.conf", NULL)
                      : NULL;
}

/* Ignores the unreadable key file @path if it is not for the user of this process: it belongs to
 * another user, or is in a directory that this user may not search. Returns: whether it is. */
static gboolean
ignore_foreign (RdSettings *self, const char *path)
{
  g_autofree char *shown = rd_text_printable (path, G_MAXSIZE);
  g_autofree char *text = g_strdup_printf ("%s: permission denied, so this key file is ignored",
                                           shown);
  GStatBuf status;
  const gboolean is_visible = g_stat (path, &status) == 0;

  if (is_visible && status.st_uid == geteuid ())
    return FALSE;

  /* the directory of the system's key file is private, whether or not it contains a file */
  g_strv_builder_add (
    !is_visible && g_str_equal (path, SYSTEM_KEY_FILE) ? self->notes : self->warnings, text);
  return TRUE;
}

/* Reads the key file @path (nullable) if it exists and is for the user of this process. @is_own:
 * whether it is for this user in any case. Returns: TRUE, or FALSE with an error. */
static gboolean
read_optional (RdSettings *self, const char *path, gboolean is_own, GError **error)
{
  g_autoptr (GError) reason = NULL;

  if (path == NULL || read_key_file (self, path, &reason)
      || g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)
      || g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY))
    return TRUE;
  if (!is_own && g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED)
      && ignore_foreign (self, path))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

gboolean
rd_settings_add_key_file (RdSettings *self, const char *given, char **envp, GError **error)
{
  const gboolean is_system
    = g_strcmp0 (get_text (self, rd_settings_find (self, NULL, "bus")), "system") == 0;
  g_autofree char *user_file = user_key_file (envp);

  if (given == NULL)
    given = rd_settings_get_variable (envp, "RINGDOWN_CONFIG");
  if (given != NULL)
    return read_key_file (self, given, error);
  return read_optional (self, user_file, FALSE, error)
         && (self->key_file != NULL || read_optional (self, SYSTEM_KEY_FILE, is_system, error));
}

/* Returns: (transfer full): the place where @source sets @option, such as "FILE: [Server] port". */
static char *
locate (const RdSettings *self, RdSource source, const RdOption *option)
{
  switch (source)
    {
    case RD_SOURCE_COMMAND_LINE:
      return g_strdup_printf ("--%s", option->name);
    case RD_SOURCE_ENVIRONMENT:
      return rd_option_dup_variable (option);
    case RD_SOURCE_OTHER_VARIABLE:
      return g_strdup (self->other_variables[option - self->options]);
    case RD_SOURCE_KEY_FILE:
      return g_strdup_printf ("%s: [%s] %s", self->key_file, option->group, option->name);
    case RD_SOURCE_PRESET:
      break;
    }
  return g_strdup_printf ("%s (default)", option->name);
}

static void
set_value_error (GError **error, RdSource source, const char *message)
{
  if (source == RD_SOURCE_COMMAND_LINE)
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);
  else if (source == RD_SOURCE_KEY_FILE)
    g_set_error_literal (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE, message);
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, message);
}

gboolean
rd_settings_apply (const RdSettings *self, RdSource source, gpointer record, GError **error)
{
  for (gsize i = 0; i < self->n_options; i++)
    {
      const RdOption *option = &self->options[i];
      const GPtrArray *values = *values_of (self, source, option);
      g_autoptr (GError) reason = NULL;
      g_autofree char *place = NULL;
      g_autofree char *message = NULL;

      if (values == NULL
          || rd_option_set (option, record, (const char *const *) values->pdata, &reason))
        continue;

      place = locate (self, source, option);
      message = g_strdup_printf ("%s: %s", place, reason->message);
      /* an invalid Redis URL is never a usage error (%G_OPTION_ERROR), not even in --redis */
      set_value_error (error, option->type == RD_OPTION_REDIS ? RD_SOURCE_ENVIRONMENT : source,
                       message);
      return FALSE;
    }
  return TRUE;
}

char *
rd_settings_dup_source (const RdSettings *self, const RdOption *option)
{
  RdSource source = rd_settings_get_source (self, option);

  if (source == RD_SOURCE_PRESET)
    return g_strdup ("default");
  return source == RD_SOURCE_KEY_FILE ? g_strdup ("key file") : locate (self, source, option);
}

/* Returns: (transfer full): the place where the option @name is set, then the value of the option,
 * such as "--log-size “1MiB”". */
static char *
quote (const RdSettings *self, const char *name)
{
  const RdOption *option = rd_settings_find (self, NULL, name);
  g_autofree char *shown = rd_text_printable (get_text (self, option), RD_OPTION_MAX_QUOTED);
  g_autofree char *place = locate (self, rd_settings_get_source (self, option), option);

  return g_strdup_printf ("%s “%s”", place, shown);
}

gboolean
rd_settings_refuse_pair (const RdSettings *self,
                         const char *name,
                         const char *problem,
                         const char *other,
                         const char *remedy,
                         GError **error)
{
  RdSource source = rd_settings_get_source (self, rd_settings_find (self, NULL, name));
  RdSource other_source = rd_settings_get_source (self, rd_settings_find (self, NULL, other));
  g_autofree char *quoted = quote (self, name);
  g_autofree char *other_quoted = quote (self, other);
  g_autofree char *message = g_strdup_printf ("%s %s %s; %s", quoted, problem, other_quoted,
                                              remedy);

  set_value_error (error, MAX (source, other_source), message);
  return FALSE;
}
