/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Writes text and JSON to standard output, controls the terminal, and formats output that several
 * commands share: states, the progress of a drain, and tables. */

#include "ctl-output.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rd-text.h"
#include "rd-units.h"

#define DEFAULT_WIDTH 80
#define DOT           "●"
#define DOT_WIDTH     2 /* in columns, including the space after the dot */
#define CLEAR_LINE    "\r\033[K"

#define MAX_STATE_CHARS 40
#define BAR_WIDTH       20

struct _CtlOutput
{
  gboolean is_json;
  gboolean is_terminal;
  gboolean is_live;
  gboolean has_colours;
  int error_number; /* errno of the first failed write; 0 if none failed */
  CtlColour status_colour;
  char *status; /* owned, nullable: shown below the text; the cursor is at its end */
};

CtlOutput *
ctl_output_new (gboolean is_json)
{
  const char *term = g_getenv ("TERM");
  const char *no_color = g_getenv ("NO_COLOR"); /* turns colours off: https://no-color.org */
  CtlOutput *self = g_new0 (CtlOutput, 1);

  self->is_json = is_json;
  self->is_terminal = isatty (STDOUT_FILENO) == 1;
  self->is_live = self->is_terminal && !is_json && term != NULL && *term != '\0'
                  && !g_str_equal (term, "dumb");
  self->has_colours = self->is_live && (no_color == NULL || *no_color == '\0');
  return self;
}

gboolean
ctl_output_is_live (const CtlOutput *self)
{
  return self->is_live;
}

guint
ctl_output_get_width (const CtlOutput *self)
{
  struct winsize size = { 0 };

  if (!self->is_terminal)
    return 0;
  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return DEFAULT_WIDTH;

  return size.ws_col;
}

char *
ctl_output_paint (const CtlOutput *self, CtlColour colour, const char *text)
{
  if (!self->has_colours)
    return g_strdup (text);

  return g_strdup_printf ("\033[%dm%s\033[0m", colour, text);
}

static void
write_text (CtlOutput *self, const char *text)
{
  gsize left = strlen (text);

  while (left > 0 && self->error_number == 0)
    {
      const gssize written = write (STDOUT_FILENO, text, left);

      if (written < 0)
        {
          self->error_number = errno;
          return;
        }
      text += written;
      left -= written;
    }
}

static void
clear_status (CtlOutput *self)
{
  if (self->status != NULL)
    write_text (self, CLEAR_LINE);
}

void
ctl_output_free (CtlOutput *self)
{
  clear_status (self);
  g_free (self->status);
  g_free (self);
}

static void
draw_status (CtlOutput *self)
{
  g_autofree char *dot = NULL;
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  guint width;

  if (self->status == NULL)
    return;

  /* leaves the last column empty, because some terminals start a new line when it is filled */
  width = ctl_output_get_width (self) - 1;
  text = rd_text_cut (self->status, width - MIN (width, DOT_WIDTH));
  dot = ctl_output_paint (self, self->status_colour, DOT);
  line = g_strconcat (CLEAR_LINE, dot, " ", text, NULL);
  write_text (self, line);
}

void
ctl_output_print (CtlOutput *self, const char *text)
{
  g_autofree char *lines = g_strconcat (text, "\n", NULL);

  clear_status (self);
  write_text (self, lines);
  draw_status (self);
}

/* Serializes @value, and escapes all characters that are not printable. json-glib escapes only C0
 * control characters, but terminals also interpret C1 control characters. */
static char *
format_json (GVariant *value)
{
  g_autofree char *raw = json_gvariant_serialize_data (value, NULL);
  GString *json = g_string_new (NULL);

  for (const char *p = raw; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (g_unichar_isprint (c))
        g_string_append_unichar (json, c);
      else if (c <= 0xffff)
        g_string_append_printf (json, "\\u%04x", c);
      else /* JSON needs a surrogate pair (RFC 8259 §7) */
        g_string_append_printf (json, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                                0xdc00 + ((c - 0x10000) & 0x3ff));
    }
  return g_string_free (json, FALSE);
}

void
ctl_output_print_result (CtlOutput *self, const char *text, const char *format, ...)
{
  g_autoptr (GVariant) value = NULL;
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  value = g_variant_ref_sink (g_variant_new_parsed_va (format, &args));
  va_end (args);

  line = self->is_json ? format_json (value) : NULL;
  ctl_output_print (self, line != NULL ? line : text);
}

void
ctl_output_set_status (CtlOutput *self, CtlColour colour, const char *text)
{
  if (!self->is_live)
    return;

  if (text == NULL)
    clear_status (self);
  g_free (self->status);
  self->status = g_strdup (text);
  self->status_colour = colour;
  draw_status (self);
}

gboolean
ctl_output_is_lost (const CtlOutput *self)
{
  GPollFD output = { .fd = STDOUT_FILENO }; /* no events: reports only G_IO_ERR and G_IO_HUP */

  return self->error_number != 0 || g_poll (&output, 1, 0) > 0;
}

gboolean
ctl_output_check (const CtlOutput *self, GError **error)
{
  if (self->error_number == 0 || self->error_number == EPIPE || self->error_number == EINTR)
    return TRUE;

  return ctl_fail (error, _ ("cannot write to standard output: %s"),
                   g_strerror (self->error_number));
}

