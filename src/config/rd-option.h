/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

#define RD_OPTION_MAX_QUOTED 60 /* maximum number of characters of a value in an error message */

/* The type of an option's value, with the C type of its field. */
typedef enum
{
  RD_OPTION_ADDRESS,   /* char *: host name or IP address */
  RD_OPTION_ADDRESSES, /* char **, never NULL: host names and IP addresses */
  RD_OPTION_BOOLEAN,   /* gboolean */
  RD_OPTION_CHOICE,    /* guint or an enum: index in the array of valid words */
  RD_OPTION_COUNT,     /* int or guint */
  RD_OPTION_DURATION,  /* gint64, microseconds */
  RD_OPTION_NAME,      /* char *: printable UTF-8, not empty */
  RD_OPTION_ORIGINS,   /* char **, never NULL: glob patterns */
  RD_OPTION_PATH,      /* char *: path of a URL */
  RD_OPTION_PORT,      /* int or guint */
  RD_OPTION_REDIS,     /* char *: a URL for rd_redis_url_parse() */
  RD_OPTION_SIZE,      /* gint64 or guint64, bytes */
  RD_OPTION_TOKENS,    /* char **, never NULL: tokens (RFC 9110 §5.6.2) of up to 64 characters */
  RD_OPTION_TEXT,      /* char *: any UTF-8, not empty */
} RdOptionType;

/* An option, which can be set on the command line, in the environment and in the key file. */
typedef struct
{
  const char *name;    /* "a-b" for --a-b, the key a-b and the variable RINGDOWN_A_B */
  const char *group;   /* group in the key file */
  const char *metavar; /* placeholder for the value in --help; NULL for a flag */
  RdOptionType type;
  gsize offset;             /* byte offset of the option's field in its struct */
  const char *preset;       /* default value, as text; NULL for an empty list or a NULL string */
  const char *min;          /* smallest valid number, as text */
  const char *max;          /* maximum value, string length or list length, as text */
  gboolean zero_is_off;     /* 0 is allowed although it is less than @min */
  const char *const *words; /* only for %RD_OPTION_CHOICE: the valid words, NULL-terminated */
  const char *help;         /* for --help; marked for translation */
  const char *description;  /* for the manual */
} RdOption;

/* Sets the field of @option in the struct @record to @values (NULL-terminated). For a list,
 * splits all values at white space, commas and semicolons; for other types, uses the last value.
 * If @values is empty, a list becomes empty and a string becomes NULL; other types need a value.
 * Returns: TRUE, or FALSE with %G_IO_ERROR_INVALID_ARGUMENT. On error, the field is unchanged; the
 * message quotes the invalid value and describes valid values, but does not name the option. */
gboolean rd_option_set (const RdOption *option,
                        gpointer record,
                        const char *const *values,
                        GError **error);

/* Returns: (transfer full) (nullable): the value of @option in the struct @record as normalized
 * text ("30min" for 1800s, "***" for a password), or NULL for an empty list or a NULL string. */
char *rd_option_format (const RdOption *option, gconstpointer record);

/* Returns: (transfer full): name of the environment variable, such as "RINGDOWN_DRAIN_TIMEOUT". */
char *rd_option_dup_variable (const RdOption *option);

/* If @option is a string or a list, frees its value in the struct @record, and sets it to NULL. */
void rd_option_clear (const RdOption *option, gpointer record);
