/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The Redis protocol: serializes commands, parses replies, converts error replies to #GError. */

#include "rd-redis-protocol.h"

#include "rd-text.h"
#include "rd-units.h"

#include <string.h>

#define MESSAGE_MAX_CHARS 200

#define ABORTED "EXECABORT Transaction discarded because of: " /* before another error */

#define ELEMENT_TYPES "+-:$*" /* valid first bytes of an element */
#define ELEMENT_MIN   4       /* minimum size of an element (":0\r\n"), bytes */

/* A known error reply: its prefix and its meaning. */
typedef struct
{
  const char *prefix;
  RdRedisError code;
  const char *auth_text; /* nullable: meaning of the error as a reply to AUTH */
} KnownError;

static const KnownError known_errors[] = {
  { "NOAUTH ", RD_REDIS_ERROR_REFUSED, NULL },
  { "NOPERM ", RD_REDIS_ERROR_REFUSED, NULL },
  { "MASTERDOWN ", RD_REDIS_ERROR_REPLICA, NULL },
  { "READONLY ", RD_REDIS_ERROR_REPLICA, NULL },
  { "MOVED ", RD_REDIS_ERROR_CLUSTER, NULL },
  { "ASK ", RD_REDIS_ERROR_CLUSTER, NULL },
  { "TRYAGAIN ", RD_REDIS_ERROR_CLUSTER, NULL },
  { "CROSSSLOT ", RD_REDIS_ERROR_CLUSTER, NULL },
  { "CLUSTERDOWN ", RD_REDIS_ERROR_CLUSTER, NULL },
  { "DENIED ", RD_REDIS_ERROR_REFUSED, "protected mode, local clients only" },
  { "WRONGPASS ", RD_REDIS_ERROR_REFUSED, "unknown user, wrong password, or user disabled" },
  { "ERR invalid password", RD_REDIS_ERROR_REFUSED, "wrong password" },
  { "ERR AUTH ", RD_REDIS_ERROR_REFUSED, "the default user has no password" },
  { "ERR Client sent AUTH,", RD_REDIS_ERROR_REFUSED, "the default user has no password" },
  { "ERR wrong number of arguments for 'auth'", RD_REDIS_ERROR_REFUSED,
    "users need Redis 6 or later" },
  { "ERR DB index ", RD_REDIS_ERROR_REFUSED, NULL },
  { "ERR invalid DB index", RD_REDIS_ERROR_REFUSED, NULL },
  { "ERR SELECT ", RD_REDIS_ERROR_REFUSED,
    NULL }, /* reply of a cluster, which has only database 0 */
  { "ERR max number of clients ", RD_REDIS_ERROR_REPLY,
    "the server has its maximum number of clients" },
  { "ERR unknown command ", RD_REDIS_ERROR_REPLY, "AUTH is disabled or renamed" },
};

/* The parser of hiredis has no size limit. Therefore a filter checks every element first, and
 * replaces an element that exceeds the limit with a short error. */
struct _RdRedisReader
{
  redisReader *parser; /* owned */

  gsize accepted;        /* number of bytes of the current reply that were passed to the parser */
  guint64 n_expected;    /* number of announced elements of the current reply that have not begun */
  guint64 n_discarded;   /* how many of the n_expected elements to discard */
  guint64 payload;       /* number of remaining bytes of the current bulk string, including CRLF */
  gboolean is_discarded; /* the current element is not passed to the parser */
  GByteArray *line;      /* owned: the incomplete first line of an element */
  gboolean is_invalid;   /* the input is invalid; the parser will report the error */
};

G_DEFINE_QUARK (rd - redis - error - quark, rd_redis_error)

/* Returns: (nullable): the known error that matches the error reply @text. */
static const KnownError *
find_error (const char *text)
{
  if (g_str_has_prefix (text, ABORTED))
    text += strlen (ABORTED);
  for (gsize i = 0; i < G_N_ELEMENTS (known_errors); i++)
    if (g_str_has_prefix (text, known_errors[i].prefix))
      return &known_errors[i];

  return NULL;
}

