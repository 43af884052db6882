/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The commands “clients” and “disconnect”: who is connected, and the way out for one of them. Shows
 * times and sizes as people read them; JSON has them as D-Bus does. Never sorts or selects: the
 * service lists the oldest first. */

#include <glib/gi18n.h>

#include "ctl-arguments.h"
#include "ctl-commands.h"
#include "ctl-error.h"
#include "ctl-json.h"
#include "ctl-service.h"
#include "ctl-view.h"
#include "rd-table.h"
#include "rd-units.h"

#define GAP        2
#define CLOSE_CODE "1000"
#define MIN_CODE   1000 /* RFC 6455 §7.4.2 */
#define MAX_CODE   4999

static const RdTableColumn columns[] = {
  { .is_right = TRUE }, { .fit = RD_TABLE_CUT }, { .is_right = TRUE },
  { .is_right = TRUE }, { .is_right = TRUE },    { .is_right = TRUE },
};

static const CtlJsonField fields[] = {
  { "id", "t" },       { "remote", "s" }, { "connected", "t" },
  { "received", "t" }, { "sent", "t" },   { "behind", "t" },
};

static void
add_header (RdTable *table)
{
  rd_table_add (table, _ ("ID"),
                /* Translators: heading of a column: the address of a client */
                _ ("REMOTE"),
                /* Translators: heading of a column: for how long it is connected */
                _ ("SINCE"),
                /* Translators: heading of a column: bytes that came from a client */
                _ ("RECEIVED"),
                /* Translators: heading of a column: bytes that went to a client */
                _ ("SENT"),
                /* Translators: heading of a column: bytes that it has still to be sent */
                _ ("BEHIND"), NULL);
}

/* Returns: 0 if @client has no such number. */
static guint64
lookup_number (GVariant *client, const char *key)
{
  guint64 number = 0;

  g_variant_lookup (client, key, "t", &number);
  return number;
}

static char *
format_age (guint64 connected_us)
{
  const guint64 now_us = g_get_real_time ();
  const guint64 age_us = now_us > connected_us ? now_us - connected_us : 0;

  return rd_units_format_seconds (MIN (age_us / G_USEC_PER_SEC, G_MAXUINT));
}

static char *
format_size (guint64 bytes)
{
  return g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
}

static void
add_client (RdTable *table, GVariant *client)
{
  const char *remote = "";
  g_autofree char *id = ctl_view_number (lookup_number (client, "id"));
  g_autofree char *age = format_age (lookup_number (client, "connected"));
  g_autofree char *received = format_size (lookup_number (client, "received"));
  g_autofree char *sent = format_size (lookup_number (client, "sent"));
  g_autofree char *behind = format_size (lookup_number (client, "behind"));

  g_variant_lookup (client, "remote", "&s", &remote);
  rd_table_add (table, id, remote, age, received, sent, behind, NULL);
}

static void
print_clients (GVariant *clients, CtlOutput *output)
{
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), 0, GAP);
  const gsize count = g_variant_n_children (clients);
  g_autofree char *rows = NULL;
  g_autofree char *number = NULL;
  g_autofree char *text = NULL;

  if (count == 0)
    {
      ctl_output_print_line (output, _ ("No client is connected."));
      return;
    }

  add_header (table);
  for (gsize i = 0; i < count; i++)
    {
      g_autoptr (GVariant) client = g_variant_get_child_value (clients, i);

      add_client (table, client);
    }
  rows = rd_table_format (table, ctl_output_get_width (output));
  number = g_strdup_printf (
    ngettext ("%zu client is connected.", "%zu clients are connected.", count), count);
  text = g_strdup_printf ("%s\n%s\n", rows, number);
  ctl_output_print (output, text);
}

static gboolean
run_clients (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (CtlService) service = ctl_service_new (arguments, error);
  g_autoptr (GVariant) clients = NULL;

  if (service == NULL)
    return FALSE;
  if (!rd_dbus_server1_call_list_clients_sync (ctl_service_get_proxy (service), &clients, NULL,
                                               error))
    return ctl_service_explain (service, error);

  if (ctl_output_is_json (output))
    ctl_output_print_json (output, ctl_json_select (clients, fields, G_N_ELEMENTS (fields)));
  else
    print_clients (clients, output);
  return TRUE;
}

