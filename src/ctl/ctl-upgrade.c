/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The command “upgrade”: has the service go on in a new process, and reports how its clients got
 * there. That it worked is not taken from the one that goes: it is asked of the one that has the
 * name afterwards. How clients are moved is the service's. */

#include <glib/gi18n.h>

#include "ctl-arguments.h"
#include "ctl-commands.h"
#include "ctl-error.h"
#include "ctl-handover.h"
#include "ctl-nodes.h"
#include "ctl-service.h"
#include "rd-table.h"

#define INDENT      2
#define TIMEOUT_MIN 12 /* the service waits for its successor twice, at most five minutes each */

static const RdTableColumn columns[] = { { .is_right = TRUE }, { .fit = RD_TABLE_WRAP } };

typedef struct
{
  guint generation;
  guint pid; /* 0: not told */
  char *version;
} Process;

static void
process_clear (Process *self)
{
  g_free (self->version);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Process, process_clear)

static Process
get_process (CtlService *service)
{
  RdDBusServer1 *proxy = ctl_service_get_proxy (service);
  const Process process = { .generation = rd_dbus_server1_get_generation (proxy),
                            .pid = ctl_nodes_get_own_pid (proxy),
                            .version = rd_dbus_server1_dup_version (proxy) };

  return process;
}

static gboolean
explain (CtlService *service, GError **error)
{
  if (!g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return ctl_service_explain (service, error);

  g_clear_error (error);
  g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
               _ ("no answer from %s within %d min; what became of the upgrade, its log tells"),
               ctl_service_get_name (service), TIMEOUT_MIN);
  return FALSE;
}

static gboolean
ask (CtlService *service, guint generation, CtlOutput *output, GError **error)
{
  /* Translators: the number of a process, each of which took over from the one before */
  g_autofree char *status = g_strdup_printf (_ ("waiting for generation %u to take over"),
                                             generation);
  g_autoptr (GVariant) reply = NULL;

  ctl_output_set_status (output, CTL_COLOUR_YELLOW, status);
  reply = g_dbus_proxy_call_sync (G_DBUS_PROXY (ctl_service_get_proxy (service)), "Upgrade", NULL,
                                  G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MIN * 60 * 1000, NULL, error);
  ctl_output_set_status (output, CTL_COLOUR_YELLOW, NULL);
  return reply != NULL || explain (service, error);
}

/* Returns: (transfer full): who serves now; NULL with an error, also if that is not the process
 * that was to follow. */
static CtlService *
find_successor (const CtlArguments *arguments, guint generation, GError **error)
{
  g_autoptr (CtlService) successor = ctl_service_new (arguments, error);
  guint found;

  if (successor == NULL || !ctl_service_load (successor, error))
    return NULL;

  found = rd_dbus_server1_get_generation (ctl_service_get_proxy (successor));
  if (found != generation)
    {
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                   _ ("%s is of generation %u after the upgrade, not of %u; what happened, its log "
                      "tells"),
                   ctl_service_get_name (successor), found, generation);
      return NULL;
    }
  return g_steal_pointer (&successor);
}

static void
add (RdTable *table, const char *label, const char *value)
{
  rd_table_add (table, label, value, NULL);
}

static void
add_change (RdTable *table, const char *label, const char *before, const char *after)
{
  g_autofree char *change = g_strdup_printf ("%s → %s", before, after);

  add (table, label, g_str_equal (before, after) ? after : change);
}

static void
add_numbers (RdTable *table, const char *label, guint before, guint after)
{
  g_autofree char *was = g_strdup_printf ("%u", before);
  g_autofree char *is = g_strdup_printf ("%u", after);

  add_change (table, label, was, is);
}

static char *
format_rows (const Process *before, const Process *after, const CtlHandover *handover, guint width)
{
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), INDENT, 1);
  /* Translators: numbers of clients */
  g_autofree char *clients = g_strdup_printf (_ ("%u moved, %u closed, %u lost"), handover->moved,
                                              handover->closed, handover->lost);
  /* Translators: milliseconds */
  g_autofree char *pause = g_strdup_printf (_ ("%.1f ms"), ctl_handover_get_pause_ms (handover));

  add_numbers (table, _ ("Generation:"), before->generation, after->generation);
  add_change (table, _ ("Version:"), before->version, after->version);
  if (before->pid != 0 && after->pid != 0)
    add_numbers (table, _ ("Process:"), before->pid, after->pid);
  add (table, _ ("Clients:"), clients);
  /* Translators: for how long nobody was served */
  add (table, _ ("Pause:"), pause);
  return rd_table_format (table, width);
}

/* Returns: (transfer none): what is to be known if nothing else is read. */
static const char *
judge (const CtlHandover *handover, CtlColour *colour)
{
  *colour = CTL_COLOUR_RED;
  if (handover->lost > 0)
    return _ ("upgraded, but clients were lost");
  *colour = CTL_COLOUR_YELLOW;
  if (handover->closed > 0)
    return _ ("upgraded, but clients were closed");
  *colour = CTL_COLOUR_GREEN;
  return _ ("upgraded");
}

static void
print_text (const Process *before, CtlService *successor, CtlOutput *output)
{
  const CtlHandover handover = ctl_handover_get (ctl_service_get_proxy (successor));
  g_auto (Process) after = get_process (successor);
  CtlColour colour;
  const char *outcome = judge (&handover, &colour);
  g_autofree char *dot = ctl_output_paint (output, colour, "●");
  g_autofree char *painted = ctl_output_paint (output, colour, outcome);
  g_autofree char *rows = format_rows (before, &after, &handover, ctl_output_get_width (output));
  g_autofree char *text = g_strdup_printf ("%s %s: %s\n%s", dot, ctl_service_get_name (successor),
                                           painted, rows);

  ctl_output_print (output, text);
}

static void
print_json (CtlService *successor, CtlOutput *output)
{
  const CtlHandover handover = ctl_handover_get (ctl_service_get_proxy (successor));
  g_auto (Process) process = get_process (successor);
  GVariantBuilder report;

  g_variant_builder_init (&report, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&report, "{sv}", "generation", g_variant_new_uint32 (process.generation));
  g_variant_builder_add (&report, "{sv}", "version", g_variant_new_string (process.version));
  g_variant_builder_add (&report, "{sv}", "pid", g_variant_new_uint32 (process.pid));
  ctl_handover_add_json (&handover, &report);
  ctl_output_print_json (output, g_variant_builder_end (&report));
}

static gboolean
run (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (CtlService) service = ctl_service_new (arguments, error);
  g_autoptr (CtlService) successor = NULL;
  g_auto (Process) before = { 0 };

  if (service == NULL || !ctl_service_load (service, error))
    return FALSE;

  before = get_process (service);
  if (!ask (service, before.generation + 1, output, error))
    return FALSE;
  successor = find_successor (arguments, before.generation + 1, error);
  if (successor == NULL)
    return FALSE;

  if (ctl_output_is_json (output))
    print_json (successor, output);
  else
    print_text (&before, successor, output);
  return TRUE;
}

/* clang-format off */
const CtlCommand ctl_upgrade_command = {
  .name = "upgrade",
  .summary = N_ ("Go on in a new process, without disconnecting anybody"),
  .description =
    N_ ("Has the service start its program anew, which may be a new version, or read a\n"
       "changed configuration, and hand its clients to that process; they stay connected\n"
       "and miss nothing. Waits until they are there, and reports how many were moved,\n"
       "and for how long nobody was served. If the new process cannot take over, the old\n"
       "one goes on with all of them."),
  .run = run,
};
/* clang-format on */
