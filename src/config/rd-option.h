/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* The kind of value, and the C type of its field. */
typedef enum
{
  RD_OPTION_ADDRESS,   /* char *: host name or IP address */
  RD_OPTION_ADDRESSES, /* char **, never NULL */
  RD_OPTION_BOOLEAN,   /* gboolean */
  RD_OPTION_CHOICE,    /* an enum: index of the word */
  RD_OPTION_COUNT,     /* int or guint */
  RD_OPTION_DURATION,  /* gint64, microseconds */
  RD_OPTION_NAME,      /* char *: printable UTF-8 */
  RD_OPTION_ORIGINS,   /* char **: glob patterns, never NULL */
  RD_OPTION_PATH,      /* char *: of a URI */
  RD_OPTION_PORT,      /* int or guint */
  RD_OPTION_REDIS,     /* char *: a URL for rd_redis_url_parse() */
  RD_OPTION_SIZE,      /* gint64 or guint64, bytes */
  RD_OPTION_TEXT,      /* char *: any UTF-8 */
} RdOptionType;

/* An option, which can be set on the command line, in the environment and in the key file. */
typedef struct
{
  const char *name;    /* --a-b, the key a-b, the variable RINGDOWN_A_B */
  const char *group;   /* in the key file */
  const char *metavar; /* NULL: a flag */
  RdOptionType type;
  gsize offset;             /* of the field */
  const char *preset;       /* default, as text; NULL: empty list, no string */
  const char *min;          /* smallest number, as text */
  const char *max;          /* largest number, string length in characters, or list length */
  gboolean zero_is_off;     /* 0 is allowed although it is less than @min */
  const char *const *words; /* of a choice, NULL-terminated */
  const char *help;
  const char *description; /* for the manual */
} RdOption;

/* Sets the field of @option in the struct @record to @values (NULL-terminated). A list takes the
 * words of all values, separated by space, comma or semicolon; other types take the last value.
 * Without a value, a list becomes empty and a string NULL; other types need a value.
 * Returns: FALSE with %G_IO_ERROR_INVALID_ARGUMENT: the field is unchanged, and the message quotes
 * the invalid value and describes valid ones, but does not name the option. */
gboolean rd_option_set (const RdOption *option,
                        gpointer record,
                        const char *const *values,
                        GError **error);

/* Returns: (transfer full) (nullable): the value as normalized text, such as "30min" for 1800s,
 * with "***" for a password; NULL for an empty list or no string. */
char *rd_option_format (const RdOption *option, gconstpointer record);

/* Returns: (transfer full): the name of the option's variable, such as "RINGDOWN_DRAIN_TIMEOUT". */
char *rd_option_dup_variable (const RdOption *option);

/* Frees the memory that the field owns. */
void rd_option_clear (const RdOption *option, gpointer record);
