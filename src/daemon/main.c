/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Runs the service, or checks its configuration (--check). Exit status: 0 after a drain, a
 * hand-over or a successful check, 1 if the service or the check fails, 2 for invalid arguments. */

#include "rd-application.h"

#include "rd-check.h"
#include "rd-log.h"
#include "rd-start-signals.h"
#include "rd-startup.h"

/* Logs the values that were ignored. */
static void
log_ignored (const RdConfig *config)
{
  for (char **text = config->warnings; *text != NULL; text++)
    g_warning ("%s", *text);
  for (char **text = config->notes; *text != NULL; text++)
    g_message ("%s", *text);
}

int
main (int argc, char **argv)
{
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (GError) error = NULL;
  g_autoptr (RdConfig) config = NULL;
  g_autoptr (RdSettings) to_check = NULL;
  g_autoptr (RdSuccession) takeover = NULL;
  gboolean is_fine;
  RdLog *log;

  rd_start_signals_begin ();
  rd_startup ();
  g_set_prgname ("ringdown");
  log = rd_log_new ();

  if (rd_succession_find (environment, &takeover, &error))
    config = rd_config_load (argv, environment, &to_check, &error);
  if (config != NULL && to_check == NULL)
    {
      rd_log_set_level (log, G_LOG_LEVEL_WARNING << config->log_level);
      log_ignored (config);
    }
  if (to_check != NULL)
    {
      rd_start_signals_cancel ();
      is_fine = rd_check (config, argv, environment, &error);
      if (error == NULL)
        return is_fine ? 0 : 1;
    }
  else if (config != NULL && rd_application_run (config, argv, environment, &takeover, &error))
    {
      rd_log_flush (log);
      return 0;
    }

  if (takeover != NULL)
    rd_succession_refuse (takeover, error);
  rd_log_print_error (log, error->message);
  rd_log_flush (log);
  return error->domain == G_OPTION_ERROR ? 2 : 1;
}
