/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Redis URLs: every form, what is refused, and that no password is displayed. */

#include <gio/gio.h>
#include <string.h>
#include <sys/un.h>

#include "rd-redis-url.h"

#define SECRET "s3cret"

typedef struct
{
  const char *host;
  guint port;
  const char *path;
  const char *user;
  const char *password;
  guint database;
} Parts;

typedef struct
{
  const char *text;
  Parts parts;
  const char *display;
} Case;

static const Case cases[] = {
  { "redis://localhost", { .host = "localhost", .port = 6379 }, "redis://localhost:6379" },
  { "redis://localhost/", { .host = "localhost", .port = 6379 }, "redis://localhost:6379" },
  { "REDIS://a_b.Example:1/0", { .host = "a_b.Example", .port = 1 }, "redis://a_b.Example:1" },
  { "redis://192.0.2.1:65535/65535",
    { .host = "192.0.2.1", .port = 65535, .database = 65535 },
    "redis://192.0.2.1:65535/65535" },
  { "redis://[::1]", { .host = "::1", .port = 6379 }, "redis://[::1]:6379" },
  { "redis://[2001:db8::1]:7000/3",
    { .host = "2001:db8::1", .port = 7000, .database = 3 },
    "redis://[2001:db8::1]:7000/3" },
  { "redis://[fe80::1%25lo]",
    { .host = "fe80::1%lo", .port = 6379 },
    "redis://[fe80::1%25lo]:6379" },
  { "redis://ä.example",
    { .host = "xn--4ca.example", .port = 6379 },
    "redis://xn--4ca.example:6379" },
  { "redis://:" SECRET "@h",
    { .host = "h", .port = 6379, .password = SECRET },
    "redis://:***@h:6379" },
  { "redis://anna:" SECRET "@h:1/2",
    { .host = "h", .port = 1, .user = "anna", .password = SECRET, .database = 2 },
    "redis://anna:***@h:1/2" },
  { "redis://anna:@h",
    { .host = "h", .port = 6379, .user = "anna", .password = "" },
    "redis://anna:***@h:6379" },
  { "redis://:@h", { .host = "h", .port = 6379 }, "redis://h:6379" },
  { "redis://@h", { .host = "h", .port = 6379 }, "redis://h:6379" },
  { "redis://%c3%a4%40:a%3Ab%2fc%25%20%ff:@h",
    { .host = "h", .port = 6379, .user = "ä@", .password = "a:b/c% \xff:" },
    "redis://%C3%A4%40:***@h:6379" },
  { "redis://ä:ö ü@h",
    { .host = "h", .port = 6379, .user = "ä", .password = "ö ü" },
    "redis://%C3%A4:***@h:6379" },
  { "/run/redis.sock", { .path = "/run/redis.sock" }, "/run/redis.sock" },
  { "/run/a@b:c%20?db=1#d", { .path = "/run/a@b:c%20?db=1#d" }, "/run/a@b:c%20?db=1#d" },
  { "unix:///run/redis.sock", { .path = "/run/redis.sock" }, "/run/redis.sock" },
  { "unix:///run/a%20b?db=7", { .path = "/run/a b", .database = 7 }, "unix:///run/a%20b?db=7" },
  { "unix://:" SECRET "@/run/redis.sock",
    { .path = "/run/redis.sock", .password = SECRET },
    "unix://:***@/run/redis.sock" },
  { "unix://anna:" SECRET "@/r?db=1",
    { .path = "/r", .user = "anna", .password = SECRET, .database = 1 },
    "unix://anna:***@/r?db=1" },
};

static void
assert_equal (const RdRedisUrl *url, const Parts *expected)
{
  g_assert_cmpstr (url->host, ==, expected->host);
  g_assert_cmpuint (url->port, ==, expected->port);
  g_assert_cmpstr (url->path, ==, expected->path);
  g_assert_cmpstr (url->user, ==, expected->user);
  g_assert_cmpstr (url->password, ==, expected->password);
  g_assert_cmpuint (url->database, ==, expected->database);
}

static void
every_form_is_parsed (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (RdRedisUrl) url = rd_redis_url_parse (cases[i].text, &error);

      g_test_message ("%s", cases[i].text);
      g_assert_no_error (error);
      assert_equal (url, &cases[i].parts);
    }
}

static void
a_copy_is_equal_and_independent (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (RdRedisUrl) copy = NULL;
      RdRedisUrl *url = rd_redis_url_parse (cases[i].text, NULL);

      copy = rd_redis_url_copy (url);
      rd_redis_url_free (url);
      assert_equal (copy, &cases[i].parts);
    }
}

static void
the_display_has_all_but_the_password (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (RdRedisUrl) url = rd_redis_url_parse (cases[i].text, NULL);
      g_autofree char *display = rd_redis_url_dup_display (url);

      g_assert_cmpstr (display, ==, cases[i].display);
    }
}

static void
the_display_can_be_parsed (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (RdRedisUrl) again = rd_redis_url_parse (cases[i].display, &error);
      Parts parts = cases[i].parts;

      g_assert_no_error (error);
      if (parts.password != NULL)
        parts.password = "***";
      assert_equal (again, &parts);
    }
}

static void
assert_refused (const char *text, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RdRedisUrl) url = rd_redis_url_parse (text, &error);

  g_test_message ("%s", message);
  g_assert_null (url);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_cmpstr (error->message, ==, message);
}

