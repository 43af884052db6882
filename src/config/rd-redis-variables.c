/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The variables by which other programs, too, are told where Redis is. As they are not ours alone,
 * they are looked at only where nothing stronger tells: what somebody else means by them must not
 * keep the service from starting. Knows no variable that is made from the table of options. */

#include "rd-redis-variables.h"

#include <gio/gio.h>
#include <glib/gi18n.h>

#include "rd-redis-url.h"
#include "rd-text.h"

#define MAX_QUOTED_CHARS 60

typedef struct
{
  char *host; /* owned */
  guint port;
} Server;

static const RdOption host_variable = {
  .name = "REDIS_HOST",
  .type = RD_OPTION_ADDRESS,
  .offset = G_STRUCT_OFFSET (Server, host),
  .preset = "localhost",
};

static const RdOption port_variable = {
  .name = "REDIS_PORT",
  .type = RD_OPTION_PORT,
  .offset = G_STRUCT_OFFSET (Server, port),
  .preset = G_STRINGIFY (RD_REDIS_PORT),
  .min = "1",
  .max = "65535",
};

/* https://kubernetes.io/docs/concepts/services-networking/service: compatible with Docker's links
 */
static gboolean
refuse_service_link (const char *text, GError **error)
{
  g_autofree char *shown = rd_text_printable (text, MAX_QUOTED_CHARS);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               /* Translators: the value of a variable, such as tcp://10.0.0.1:6379 */
               _ ("“%s” is what Kubernetes says of a Service called redis, not a port; set "
                  "enableServiceLinks: false for the pod"),
               shown);
  return FALSE;
}

/* Reads @variable, which may be missing, into @server. */
static gboolean
read_variable (Server *server, const RdOption *variable, char **envp, GError **error)
{
  const char *text = rd_settings_get_variable (envp, variable->name);
  const char *const values[] = { text != NULL ? text : variable->preset, NULL };
  const gboolean is_link = variable == &port_variable && g_str_has_prefix (values[0], "tcp://");
  const gboolean is_read = is_link ? refuse_service_link (text, error)
                                   : rd_option_set (variable, server, values, error);

  if (!is_read)
    g_prefix_error (error, "%s: ", variable->name);
  return is_read;
}

static gboolean
is_silent (const RdSettings *settings, const RdOption *option)
{
  return rd_settings_get_source (settings, option) <= RD_SOURCE_OTHER_VARIABLE;
}

static gboolean
read_server (RdSettings *settings, const RdOption *redis, char **envp, GError **error)
{
  const gboolean has_host = rd_settings_get_variable (envp, host_variable.name) != NULL;
  const RdOption *first = has_host ? &host_variable : &port_variable;
  Server server = { NULL };
  g_autofree char *url = NULL;
  gboolean is_read;

  is_read = read_variable (&server, &host_variable, envp, error)
            && read_variable (&server, &port_variable, envp, error);
  if (is_read)
    {
      url = rd_redis_url_dup_display (&(RdRedisUrl){ .host = server.host, .port = server.port });
      rd_settings_add_other_variable (settings, redis, first->name, url);
    }
  rd_option_clear (&host_variable, &server);
  return is_read;
}

gboolean
rd_redis_variables_read (RdSettings *settings, char **envp, GError **error)
{
  const RdOption *redis = rd_settings_find (settings, NULL, "redis");
  const RdOption *redis_channel = rd_settings_find (settings, NULL, "redis-channel");
  const char *channel = rd_settings_get_variable (envp, "REDIS_CHANNEL");

  if (channel != NULL && is_silent (settings, redis_channel))
    rd_settings_add_other_variable (settings, redis_channel, "REDIS_CHANNEL", channel);
  if ((rd_settings_get_variable (envp, host_variable.name) == NULL
       && rd_settings_get_variable (envp, port_variable.name) == NULL)
      || !is_silent (settings, redis))
    return TRUE;
  return read_server (settings, redis, envp, error);
}
