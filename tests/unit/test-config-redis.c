/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Redis in the configuration: the variables shared with other programs, the minimum buffer size,
 * and error messages without passwords. */

#include <gio/gio.h>
#include <string.h>

#include "config-fixture.h"

#define SECRET "s3cret"

static void
redis_variables_set_server_and_channel (ConfigFixture *fixture, gconstpointer data)
{
  const struct
  {
    const char *const *env;
    const char *redis; /* nullable */
    const char *channel;
  } cases[] = {
    { STRV ("REDIS_HOST=h"), "redis://h:6379", "broadcast" },
    { STRV ("REDIS_PORT=7"), "redis://localhost:7", "broadcast" },
    { STRV ("REDIS_HOST=::1", "REDIS_PORT=7"), "redis://[::1]:7", "broadcast" },
    { STRV ("REDIS_HOST=fe80::1%lo"), "redis://[fe80::1%25lo]:6379", "broadcast" },
    { STRV ("REDIS_CHANNEL=c"), NULL, "c" },
    { STRV ("REDIS_HOST=h", "REDIS_CHANNEL=c d"), "redis://h:6379", "c d" },
    { STRV ("REDIS_HOST=", "REDIS_PORT=", "REDIS_CHANNEL="), NULL, "broadcast" },
    { STRV ("REDIS_HOST=h", "REDIS_PORT="), "redis://h:6379", "broadcast" },
    { STRV ("REDIS_URL=redis://h", "REDIS_PASSWORD=x"), NULL, "broadcast" },
    { STRV ("REDIS_PORT=tcp://10.0.0.1:6379"), NULL, "broadcast" },
    { STRV ("REDIS_PORT=tcp://10.0.0.1:6379", "REDIS_HOST=h"), "redis://h:6379", "broadcast" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, NULL, cases[i].env, NULL);

      g_assert_cmpstr (config->redis, ==, cases[i].redis);
      g_assert_cmpstr (config->redis_channel, ==, cases[i].channel);
    }
}

static void
redis_variables_override_only_the_key_file (ConfigFixture *fixture, gconstpointer data)
{
  const char *text = "[Redis]\nredis=redis://file\nredis-channel=file\n";
  const char *const *others = STRV ("REDIS_HOST=other", "REDIS_CHANNEL=other");
  const char *const *env = STRV ("REDIS_HOST=other", "REDIS_CHANNEL=other",
                                 "RINGDOWN_REDIS=redis://own", "RINGDOWN_REDIS_CHANNEL=own");
  const char *const *args = STRV ("--redis=redis://line", "--redis-channel=line");
  const struct
  {
    const char *const *args;
    const char *const *env;
    const char *redis;
    const char *channel;
  } cases[] = {
    { NULL, NULL, "redis://file", "file" }, { NULL, others, "redis://other:6379", "other" },
    { NULL, env, "redis://own", "own" },    { args, others, "redis://line", "line" },
    { args, env, "redis://line", "line" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, cases[i].args, cases[i].env,
                                                            text);

      g_assert_cmpstr (config->redis, ==, cases[i].redis);
      g_assert_cmpstr (config->redis_channel, ==, cases[i].channel);
    }
}

#define PORT    "not a port; give a number from 1 to 65535"
#define ADDRESS "not an address; give a host name or an IP address"

