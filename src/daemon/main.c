/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Runs the service, or checks its configuration (--check). Exit status: 0 after a drain, a
 * hand-over or a successful check, 1 if the service or the check fails, 2 for invalid arguments. */

#include "rd-application.h"

#include <stdio.h>

#include "rd-check.h"
#include "rd-startup.h"

int
main (int argc, char **argv)
{
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (GError) error = NULL;
  g_autoptr (RdConfig) config = NULL;
  g_autoptr (RdSettings) to_check = NULL;
  g_autoptr (RdSuccession) takeover = NULL;
  g_autoptr (RdApplication) application = NULL;

  rd_startup ();
  g_set_prgname ("ringdown");

  if (rd_succession_find (environment, &takeover, &error))
    config = rd_config_load (argv, environment, &to_check, &error);
  if (to_check != NULL)
    return rd_check (config, to_check, environment) ? 0 : 1;
  if (config != NULL)
    application = rd_application_new (config, argv, environment, g_steal_pointer (&takeover),
                                      &error);
  if (application != NULL && rd_application_run (application, &error))
    return 0;

  if (takeover != NULL)
    rd_succession_refuse (takeover, error);
  fprintf (stderr, "ringdown: %s\n", error->message); /* g_printerr() garbles “” in the C locale */
  return error->domain == G_OPTION_ERROR ? 2 : 1;
}