#define SCHEME "not a Redis URL; give redis://HOST:PORT, unix:///PATH or the path of a UNIX socket"
#define SYNTAX                                                                           \
  "not a valid URL; give redis://USER:PASSWORD@HOST:PORT/DATABASE, and %XX for special " \
  "characters of user and password"
#define USER     "user without a password; give USER:PASSWORD@ or :PASSWORD@ before the host"
#define HOST     "no valid host; give a host name or an IP address, IPv6 in brackets"
#define PORT     "no valid port; give a number from 1 to 65535"
#define DATABASE "no valid database; give a number from 0 to 65535"
#define LENGTH   "URL is too long; give at most 1024 bytes"
#define PATH                                                           \
  "no valid path of a UNIX socket; give unix:///PATH, with a path of " \
  "at most 107 bytes"
#define OPTIONS \
  "unknown options; leave out ? or # and the rest, except ?db=NUMBER after unix:///PATH"
#define TLS                                                                                   \
  "TLS is not supported; give redis:// and the address of a proxy that supports it, such as " \
  "stunnel"

static void
errors_name_the_part (void)
{
  static const struct
  {
    const char *text;
    const char *message;
  } wrong[] = {
    { "", SCHEME },
    { "localhost", SCHEME },
    { "localhost:6379", SCHEME },
    { "redis:localhost", SCHEME },
    { "http://localhost:6379", SCHEME },
    { "run/redis.sock", SCHEME },
    { "a:" SECRET "@h", SCHEME },
    { "redis\x1b[2J", SCHEME },
    { "rediss://:" SECRET "@h:6380", TLS },
    { "redis://:%0" SECRET "@h", SYNTAX },
    { "redis://:a%00b@h", SYNTAX },
    { "redis://anna@h", USER },
    { "redis://", HOST },
    { "redis:///1", HOST },
    { "redis://:6379", HOST },
    { "redis://:" SECRET "@/1", HOST },
    { "redis://a b/1", HOST },
    { "redis://300.1.1.1", HOST },
    { "redis://[::1", HOST },
    { "redis://[a]", HOST },
    { "redis://h:0", PORT },
    { "redis://h:65536", PORT },
    { "redis://h:-1", PORT },
    { "redis://h:" SECRET, PORT },
    { "redis://:" SECRET "/a@h", PORT }, /* the / is not encoded */
    { "redis://:" SECRET "#a@h", PORT },
    { "redis://:@" SECRET "@:1", HOST },
    { "redis://h/65536", DATABASE },
    { "redis://h/-1", DATABASE },
    { "redis://h/a", DATABASE },
    { "redis://h/1/2", DATABASE },
    { "unix:///r?db=65536", DATABASE },
    { "unix:///r?db=", DATABASE },
    { "redis://h?password=" SECRET, OPTIONS },
    { "redis://h/1#" SECRET, OPTIONS },
    { "redis://h?db=1", OPTIONS },
    { "unix:///r?password=" SECRET, OPTIONS },
    { "unix:///r#a", OPTIONS },
    { "unix://run/redis.sock", PATH },
    { "unix://", PATH },
    { "unix:///a%00b", PATH },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    assert_refused (wrong[i].text, wrong[i].message);
}

static void
lengths_are_limited (void)
{
  const gsize max_path = sizeof ((struct sockaddr_un *) NULL)->sun_path - 1;
  g_autofree char *password = g_strnfill (1024 - strlen ("redis://:@h"), 'p');
  g_autofree char *longest = g_strconcat ("redis://:", password, "@h", NULL);
  g_autofree char *longer = g_strconcat (longest, "h", NULL);
  g_autofree char *name = g_strnfill (max_path - 1, 'n');
  g_autofree char *path = g_strconcat ("/", name, NULL);
  g_autofree char *longer_path = g_strconcat (path, "n", NULL);
  g_autofree char *longer_url = g_strconcat ("unix://", longer_path, NULL);
  g_autoptr (RdRedisUrl) url = rd_redis_url_parse (longest, NULL);
  g_autoptr (RdRedisUrl) socket = rd_redis_url_parse (path, NULL);

  g_assert_cmpstr (url->password, ==, password);
  g_assert_cmpstr (socket->path, ==, path);
  assert_refused (longer, LENGTH);
  assert_refused (longer_path, PATH);
  assert_refused (longer_url, PATH);
}

static void
place_does_not_depend_on_the_login (void)
{
  const char *const places[][2] = {
    { "redis://h", "0@[h]:6379" },
    { "redis://u:" SECRET "@H:6379/0", "0@[h]:6379" },
    { "redis://[::1]:1/2", "2@[::1]:1" },
    { "/run/R", "0@/run/R" },
    { "unix://:" SECRET "@/run/R?db=3", "3@/run/R" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (RdRedisUrl) url = rd_redis_url_parse (places[i][0], &error);
      g_autofree char *place = NULL;

      g_assert_no_error (error);
      place = rd_redis_url_dup_place (url);
      g_assert_cmpstr (place, ==, places[i][1]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis-url/forms", every_form_is_parsed);
  g_test_add_func ("/redis-url/copy", a_copy_is_equal_and_independent);
  g_test_add_func ("/redis-url/display", the_display_has_all_but_the_password);
  g_test_add_func ("/redis-url/display/again", the_display_can_be_parsed);
  g_test_add_func ("/redis-url/place", place_does_not_depend_on_the_login);
  g_test_add_func ("/redis-url/refused", errors_name_the_part);
  g_test_add_func ("/redis-url/limits", lengths_are_limited);

  return g_test_run ();
}
