/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The login of a link: the commands it sends, and the errors it reports. */

#include "redis-link-fixture.h"

#include <string.h>

#define TEST(path, func) \
  g_test_add (path, LinkFixture, NULL, link_fixture_set_up, func, link_fixture_tear_down)

typedef struct
{
  const char *user;
  const char *password;
  guint database;
  const char *commands[3]; /* before PING */
} Login;

static const Login logins[] = {
  { NULL, NULL, 0, { NULL } },
  { NULL, "s3cret", 0, { "AUTH s3cret" } },
  { "ann", "s3cret", 0, { "AUTH ann s3cret" } },
  { "ann", "", 0, { "AUTH ann " } },
  { "ann", NULL, 0, { "AUTH ann " } },
  { NULL, NULL, 7, { "SELECT 7" } },
  { "ann", "two words", 65535, { "AUTH ann two words", "SELECT 65535" } },
};

static void
set_login (LinkFixture *fixture, const Login *login)
{
  RdRedisUrl *url = fixture->server->url;

  url->user = g_strdup (login->user);
  url->password = g_strdup (login->password);
  url->database = login->database;
}

static void
login_commands_are_sent (LinkFixture *fixture, gconstpointer user_data)
{
  const Login *login = user_data;

  set_login (fixture, login);
  link_fixture_connect (fixture);
  for (guint i = 0; login->commands[i] != NULL; i++)
    {
      redis_server_expect (fixture->server, login->commands[i]);
      redis_server_send (fixture->server, "+OK\r\n");
    }
  link_fixture_settle ();
  g_assert_cmpuint (fixture->events->len, ==, 0);
  redis_server_accept_login (fixture->server);
  link_fixture_expect (fixture, "ready;");
}

/* Answers of Redis 4 to 7. */
typedef struct
{
  const char *replies; /* to AUTH, SELECT and PING */
  RdRedisError code;
  const char *message;
} Refusal;

static const Refusal refusals[] = {
  { "-WRONGPASS invalid username-password pair or user is disabled.\r\n", RD_REDIS_ERROR_REFUSED,
    "WRONGPASS: unknown user, wrong password, or user disabled" },
  { "-ERR invalid password\r\n", RD_REDIS_ERROR_REFUSED, "ERR: wrong password" },
  { "-ERR AUTH <password> called without any password configured for the default user.\r\n",
    RD_REDIS_ERROR_REFUSED, "ERR: the default user has no password" },
  { "-ERR Client sent AUTH, but no password is set\r\n", RD_REDIS_ERROR_REFUSED,
    "ERR: the default user has no password" },
  { "-ERR wrong number of arguments for 'auth' command\r\n", RD_REDIS_ERROR_REFUSED,
    "ERR: users need Redis 6 or later" },
  { "-DENIED Redis is running in protected mode because …\r\n", RD_REDIS_ERROR_REFUSED,
    "DENIED: protected mode, local clients only" },
  { "+OK\r\n-NOAUTH Authentication required.\r\n", RD_REDIS_ERROR_REFUSED,
    "NOAUTH Authentication required." },
  { "+OK\r\n-NOPERM this user has no permissions to run the 'select' command\r\n",
    RD_REDIS_ERROR_REFUSED, "NOPERM this user has no permissions to run the 'select' command" },
  { "+OK\r\n-ERR DB index is out of range\r\n", RD_REDIS_ERROR_REFUSED,
    "ERR DB index is out of range" },
  { "+OK\r\n-ERR invalid DB index\r\n", RD_REDIS_ERROR_REFUSED, "ERR invalid DB index" },
  { "+OK\r\n-ERR SELECT is not allowed in cluster mode\r\n", RD_REDIS_ERROR_REFUSED,
    "ERR SELECT is not allowed in cluster mode" },
  { "+OK\r\n+OK\r\n-NOPERM this user has no permissions to run the 'ping' command\r\n",
    RD_REDIS_ERROR_REFUSED, "NOPERM this user has no permissions to run the 'ping' command" },

  { "-ERR max number of clients reached\r\n", RD_REDIS_ERROR_REPLY,
    "ERR: the server has its maximum number of clients" },
  { "+OK\r\n+OK\r\n-LOADING Redis is loading the dataset in memory\r\n", RD_REDIS_ERROR_REPLY,
    "LOADING Redis is loading the dataset in memory" },
  { "+OK\r\n-ERR unknown command 'SELECT'\r\n", RD_REDIS_ERROR_REPLY,
    "ERR unknown command 'SELECT'" },
  { "-\r\n", RD_REDIS_ERROR_REPLY, "AUTH failed" },

  /* Servers and proxies that repeat the arguments of a command. */
  { "-ERR unknown command 'AUTH', with args beginning with: 'ann' 's3cret' \r\n",
    RD_REDIS_ERROR_REPLY, "ERR: AUTH is disabled or renamed" },
  { "-ERR unknown command `AUTH`, with args beginning with: `ann`, `s3cret`, \r\n",
    RD_REDIS_ERROR_REPLY, "ERR: AUTH is disabled or renamed" },
  { "-NOPERM ann s3cret\r\n", RD_REDIS_ERROR_REFUSED, "NOPERM: AUTH failed" },
  { "-MOVED 1 s3cret:6379\r\n", RD_REDIS_ERROR_CLUSTER, "MOVED: AUTH failed" },
  { "-s3cret\r\n", RD_REDIS_ERROR_REPLY, "AUTH failed" },
  { "-S3CRET is wrong\r\n", RD_REDIS_ERROR_REPLY, "AUTH failed" },
  { "+Welcome\r\n-ERR unknown command 'AUTH', with args beginning with: 'ann' 's3cret' \r\n",
    RD_REDIS_ERROR_REPLY, "ERR unknown command 'AUTH'" },
};