typedef struct
{
  guint64 id;
  guint16 code;
  const char *reason; /* unowned */
} Target;

static gboolean
read_target (const CtlArguments *arguments, Target *target, GError **error)
{
  const char *id = ctl_arguments_nth (arguments, 0);
  const char *code = ctl_arguments_get (arguments, "code");
  const char *reason = ctl_arguments_get (arguments, "reason");
  guint64 number;

  if (!g_ascii_string_to_unsigned (id, 10, 0, G_MAXUINT64, &target->id, NULL))
    {
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                   _ ("“%s” is not the ID of a client; “ringdownctl clients” lists them"), id);
      return FALSE;
    }
  if (!g_ascii_string_to_unsigned (code != NULL ? code : CLOSE_CODE, 10, MIN_CODE, MAX_CODE,
                                   &number, NULL))
    {
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                   _ ("--code=%s is not a close code; give one from %d to %d"), code, MIN_CODE,
                   MAX_CODE);
      return FALSE;
    }
  target->code = number;
  target->reason = reason != NULL ? reason : "";
  return TRUE;
}

static gboolean
explain_disconnect (CtlService *service, guint64 id, GError **error)
{
  g_autofree char *name = g_dbus_error_get_remote_error (*error);
  g_autofree char *number = NULL;

  if (g_strcmp0 (name, "org.ringdown.Error.NotFound") != 0)
    return ctl_service_explain (service, error);

  number = ctl_view_number (id);
  g_clear_error (error);
  g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
               _ ("there is no client %s; “ringdownctl clients” lists them"), number);
  return FALSE;
}

static void
print_disconnected (const Target *target, CtlOutput *output)
{
  g_autofree char *id = ctl_view_number (target->id);
  g_autofree char *text = NULL;

  if (ctl_output_is_json (output))
    {
      ctl_output_print_json (output,
                             g_variant_new_parsed ("{'id': <%t>, 'code': <%q>, 'reason': <%s>}",
                                                   target->id, target->code, target->reason));
      return;
    }

  /* Translators: the ID of a client, and a close code */
  text = g_strdup_printf (_ ("Closing the connection to client %s with %u."), id, target->code);
  ctl_output_print_line (output, text);
}

static gboolean
run_disconnect (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (CtlService) service = NULL;
  Target target;

  if (!read_target (arguments, &target, error))
    return FALSE;
  service = ctl_service_new (arguments, error);
  if (service == NULL)
    return FALSE;
  if (!rd_dbus_server1_call_disconnect_client_sync (ctl_service_get_proxy (service), target.id,
                                                    target.code, target.reason, NULL, error))
    return explain_disconnect (service, target.id, error);

  print_disconnected (&target, output);
  return TRUE;
}

/* clang-format off */
const CtlCommand ctl_clients_command = {
  .name = "clients",
  .summary = N_ ("List the clients that are connected"),
  .description =
    N_ ("Lists the clients that are connected, oldest first: for how long, the bytes\n"
       "received from and sent to each, and how many it has still to be sent."),
  .run = run_clients,
};

static const CtlOption disconnect_options[] = {
  { "code", N_ ("CODE"), N_ ("Close code, from 1000 to 4999 [1000]") },
  { "reason", N_ ("TEXT"), N_ ("Reason that the client is given, at most 123 bytes") },
  { .name = NULL },
};

const CtlCommand ctl_disconnect_command = {
  .name = "disconnect",
  .arguments = N_ ("ID"),
  .min_arguments = 1,
  .max_arguments = 1,
  .summary = N_ ("Close the connection to a client"),
  .description =
    N_ ("Closes the connection to the client with this ID, after what was published so\n"
       "far. “ringdownctl clients” lists the IDs."),
  .options = disconnect_options,
  .run = run_disconnect,
};
/* clang-format on */
