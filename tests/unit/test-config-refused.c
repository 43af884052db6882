/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Invalid configurations: both sides of every limit, and the text and domain of every error. */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "config-fixture.h"

#define LABEL "a23456789-123456789-123456789-123456789-123456789-123456789-123"

#define PORT "not a port; give a number from 0 to 65535"
#define DURATION \
  "not a duration; give a number of seconds, or a time such as 500ms, 10s, 5min or 1h30min"
#define SIZE    "not a size; give a number of bytes, or a size such as 64KiB, 4MiB or 1GiB"
#define ADDRESS "not an address; give a host name or an IP address"
#define ORIGIN  "not an origin; give ASCII such as https://*.example.org"
#define PATH    "not a path; give “/”, then printable ASCII with no ?, #, %, \\ or dot segments"
#define NAME    "not a name; give printable text"
#define TEXT    "not a message; give UTF-8 text that is not empty"
#define TOKEN   "not a subprotocol; give at most 64 ASCII letters, digits or !#$%&'*+-.^_`|~"
#define BOOLEAN "not a boolean; give true, yes, 1, false, no or 0"

static void
assert_arg_refused (const ConfigFixture *fixture, const char *arg, const char *message)
{
  config_fixture_assert_refused (fixture, STRV (arg), NULL, NULL, G_OPTION_ERROR,
                                 G_OPTION_ERROR_BAD_VALUE, message);
}

static const struct
{
  const char *name;
  const char *allowed[3];
  const char *refused[2];
  const char *why;
  const char *with; /* another argument; NULL: none */
} limits[] = {
  { "port",
    { "0", "1", "65535" },
    { "-1", "65536" },
    "not a port; give a number from 0 to 65535",
    NULL },
  { "admin-port",
    { "-1", "0", "65535" },
    { "-2", "65536" },
    "not a port; give a number from -1 to 65535",
    NULL },
  { "max-clients",
    { "0", "1", "1000000" },
    { "-1", "1000001" },
    "not a count; give a number from 0 to 1000000",
    NULL },
  { "max-message",
    { "125", "1KiB", "16MiB" },
    { "124", "16777217" },
    "out of range; give 125 to 16MiB",
    "--log-size=1GiB" },
  { "log-size",
    { "64KiB", "65536", "1GiB" },
    { "65535", "1073741825" },
    "out of range; give 64KiB to 1GiB",
    "--max-message=125" },
  { "ping-interval",
    { "0", "100ms", "1h" },
    { "99ms", "3600001ms" },
    "out of range; give 0 (off) or 100ms to 1h",
    NULL },
  { "ping-timeout",
    { "100ms", "1s", "1h" },
    { "0", "3600001ms" },
    "out of range; give 100ms to 1h",
    NULL },
  { "notify-interval",
    { "0", "100ms", "24h" },
    { "1us", "86400001ms" },
    "out of range; give 0 (off) or 100ms to 24h",
    NULL },
  { "drain-timeout",
    { "0", "1us", "7d" },
    { "604800001ms", "99999999999999999999w" },
    "out of range; give 0 to 7d",
    NULL },
  { "drain-interval",
    { "100ms", "1s", "1h" },
    { "99999us", "61min" },
    "out of range; give 100ms to 1h",
    NULL },
  { "drain-grace",
    { "0", "1us", "1h" },
    { "3600001ms", "2h" },
    "out of range; give 0 to 1h",
    NULL },
  { "redis-history",
    { "1000", "1001", "100000000" },
    { "999", "100000001" },
    "not a count; give a number from 1000 to 100000000",
    NULL },
  { "redis-buffer",
    { "64KiB", "65536", "1GiB" },
    { "65535", "1073741825" },
    "out of range; give 64KiB to 1GiB",
    NULL },
};