static void
refused_login_is_reported (LinkFixture *fixture, gconstpointer user_data)
{
  const Refusal *refusal = user_data;

  set_login (fixture, &(const Login){ "ann", "s3cret", 7, { NULL } });
  link_fixture_connect (fixture);
  redis_server_expect (fixture->server, "AUTH ann s3cret");
  redis_server_send (fixture->server, refusal->replies);
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, refusal->code, refusal->message);
  g_assert_null (strstr (fixture->error->message, "s3cret"));
}

/* A server with its maximum number of clients, or in protected mode, sends an error, reads nothing
 * and closes the connection. */
static void
error_before_the_login_is_reported (LinkFixture *fixture, gconstpointer unused)
{
  fixture->server->banner = "-ERR max number of clients reached\r\n";
  fixture->server->hangs_up = TRUE;
  link_fixture_connect (fixture);
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_REPLY,
                               "ERR max number of clients reached");
}

static void
error_is_one_short_line (LinkFixture *fixture, gconstpointer unused)
{
  g_autofree char *length = g_strnfill (10000, 'x');
  g_autofree char *reply = g_strdup_printf ("-ERR \033[2J \xFF %s\r\n", length);

  link_fixture_connect (fixture);
  redis_server_expect (fixture->server, "PING");
  redis_server_send (fixture->server, reply);
  link_fixture_expect (fixture, "failed;");
  g_assert_true (g_str_has_prefix (fixture->error->message, "ERR \\u001b[2J \uFFFD xxx"));
  g_assert_true (g_str_has_suffix (fixture->error->message, "xxx…"));
  g_assert_cmpint (g_utf8_strlen (fixture->error->message, -1), ==,
                   200 + strlen ("\\u001b") - 1 + 1);
}

static void
client_name_is_optional (LinkFixture *fixture, gconstpointer unused)
{
  fixture->server->banner = "+PONG\r\n-NOPERM no names\r\n" REDIS_ROLE_MASTER;
  link_fixture_connect (fixture);
  link_fixture_expect (fixture, "ready;");
  rd_redis_link_call_words (fixture->link, link_fixture_log_reply, fixture, "TIME", NULL);
  redis_server_send (fixture->server, ":1\r\n");
  link_fixture_expect (fixture, "=1;");
}

/* Replies to PING, CLIENT SETNAME and ROLE. */
static const char *const replica_replies[] = {
  "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
  "+PONG\r\n+OK\r\n*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:6379\r\n$9\r\nconnected\r\n:0\r\n",
};

static void
expect_replica (LinkFixture *fixture)
{
  g_autofree char *message = g_strdup_printf ("127.0.0.1:%u is a replica; looking for the master",
                                              fixture->server->url->port);

  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_REPLICA, message);
}

