/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The sources of the configuration: every option from every source, precedence, the choice of the
 * key file, and the output of --help and --version. */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "config-fixture.h"

typedef struct
{
  const char *name;
  const char *group;
  const char *preset; /* default, as in --help */
  const char *other;  /* another valid value */
} Option;

static const Option options[] = {
  { "address", "Server", "localhost", "192.0.2.1 ::1,My_Host.example;example.org." },
  { "port", "Server", "8000", "9000" },
  { "path", "Server", "/ws", "/ring/~down.x" },
  { "max-clients", "Server", "0", "17" },
  { "max-message", "Server", "64KiB", "1000" },
  { "log-size", "Server", "4MiB", "8M" },
  { "ping-interval", "Server", "25s", "1min" },
  { "ping-timeout", "Server", "10s", "500ms" },
  { "allow-origin", "Server", "same host", "https://*.example.org  ,https://[::1]:80;null" },
  { "subprotocol", "Server", "none", "chat,  graphql-ws;v1.json" },
  { "reuse-port", "Server", "false", "true" },
  { "admin-address", "Admin", "localhost", "fe80::1%lo" },
  { "admin-port", "Admin", "8001", "-1" },
  { "notify-interval", "Notify", "10s", "1h 30min" },
  { "notify-message", "Notify", "🛰 Test notification", "Grüße, alle; 你好" },
  { "drain-timeout", "Drain", "30min", "2" },
  { "shutdown-timeout", "Drain", "1min 30s", "45s" },
  { "drain-interval", "Drain", "5s", "250ms" },
  { "drain-grace", "Drain", "0", "3s" },
  { "drain-code", "Drain", "1012", "1001" },
  { "redis", "Redis", "none", "redis://anna:s3cret@[::1]:7000/3" },
  { "redis-mode", "Redis", "stream", "pubsub" },
  { "redis-channel", "Redis", "broadcast", "Klingel 1" },
  { "redis-history", "Redis", "100000", "1000" },
  { "redis-buffer", "Redis", "64MiB", "8M" },
  { "instance", "Service", "none", "blau 1" },
  { "log-level", "Service", "message", "debug" },
  { "replace", "Service", "false", "true" },
  { "handover-timeout", "Service", "10s", "1min" },
  { "bus", "Service", "session", "none" },
};

