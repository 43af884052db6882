/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Passes a value through bytes, as to another process. */

#include "redis-carry.h"

GVariant *
carry (GVariant *value)
{
  g_autoptr (GVariant) there = g_variant_ref_sink (value);
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (there);
  g_autoptr (GBytes) copy = g_bytes_new (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  GVariant *here = g_variant_new_from_bytes (g_variant_get_type (there), copy, FALSE);

  g_assert_true (g_variant_is_normal_form (here));
  return g_variant_ref_sink (here);
}
