/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What of a unit keeps clients from outliving a restart, by what the service manager says of it. */

#include <signal.h>
#include <string.h>

#include "rd-restart-unit.h"

#define UNIT "ringdown.service"

/* Judges @properties, which is taken. Returns: (transfer full): the sentences. */
static GPtrArray *
judge (GVariant *properties, gboolean is_user)
{
  g_autoptr (GVariant) taken = g_variant_ref_sink (properties);
  const RdRestartUnit unit = rd_restart_unit_read (taken);

  return rd_restart_unit_judge (&unit, UNIT, is_user);
}

/* Asserts that @text says what to set, and how. */
static void
expect_advice (const char *text, const char *advice, const char *command)
{
  g_test_message ("%s", text);
  g_assert_true (g_str_has_prefix (text, UNIT " "));
  g_assert_nonnull (strstr (text, advice));
  g_assert_nonnull (strstr (text, command));
}

static void
unit_as_installed_is_fine (void)
{
  g_autoptr (GPtrArray) texts = judge (
    g_variant_new_parsed ("{'FileDescriptorStoreMax': <@u 16>, 'RestartKillSignal': <%i>}",
                          SIGUSR1),
    TRUE);

  g_assert_cmpuint (texts->len, ==, 0);
}

static void
unit_without_store_is_not (void)
{
  g_autoptr (GPtrArray) texts = judge (
    g_variant_new_parsed ("{'FileDescriptorStoreMax': <@u 0>, 'RestartKillSignal': <%i>}", SIGUSR1),
    TRUE);

  g_assert_cmpuint (texts->len, ==, 1);
  expect_advice (texts->pdata[0], "set FileDescriptorStoreMax=16", "systemctl --user edit " UNIT);
}

static void
unit_that_restarts_as_it_stops_is_not (void)
{
  g_autoptr (GPtrArray) texts = judge (
    g_variant_new_parsed ("{'FileDescriptorStoreMax': <@u 1>, 'RestartKillSignal': <%i>}", SIGTERM),
    FALSE);

  g_assert_cmpuint (texts->len, ==, 1);
  expect_advice (texts->pdata[0], "set RestartKillSignal=SIGUSR1", "(systemctl edit " UNIT);
}

static void
unit_may_have_both_faults (void)
{
  g_autoptr (GPtrArray) texts = judge (
    g_variant_new_parsed ("{'FileDescriptorStoreMax': <@u 0>, 'RestartKillSignal': <%i>}", SIGHUP),
    FALSE);

  g_assert_cmpuint (texts->len, ==, 2);
}

/* As of a service manager that is older than the properties, or none. */
static void
what_is_not_said_is_no_fault (void)
{
  const char *const answers[] = {
    "@a{sv} {}",
    "{'FileDescriptorStoreMax': <@t 0>, 'RestartKillSignal': <@u 15>}",
    "{'FileDescriptorStoreMax': <'0'>, 'RestartKillSignal': <@as []>}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autoptr (GVariant) properties = g_variant_parse (G_VARIANT_TYPE_VARDICT, answers[i], NULL,
                                                         NULL, NULL);
      g_autoptr (GPtrArray) texts = NULL;

      g_assert_nonnull (properties);
      texts = judge (properties, TRUE);
      g_assert_cmpuint (texts->len, ==, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/restart-unit/installed", unit_as_installed_is_fine);
  g_test_add_func ("/restart-unit/store", unit_without_store_is_not);
  g_test_add_func ("/restart-unit/signal", unit_that_restarts_as_it_stops_is_not);
  g_test_add_func ("/restart-unit/both", unit_may_have_both_faults);
  g_test_add_func ("/restart-unit/unsaid", what_is_not_said_is_no_fault);

  return g_test_run ();
}
