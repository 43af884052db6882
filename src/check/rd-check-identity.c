/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Gives this process the environment and the user of the service's unit, so that a check by root
 * finds what the service would find. */

#include "rd-check-identity.h"

#include <gio/gio.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "rd-check-units.h"
#include "rd-redis-url.h"
#include "rd-text.h"

#define CREDENTIALS        "/run/credentials/"
#define CONFIG_VARIABLE    "RINGDOWN_CONFIG"
#define MAX_VARIABLE_CHARS 60 /* maximum number of characters of NAME=VALUE in a result */
#define MAX_NAME_CHARS     64 /* maximum number of characters of a user name */
#define MAX_GROUPS         1024

/* Adds the assignment @line (NAME=VALUE) to the environment. */
static void
add_assignment (RdCheckIdentity *self, const char *line)
{
  g_auto (GStrv) parts = g_strsplit (line, "=", 2);

  if (*line != '=' && g_strv_length (parts) == 2)
    self->environment = g_environ_setenv (self->environment, parts[0], parts[1], TRUE);
}

/* Adds the assignments in @text, the content of an environment file: systemd.exec(5). */
static void
add_text (RdCheckIdentity *self, const char *text)
{
  g_autoptr (GRegex) continued = g_regex_new ("\\\\\n", 0, 0, NULL);
  g_autofree char *joined = g_regex_replace_literal (continued, text, -1, 0, "", 0, NULL);
  g_auto (GStrv) lines = g_strsplit (joined != NULL ? joined : text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    {
      const char *value = strchr (g_strstrip (*line), '=');
      g_autofree char *name = NULL;
      g_autofree char *plain = NULL;
      g_autofree char *assignment = NULL;

      if (**line == '#' || **line == ';' || value == NULL)
        continue;

      name = g_strchomp (g_strndup (*line, value - *line));
      value += 1 + strspn (value + 1, " \t");
      if (*value == '"' || *value == '\'')
        plain = g_shell_unquote (value, NULL);
      assignment = g_strconcat (name, "=", plain != NULL ? plain : value, NULL);
      add_assignment (self, assignment);
    }
}

/* Adds the variables of EnvironmentFile=. */
static void
add_files (RdCheckIdentity *self, RdCheckReport *report, GVariant *service)
{
  g_autoptr (GVariantIter) files = NULL;
  const char *path;
  gboolean is_optional;

  g_variant_lookup (service, "EnvironmentFiles", "a(sb)", &files);
  while (files != NULL && g_variant_iter_next (files, "(&sb)", &path, &is_optional))
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *text = NULL;
      g_autofree char *shown = NULL;

      if (g_file_get_contents (path, &text, NULL, &error))
        {
          add_text (self, text);
          continue;
        }

      shown = rd_text_printable (error->message, G_MAXSIZE);
      if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_ACCES))
        rd_check_report_add (report, RD_CHECK_UNCHECKED,
                             "variables of %s (EnvironmentFile=): %s. Run the check as root",
                             self->unit, shown);
      else if (!is_optional)
        rd_check_report_add (report, RD_CHECK_PROBLEM, "%s cannot start (EnvironmentFile=): %s",
                             self->unit, shown);
    }
}

static gboolean
is_setting (const char *variable)
{
  return g_regex_match_simple ("^(RINGDOWN_|REDIS_(HOST|PORT|CHANNEL)=)", variable, 0, 0);
}

/* Returns: (transfer full): @variable (NAME=VALUE), printable and without its password. */
static char *
dup_variable_display (const char *variable)
{
  const char *prefix = "RINGDOWN_REDIS=";
  g_autoptr (RdRedisUrl) url = NULL;
  g_autofree char *place = NULL;
  g_autofree char *display = NULL;

  if (!g_str_has_prefix (variable, prefix))
    return rd_text_printable (variable, MAX_VARIABLE_CHARS);

  url = rd_redis_url_parse (variable + strlen (prefix), NULL);
  place = url != NULL ? rd_redis_url_dup_display (url) : NULL;
  display = g_strconcat (prefix, place != NULL ? place : "***", NULL);
  return rd_text_printable (display, MAX_VARIABLE_CHARS);
}

/* Reports the variables that the unit adds to @before. */
static void
report_variables (const RdCheckIdentity *self, RdCheckReport *report, char **before)
{
  g_autoptr (GString) added = g_string_new (NULL);

  for (char **variable = self->environment; *variable != NULL; variable++)
    if (is_setting (*variable) && !g_strv_contains ((const char *const *) before, *variable))
      {
        g_autofree char *display = dup_variable_display (*variable);

        g_string_append_printf (added, " %s", display);
      }
  if (added->len > 0)
    rd_check_report_add (report, RD_CHECK_NOTE, "%s sets:%s", self->unit, added->str);
}

/* Replaces the path of a key file that the service manager passes as a credential, which exists
 * only while the service runs, by the path of the original: systemd.exec(5), LoadCredential=. */
