/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The names of the service on a message bus. They are a public interface. */

#include "rd-names.h"

#define BUS_NAME "org.ringdown.Ringdown"

char *
rd_names_dup_bus_name (const char *instance)
{
  GString *name = g_string_new (BUS_NAME);

  if (instance != NULL)
    g_string_append (name, ".i");
  for (const char *p = instance; p != NULL && *p != '\0'; p = g_utf8_next_char (p))
    g_string_append_c (name, g_ascii_isalnum (*p) ? *p : '_');
  return g_string_free (name, FALSE);
}