static RdRedisError
get_code (const KnownError *known)
{
  return known != NULL ? known->code : RD_REDIS_ERROR_REPLY;
}

char *
rd_redis_error_dup_words (const redisReply *reply)
{
  g_auto (GStrv) parts = g_strsplit (reply->str, ", with args beginning with:", 2);

  return rd_text_printable (parts[0] != NULL ? parts[0] : "", MESSAGE_MAX_CHARS);
}

GError *
rd_redis_error_new_reply (const redisReply *reply)
{
  g_autofree char *words = rd_redis_error_dup_words (reply);

  return g_error_new_literal (RD_REDIS_ERROR, get_code (find_error (reply->str)), words);
}

GError *
rd_redis_error_new_auth (const redisReply *reply)
{
  const KnownError *known = find_error (reply->str);
  const gsize size = strspn (reply->str, G_CSET_A_2_Z);
  const int shown = reply->str[size] == ' ' ? (int) size : 0; /* length of the error code to show */

  return g_error_new (RD_REDIS_ERROR, get_code (known), "%.*s%s%s", shown, reply->str,
                      shown > 0 ? ": " : "",
                      known != NULL && known->auth_text != NULL ? known->auth_text : "AUTH failed");
}

/* Returns: whether @reply is the reply of a replica to ROLE, ["slave", host of its master, …]. */
static gboolean
is_role_of_replica (const redisReply *reply)
{
  return reply->type == REDIS_REPLY_ARRAY && reply->elements > 0
         && reply->element[0]->type == REDIS_REPLY_STRING
         && g_str_equal (reply->element[0]->str, "slave");
}

GError *
rd_redis_error_new_server (const redisReply *reply, GSocketAddress *address)
{
  const RdRedisError code = is_role_of_replica (reply)         ? RD_REDIS_ERROR_REPLICA
                            : reply->type == REDIS_REPLY_ERROR ? get_code (find_error (reply->str))
                                                               : RD_REDIS_ERROR_REPLY;
  g_autofree char *place = address != NULL
                             ? g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address))
                             : g_strdup ("the server");

  if (code == RD_REDIS_ERROR_REPLICA)
    return g_error_new (RD_REDIS_ERROR, code, "%s is a replica; looking for the master", place);
  if (code == RD_REDIS_ERROR_CLUSTER)
    return g_error_new (RD_REDIS_ERROR, code, "%s is in cluster mode, which is not supported",
                        place);
  return NULL;
}

/* Keeps only the last clause of the message, such as "Connection refused" from "Could not connect
 * to localhost: Connection refused". */
GError *
rd_redis_error_new_system (const GError *error)
{
  const char *colon = g_strrstr (error->message, ": ");

  return g_error_new_literal (error->domain, error->code,
                              colon != NULL ? colon + 2 : error->message);
}

/* Commands */

void
rd_redis_command_append (GString *output, const char *const *words, GBytes *data)
{
  const guint n_words = g_strv_length ((char **) words);
  g_autofree const char **arguments = g_new (const char *, n_words + 1);
  g_autofree gsize *sizes = g_new (gsize, n_words + 1);
  char *command = NULL;
  int size;

  for (guint i = 0; i < n_words; i++)
    {
      arguments[i] = words[i];
      sizes[i] = strlen (words[i]);
    }
  if (data != NULL)
    arguments[n_words] = g_bytes_get_data (data, &sizes[n_words]);

  size = redisFormatCommandArgv (&command, n_words + (data != NULL), arguments, sizes);
  g_string_append_len (output, command, size);
  redisFreeCommand (command);
}

/* Replies */

RdRedisReader *
rd_redis_reader_new (void)
{
  RdRedisReader *reader = g_new0 (RdRedisReader, 1);

  reader->parser = redisReaderCreate ();
  reader->line = g_byte_array_new ();
  return reader;
}

void
rd_redis_reader_free (RdRedisReader *reader)
{
  redisReaderFree (reader->parser);
  g_byte_array_unref (reader->line);
  g_free (reader);
}