static void
assert_defaults (const RdConfig *config)
{
  g_assert_cmpstrv (config->addresses, STRV ("localhost"));
  g_assert_cmpuint (config->port, ==, 8000);
  g_assert_cmpstr (config->path, ==, "/ws");
  g_assert_cmpstr (config->admin_address, ==, "localhost");
  g_assert_cmpint (config->admin_port, ==, 8001);
  g_assert_cmpint (config->notify_interval_us, ==, 10 * G_TIME_SPAN_SECOND);
  g_assert_cmpstr (config->notify_message, ==, "🛰 Test notification");
  g_assert_cmpint (config->drain_timeout_us, ==, 30 * G_TIME_SPAN_MINUTE);
  g_assert_cmpint (config->shutdown_timeout_us, ==, 90 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (config->drain_interval_us, ==, 5 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (config->drain_grace_us, ==, 0);
  g_assert_cmpint (config->drain_code, ==, RD_CONFIG_DRAIN_SERVICE_RESTART);
  g_assert_cmpint (config->log_level, ==, RD_CONFIG_LOG_MESSAGE);
  g_assert_null (config->redis);
  g_assert_cmpint (config->redis_mode, ==, RD_REDIS_STREAM);
  g_assert_cmpstr (config->redis_channel, ==, "broadcast");
  g_assert_cmpuint (config->redis_history, ==, 100000);
  g_assert_cmpuint (config->redis_buffer, ==, 64 << 20);
  g_assert_null (config->instance);
  g_assert_false (config->reuse_port);
  g_assert_cmpint (config->bus, ==, RD_CONFIG_BUS_SESSION);
  g_assert_cmpuint (config->log_size, ==, 4 << 20);
  g_assert_cmpuint (config->max_message, ==, 64 << 10);
  g_assert_cmpuint (config->max_clients, ==, 0);
  g_assert_cmpint (config->ping_interval_us, ==, 25 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (config->ping_timeout_us, ==, 10 * G_TIME_SPAN_SECOND);
  g_assert_nonnull (config->allow_origins);
  g_assert_cmpuint (g_strv_length (config->allow_origins), ==, 0);
  g_assert_nonnull (config->subprotocols);
  g_assert_cmpuint (g_strv_length (config->subprotocols), ==, 0);
}

static void
assert_others (const RdConfig *config)
{
  g_assert_cmpstrv (config->addresses,
                    STRV ("192.0.2.1", "::1", "My_Host.example", "example.org."));
  g_assert_cmpuint (config->port, ==, 9000);
  g_assert_cmpstr (config->path, ==, "/ring/~down.x");
  g_assert_cmpstr (config->admin_address, ==, "fe80::1%lo");
  g_assert_cmpint (config->admin_port, ==, -1);
  g_assert_cmpint (config->notify_interval_us, ==, 90 * G_TIME_SPAN_MINUTE);
  g_assert_cmpstr (config->notify_message, ==, "Grüße, alle; 你好");
  g_assert_cmpint (config->drain_timeout_us, ==, 2 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (config->shutdown_timeout_us, ==, 45 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (config->drain_interval_us, ==, 250 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (config->drain_grace_us, ==, 3 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (config->drain_code, ==, RD_CONFIG_DRAIN_GOING_AWAY);
  g_assert_cmpint (config->log_level, ==, RD_CONFIG_LOG_DEBUG);
  g_assert_cmpstr (config->redis, ==, "redis://anna:s3cret@[::1]:7000/3");
  g_assert_cmpint (config->redis_mode, ==, RD_REDIS_PUBSUB);
  g_assert_cmpstr (config->redis_channel, ==, "Klingel 1");
  g_assert_cmpuint (config->redis_history, ==, 1000);
  g_assert_cmpuint (config->redis_buffer, ==, 8 << 20);
  g_assert_cmpstr (config->instance, ==, "blau 1");
  g_assert_true (config->reuse_port);
  g_assert_cmpint (config->bus, ==, RD_CONFIG_BUS_NONE);
  g_assert_cmpuint (config->log_size, ==, 8 << 20);
  g_assert_cmpuint (config->max_message, ==, 1000);
  g_assert_cmpuint (config->max_clients, ==, 17);
  g_assert_cmpint (config->ping_interval_us, ==, G_TIME_SPAN_MINUTE);
  g_assert_cmpint (config->ping_timeout_us, ==, 500 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpstrv (config->allow_origins,
                    STRV ("https://*.example.org", "https://[::1]:80", "null"));
  g_assert_cmpstrv (config->subprotocols, STRV ("chat", "graphql-ws", "v1.json"));
}

static void
defaults_apply_without_other_sources (ConfigFixture *fixture, gconstpointer data)
{
  g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, NULL, NULL, NULL);

  assert_defaults (config);
}

static void
command_line_sets_every_option (ConfigFixture *fixture, gconstpointer data)
{
  for (guint two_words = 0; two_words <= 1; two_words++)
    {
      g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
      g_autoptr (RdConfig) config = NULL;
      g_auto (GStrv) args = NULL;

      for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
        {
          g_autofree char *name = g_strconcat ("--", options[i].name, NULL);
          g_autofree char *both = g_strconcat (name, "=", options[i].other, NULL);

          g_strv_builder_add (builder, two_words ? name : both);
          if (two_words && !g_str_equal (options[i].other, "true"))
            g_strv_builder_add (builder, options[i].other);
        }
      args = g_strv_builder_end (builder);
      config = config_fixture_load_ok (fixture, (const char *const *) args, NULL, NULL);
      assert_others (config);
    }
}

/* @others: set the variables to the other values; FALSE: to the empty string. */
static RdConfig *
load_from_environment (const ConfigFixture *fixture, gboolean others)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) env = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    {
      g_autofree char *upper = g_ascii_strup (options[i].name, -1);
      g_autofree char *name = g_strconcat ("RINGDOWN_", g_strdelimit (upper, "-", '_'), NULL);
      g_autofree char *assignment = g_strconcat (name, "=", others ? options[i].other : "", NULL);

      g_strv_builder_add (builder, assignment);
    }
  g_strv_builder_add (builder, "RINGDOWN_CONFIG=");
  env = g_strv_builder_end (builder);
  return config_fixture_load_ok (fixture, NULL, (const char *const *) env, NULL);
}

static void
environment_sets_every_option (ConfigFixture *fixture, gconstpointer data)
{
  g_autoptr (RdConfig) config = load_from_environment (fixture, TRUE);

  assert_others (config);
}

static void
empty_variables_are_not_set (ConfigFixture *fixture, gconstpointer data)
{
  g_autoptr (RdConfig) config = load_from_environment (fixture, FALSE);

  assert_defaults (config);
}

static void
key_file_sets_every_option (ConfigFixture *fixture, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new ("# comment\n");
  g_autoptr (RdConfig) config = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    g_string_append_printf (text, "[%s]\n%s = %s\n", options[i].group, options[i].name,
                            options[i].other);
  config = config_fixture_load_ok (fixture, NULL, NULL, text->str);
  assert_others (config);
}

static void
source_with_the_highest_precedence_wins (ConfigFixture *fixture, gconstpointer data)
{
  const char *const *args = STRV ("--port=1");
  const char *const *env = STRV ("RINGDOWN_PORT=2");
  const char *text = "[Server]\nport=3\n";
  const struct
  {
    const char *const *args;
    const char *const *env;
    const char *text;
    guint port;
  } cases[] = {
    { args, env, text, 1 }, { args, env, "", 1 }, { args, NULL, text, 1 }, { args, NULL, "", 1 },
    { NULL, env, text, 2 }, { NULL, env, "", 2 }, { NULL, NULL, text, 3 }, { NULL, NULL, "", 8000 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, cases[i].args, cases[i].env,
                                                            cases[i].text);

      g_assert_cmpuint (config->port, ==, cases[i].port);
      g_assert_cmpstr (config->path, ==, "/ws");
    }
}

static void
lists_are_replaced_completely (ConfigFixture *fixture, gconstpointer data)
{
  const char *text = "[Server]\naddress=a,b\nallow-origin=a://x;a://y\n";
  const char *const *env = STRV ("RINGDOWN_ADDRESS=c d", "RINGDOWN_ALLOW_ORIGIN=a://z");
  const char *const *args = STRV ("--address=e", "--address", "f g", "--allow-origin=*");
  g_autoptr (RdConfig) from_file = config_fixture_load_ok (fixture, NULL, NULL, text);
  g_autoptr (RdConfig) from_env = config_fixture_load_ok (fixture, NULL, env, text);
  g_autoptr (RdConfig) from_args = config_fixture_load_ok (fixture, args, env, text);

  g_assert_cmpstrv (from_file->addresses, STRV ("a", "b"));
  g_assert_cmpstrv (from_file->allow_origins, STRV ("a://x", "a://y"));
  g_assert_cmpstrv (from_env->addresses, STRV ("c", "d"));
  g_assert_cmpstrv (from_env->allow_origins, STRV ("a://z"));
  g_assert_cmpstrv (from_args->addresses, STRV ("e", "f", "g"));
  g_assert_cmpstrv (from_args->allow_origins, STRV ("*"));
}

/* The order, repetitions and the case of subprotocols are kept. */
static void
subprotocols_are_collected (ConfigFixture *fixture, gconstpointer data)
{
  const char *symbols = "!#$%&'*+-.^_`|~";
  g_autofree char *arg = g_strconcat ("--subprotocol=", symbols, NULL);
  g_autoptr (RdConfig) config = config_fixture_load_ok (
    fixture, STRV ("--subprotocol=b", "--subprotocol", "B a", arg, "--subprotocol=b"), NULL, NULL);

  g_assert_cmpstrv (config->subprotocols, STRV ("b", "B", "a", symbols, "b"));
}

static void
last_of_repeated_options_wins (ConfigFixture *fixture, gconstpointer data)
{
  g_autoptr (RdConfig) config = config_fixture_load_ok (
    fixture, STRV ("--port=1", "--path=/a", "--port=2"), NULL, NULL);

  g_assert_cmpuint (config->port, ==, 2);
  g_assert_cmpstr (config->path, ==, "/a");
}

static void
booleans_are_parsed (ConfigFixture *fixture, gconstpointer data)
{
  const char *const words[][2] = { { "true", "false" }, { "yes", "no" }, { "1", "0" } };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    {
      for (int off = 0; off <= 1; off++)
        {
          g_autofree char *arg = g_strdup_printf ("--reuse-port=%s", words[i][off]);
          g_autofree char *env = g_strdup_printf ("RINGDOWN_REUSE_PORT=%s", words[i][off]);
          g_autofree char *text = g_strdup_printf ("[Server]\nreuse-port=%s\n", words[i][off]);
          const char *reverse = off ? "[Server]\nreuse-port=1\n" : "";
          g_autoptr (RdConfig) a = config_fixture_load_ok (fixture, STRV (arg), NULL, reverse);
          g_autoptr (RdConfig) b = config_fixture_load_ok (fixture, NULL, STRV (env), reverse);
          g_autoptr (RdConfig) c = config_fixture_load_ok (fixture, NULL, NULL, text);

          g_assert_cmpint (a->reuse_port, ==, !off);
          g_assert_cmpint (b->reuse_port, ==, !off);
          g_assert_cmpint (c->reuse_port, ==, !off);
        }
    }
}

static void
buses_are_parsed (ConfigFixture *fixture, gconstpointer data)
{
  const char *const args[] = { "--bus=session", "--bus=system", "--bus=none" };
  const RdConfigBus buses[] = { RD_CONFIG_BUS_SESSION, RD_CONFIG_BUS_SYSTEM, RD_CONFIG_BUS_NONE };

  for (gsize i = 0; i < G_N_ELEMENTS (args); i++)
    {
      g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, STRV (args[i]), NULL, NULL);

      g_assert_cmpint (config->bus, ==, buses[i]);
    }
}

static void
defaults_are_formatted_as_in_the_table (ConfigFixture *fixture, gconstpointer data)
{
  g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, NULL, NULL, NULL);
  gsize n_options;
  const RdOption *table = rd_options_get (&n_options);

  for (gsize i = 0; i < n_options; i++)
    {
      g_autofree char *text = rd_option_format (&table[i], config);

      g_assert_cmpstr (text, ==, table[i].preset);
    }
}

static void
equal_values_are_formatted_equally (ConfigFixture *fixture, gconstpointer data)
{
  const char *const cases[][3] = {
    { "drain-timeout", "5400", "1h 30min" },
    { "drain-timeout", "0s", "0" },
    { "log-size", "8388608", "8MiB" },
    { "max-message", "1000B", "1000" },
    { "reuse-port", "1", "true" },
    { "bus", "none", "none" },
    { "address", "a,b ;c", "a b c" },
    { "allow-origin", "*", "*" },
    { "subprotocol", "b,a", "b a" },
    { "instance", "blau 1", "blau 1" },
    { "redis", "redis://anna:s3cret@h/0", "redis://anna:***@h:6379" },
    { "redis", "unix:///run/redis.sock", "/run/redis.sock" },
    { "admin-port", "-1", "-1" },
    { "path", "/a", "/a" },
    { "notify-message", "Grüße,  alle", "Grüße,  alle" },
  };
  g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, NULL, NULL, NULL);
  gsize n_options;
  const RdOption *table = rd_options_get (&n_options);
  g_autoptr (RdSettings) settings = rd_settings_new (table, n_options);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const RdOption *option = rd_settings_find (settings, NULL, cases[i][0]);
      g_autofree char *text = NULL;

      g_assert_true (rd_option_set (option, config, STRV (cases[i][1]), NULL));
      text = rd_option_format (option, config);
      g_assert_cmpstr (text, ==, cases[i][2]);
    }
}

static void
instances_have_different_bus_names (ConfigFixture *fixture, gconstpointer data)
{
  const char *const cases[][2] = {
    { "--bus=session", "org.ringdown.Ringdown" },
    { "--bus=system", "org.ringdown.Ringdown" },
    { "--bus=none", NULL },
    { "--instance=blue", "org.ringdown.Ringdown.iblue" },
    { "--instance=1-ä.b 🛰", "org.ringdown.Ringdown.i1___b__" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, STRV (cases[i][0]), NULL,
                                                            NULL);
      g_autofree char *id = rd_config_dup_application_id (config);

      g_assert_cmpstr (id, ==, cases[i][1]);
      g_assert_true (id == NULL || g_application_id_is_valid (id));
    }
}

static void
check_returns_the_sources_of_values (ConfigFixture *fixture, gconstpointer data)
{
  char **argv = (char **) STRV ("ringdown", "--port=1", "--check");
  char **envp = (char **) STRV ("XDG_CONFIG_HOME=/nonexistent");
  g_autoptr (RdSettings) settings = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (RdConfig) config = rd_config_load (argv, envp, &settings, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (config->port, ==, 1);
  g_assert_cmpint (rd_settings_get_source (settings, rd_settings_find (settings, "Server", "port")),
                   ==, RD_SOURCE_COMMAND_LINE);
  g_assert_cmpint (rd_settings_get_source (settings, rd_settings_find (settings, "Server", "path")),
                   ==, RD_SOURCE_PRESET);
}

static char *
write_key_file (const ConfigFixture *fixture, const char *name, const char *text)
{
  char *path = g_build_filename (fixture->dir, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static void
given_key_file_is_the_only_one_read (ConfigFixture *fixture, gconstpointer data)
{
  const char *text = "[Server]\nport=1\npath=/user\n";
  g_autofree char *typed = write_key_file (fixture, "typed", "[Server]\nport=2\n");
  g_autofree char *named = write_key_file (fixture, "named", "[Server]\nport=3\n");
  g_autofree char *env = g_strconcat ("RINGDOWN_CONFIG=", named, NULL);
  g_autoptr (RdConfig) from_typed = config_fixture_load_ok (fixture, STRV ("--config", typed),
                                                            STRV (env), text);
  g_autoptr (RdConfig) from_named = config_fixture_load_ok (fixture, NULL, STRV (env), text);

  g_assert_cmpuint (from_typed->port, ==, 2);
  g_assert_cmpstr (from_typed->path, ==, "/ws");
  g_assert_cmpuint (from_named->port, ==, 3);
  g_assert_cmpstr (from_named->path, ==, "/ws");
  g_remove (typed);
  g_remove (named);
}

static void
key_file_is_in_home_without_xdg_config_home (ConfigFixture *fixture, gconstpointer data)
{
  const char *const xdgs[] = { "XDG_CONFIG_HOME=", "XDG_CONFIG_HOME=relative" };
  g_autofree char *home = g_strconcat ("HOME=", fixture->dir, NULL);
  g_autofree char *config_dir = g_build_filename (fixture->dir, ".config", NULL);
  g_autofree char *dir = g_build_filename (config_dir, "ringdown", NULL);
  g_autofree char *file = NULL;

  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  file = write_key_file (fixture, ".config/ringdown/ringdown.conf", "[Server]\nport=4\n");
  for (gsize i = 0; i < G_N_ELEMENTS (xdgs); i++)
    {
      g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, NULL, STRV (xdgs[i], home),
                                                            "[Server]\nport=5\n");

      g_assert_cmpuint (config->port, ==, 4);
    }
  g_remove (file);
  g_rmdir (dir);
  g_rmdir (config_dir);
}

static void
key_file_may_be_missing (ConfigFixture *fixture, gconstpointer data)
{
  const char *const *const envs[] = {
    STRV ("XDG_CONFIG_HOME=/nonexistent"),
    STRV ("XDG_CONFIG_HOME=/dev/null"),
    STRV ("XDG_CONFIG_HOME=", "HOME=/dev/null"),
    STRV ("XDG_CONFIG_HOME=", "HOME="),
    STRV ("XDG_CONFIG_HOME="),
  };

  for (gsize i = 0; i < G_N_ELEMENTS (envs); i++)
    {
      g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, STRV ("--port=6"), envs[i],
                                                            "[Server]\nport=5\n");

      g_assert_cmpuint (config->port, ==, 6);
    }
}

/* Returns: (transfer full): the output of `ringdown @arg`. */
static char *
run_program (const char *arg)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  const char *const argv[] = { self, "ringdown", arg, NULL };
  const char *const envp[] = { "LC_ALL=C", "RINGDOWN_PORT=wrong", NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *errors = NULL;
  char *output = NULL;
  int status;

  g_spawn_sync (NULL, (char **) argv, (char **) envp, G_SPAWN_DEFAULT, NULL, NULL, &output, &errors,
                &status, &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (errors, ==, "");
  return output;
}

static void
version_is_printed (void)
{
  g_autofree char *output = run_program ("--version");

  g_assert_cmpstr (output, ==, "ringdown " RINGDOWN_VERSION "\n");
}

static void
help_fits_a_terminal (void)
{
  g_autofree char *help = run_program ("--help");
  g_autofree char *short_help = run_program ("-h");
  g_auto (GStrv) lines = g_strsplit (help, "\n", -1);

  g_assert_cmpstr (short_help, ==, help);
  g_assert_true (g_utf8_validate (help, -1, NULL));
  g_assert_true (g_str_has_prefix (help, "Usage:\n  ringdown [OPTION"));
  g_assert_nonnull (strstr (help, "RINGDOWN_DRAIN_TIMEOUT"));
  g_assert_nonnull (strstr (help, "/etc/ringdown/ringdown.conf"));
  for (char **line = lines; *line != NULL; line++)
    {
      g_test_message ("%s", *line);
      g_assert_cmpint (g_utf8_strlen (*line, -1), <=, 80);
    }
}

static void
help_shows_every_option_in_its_group (void)
{
  g_autofree char *help = run_program ("--help");
  g_auto (GStrv) pieces = g_strsplit (help, "\n  --", -1);
  const char *rest = help;

  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    {
      g_autofree char *heading = g_strdup_printf ("\n[%s]\n", options[i].group);
      g_autofree char *start = g_strdup_printf ("\n  --%s", options[i].name);
      g_autofree char *preset = g_strdup_printf (" [%s]", options[i].preset);
      g_autofree char *line = NULL;

      g_test_message ("--%s", options[i].name);
      if (i == 0 || !g_str_equal (options[i].group, options[i - 1].group))
        rest = strstr (rest, heading);
      g_assert_nonnull (rest);
      rest = strstr (rest, start);
      g_assert_nonnull (rest);
      line = g_strndup (rest + 1, strcspn (rest + 1, "\n"));
      g_assert_true (g_str_has_suffix (line, preset));
    }
  g_assert_cmpuint (g_strv_length (pieces) - 1, ==, G_N_ELEMENTS (options) + 3);
  g_assert_nonnull (strstr (rest, "\n  --config=FILE "));
  g_assert_nonnull (strstr (rest, "\n  --check "));
  g_assert_nonnull (strstr (rest, "\n  -h, --help "));
  g_assert_nonnull (strstr (rest, "\n  --version "));
}

/* Loads the configuration like main() of the daemon. Runs in the process of run_program(). */
static int
run_as_ringdown (char **argv)
{
  g_auto (GStrv) envp = g_get_environ ();
  g_autoptr (GError) error = NULL;
  g_autoptr (RdSettings) to_check = NULL;
  g_autoptr (RdConfig) config = rd_config_load (argv, envp, &to_check, &error);

  fprintf (stderr, "%s\n", config != NULL ? "no error" : error->message);
  return 1;
}

#define ADD(path, function) \
  g_test_add (path, ConfigFixture, NULL, config_fixture_set_up, function, config_fixture_tear_down)

int
main (int argc, char **argv)
{
  if (argc > 1 && g_str_equal (argv[1], "ringdown"))
    return run_as_ringdown (argv + 1);

  g_test_init (&argc, &argv, NULL);

  ADD ("/config/defaults", defaults_apply_without_other_sources);
  ADD ("/config/command-line", command_line_sets_every_option);
  ADD ("/config/environment", environment_sets_every_option);
  ADD ("/config/environment/empty", empty_variables_are_not_set);
  ADD ("/config/key-file", key_file_sets_every_option);
  ADD ("/config/key-file/given", given_key_file_is_the_only_one_read);
  ADD ("/config/key-file/home", key_file_is_in_home_without_xdg_config_home);
  ADD ("/config/key-file/missing", key_file_may_be_missing);
  ADD ("/config/precedence", source_with_the_highest_precedence_wins);
  ADD ("/config/precedence/lists", lists_are_replaced_completely);
  ADD ("/config/subprotocols", subprotocols_are_collected);
  ADD ("/config/precedence/repeated", last_of_repeated_options_wins);
  ADD ("/config/check", check_returns_the_sources_of_values);
  ADD ("/config/formatted/defaults", defaults_are_formatted_as_in_the_table);
  ADD ("/config/formatted/values", equal_values_are_formatted_equally);
  ADD ("/config/application-id", instances_have_different_bus_names);
  ADD ("/config/booleans", booleans_are_parsed);
  ADD ("/config/buses", buses_are_parsed);
  g_test_add_func ("/config/version", version_is_printed);
  g_test_add_func ("/config/help/width", help_fits_a_terminal);
  g_test_add_func ("/config/help/options", help_shows_every_option_in_its_group);

  return g_test_run ();
}
