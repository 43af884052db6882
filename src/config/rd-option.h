/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a value may be, and the type of the field that takes it. */
typedef enum
{
  RD_OPTION_ADDRESS,   /* char *: host name or IP address */
  RD_OPTION_ADDRESSES, /* char **, never NULL */
  RD_OPTION_BOOLEAN,   /* gboolean */
  RD_OPTION_CHOICE,    /* an enum: index of the word */
  RD_OPTION_COUNT,     /* int or guint */
  RD_OPTION_DURATION,  /* gint64, microseconds */
  RD_OPTION_NAME,      /* char *: printable UTF-8 */
  RD_OPTION_ORIGINS,   /* char **: globs, never NULL */
  RD_OPTION_PATH,      /* char *: of a URI */
  RD_OPTION_PORT,      /* int or guint */
  RD_OPTION_REDIS,     /* char *: a URL for rd_redis_url_parse() */
  RD_OPTION_SIZE,      /* gint64 or guint64, bytes */
  RD_OPTION_TEXT,      /* char *: any UTF-8 */
} RdOptionType;

/* One option: what the command line, the environment and the key file have in common. */
typedef struct
{
  const char *name;    /* --a-b, the key a-b, the variable RINGDOWN_A_B */
  const char *group;   /* of the key file */
  const char *metavar; /* NULL: a flag */
  RdOptionType type;
  gsize offset;             /* of the field */
  const char *preset;       /* the default, as one would type it; NULL: empty list, no string */
  const char *min;          /* of a number, as one would type it */
  const char *max;          /* of a number, of a string's characters, of a list's elements */
  gboolean zero_is_off;     /* 0 is allowed below @min */
  gboolean is_remote;       /* names a server: a wrong value is never wrong usage (status 1) */
  const char *const *words; /* of a choice, NULL-terminated */
  const char *help;
  const char *description; /* for the manual */
} RdOption;

/* Puts @values (NULL-terminated) into @option's field of the struct at @record, in the place of
 * what was there. A list takes the words of all values (a word ends at space, comma or semicolon);
 * anything else takes the last value. No value at all, for a list or a string only: empties it.
 * On error (%G_IO_ERROR_INVALID_ARGUMENT) the field is as before, and the message quotes the
 * offending value and says what to give instead; who said it is the caller's to add. */
gboolean rd_option_set (const RdOption *option,
                        gpointer record,
                        const char *const *values,
                        GError **error);

/* Returns: (transfer full) (nullable): the value in @option's field, as one would type it, whatever
 * it was typed like: "30min" for 1800s; "***" is in the place of a password. NULL: an empty list,
 * or no string. */
char *rd_option_format (const RdOption *option, gconstpointer record);

/* Frees what the field owns. */
void rd_option_clear (const RdOption *option, gpointer record);

G_END_DECLS
