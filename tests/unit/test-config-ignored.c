/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Values in the environment that are ignored. */

#include "config-fixture.h"

#define URL           "tcp://10.0.0.1:80"
#define WHY           "Kubernetes or Docker sets this variable for a service of that name"
#define LINK(name)    name ": “" URL "” is ignored; " WHY
#define UNKNOWN(name) name ": unknown variable, ignored; see ringdown --help"

/* Such as https://kubernetes.io/docs/concepts/services-networking/service */
static void
variables_of_other_services_are_ignored (ConfigFixture *fixture, gconstpointer data)
{
  const char *const *env = STRV (
    "RINGDOWN_SERVICE_HOST=10.0.0.1", "RINGDOWN_SERVICE_PORT=80", "RINGDOWN_SERVICE_PORT_HTTP=80",
    "RINGDOWN_PORT=tcp://10.0.0.1:80", "RINGDOWN_PORT_80_TCP=tcp://10.0.0.1:80",
    "RINGDOWN_PORT_80_TCP_PROTO=tcp", "RINGDOWN_PORT_80_TCP_PORT=80",
    "RINGDOWN_PORT_80_TCP_ADDR=10.0.0.1", "RINGDOWN_ADMIN_PORT=tcp://10.0.0.1:80",
    "RINGDOWN_REUSE_PORT=tcp://10.0.0.1:80", "RINGDOWN_MY_REDIS_PORT=tcp://10.0.0.1:80",
    "RINGDOWN_MY_REDIS_SERVICE_HOST=10.0.0.1", "RINGDOWN_NAME=/app/ringdown",
    "RINGDOWN_ENV_GOPATH=/go", "REDIS_PORT=tcp://10.0.0.1:80");
  g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, NULL, env, "[Server]\nport=4\n");

  g_assert_cmpuint (config->port, ==, 4);
  g_assert_cmpint (config->admin_port, ==, 8001);
  g_assert_false (config->reuse_port);
  g_assert_null (config->redis);
  g_assert_cmpstrv (config->warnings, STRV (NULL));
  g_assert_cmpstrv (config->notes, STRV (LINK ("RINGDOWN_PORT"), LINK ("RINGDOWN_REUSE_PORT"),
                                         LINK ("RINGDOWN_ADMIN_PORT"), LINK ("REDIS_PORT")));
}

static void
unknown_variables_cause_warnings (ConfigFixture *fixture, gconstpointer data)
{
  const char *const *env = STRV ("RINGDOWN_PROT=1", "RINGDOWN_port=2", "RINGDOWN_=s3cret",
                                 "RINGDOWN_NAME=x", "RINGDOWN_A\nB=3",
                                 "RINGDOWN_EMPTY=", "RINGDOWN_CONFIG=", "RINGDOWN_HANDOVER=3",
                                 "RINGDOWNX=1", "RINGDOWN_CLIENT_PORT=80", "RINGDOWN_PORT=5");
  g_autoptr (RdConfig) config = config_fixture_load_ok (fixture, NULL, env, NULL);

  g_assert_cmpuint (config->port, ==, 5);
  g_assert_cmpstrv (config->notes, STRV (NULL));
  g_assert_cmpstrv (config->warnings,
                    STRV (UNKNOWN ("RINGDOWN_PROT"), UNKNOWN ("RINGDOWN_port"),
                          UNKNOWN ("RINGDOWN_"), UNKNOWN ("RINGDOWN_NAME"),
                          UNKNOWN ("RINGDOWN_A\\u000aB"), UNKNOWN ("RINGDOWN_CLIENT_PORT")));
}

#define ADD(path, function) \
  g_test_add (path, ConfigFixture, NULL, config_fixture_set_up, function, config_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/config-ignored/links", variables_of_other_services_are_ignored);
  ADD ("/config-ignored/unknown", unknown_variables_cause_warnings);

  return g_test_run ();
}
