/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The check whether clients stay connected when a unit restarts. */

#include <signal.h>
#include <string.h>

#include "rd-unit.h"

#define UNIT "ringdown.service"

/* @properties: (transfer floating). Returns: (transfer full): the problems. */
static GPtrArray *
check (GVariant *properties, gboolean is_user)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (properties);

  return rd_unit_check_restart (owned, UNIT, is_user);
}

/* Asserts that @text names the setting and the command to change it. */
static void
expect_advice (const char *text, const char *advice, const char *command)
{
  g_test_message ("%s", text);
  g_assert_true (g_str_has_prefix (text, UNIT " "));
  g_assert_nonnull (strstr (text, advice));
  g_assert_nonnull (strstr (text, command));
}

static void
installed_unit_has_no_problems (void)
{
  g_autoptr (GPtrArray) problems = check (
    g_variant_new_parsed ("{'FileDescriptorStoreMax': <@u 16>, 'RestartKillSignal': <%i>}",
                          SIGUSR1),
    TRUE);

  g_assert_cmpuint (problems->len, ==, 0);
}

static void
missing_store_is_a_problem (void)
{
  g_autoptr (GPtrArray) problems = check (
    g_variant_new_parsed ("{'FileDescriptorStoreMax': <@u 0>, 'RestartKillSignal': <%i>}", SIGUSR1),
    TRUE);

  g_assert_cmpuint (problems->len, ==, 1);
  expect_advice (problems->pdata[0], "set FileDescriptorStoreMax=16",
                 "systemctl --user edit " UNIT);
}

static void
same_signal_for_stop_and_restart_is_a_problem (void)
{
  g_autoptr (GPtrArray) problems = check (
    g_variant_new_parsed ("{'FileDescriptorStoreMax': <@u 1>, 'RestartKillSignal': <%i>}", SIGTERM),
    FALSE);

  g_assert_cmpuint (problems->len, ==, 1);
  expect_advice (problems->pdata[0], "set RestartKillSignal=SIGUSR1", "(systemctl edit " UNIT);
}

static void
both_problems_are_reported (void)
{
  g_autoptr (GPtrArray) problems = check (
    g_variant_new_parsed ("{'FileDescriptorStoreMax': <@u 0>, 'RestartKillSignal': <%i>}", SIGHUP),
    FALSE);

  g_assert_cmpuint (problems->len, ==, 2);
}

/* Old versions of systemd lack these properties; another program may have other types. */
static void
missing_properties_are_no_problem (void)
{
  const char *const cases[] = {
    "@a{sv} {}",
    "{'FileDescriptorStoreMax': <@t 0>, 'RestartKillSignal': <@u 15>}",
    "{'FileDescriptorStoreMax': <'0'>, 'RestartKillSignal': <@as []>}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) properties = g_variant_parse (G_VARIANT_TYPE_VARDICT, cases[i], NULL,
                                                         NULL, NULL);
      g_autoptr (GPtrArray) problems = NULL;

      g_assert_nonnull (properties);
      problems = check (properties, TRUE);
      g_assert_cmpuint (problems->len, ==, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/unit/restart/installed", installed_unit_has_no_problems);
  g_test_add_func ("/unit/restart/store", missing_store_is_a_problem);
  g_test_add_func ("/unit/restart/signal", same_signal_for_stop_and_restart_is_a_problem);
  g_test_add_func ("/unit/restart/both", both_problems_are_reported);
  g_test_add_func ("/unit/restart/missing", missing_properties_are_no_problem);

  return g_test_run ();
}