static void
find_credential (RdCheckIdentity *self, GVariant *service)
{
  const char *config = g_environ_getenv (self->environment, CONFIG_VARIABLE);
  g_autofree char *name = config != NULL ? g_path_get_basename (config) : NULL;
  g_autoptr (GVariantIter) credentials = NULL;
  const char *id, *path;

  if (config == NULL || !g_str_has_prefix (config, CREDENTIALS))
    return;

  g_variant_lookup (service, "LoadCredential", "a(ss)", &credentials);
  while (credentials != NULL && g_variant_iter_next (credentials, "(&s&s)", &id, &path))
    if (g_str_equal (id, name) && g_path_is_absolute (path) && access (path, R_OK) == 0)
      {
        self->environment = g_environ_setenv (self->environment, CONFIG_VARIABLE, path, TRUE);
        self->has_credential = TRUE;
        return;
      }
}

static void
add_group (RdCheckIdentity *self, const char *name)
{
  const struct group *group = getgrnam (name);
  guint64 number;
  gid_t gid;

  if (group != NULL)
    gid = group->gr_gid;
  else if (g_ascii_string_to_unsigned (name, 10, 0, G_MAXINT32, &number, NULL))
    gid = number;
  else
    return;
  g_array_append_val (self->groups, gid);
}

static void
find_groups (RdCheckIdentity *self, GVariant *service)
{
  g_auto (GStrv) names = NULL;
  const char *group = "";
  int n = MAX_GROUPS;

  g_variant_lookup (service, "Group", "&s", &group);
  g_variant_lookup (service, "SupplementaryGroups", "^as", &names);
  if (*group != '\0')
    {
      add_group (self, group);
      if (self->groups->len > 0)
        self->gid = g_array_index (self->groups, gid_t, 0);
    }

  g_array_set_size (self->groups, MAX_GROUPS);
  if (getgrouplist (self->user, self->gid, (gid_t *) self->groups->data, &n) < 0)
    n = 0;
  g_array_set_size (self->groups, n);
  for (char **name = names; name != NULL && *name != NULL; name++)
    add_group (self, *name);
}

/* Finds the user of the system unit, and sets the variables that depend on the user. */
static void
find_user (RdCheckIdentity *self, RdCheckReport *report, GVariant *service)
{
  const char *name = "";
  const struct passwd *passwd = NULL;
  g_autofree char *shown = NULL;
  guint64 uid;

  g_variant_lookup (service, "User", "&s", &name);
  if (*name == '\0')
    return;

  passwd = getpwnam (name);
  if (passwd == NULL && g_ascii_string_to_unsigned (name, 10, 0, G_MAXINT32, &uid, NULL))
    passwd = getpwuid (uid);
  shown = rd_text_printable (name, MAX_NAME_CHARS);
  if (passwd == NULL)
    {
      rd_check_report_add (report, RD_CHECK_UNCHECKED,
                           "what %s may do as the user %s: this user does not exist now",
                           self->unit, shown);
      return;
    }

  self->environment = g_environ_setenv (self->environment, "HOME", passwd->pw_dir, TRUE);
  self->environment = g_environ_unsetenv (self->environment, "XDG_CONFIG_HOME");
  if (passwd->pw_uid == geteuid ())
    return;

  self->user = g_strdup (passwd->pw_name);
  self->uid = passwd->pw_uid;
  self->gid = passwd->pw_gid;
  find_groups (self, service);
}

RdCheckIdentity *
rd_check_identity_new (RdCheckReport *report,
                       const RdConfig *config,
                       GDBusConnection *bus,
                       char **environment)
{
  RdCheckIdentity *self = g_new0 (RdCheckIdentity, 1);
  g_autoptr (GVariant) service = rd_check_units_load (bus, config);
  g_autofree char *unit = rd_check_units_dup_name (config);
  g_auto (GStrv) variables = NULL;

  self->environment = g_strdupv (environment);
  self->unit = rd_text_printable (unit, G_MAXSIZE);
  self->groups = g_array_new (FALSE, TRUE, sizeof (gid_t));
  if (service == NULL)
    return self;

  if (config->bus == RD_CONFIG_BUS_SYSTEM)
    find_user (self, report, service);
  g_variant_lookup (service, "Environment", "^as", &variables);
  for (char **variable = variables; variable != NULL && *variable != NULL; variable++)
    add_assignment (self, *variable);
  add_files (self, report, service);
  report_variables (self, report, environment);
  find_credential (self, service);
  return self;
}

void
rd_check_identity_free (RdCheckIdentity *self)
{
  g_strfreev (self->environment);
  g_free (self->unit);
  g_free (self->user);
  g_array_unref (self->groups);
  g_free (self);
}

void
rd_check_identity_assume (RdCheckIdentity *self, RdCheckReport *report)
{
  if (self->user == NULL)
    return;
  if (setgroups (self->groups->len, (const gid_t *) self->groups->data) == 0
      && setresgid (self->gid, self->gid, self->gid) == 0
      && setresuid (self->uid, self->uid, self->uid) == 0)
    return;

  rd_check_report_add (report, RD_CHECK_UNCHECKED,
                       "what %s may do as the user %s. Run the check as root", self->unit,
                       self->user);
}
