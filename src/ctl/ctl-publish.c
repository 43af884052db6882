/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The command “publish”: one message to all clients, from the command line or standard input. The
 * message is sent as it is. Refuses only what D-Bus cannot carry, and more than any service takes;
 * how much this one takes is its own to say. */

#include <errno.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#include "ctl-arguments.h"
#include "ctl-commands.h"
#include "ctl-error.h"
#include "ctl-service.h"
#include "rd-text.h"

#define TOPIC           "broadcast"
#define MAX_MESSAGE_MIB 16 /* the most that --max-message allows */
#define MAX_MESSAGE     (MAX_MESSAGE_MIB << 20)
#define CHUNK_SIZE      (64 << 10)
#define MAX_ID_CHARS    100

/* Reads to the end. Returns: (transfer full): NULL with an error, also if it is too much. */
static GString *
read_input (GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *chunk = g_malloc (CHUNK_SIZE);

  while (text->len <= MAX_MESSAGE + 1) /* one for the newline */
    {
      gssize length = read (STDIN_FILENO, chunk, CHUNK_SIZE);

      if (length == 0)
        return g_steal_pointer (&text);
      if (length > 0)
        g_string_append_len (text, chunk, length);
      else if (errno != EINTR)
        {
          g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("cannot read standard input: %s"),
                       g_strerror (errno));
          return NULL;
        }
    }

  g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
               _ ("standard input is longer than the longest message, %d MiB"), MAX_MESSAGE_MIB);
  return NULL;
}

static void
set_no_message (GError **error)
{
  g_set_error_literal (error, CTL_ERROR, CTL_ERROR_FAILED,
                       _ ("no message given; “-” reads it from standard input"));
}

/* Returns: (transfer full): what is to be published. */
static char *
take_message (const CtlArguments *arguments, GError **error)
{
  const char *argument = ctl_arguments_nth (arguments, 0);
  g_autoptr (GString) input = NULL;

  if (argument == NULL && isatty (STDIN_FILENO) == 1)
    {
      set_no_message (error);
      return NULL;
    }
  if (argument != NULL && !g_str_equal (argument, "-"))
    return g_strdup (argument);

  input = read_input (error);
  if (input == NULL)
    return NULL;
  if (argument == NULL && input->len == 0) /* more likely nobody's message, as in cron */
    {
      set_no_message (error);
      return NULL;
    }
  if (input->len > 0 && input->str[input->len - 1] == '\n')
    g_string_truncate (input, input->len - 1);
  if (!g_utf8_validate (input->str, input->len, NULL)) /* which a NUL is not either */
    {
      g_set_error_literal (error, CTL_ERROR, CTL_ERROR_FAILED,
                           _ ("the message is not UTF-8 text without NUL, as D-Bus needs it"));
      return NULL;
    }
  return g_string_free (g_steal_pointer (&input), FALSE);
}

static gboolean
run (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autofree char *message = take_message (arguments, error);
  g_autoptr (CtlService) service = NULL;
  g_autofree char *id = NULL;
  g_autofree char *shown = NULL;

  if (message == NULL)
    return FALSE;
  service = ctl_service_new (arguments, error);
  if (service == NULL)
    return FALSE;
  if (!rd_dbus_server1_call_publish_sync (ctl_service_get_proxy (service), TOPIC, message, &id,
                                          NULL, error))
    return ctl_service_explain (service, error);

  shown = rd_text_printable (id, MAX_ID_CHARS);
  if (ctl_output_is_json (output))
    ctl_output_print_json (output, g_variant_new_parsed ("{'id': <%s>}", id));
  else
    ctl_output_print_line (output, shown);
  return TRUE;
}

/* clang-format off */
const CtlCommand ctl_publish_command = {
  .name = "publish",
  .arguments = N_ ("[MESSAGE]"),
  .max_arguments = 1,
  .summary = N_ ("Send a message to all clients"),
  .description =
    N_ ("Sends MESSAGE to all clients, and prints its id. Without MESSAGE, or with “-”,\n"
       "standard input is the message, to its end and without its last newline. A\n"
       "MESSAGE that begins with “-” goes after “--”."),
  .run = run,
};
/* clang-format on */