char *
ctl_format_number (guint64 number)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT, number);
}

char *
ctl_format_state (const char *state)
{
  static const char *const known[] = { N_ ("running"), N_ ("draining"), N_ ("drained"), NULL };

  return g_strv_contains (known, state) ? g_strdup (_ (state))
                                        : rd_text_printable (state, MAX_STATE_CHARS);
}

CtlColour
ctl_colour_of_state (const char *state)
{
  if (g_str_equal (state, "running"))
    return CTL_COLOUR_GREEN;
  return g_str_equal (state, "draining") ? CTL_COLOUR_YELLOW : CTL_COLOUR_RED;
}

char *
ctl_format_remaining (guint clients, guint seconds_left)
{
  g_autofree char *left = rd_units_format_seconds (seconds_left);

  if (seconds_left == 0 && clients == 0)
    return g_strdup (_ ("drained"));
  if (seconds_left == 0)
    return g_strdup_printf (ngettext ("closing %u client", "closing %u clients", clients), clients);

  /* Translators: %s is a duration, such as 29min 55s */
  return g_strdup_printf (
    ngettext ("waiting for %u client, %s left", "waiting for %u clients, %s left", clients),
    clients, left);
}

char *
ctl_format_drain (RdDBusServer1 *service, guint most)
{
  const guint clients = rd_dbus_server1_get_connections (service);
  const guint left = most - MIN (clients, most);
  const guint filled = most > 0 ? (guint64) left * BAR_WIDTH / most : BAR_WIDTH;
  g_autofree char *remaining = ctl_format_remaining (
    clients, rd_dbus_server1_get_drain_seconds_left (service));
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < BAR_WIDTH; i++)
    g_string_append (text, i < filled ? "█" : "░");
  g_string_append_printf (text, " %s", remaining);
  return g_string_free (text, FALSE);
}

CtlHandover
ctl_get_handover (RdDBusServer1 *service)
{
  GVariant *report = rd_dbus_server1_get_handover (service);
  CtlHandover handover = { 0 };

  g_variant_lookup (report, "moved", "u", &handover.moved);
  g_variant_lookup (report, "closed", "u", &handover.closed);
  g_variant_lookup (report, "lost", "u", &handover.lost);
  g_variant_lookup (report, "pause", "t", &handover.pause_us);
  return handover;
}

static char *
format_value (const CtlField *field, GVariant *dictionary)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (dictionary, field->key,
                                                       G_VARIANT_TYPE (field->type));

  if (value == NULL)
    return g_strdup ("");
  if (field->format != NULL)
    return field->format (value);
  return *field->type == 's' ? g_variant_dup_string (value, NULL) : g_variant_print (value, FALSE);
}

/* Adds the values of @dictionary as a row; if @dictionary is NULL, adds the headings of @fields. */
static void
add_row (RdTable *table, const CtlField *fields, GVariant *dictionary)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) cells = NULL;

  for (const CtlField *field = fields; field->key != NULL; field++)
    {
      g_autofree char *value = dictionary != NULL ? format_value (field, dictionary) : NULL;

      if (field->heading != NULL)
        g_strv_builder_add (builder, dictionary != NULL ? value : _ (field->heading));
    }
  cells = g_strv_builder_end (builder);
  rd_table_add_row (table, (const char *const *) cells);
}

char *
ctl_format_table (GVariant *dictionaries, const CtlField *fields, guint width)
{
  g_autoptr (GArray) columns = g_array_new (FALSE, FALSE, sizeof (RdTableColumn));
  g_autoptr (RdTable) table = NULL;

  for (const CtlField *field = fields; field->key != NULL; field++)
    {
      const gboolean is_text = *field->type == 's';
      const RdTableColumn column = { .fit = is_text ? RD_TABLE_CUT : RD_TABLE_KEEP,
                                     .is_right = !is_text };

      if (field->heading != NULL)
        g_array_append_val (columns, column);
    }

  table = rd_table_new ((const RdTableColumn *) (gpointer) columns->data, columns->len, 0, 2);
  add_row (table, fields, NULL);
  for (gsize i = 0; i < g_variant_n_children (dictionaries); i++)
    {
      g_autoptr (GVariant) dictionary = g_variant_get_child_value (dictionaries, i);

      add_row (table, fields, dictionary);
    }
  return rd_table_format (table, width);
}

GVariant *
ctl_select_fields (GVariant *dictionaries, const CtlField *fields)
{
  GVariantBuilder known;

  g_variant_builder_init (&known, G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; i < g_variant_n_children (dictionaries); i++)
    {
      g_autoptr (GVariant) dictionary = g_variant_get_child_value (dictionaries, i);

      g_variant_builder_open (&known, G_VARIANT_TYPE_VARDICT);
      for (const CtlField *field = fields; field->key != NULL; field++)
        {
          g_autoptr (GVariant) value = g_variant_lookup_value (dictionary, field->key,
                                                               G_VARIANT_TYPE (field->type));

          if (value != NULL)
            g_variant_builder_add (&known, "{sv}", field->key, value);
        }
      g_variant_builder_close (&known);
    }
  return g_variant_builder_end (&known);
}

gboolean
ctl_fail (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (G_IO_ERROR, G_IO_ERROR_FAILED, format, args));
  va_end (args);
  return FALSE;
}
