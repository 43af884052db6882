/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Runs the fuzz target on files, without libFuzzer: the corpus is a regression test with any
 * compiler. */

#include <glib.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
main (int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *contents = NULL;
      gsize size;

      if (!g_file_get_contents (argv[i], &contents, &size, &error))
        {
          g_printerr ("run-corpus: %s\n", error->message);
          return 1;
        }
      g_print ("%s\n", argv[i]);
      LLVMFuzzerTestOneInput ((const uint8_t *) contents, size);
    }

  return argc > 1 ? 0 : 1;
}
