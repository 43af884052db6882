/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The program: configuration, application, exit status. */

#include "rd-application.h"

int
main (int argc, char **argv)
{
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (GError) error = NULL;
  g_autoptr (RdConfig) config = rd_config_load (argv, environment, &error);
  g_autoptr (RdApplication) application = NULL;

  g_set_prgname ("ringdown");
  if (config != NULL)
    application = rd_application_new (config, &error);
  if (application != NULL && rd_application_run (application, &error))
    return 0;

  g_printerr ("ringdown: %s\n", error->message);
  return error->domain == G_OPTION_ERROR ? 2 : 1;
}
