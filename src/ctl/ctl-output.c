/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Owns standard output, and is the only file that knows about terminals: whether there is one, what
 * it can do, and the few escape sequences we use. Never decides what is said, and never lets
 * through an escape sequence of others: it has none, as its callers print printable text only. */

#include "ctl-output.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl-error.h"
#include "ctl-json.h"
#include "rd-text.h"

#define DEFAULT_WIDTH 80
#define DOT           "●"
#define DOT_WIDTH     2 /* with a space */
#define CLEAR_LINE    "\r\033[K"

struct _CtlOutput
{
  gboolean is_json;
  gboolean is_terminal;
  gboolean is_live;
  gboolean has_colours;
  gboolean has_status; /* the cursor is behind the status line */
  int error_number;    /* of the first write that failed; 0: none */
  CtlColour status_colour;
  char *status; /* owned, nullable: there is none */
};

CtlOutput *
ctl_output_new (gboolean is_json)
{
  const char *term = g_getenv ("TERM");
  const char *no_color = g_getenv ("NO_COLOR"); /* https://no-color.org */
  CtlOutput *self = g_new0 (CtlOutput, 1);

  self->is_json = is_json;
  self->is_terminal = isatty (STDOUT_FILENO) == 1;
  self->is_live = self->is_terminal && !is_json && term != NULL && *term != '\0'
                  && !g_str_equal (term, "dumb");
  self->has_colours = self->is_live && (no_color == NULL || *no_color == '\0');
  return self;
}

void
ctl_output_free (CtlOutput *self)
{
  g_free (self->status);
  g_free (self);
}

gboolean
ctl_output_is_json (const CtlOutput *self)
{
  return self->is_json;
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

static const char *
sequence_of (CtlColour colour)
{
  switch (colour)
    {
    case CTL_COLOUR_GREEN:
      return "\033[32m";
    case CTL_COLOUR_YELLOW:
      return "\033[33m";
    case CTL_COLOUR_RED:
      return "\033[31m";
    }

  g_assert_not_reached ();
}

char *
ctl_output_paint (const CtlOutput *self, CtlColour colour, const char *text)
{
  if (!self->has_colours)
    return g_strdup (text);

  return g_strconcat (sequence_of (colour), text, "\033[0m", NULL);
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
  if (self->has_status)
    write_text (self, CLEAR_LINE);
  self->has_status = FALSE;
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

  /* without the last column: what fills it makes some terminals go to the next line */
  width = ctl_output_get_width (self) - 1;
  text = rd_text_cut (self->status, width - MIN (width, DOT_WIDTH));
  dot = ctl_output_paint (self, self->status_colour, DOT);
  line = g_strconcat (CLEAR_LINE, dot, " ", text, NULL);
  write_text (self, line);
  self->has_status = TRUE;
}

void
ctl_output_print (CtlOutput *self, const char *text)
{
  clear_status (self);
  write_text (self, text);
  draw_status (self);
}

void
ctl_output_print_line (CtlOutput *self, const char *line)
{
  g_autofree char *text = g_strconcat (line, "\n", NULL);

  ctl_output_print (self, text);
}

void
ctl_output_print_json (CtlOutput *self, GVariant *value)
{
  g_autofree char *json = ctl_json_format (value);

  ctl_output_print_line (self, json);
}

void
ctl_output_set_status (CtlOutput *self, CtlColour colour, const char *text)
{
  if (!self->is_live)
    return;

  g_free (self->status);
  self->status = g_strdup (text);
  self->status_colour = colour;
  if (text == NULL)
    clear_status (self);
  draw_status (self);
}

gboolean
ctl_output_is_lost (const CtlOutput *self)
{
  return self->error_number != 0;
}

gboolean
ctl_output_check (const CtlOutput *self, GError **error)
{
  if (self->error_number == 0 || self->error_number == EPIPE || self->error_number == EINTR)
    return TRUE;

  g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("cannot write to standard output: %s"),
               g_strerror (self->error_number));
  return FALSE;
}
