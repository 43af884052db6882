/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The D-Bus names of errors. */

#include "rd-error.h"

static void
errors_have_names_on_dbus (void)
{
  const struct
  {
    int code;
    const char *name;
  } cases[] = {
    { RD_ERROR_INVALID_ARGUMENT, "org.ringdown.Error.InvalidArgument" },
    { RD_ERROR_NOT_FOUND, "org.ringdown.Error.NotFound" },
    { RD_ERROR_NOT_DRAINING, "org.ringdown.Error.NotDraining" },
    { RD_ERROR_CANNOT_LISTEN, "org.ringdown.Error.CannotListen" },
    { RD_ERROR_BUSY, "org.ringdown.Error.Busy" },
    { RD_ERROR_HANDOVER_FAILED, "org.ringdown.Error.HandoverFailed" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = g_error_new_literal (RD_ERROR, cases[i].code, "why");
      g_autoptr (GError) received = g_dbus_error_new_for_dbus_error (cases[i].name, "why");
      g_autofree char *name = g_dbus_error_encode_gerror (error);

      g_assert_cmpstr (name, ==, cases[i].name);
      g_assert_error (received, RD_ERROR, cases[i].code);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/error/names", errors_have_names_on_dbus);

  return g_test_run ();
}