static void
pass_on (RdRedisReader *reader, const char *data, gsize size)
{
  if (reader->is_discarded)
    return;

  reader->accepted += size;
  redisReaderFeed (reader->parser, data, size);
}

/* Begins an element of at least @size bytes with @n_children elements in it (0: not an array). */
static void
begin_element (RdRedisReader *reader, guint64 size, guint64 n_children)
{
  static const char too_big[] = "-" RD_REDIS_REPLY_TOO_BIG "\r\n";

  if (reader->n_expected == 0)
    {
      reader->n_expected = 1;
      reader->accepted = 0;
    }
  reader->n_expected += n_children - 1;

  reader->is_discarded = reader->n_discarded > 0;
  if (reader->is_discarded)
    {
      reader->n_discarded += n_children - 1;
    }
  else if (reader->accepted + size > RD_REDIS_REPLY_MAX)
    {
      redisReaderFeed (reader->parser, too_big, strlen (too_big));
      reader->is_discarded = TRUE;
      reader->n_discarded = n_children;
    }
}

/* Begins an element whose first line is complete, and passes the line on. */
static void
finish_line (RdRedisReader *reader)
{
  const char *line = (const char *) reader->line->data;
  const gsize size = reader->line->len;
  const gint64 number = g_ascii_strtoll (line + 1, NULL, 10); /* stops at the end of the line */
  const guint64 count = MAX (number, 0);

  if (*line == '*')
    begin_element (reader, MIN (count, RD_REDIS_REPLY_MAX) * ELEMENT_MIN, count);
  else if (*line == '$')
    begin_element (reader, size + count + strlen ("\r\n"), 0);
  else
    begin_element (reader, size, 0);
  pass_on (reader, line, size);
  if (*line == '$' && number >= 0)
    reader->payload = count + strlen ("\r\n");
  g_byte_array_set_size (reader->line, 0);
}

/* The take functions consume bytes at the start of @data. They return the number consumed. */

static gsize
take_payload (RdRedisReader *reader, const char *data, gsize size)
{
  const gsize n = MIN (size, reader->payload);

  pass_on (reader, data, n);
  reader->payload -= n;
  return n;
}

static gsize
take_line (RdRedisReader *reader, const char *data, gsize size)
{
  const char *end = memchr (data, '\n', size);
  const gsize n = end != NULL ? (gsize) (end + 1 - data) : size;

  g_byte_array_append (reader->line, (const guint8 *) data, n);
  if (end != NULL)
    finish_line (reader);
  return n;
}

void
rd_redis_reader_feed (RdRedisReader *reader, gconstpointer data, gsize size)
{
  const char *rest = data;
  const char *end = rest + size;

  while (rest < end && !reader->is_invalid)
    {
      if (reader->payload > 0)
        rest += take_payload (reader, rest, end - rest);
      else if (reader->line->len > 0
               || memchr (ELEMENT_TYPES, *rest, strlen (ELEMENT_TYPES)) != NULL)
        rest += take_line (reader, rest, end - rest);
      else
        reader->is_invalid = TRUE;
    }
  if (reader->is_invalid)
    redisReaderFeed (reader->parser, rest, end - rest);
}

redisReply *
rd_redis_reader_next (RdRedisReader *reader, GError **error)
{
  g_autofree char *limit = rd_units_format_size (RD_REDIS_LINE_MAX);
  void *reply = NULL;
  const gboolean is_valid = redisReaderGetReply (reader->parser, &reply) == REDIS_OK;

  if (reply != NULL)
    return reply;

  if (!is_valid)
    g_set_error (error, RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                 "the answer does not follow the Redis protocol: %s", reader->parser->errstr);
  else if (reader->line->len > RD_REDIS_LINE_MAX)
    g_set_error (error, RD_REDIS_ERROR, RD_REDIS_ERROR_TOO_BIG,
                 "the answer has a line of more than %s", limit);
  return NULL;
}
