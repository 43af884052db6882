/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Writes JSON (RFC 8259) that does a terminal no harm: json-glib escapes what JSON demands, which
 * leaves other characters that act on a terminal, such as those of C1. Knows nothing of what the
 * values mean. */

#include "ctl-json.h"

#include <json-glib/json-glib.h>

char *
ctl_json_format (GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  g_autofree char *raw = json_gvariant_serialize_data (owned, NULL);
  GString *json = g_string_new (NULL);

  for (const char *p = raw; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (g_unichar_isprint (c))
        g_string_append_unichar (json, c);
      else if (c <= 0xffff)
        g_string_append_printf (json, "\\u%04x", c);
      else /* two surrogates: §7 */
        g_string_append_printf (json, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                                0xdc00 + ((c - 0x10000) & 0x3ff));
    }
  return g_string_free (json, FALSE);
}

static void
add_fields (GVariantBuilder *known,
            GVariant *dictionary,
            const CtlJsonField *fields,
            gsize n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (dictionary, fields[i].key,
                                                           G_VARIANT_TYPE (fields[i].type));

      if (value != NULL)
        g_variant_builder_add (known, "{sv}", fields[i].key, value);
    }
}

GVariant *
ctl_json_select (GVariant *dictionaries, const CtlJsonField *fields, gsize n_fields)
{
  GVariantBuilder known;

  g_variant_builder_init (&known, G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; i < g_variant_n_children (dictionaries); i++)
    {
      g_autoptr (GVariant) dictionary = g_variant_get_child_value (dictionaries, i);

      g_variant_builder_open (&known, G_VARIANT_TYPE_VARDICT);
      add_fields (&known, dictionary, fields, n_fields);
      g_variant_builder_close (&known);
    }
  return g_variant_builder_end (&known);
}