static void
invalid_redis_variables_are_refused (ConfigFixture *fixture, gconstpointer data)
{
  const char *const cases[][2] = {
    { "REDIS_PORT=0", "REDIS_PORT: “0” is " PORT },
    { "REDIS_PORT=65536", "REDIS_PORT: “65536” is " PORT },
    { "REDIS_PORT=http://10.0.0.1:6379", "REDIS_PORT: “http://10.0.0.1:6379” is " PORT },
    { "REDIS_HOST=a b", "REDIS_HOST: “a b” is " ADDRESS },
    { "REDIS_HOST=tcp://a", "REDIS_HOST: “tcp://a” is " ADDRESS },
    { "REDIS_CHANNEL=a\tb", "REDIS_CHANNEL: “a\\u0009b” is not a name; give printable text" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    config_fixture_assert_refused (fixture, NULL, STRV (cases[i][0]), NULL, G_IO_ERROR,
                                   G_IO_ERROR_INVALID_ARGUMENT, cases[i][1]);
}

/* These variables may be meant for other programs, or set by Kubernetes. */
static void
overridden_redis_variables_may_be_invalid (ConfigFixture *fixture, gconstpointer data)
{
  const char *const *wrong = STRV ("REDIS_PORT=tcp://10.0.0.1:6379", "REDIS_HOST=a b",
                                   "REDIS_CHANNEL=\t");

  config_fixture_assert_accepted (fixture, STRV ("--redis=redis://h", "--redis-channel=c"), wrong,
                                  NULL);
}

/* The URL may come from the environment, so the exit status is that of a failed start. */
static void
invalid_redis_url_is_not_a_command_line_error (ConfigFixture *fixture, gconstpointer data)
{
  const char *message
    = "--redis: invalid scheme; give redis://USER:PASSWORD@HOST:PORT/DATABASE, "
      "unix://USER:PASSWORD@/PATH?db=DATABASE or /PATH, and %XX for special characters";

  config_fixture_assert_refused (fixture, STRV ("--redis="), NULL, NULL, G_IO_ERROR,
                                 G_IO_ERROR_INVALID_ARGUMENT, message);
  config_fixture_assert_refused (fixture, STRV ("--redis=localhost:6379"), NULL, NULL, G_IO_ERROR,
                                 G_IO_ERROR_INVALID_ARGUMENT, message);
}

static void
buffer_holds_eight_messages (ConfigFixture *fixture, gconstpointer data)
{
  const char *redis = "--redis=redis://h";

  config_fixture_assert_accepted (fixture, STRV (redis, "--redis-buffer=512KiB"), NULL, NULL);
  config_fixture_assert_refused (fixture, STRV (redis, "--redis-buffer=524287"), NULL, NULL,
                                 G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                                 "--redis-buffer “524287” is less than 8 times max-message "
                                 "(default) “64KiB”; raise the first or lower the second");
  config_fixture_assert_accepted (fixture, STRV ("--redis-buffer=524287"), NULL, NULL);
}

/* Loads an invalid configuration. Returns: (transfer full): the error message. */
static char *
dup_error (const ConfigFixture *fixture,
           const char *const *args,
           const char *const *env,
           const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RdConfig) config = config_fixture_load (fixture, args, env, text, &error);

  g_assert_null (config);
  return g_strdup (error->message);
}

static void
errors_do_not_contain_passwords (ConfigFixture *fixture, gconstpointer data)
{
  const char *url = "redis://:" SECRET "@h:port";
  g_autofree char *arg = g_strconcat ("--redis=", url, NULL);
  g_autofree char *wrong_arg = g_strconcat ("--reddis=", url, NULL);
  g_autofree char *env = g_strconcat ("RINGDOWN_REDIS=", url, NULL);
  g_autofree char *file = g_strconcat ("[Redis]\nredis=", url, "\n", NULL);
  g_autofree char *no_key = g_strconcat ("[Redis]\nredis ", url, "\n", NULL);
  g_autofree char *no_group = g_strconcat ("redis=", url, "\n", NULL);
  g_autofree char *wrong_group = g_strconcat ("[", url, "]\n", NULL);
  g_autofree char *no_utf8 = g_strconcat ("[Redis]\nredis=", url, "\xff\n", NULL);
  char *const errors[] = {
    dup_error (fixture, STRV (arg), NULL, NULL),  dup_error (fixture, STRV (wrong_arg), NULL, NULL),
    dup_error (fixture, STRV (url), NULL, NULL),  dup_error (fixture, STRV ("--", url), NULL, NULL),
    dup_error (fixture, NULL, STRV (env), NULL),  dup_error (fixture, NULL, NULL, file),
    dup_error (fixture, NULL, NULL, no_key),      dup_error (fixture, NULL, NULL, no_group),
    dup_error (fixture, NULL, NULL, wrong_group), dup_error (fixture, NULL, NULL, no_utf8),
  };

  for (gsize i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      g_test_message ("%s", errors[i]);
      g_assert_null (strstr (errors[i], SECRET));
      g_free (errors[i]);
    }
}

#define ADD(path, function) \
  g_test_add (path, ConfigFixture, NULL, config_fixture_set_up, function, config_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/config-redis/others", redis_variables_set_server_and_channel);
  ADD ("/config-redis/others/precedence", redis_variables_override_only_the_key_file);
  ADD ("/config-redis/others/refused", invalid_redis_variables_are_refused);
  ADD ("/config-redis/others/overridden", overridden_redis_variables_may_be_invalid);
  ADD ("/config-redis/url", invalid_redis_url_is_not_a_command_line_error);
  ADD ("/config-redis/buffer", buffer_holds_eight_messages);
  ADD ("/config-redis/password", errors_do_not_contain_passwords);

  return g_test_run ();
}
