/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The command "publish": sends one message to all clients. */

#include <errno.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#include "ctl-command.h"
#include "ctl-service.h"
#include "rd-text.h"

#define TOPIC           "broadcast"
#define MAX_MESSAGE_MIB 16 /* upper limit of --max-message */
#define MAX_MESSAGE     (MAX_MESSAGE_MIB << 20)
#define CHUNK_SIZE      (64 << 10)
#define MAX_ID_CHARS    100

/* Returns: (transfer full): all of standard input; NULL with an error, also if it is longer than
 * MAX_MESSAGE. */
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
          ctl_fail (error, _ ("cannot read standard input: %s"), g_strerror (errno));
          return NULL;
        }
    }

  ctl_fail (error, _ ("standard input is longer than the longest message, %d MiB"),
            MAX_MESSAGE_MIB);
  return NULL;
}

/* Returns: (transfer full): the message; NULL with an error. */
static char *
take_message (const char *argument, GError **error)
{
  const gboolean has_no_input = argument == NULL && isatty (STDIN_FILENO) == 1;
  g_autoptr (GString) input = NULL;

  if (argument != NULL && !g_str_equal (argument, "-"))
    return g_strdup (argument);

  input = has_no_input ? g_string_new (NULL) : read_input (error);
  if (input == NULL)
    return NULL;
  if (argument == NULL && input->len == 0) /* probably a mistake, as with cron's /dev/null */
    {
      ctl_fail (error, _ ("no message given; “-” reads it from standard input"));
      return NULL;
    }
  if (input->len > 0 && input->str[input->len - 1] == '\n')
    g_string_truncate (input, input->len - 1);
  if (!g_utf8_validate (input->str, input->len, NULL)) /* refuses NUL as well */
    {
      ctl_fail (error, _ ("the message is not UTF-8 text without NUL, as D-Bus requires"));
      return NULL;
    }
  return g_string_free (g_steal_pointer (&input), FALSE);
}

static gboolean
run (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autofree char *message = take_message (arguments->argument, error);
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
  ctl_output_print_either (output, g_variant_new_parsed ("{'id': <%s>}", id), shown);
  return TRUE;
}

/* clang-format off */
const CtlCommand ctl_publish_command = {
  .name = "publish",
  .argument = N_ ("[MESSAGE]"),
  .summary = N_ ("Send a message to all clients"),
  .description =
    N_ ("Sends MESSAGE to all clients, and prints its id. Without MESSAGE, or with “-”,\n"
       "reads the message from standard input and drops its last newline. A MESSAGE that\n"
       "begins with “-” must follow “--”."),
  .run = run,
};
/* clang-format on */
