/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Writes text and JSON to standard output, and controls the terminal. */

#include "ctl-output.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rd-text.h"

#define DEFAULT_WIDTH 80
#define DOT           "●"
#define DOT_WIDTH     2 /* in columns, including the space after the dot */
#define CLEAR_LINE    "\r\033[K"

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
ctl_output_print_result (CtlOutput *self, GVariant *json, const char *text)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (json);
  g_autofree char *line = self->is_json ? format_json (value) : NULL;

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

gboolean
ctl_fail (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (G_IO_ERROR, G_IO_ERROR_FAILED, format, args));
  va_end (args);
  return FALSE;
}