static void
numbers_are_limited (ConfigFixture *fixture, gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      for (gsize j = 0; j < G_N_ELEMENTS (limits[i].allowed); j++)
        {
          g_autofree char *arg = g_strdup_printf ("--%s=%s", limits[i].name, limits[i].allowed[j]);

          config_fixture_assert_accepted (fixture, STRV (arg, limits[i].with), NULL, NULL);
        }
      for (gsize j = 0; j < G_N_ELEMENTS (limits[i].refused); j++)
        {
          const char *value = limits[i].refused[j];
          g_autofree char *arg = g_strdup_printf ("--%s=%s", limits[i].name, value);
          g_autofree char *message = g_strdup_printf ("--%s: “%s” is %s", limits[i].name, value,
                                                      limits[i].why);

          assert_arg_refused (fixture, arg, message);
        }
    }
}

static char *
repeat (const char *start, const char *text, guint n)
{
  GString *string = g_string_new (start);

  for (guint i = 0; i < n; i++)
    g_string_append (string, text);
  return g_string_free (string, FALSE);
}

static void
strings_are_limited (ConfigFixture *fixture, gconstpointer data)
{
  const struct
  {
    const char *name;
    const char *start;
    const char *text;
    guint n; /* largest number of repetitions of @text */
    const char *why;
  } cases[] = {
    { "path", "/", "p", 254, "too long; give at most 255 characters" },
    { "instance", "", "ä", 64, "too long; give at most 64 characters" },
    { "redis-channel", "", "ä", 255, "too long; give at most 255 characters" },
    { "subprotocol", "", "p", 64, TOKEN },
    { "address", "", "a", 63, ADDRESS },                                  /* longest label */
    { "admin-address", "a.", "b", 63, ADDRESS },                          /* longest last label */
    { "admin-address", LABEL "." LABEL "." LABEL ".", "d", 61, ADDRESS }, /* longest name */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *allowed = repeat (cases[i].start, cases[i].text, cases[i].n);
      g_autofree char *refused = repeat (cases[i].start, cases[i].text, cases[i].n + 1);
      g_autofree char *allowed_arg = g_strdup_printf ("--%s=%s", cases[i].name, allowed);
      g_autofree char *refused_arg = g_strdup_printf ("--%s=%s", cases[i].name, refused);
      g_autofree char *shown = g_utf8_substring (refused, 0, 60);
      g_autofree char *message = g_strdup_printf ("--%s: “%s…” is %s", cases[i].name, shown,
                                                  cases[i].why);

      config_fixture_assert_accepted (fixture, STRV (allowed_arg), NULL, NULL);
      assert_arg_refused (fixture, refused_arg, message);
    }
}

static void
lists_are_limited (ConfigFixture *fixture, gconstpointer data)
{
  g_autofree char *addresses = repeat ("--address=", "a ", 16);
  g_autofree char *origins = repeat ("--allow-origin=", "https://a,", 64);
  g_autofree char *names = repeat ("--subprotocol=", "a;", 16);
  g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, STRV (addresses, origins, names),
                                                        NULL, NULL);

  g_assert_cmpuint (g_strv_length (config->addresses), ==, 16);
  g_assert_cmpuint (g_strv_length (config->allow_origins), ==, 64);
  g_assert_cmpuint (g_strv_length (config->subprotocols), ==, 16);
  config_fixture_assert_refused (fixture, STRV (addresses, "--address=b"), NULL, NULL,
                                 G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                                 "--address: too many values (17); give at most 16");
  config_fixture_assert_refused (fixture, STRV (origins, "--allow-origin=*"), NULL, NULL,
                                 G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                                 "--allow-origin: too many values (65); give at most 64");
  config_fixture_assert_refused (fixture, STRV (names, "--subprotocol=b"), NULL, NULL,
                                 G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                                 "--subprotocol: too many values (17); give at most 16");
}