static void
replica_is_refused (LinkFixture *fixture, gconstpointer replies)
{
  fixture->server->banner = replies;
  link_fixture_connect (fixture);
  expect_replica (fixture);
}

static void
role_is_optional (LinkFixture *fixture, gconstpointer unused)
{
  fixture->server->banner = "+PONG\r\n+OK\r\n-NOPERM no roles\r\n";
  link_fixture_connect (fixture);
  link_fixture_expect (fixture, "ready;");
}

static void
change_of_the_role_closes_the_link (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  rd_redis_link_check_role (fixture->link);
  redis_server_expect (fixture->server, "ROLE");
  redis_server_send (fixture->server, "*2\r\n$5\r\nslave\r\n$1\r\nh\r\n");
  expect_replica (fixture);
}

/* Error replies to any command. */
static const Refusal wrong_servers[] = {
  { "-READONLY You can't write against a read only replica.\r\n", RD_REDIS_ERROR_REPLICA,
    "a replica; looking for the master" },
  { "-EXECABORT Transaction discarded because of: READONLY You can't write …\r\n",
    RD_REDIS_ERROR_REPLICA, "a replica; looking for the master" },
  { "-MOVED 866 127.0.0.1:7001\r\n", RD_REDIS_ERROR_CLUSTER,
    "in cluster mode, which is not supported" },
  { "-ASK 866 127.0.0.1:7001\r\n", RD_REDIS_ERROR_CLUSTER,
    "in cluster mode, which is not supported" },
  { "-CROSSSLOT Keys in request don't hash to the same slot\r\n", RD_REDIS_ERROR_CLUSTER,
    "in cluster mode, which is not supported" },
  { "-CLUSTERDOWN Hash slot not served\r\n", RD_REDIS_ERROR_CLUSTER,
    "in cluster mode, which is not supported" },
};

static void
reply_of_a_wrong_server_closes_the_link (LinkFixture *fixture, gconstpointer user_data)
{
  const Refusal *refusal = user_data;
  g_autofree char *message = NULL;

  link_fixture_connect_ready (fixture);
  message = g_strdup_printf ("127.0.0.1:%u is %s", fixture->server->url->port, refusal->message);
  rd_redis_link_call_words (fixture->link, link_fixture_log_reply, fixture, "GET", "x", NULL);
  redis_server_expect (fixture->server, "GET x");
  redis_server_send (fixture->server, refusal->replies);
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, refusal->code, message);
}

/* A proxy may not know PING: any reply but an error is accepted. */
static void
any_answer_to_ping_is_accepted (LinkFixture *fixture, gconstpointer unused)
{
  fixture->server->banner = "$2\r\nhi\r\n+OK\r\n" REDIS_ROLE_MASTER;
  link_fixture_connect (fixture);
  link_fixture_expect (fixture, "ready;");
}

static void
add_cases (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (logins); i++)
    {
      g_autofree char *path = g_strdup_printf ("/redis-login/commands/%zu", i);

      g_test_add (path, LinkFixture, &logins[i], link_fixture_set_up, login_commands_are_sent,
                  link_fixture_tear_down);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autofree char *path = g_strdup_printf ("/redis-login/refusal/%zu", i);

      g_test_add (path, LinkFixture, &refusals[i], link_fixture_set_up, refused_login_is_reported,
                  link_fixture_tear_down);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (replica_replies); i++)
    {
      g_autofree char *path = g_strdup_printf ("/redis-login/replica/%zu", i);

      g_test_add (path, LinkFixture, replica_replies[i], link_fixture_set_up, replica_is_refused,
                  link_fixture_tear_down);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (wrong_servers); i++)
    {
      g_autofree char *path = g_strdup_printf ("/redis-login/wrong-server/%zu", i);

      g_test_add (path, LinkFixture, &wrong_servers[i], link_fixture_set_up,
                  reply_of_a_wrong_server_closes_the_link, link_fixture_tear_down);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add_cases ();
  TEST ("/redis-login/banner", error_before_the_login_is_reported);
  TEST ("/redis-login/printable", error_is_one_short_line);
  TEST ("/redis-login/name", client_name_is_optional);
  TEST ("/redis-login/role/optional", role_is_optional);
  TEST ("/redis-login/role/change", change_of_the_role_closes_the_link);
  TEST ("/redis-login/pong", any_answer_to_ping_is_accepted);

  return g_test_run ();
}
