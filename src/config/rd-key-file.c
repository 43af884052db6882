/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Finds and reads the key file. Every group and key in it must be in the table of options, as
 * a misspelt one would be lost without a word; what a value may be is rd-option's. Never writes a
 * file. */

#include "rd-key-file.h"

#include <gio/gio.h>
#include <glib/gi18n.h>

#include "rd-option.h"
#include "rd-redis-url.h"
#include "rd-text.h"

#define SYSTEM_KEY_FILE  "/etc/ringdown/ringdown.conf"
#define MAX_ECHOED_CHARS 200

static gboolean
read_value (RdSettings *settings, GKeyFile *file, const RdOption *option, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autofree char *value = g_key_file_get_string (file, option->group, option->name, &reason);

  /* A value with a wrong escape comes along with its error. */
  if (g_error_matches (reason, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE))
    {
      g_set_error_literal (error, reason->domain, reason->code,
                           _ ("unknown escape in the value; give \\\\ for a backslash"));
      return FALSE;
    }
  if (reason != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
  rd_settings_add (settings, RD_SOURCE_KEY_FILE, option, value);
  return TRUE;
}

static gboolean
read_key (RdSettings *settings, GKeyFile *file, const char *group, const char *key, GError **error)
{
  const RdOption *option = rd_settings_find (settings, group, key);
  const RdOption *elsewhere = rd_settings_find (settings, NULL, key);

  if (option != NULL)
    return read_value (settings, file, option, error);

  if (elsewhere != NULL)
    g_set_error (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND,
                 _ ("unknown key; it belongs to [%s]"), elsewhere->group);
  else
    g_set_error_literal (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND,
                         _ ("unknown key; see ringdown --help"));
  return FALSE;
}

static gboolean
read_group (RdSettings *settings, GKeyFile *file, const char *group, GError **error)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, group, NULL, NULL);

  if (rd_settings_find (settings, group, NULL) == NULL)
    {
      g_set_error (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_GROUP_NOT_FOUND,
                   _ ("[%s]: unknown group; see ringdown --help"), group);
      return FALSE;
    }
  for (char **key = keys; *key != NULL; key++)
    {
      if (!read_key (settings, file, group, *key, error))
        {
          g_prefix_error (error, "[%s] %s: ", group, *key);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
read_groups (RdSettings *settings, const char *text, gsize length, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_auto (GStrv) groups = NULL;

  /* KEEP_TRANSLATIONS: else "port[de]" would be passed over in silence. */
  if (!g_key_file_load_from_data (file, text, length, G_KEY_FILE_KEEP_TRANSLATIONS, error))
    return FALSE;

  groups = g_key_file_get_groups (file, NULL);
  for (char **group = groups; *group != NULL; group++)
    {
      if (!read_group (settings, file, *group, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_key_file (RdSettings *settings, const char *path, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autofree char *name = rd_text_printable (path, G_MAXSIZE);
  g_autofree char *hidden = NULL;
  g_autofree char *shown = NULL;
  g_autofree char *text = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, &reason))
    {
      shown = rd_text_printable (reason->message, G_MAXSIZE); /* has the path in it */
      g_set_error_literal (error, G_IO_ERROR, g_io_error_from_file_error (reason->code), shown);
      return FALSE;
    }
  if (!read_groups (settings, text, length, &reason))
    {
      hidden = rd_redis_url_hide_password (reason->message); /* may have a whole line in it */
      shown = rd_text_printable (hidden, MAX_ECHOED_CHARS);
      g_set_error (error, reason->domain, reason->code, "%s: %s", name, shown);
      return FALSE;
    }
  rd_settings_set_key_file (settings, name);
  return TRUE;
}

/* Returns: (transfer full) (nullable): XDG Base Directory Specification */
static char *
user_key_file (char **envp)
{
  const char *config = rd_settings_get_variable (envp, "XDG_CONFIG_HOME");
  const char *home = rd_settings_get_variable (envp, "HOME");

  if (config != NULL && g_path_is_absolute (config))
    return g_build_filename (config, "ringdown", "ringdown.conf", NULL);
  if (home != NULL)
    return g_build_filename (home, ".config", "ringdown", "ringdown.conf", NULL);
  return NULL;
}

/* Returns: TRUE also if there is none. */
static gboolean
read_first (RdSettings *settings, const char *const *places, gsize n_places, GError **error)
{
  for (gsize i = 0; i < n_places; i++)
    {
      g_autoptr (GError) reason = NULL;

      if (places[i] == NULL)
        continue;
      if (read_key_file (settings, places[i], &reason))
        return TRUE;
      if (!g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)
          && !g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY))
        {
          g_propagate_error (error, g_steal_pointer (&reason));
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
rd_key_file_read (RdSettings *settings, const char *given, char **envp, GError **error)
{
  g_autofree char *user_file = user_key_file (envp);
  const char *const places[] = { user_file, SYSTEM_KEY_FILE };

  if (given == NULL)
    given = rd_settings_get_variable (envp, "RINGDOWN_CONFIG");
  if (given != NULL)
    return read_key_file (settings, given, error);
  return read_first (settings, places, G_N_ELEMENTS (places), error);
}
