/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The commands "clients", "publish" and "disconnect". */

#include <errno.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl-command.h"
#include "rd-text.h"
#include "rd-units.h"

#define TOPIC           "broadcast"
#define MAX_MESSAGE_MIB 16 /* upper limit of the service's --max-message */
#define MAX_MESSAGE     (MAX_MESSAGE_MIB << 20)
#define MAX_ID_CHARS    100

#define DEFAULT_CODE 1000
#define MIN_CODE     1000 /* range of close codes: RFC 6455 §7.4.2 */
#define MAX_CODE     4999

static char *
format_size (GVariant *bytes)
{
  return g_format_size_full (g_variant_get_uint64 (bytes), G_FORMAT_SIZE_IEC_UNITS);
}

static char *
format_age (GVariant *connected_us)
{
  const guint64 now_us = g_get_real_time ();
  const guint64 age_us = now_us - MIN (g_variant_get_uint64 (connected_us), now_us);

  return rd_units_format_seconds (MIN (age_us / G_USEC_PER_SEC, G_MAXUINT));
}

static const CtlField fields[] = {
  { "id", "t", N_ ("ID"), NULL },
  /* Translators: heading of a column: address of a client */
  { "remote", "s", N_ ("REMOTE"), NULL },
  /* Translators: heading of a column: age of a connection */
  { "connected", "t", N_ ("SINCE"), format_age },
  /* Translators: heading of a column: bytes received from a client */
  { "received", "t", N_ ("RECEIVED"), format_size },
  /* Translators: heading of a column: bytes sent to a client */
  { "sent", "t", N_ ("SENT"), format_size },
  /* Translators: heading of a column: bytes that are still to be sent to a client */
  { "behind", "t", N_ ("BEHIND"), format_size },
  { 0 },
};

static char *
format_clients (GVariant *clients, guint width)
{
  const gsize count = g_variant_n_children (clients);
  g_autofree char *table = ctl_format_table (clients, fields, width);
  g_autofree char *total = g_strdup_printf (
    ngettext ("%zu client is connected.", "%zu clients are connected.", count), count);

  return count > 0 ? g_strdup_printf ("%s\n%s", table, total)
                   : g_strdup (_ ("No client is connected."));
}

gboolean
ctl_clients (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (RdDBusServer1) service = ctl_service_new (arguments, FALSE, error);
  g_autoptr (GVariant) clients = NULL;
  g_autofree char *text = NULL;

  if (service == NULL || !rd_dbus_server1_call_list_clients_sync (service, &clients, NULL, error))
    return FALSE;

  text = format_clients (clients, ctl_output_get_width (output));
  ctl_output_print_result (output, text, "%*", ctl_select_fields (clients, fields));
  return TRUE;
}

/* Reads standard input. @is_explicit: whether "-" is given, which allows an empty message. Returns:
 * (transfer full) (nullable): the message without its final newline, or NULL with an error. */
static char *
read_message (gboolean is_explicit, GError **error)
{
  const gsize max_length = MAX_MESSAGE + 1; /* in bytes, with a final newline */
  g_autofree char *text = g_malloc (max_length + 1);
  gsize length = 0;

  if (is_explicit || isatty (STDIN_FILENO) != 1)
    length = fread (text, 1, max_length + 1, stdin);

  if (ferror (stdin))
    ctl_fail (error, _ ("cannot read standard input: %s"), g_strerror (errno));
  else if (length > max_length)
    ctl_fail (error, _ ("standard input is longer than the message size limit, %d MiB"),
              MAX_MESSAGE_MIB);
  else if (length == 0 && !is_explicit) /* for example a cron job, whose standard input is empty */
    ctl_fail (error, _ ("no message given; use “-” to read it from standard input"));
  else if (!g_utf8_validate_len (text, length, NULL))
    ctl_fail (error, _ ("the message must be UTF-8 text without NUL bytes, as D-Bus requires"));
  else
    return g_strndup (text, length > 0 && text[length - 1] == '\n' ? length - 1 : length);
  return NULL;
}

gboolean
ctl_publish (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  const gboolean is_explicit = arguments->argument != NULL;
  g_autofree char *message = is_explicit && !g_str_equal (arguments->argument, "-")
                               ? g_strdup (arguments->argument)
                               : read_message (is_explicit, error);
  g_autoptr (RdDBusServer1) service = NULL;
  g_autofree char *id = NULL;
  g_autofree char *shown = NULL;

  if (message == NULL)
    return FALSE;
  service = ctl_service_new (arguments, FALSE, error);
  if (service == NULL
      || !rd_dbus_server1_call_publish_sync (service, TOPIC, message, &id, NULL, error))
    return FALSE;

  shown = rd_text_printable (id, MAX_ID_CHARS);
  ctl_output_print_result (output, shown, "{'id': <%s>}", id);
  return TRUE;
}

static gboolean
explain_not_found (const char *id, GError **error)
{
  g_autofree char *name = g_dbus_error_get_remote_error (*error);

  if (g_strcmp0 (name, "org.ringdown.Error.NotFound") != 0)
    return FALSE;

  g_clear_error (error);
  return ctl_fail (error, _ ("there is no client %s; “ringdownctl clients” lists them"), id);
}

gboolean
ctl_disconnect (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  const char *reason = arguments->reason != NULL ? arguments->reason : "";
  g_autoptr (RdDBusServer1) service = NULL;
  g_autofree char *text = NULL;
  guint64 id;
  guint64 code = DEFAULT_CODE;

  if (!g_ascii_string_to_unsigned (arguments->argument, 10, 0, G_MAXUINT64, &id, NULL))
    return ctl_fail (error, _ ("“%s” is not a client ID; “ringdownctl clients” lists them"),
                     arguments->argument);
  if (arguments->code != NULL
      && !g_ascii_string_to_unsigned (arguments->code, 10, MIN_CODE, MAX_CODE, &code, NULL))
    return ctl_fail (error, _ ("--code=%s is not a close code; give one from %d to %d"),
                     arguments->code, MIN_CODE, MAX_CODE);

  service = ctl_service_new (arguments, FALSE, error);
  if (service == NULL)
    return FALSE;
  if (!rd_dbus_server1_call_disconnect_client_sync (service, id, code, reason, NULL, error))
    return explain_not_found (arguments->argument, error);

  /* Translators: the ID of a client, and a close code */
  text = g_strdup_printf (_ ("Closing client %s with code %u."), arguments->argument, (guint) code);
  ctl_output_print_result (output, text, "{'id': <%t>, 'code': <%q>, 'reason': <%s>}", id,
                           (guint) code, reason);
  return TRUE;
}
