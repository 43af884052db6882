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

#define FORM                                                                               \
  "give redis://USER:PASSWORD@HOST:PORT/DATABASE, unix://USER:PASSWORD@/PATH?db=DATABASE " \
  "or /PATH, and %XX for special characters"

static void
assert_refused (const char *text, const char *part)
{
  g_autofree char *message = g_strconcat ("invalid ", part, "; " FORM, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (RdRedisUrl) url = rd_redis_url_parse (text, &error);

  g_test_message ("%s", message);
  g_assert_null (url);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_cmpstr (error->message, ==, message);
}

static void
errors_name_the_part (void)
{
  static const struct
  {
    const char *text;
    const char *part;
  } wrong[] = {
    { "", "scheme" },
    { "localhost", "scheme" },
    { "localhost:6379", "scheme" },
    { "redis:localhost", "scheme" },
    { "http://localhost:6379", "scheme" },
    { "run/redis.sock", "scheme" },
    { "a:" SECRET "@h", "scheme" },
    { "redis\x1b[2J", "scheme" },
    { "rediss://:" SECRET "@h:6380", "scheme (TLS is not supported)" },
    { "redis://:%0" SECRET "@h", "%XX code" },
    { "redis://:a%00b@h", "%XX code" },
    { "redis://anna@h", "user without a password" },
    { "redis://", "host" },
    { "redis:///1", "host" },
    { "redis://:6379", "host" },
    { "redis://:" SECRET "@/1", "host" },
    { "redis://a b/1", "host" },
    { "redis://300.1.1.1", "host" },
    { "redis://[::1", "host" },
    { "redis://[a]", "host" },
    { "redis://h:0", "port" },
    { "redis://h:65536", "port" },
    { "redis://h:-1", "port" },
    { "redis://h:" SECRET, "port" },
    { "redis://:" SECRET "/a@h", "port" }, /* the / is not encoded */
    { "redis://:" SECRET "#a@h", "port" },
    { "redis://:@" SECRET "@:1", "host" },
    { "redis://h/65536", "database" },
    { "redis://h/-1", "database" },
    { "redis://h/a", "database" },
    { "redis://h/1/2", "database" },
    { "unix:///r?db=65536", "database" },
    { "unix:///r?db=", "database" },
    { "redis://h?password=" SECRET, "option" },
    { "redis://h/1#" SECRET, "option" },
    { "redis://h?db=1", "option" },
    { "unix:///r?password=" SECRET, "option" },
    { "unix:///r#a", "option" },
    { "unix://run/redis.sock", "path" },
    { "unix://", "path" },
    { "unix:///a%00b", "path" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    assert_refused (wrong[i].text, wrong[i].part);
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
  assert_refused (longer, "length: more than 1024 bytes");
  assert_refused (longer_path, "path");
  assert_refused (longer_url, "path");
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
  g_test_add_func ("/redis-url/display", the_display_has_all_but_the_password);
  g_test_add_func ("/redis-url/display/again", the_display_can_be_parsed);
  g_test_add_func ("/redis-url/place", place_does_not_depend_on_the_login);
  g_test_add_func ("/redis-url/refused", errors_name_the_part);
  g_test_add_func ("/redis-url/limits", lengths_are_limited);

  return g_test_run ();
}