static void
origins_that_can_match_are_accepted (ConfigFixture *fixture, gconstpointer data)
{
  const char *const cases[] = {
    "*",
    "null",
    "file://",
    "https://example.org",
    "https://*.example.org",
    "http://localhost:*",
    "http://[::1]:3000",
    "http://127.0.0.?",
    "http://a:443",
    "https://a:80",
    "http://a:8080",
    "*.example.org",
    "*://a",
    "*//a",
    "?ttp://a",
    "http*://a:80",
    "http?://a",
    "https*.example.org",
    "capacitor://localhost",
    "chrome-extension://abc",
    "safari-web-extension://AB-CD",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *arg = g_strconcat ("--allow-origin=", cases[i], NULL);

      config_fixture_assert_accepted (fixture, STRV (arg), NULL, NULL);
    }
}

static void
origins_that_can_never_match_are_refused (ConfigFixture *fixture, gconstpointer data)
{
  const char *const cases[][2] = {
    { "https://a/", "https://a" },
    { "https://a/b/c", "https://a" },
    { "https://*/*", "https://*" },
    { "*.example.org/", "*.example.org" },
    { "file:///home", "file://" },
    { "null/", "null" },
    { "http://a:80", "http://a" },
    { "https://a:443", "https://a" },
    { "HTTPS://a", "https://a" },
    { "https://Example.org", "https://example.org" },
    { "*.Example.org", "*.example.org" },
    { "http*://A", "http*://a" },
    { "NULL", "null" },
    { "Chrome-Extension://abc", "chrome-extension://abc" },
    { "https://user@a", "https://a" },
    { "https://user:word@a", "https://a" },
    { "ws://a", "http://a" },
    { "wss://a/ws", "https://a" },
    { "https:a", "https://a" },
    { "https:/a", "https://a" },
    { "HTTPS://u@A:443/B", "https://a" },
    { "example.org", "http://example.org or https://example.org" },
    { "Example.org/", "http://example.org or https://example.org" },
    { "//a", "http://a or https://a" },
    { "localhost:*", "http://localhost:* or https://localhost:*" },
    { "[::1]:3000", "http://[::1]:3000 or https://[::1]:3000" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *arg = g_strconcat ("--allow-origin=http://a ", cases[i][0], NULL);
      g_autofree char *message = g_strdup_printf ("--allow-origin: “%s” can never match; give %s",
                                                  cases[i][0], cases[i][1]);

      assert_arg_refused (fixture, arg, message);
    }
}

static void
invalid_values_are_refused (ConfigFixture *fixture, gconstpointer data)
{
  const char *const cases[][2] = {
    { "--port=abc", "--port: “abc” is " PORT },
    { "--port=", "--port: “” is " PORT },
    { "--port= 1", "--port: “ 1” is " PORT },
    { "--port=1 ", "--port: “1 ” is " PORT },
    { "--port=0x50", "--port: “0x50” is " PORT },
    { "--port=18446744073709551616", "--port: “18446744073709551616” is " PORT },
    { "--max-clients=x", "--max-clients: “x” is not a count; give a number from 0 to 1000000" },
    { "--drain-timeout=soon", "--drain-timeout: “soon” is " DURATION },
    { "--drain-grace=", "--drain-grace: “” is " DURATION },
    { "--ping-interval=-1s", "--ping-interval: “-1s” is " DURATION },
    { "--max-message=1MB", "--max-message: “1MB” is " SIZE },
    { "--address=a_b-", "--address: “a_b-” is " ADDRESS },
    { "--address=localhost:8000", "--address: “localhost:8000” is " ADDRESS },
    { "--address=[::1]", "--address: “[::1]” is " ADDRESS },
    { "--address=a 300.1.1.1", "--address: “300.1.1.1” is " ADDRESS },
    { "--address=1", "--address: “1” is " ADDRESS },
    { "--address=a.1.", "--address: “a.1.” is " ADDRESS },
    { "--address=a..b", "--address: “a..b” is " ADDRESS },
    { "--address=ä.example", "--address: “ä.example” is " ADDRESS },
    { "--address=", "--address: “” is an empty list; give at least one value" },
    { "--admin-address=", "--admin-address: “” is " ADDRESS },
    { "--admin-address=a b", "--admin-address: “a b” is " ADDRESS },
    { "--admin-address=a\n", "--admin-address: “a\\u000a” is " ADDRESS },
    { "--admin-address=::1%\n", "--admin-address: “::1%\\u000a” is " ADDRESS },
    { "--allow-origin= ,; ", "--allow-origin: “ ,; ” is an empty list; give at least one value" },
    { "--allow-origin=https://ä", "--allow-origin: “https://ä” is " ORIGIN },
    { "--allow-origin=https://a#b", "--allow-origin: “https://a#b” is " ORIGIN },
    { "--allow-origin=https://%61", "--allow-origin: “https://%61” is " ORIGIN },
    { "--allow-origin=https://", "--allow-origin: “https://” is " ORIGIN },
    { "--allow-origin=http://:80", "--allow-origin: “http://:80” is " ORIGIN },
    { "--path=ws", "--path: “ws” is " PATH },
    { "--path=", "--path: “” is " PATH },
    { "--path=/a?b", "--path: “/a?b” is " PATH },
    { "--path=/a\\b", "--path: “/a\\b” is " PATH },
    { "--path=/a#b", "--path: “/a#b” is " PATH },
    { "--path=/a%20b", "--path: “/a%20b” is " PATH },
    { "--path=/a/../b", "--path: “/a/../b” is " PATH },
    { "--path=/.", "--path: “/.” is " PATH },
    { "--path=/a b", "--path: “/a b” is " PATH },
    { "--path=/a\x1b[2J", "--path: “/a\\u001b[2J” is " PATH },
    { "--path=/ä", "--path: “/ä” is " PATH },
    { "--instance=", "--instance: “” is " NAME },
    { "--instance=a\tb", "--instance: “a\\u0009b” is " NAME },
    { "--instance=\xff", "--instance: “\xef\xbf\xbd” is " NAME },
    { "--instance=\xc1\xa1",
      "--instance: “\xef\xbf\xbd\xef\xbf\xbd” is " NAME },             /* overlong UTF-8 */
    { "--instance=a\xe2\x80\xae", "--instance: “a\\u202e” is " NAME }, /* right-to-left override */
    { "--notify-message=", "--notify-message: “” is " TEXT },
    { "--notify-message=a\xc3", "--notify-message: “a\xef\xbf\xbd” is " TEXT },
    { "--reuse-port=maybe", "--reuse-port: “maybe” is " BOOLEAN },
    { "--reuse-port=", "--reuse-port: “” is " BOOLEAN },
    { "--bus=tram", "--bus: “tram” is not one of session, system, none" },
    { "--bus=", "--bus: “” is not one of session, system, none" },
    { "--drain-code=1013", "--drain-code: “1013” is not one of 1012, 1001" },
    { "--drain-code=", "--drain-code: “” is not one of 1012, 1001" },
    { "--redis-mode=list", "--redis-mode: “list” is not one of stream, pubsub" },
    { "--redis-channel=", "--redis-channel: “” is " NAME },
    { "--redis-channel=a\nb", "--redis-channel: “a\\u000ab” is " NAME },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_arg_refused (fixture, cases[i][0], cases[i][1]);
}

static void
invalid_subprotocols_are_refused (ConfigFixture *fixture, gconstpointer data)
{
  const char *const cases[][2] = {
    { "--subprotocol=", "--subprotocol: “” is an empty list; give at least one value" },
    { "--subprotocol= , ", "--subprotocol: “ , ” is an empty list; give at least one value" },
    { "--subprotocol=a b/c", "--subprotocol: “b/c” is " TOKEN },
    { "--subprotocol=soap(1)", "--subprotocol: “soap(1)” is " TOKEN },
    { "--subprotocol=\"chat\"", "--subprotocol: “\"chat\"” is " TOKEN },
    { "--subprotocol=http://a", "--subprotocol: “http://a” is " TOKEN },
    { "--subprotocol=a=b", "--subprotocol: “a=b” is " TOKEN },
    { "--subprotocol=chät", "--subprotocol: “chät” is " TOKEN },
    { "--subprotocol=a\x7f", "--subprotocol: “a\\u007f” is " TOKEN },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_arg_refused (fixture, cases[i][0], cases[i][1]);
}

static void
invalid_command_lines_are_refused (ConfigFixture *fixture, gconstpointer data)
{
  const struct
  {
    const char *const *args;
    int code;
    const char *message;
  } cases[] = {
    { STRV ("--foo"), G_OPTION_ERROR_UNKNOWN_OPTION, "unknown option --foo; see ringdown --help" },
    { STRV ("--foo=bar"), G_OPTION_ERROR_UNKNOWN_OPTION,
      "unknown option --foo; see ringdown --help" },
    { STRV ("--Server-port=1"), G_OPTION_ERROR_UNKNOWN_OPTION,
      "unknown option --Server-port; see ringdown --help" },
    { STRV ("--fo\no"), G_OPTION_ERROR_UNKNOWN_OPTION,
      "unknown option --fo\\u000ao; see ringdown --help" },
    { STRV ("-p", "1"), G_OPTION_ERROR_UNKNOWN_OPTION, "unknown option -p; see ringdown --help" },
    { STRV ("--help", "--foo"), G_OPTION_ERROR_UNKNOWN_OPTION,
      "unknown option --foo; see ringdown --help" },
    { STRV ("8000"), G_OPTION_ERROR_FAILED, "“8000” is not an option; see ringdown --help" },
    { STRV ("--port", "1", "2"), G_OPTION_ERROR_FAILED,
      "“2” is not an option; see ringdown --help" },
    { STRV ("--", "--port"), G_OPTION_ERROR_FAILED,
      "“--port” is not an option; see ringdown --help" },
    { STRV (""), G_OPTION_ERROR_FAILED, "“” is not an option; see ringdown --help" },
    { STRV ("-"), G_OPTION_ERROR_FAILED, "“-” is not an option; see ringdown --help" },
    { STRV ("--port"), G_OPTION_ERROR_BAD_VALUE, "Missing argument for --port" },
    { STRV ("--config"), G_OPTION_ERROR_BAD_VALUE, "Missing argument for --config" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    config_fixture_assert_refused (fixture, cases[i].args, NULL, NULL, G_OPTION_ERROR,
                                   cases[i].code, cases[i].message);
}

static void
invalid_variables_are_refused (ConfigFixture *fixture, gconstpointer data)
{
  const char *const cases[][2] = {
    { "RINGDOWN_PORT=abc", "RINGDOWN_PORT: “abc” is " PORT },
    { "RINGDOWN_PORT=http://192.0.2.1:80", "RINGDOWN_PORT: “http://192.0.2.1:80” is " PORT },
    { "RINGDOWN_PATH=tcp://192.0.2.1:80", "RINGDOWN_PATH: “tcp://192.0.2.1:80” is " PATH },
    { "RINGDOWN_DRAIN_TIMEOUT=1h30", "RINGDOWN_DRAIN_TIMEOUT: “1h30” is " DURATION },
    { "RINGDOWN_REUSE_PORT=TRUE", "RINGDOWN_REUSE_PORT: “TRUE” is " BOOLEAN },
    { "RINGDOWN_ADDRESS= ", "RINGDOWN_ADDRESS: “ ” is an empty list; give at least one value" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    config_fixture_assert_refused (fixture, NULL, STRV (cases[i][0]), NULL, G_IO_ERROR,
                                   G_IO_ERROR_INVALID_ARGUMENT, cases[i][1]);
}

static void
invalid_key_files_are_refused (ConfigFixture *fixture, gconstpointer data)
{
  const struct
  {
    const char *text;
    int code;
    const char *message;
  } cases[] = {
    { "[Server]\nport=abc\n", G_KEY_FILE_ERROR_INVALID_VALUE,
      "FILE: [Server] port: “abc” is " PORT },
    { "[Server]\naddress=\n", G_KEY_FILE_ERROR_INVALID_VALUE,
      "FILE: [Server] address: “” is an empty list; give at least one value" },
    { "[Server]\nsubprotocol=chat;v/1\n", G_KEY_FILE_ERROR_INVALID_VALUE,
      "FILE: [Server] subprotocol: “v/1” is " TOKEN },
    { "[Drain]\ndrain-timeout=1 moon\n", G_KEY_FILE_ERROR_INVALID_VALUE,
      "FILE: [Drain] drain-timeout: “1 moon” is " DURATION },
    { "[Sever]\nport=1\n", G_KEY_FILE_ERROR_GROUP_NOT_FOUND,
      "FILE: [Sever]: unknown group; see ringdown --help" },
    { "[Server]\nprot=1\n", G_KEY_FILE_ERROR_KEY_NOT_FOUND,
      "FILE: [Server] prot: unknown key; see ringdown --help" },
    { "[Server]\nport[de]=1\n", G_KEY_FILE_ERROR_KEY_NOT_FOUND,
      "FILE: [Server] port[de]: unknown key; see ringdown --help" },
    { "[Drain]\nport=1\n", G_KEY_FILE_ERROR_KEY_NOT_FOUND,
      "FILE: [Drain] port: wrong group; this key belongs in [Server]" },
    { "port=1\n", G_KEY_FILE_ERROR_GROUP_NOT_FOUND, "FILE: line 1 is before the first [GROUP]" },
    { "# a comment\nport=1\n[Server]\n", G_KEY_FILE_ERROR_GROUP_NOT_FOUND,
      "FILE: line 2 is before the first [GROUP]" },
    { "[Server]\n\n# a comment\nport=1\n\tnonsense\n", G_KEY_FILE_ERROR_PARSE,
      "FILE: line 5 is not KEY=VALUE, [GROUP] or #COMMENT" },
    { "[Server]\nport=1\n[Admin\n", G_KEY_FILE_ERROR_PARSE,
      "FILE: line 3 is not KEY=VALUE, [GROUP] or #COMMENT" },
    { "[Server]\nnonsense \x1b[2J\n", G_KEY_FILE_ERROR_PARSE,
      "FILE: line 2 is not KEY=VALUE, [GROUP] or #COMMENT" },
    { "[Notify]\nnotify-message=a\\q\n", G_KEY_FILE_ERROR_INVALID_VALUE,
      "FILE: [Notify] notify-message: unknown escape sequence in the value; write \\\\ for a "
      "backslash" },
    { "[Notify]\nnotify-message=a\xff\n", G_KEY_FILE_ERROR_UNKNOWN_ENCODING,
      "FILE: [Notify] notify-message: the value is not valid UTF-8" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    config_fixture_assert_refused (fixture, NULL, NULL, cases[i].text, G_KEY_FILE_ERROR,
                                   cases[i].code, cases[i].message);
}

static void
unreadable_key_files_are_refused (ConfigFixture *fixture, gconstpointer data)
{
  g_autofree char *env = g_strconcat ("RINGDOWN_CONFIG=", fixture->dir, NULL);
  g_autofree char *is_directory = g_strdup_printf ("Error reading file “%s”: Is a directory",
                                                   fixture->dir);

  config_fixture_assert_refused (fixture, STRV ("--config=/nonexistent\n"), NULL, NULL, G_IO_ERROR,
                                 G_IO_ERROR_NOT_FOUND,
                                 "Failed to open file “/nonexistent\\u000a”: No such file or "
                                 "directory");
  config_fixture_assert_refused (fixture, NULL, STRV (env), NULL, G_IO_ERROR,
                                 G_IO_ERROR_IS_DIRECTORY, is_directory);
  g_remove (fixture->file);
  g_assert_cmpint (g_mkdir (fixture->file, 0700), ==, 0);
  config_fixture_assert_refused (fixture, NULL, NULL, NULL, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY,
                                 "Error reading file “FILE”: Is a directory");
}

static void
log_holds_eight_messages (ConfigFixture *fixture, gconstpointer data)
{
  config_fixture_assert_accepted (fixture, STRV ("--log-size=512KiB", "--max-message=64KiB"), NULL,
                                  NULL);
  config_fixture_assert_refused (fixture, STRV ("--log-size=524287"), NULL, NULL, G_OPTION_ERROR,
                                 G_OPTION_ERROR_BAD_VALUE,
                                 "--log-size “524287” is less than 8 times max-message (default) "
                                 "“64KiB”; raise the first or lower the second");
  config_fixture_assert_refused (fixture, STRV ("--max-message=1K", "--max-message=1M"), NULL,
                                 "[Server]\nlog-size=7MiB\n", G_OPTION_ERROR,
                                 G_OPTION_ERROR_BAD_VALUE,
                                 "FILE: [Server] log-size “7MiB” is less than 8 times "
                                 "--max-message “1M”; raise the first or lower the second");
  config_fixture_assert_refused (fixture, NULL, NULL, "[Server]\nmax-message=1M\n",
                                 G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE,
                                 "log-size (default) “4MiB” is less than 8 times FILE: [Server] "
                                 "max-message “1M”; raise the first or lower the second");
}

static void
notification_is_no_longer_than_a_message (ConfigFixture *fixture, gconstpointer data)
{
  const char *const *env = STRV ("RINGDOWN_MAX_MESSAGE=125");
  g_autofree char *fits = repeat ("[Notify]\nnotify-message=1", "ü", 62);
  g_autofree char *exceeds = g_strconcat (fits, "2", NULL);
  g_autofree char *shown = repeat ("1", "ü", 59);
  g_autofree char *why = g_strdup_printf (
    "FILE: [Notify] notify-message “%s…” is longer than RINGDOWN_MAX_MESSAGE "
    "“125”; shorten the first or raise the second",
    shown);

  config_fixture_assert_accepted (fixture, NULL, env, fits);
  config_fixture_assert_refused (fixture, NULL, env, exceeds, G_IO_ERROR,
                                 G_IO_ERROR_INVALID_ARGUMENT, why);
}

static void
overridden_values_must_be_valid (ConfigFixture *fixture, gconstpointer data)
{
  const char *text = "[Server]\nport=c\n";

  config_fixture_assert_refused (fixture, STRV ("--port=1"), STRV ("RINGDOWN_PORT=b"), "",
                                 G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                                 "RINGDOWN_PORT: “b” is " PORT);
  config_fixture_assert_refused (fixture, STRV ("--port=1"), STRV ("RINGDOWN_PORT=2"), text,
                                 G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE,
                                 "FILE: [Server] port: “c” is " PORT);
}

static void
command_line_errors_come_first (ConfigFixture *fixture, gconstpointer data)
{
  config_fixture_assert_refused (fixture, STRV ("--port=a"), STRV ("RINGDOWN_PORT=b"), "nonsense",
                                 G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--port: “a” is " PORT);
}

#define ADD(path, function) \
  g_test_add (path, ConfigFixture, NULL, config_fixture_set_up, function, config_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/config-refused/limits/numbers", numbers_are_limited);
  ADD ("/config-refused/limits/strings", strings_are_limited);
  ADD ("/config-refused/limits/lists", lists_are_limited);
  ADD ("/config-refused/origins/accepted", origins_that_can_match_are_accepted);
  ADD ("/config-refused/origins", origins_that_can_never_match_are_refused);
  ADD ("/config-refused/values", invalid_values_are_refused);
  ADD ("/config-refused/values/subprotocols", invalid_subprotocols_are_refused);
  ADD ("/config-refused/command-line", invalid_command_lines_are_refused);
  ADD ("/config-refused/environment", invalid_variables_are_refused);
  ADD ("/config-refused/key-file", invalid_key_files_are_refused);
  ADD ("/config-refused/key-file/unreadable", unreadable_key_files_are_refused);
  ADD ("/config-refused/pairs/log", log_holds_eight_messages);
  ADD ("/config-refused/pairs/notification", notification_is_no_longer_than_a_message);
  ADD ("/config-refused/overridden", overridden_values_must_be_valid);
  ADD ("/config-refused/command-line/first", command_line_errors_come_first);

  return g_test_run ();
}
