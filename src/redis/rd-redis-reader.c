/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* hiredis' parser with the bounds that it lacks: it would keep whatever came of a reply without
 * end, and allocate an array as long as its first line says. What replies mean is for others to
 * know. */

#include "rd-redis-reader.h"

#include "rd-units.h"

#include <glib/gi18n.h>

#define ELEMENT_MIN 4 /* bytes: ":0\r\n" */

#if HIREDIS_MAJOR == 0
typedef int Elements;
#else
typedef gsize Elements;
#endif

struct _RdRedisReader
{
  redisReader *parser;                     /* owned */
  const redisReplyObjectFunctions *theirs; /* unowned: static */
  redisReplyObjectFunctions ours;
  gsize incomplete; /* bytes that came of the reply that is not all there */
  gboolean is_too_big;
};

static void *
create_array (const redisReadTask *task, Elements elements)
{
  RdRedisReader *reader = task->privdata;

  reader->is_too_big = (gsize) elements > RD_REDIS_REPLY_MAX / ELEMENT_MIN;
  return reader->is_too_big ? NULL : reader->theirs->createArray (task, elements);
}

RdRedisReader *
rd_redis_reader_new (void)
{
  RdRedisReader *reader = g_new0 (RdRedisReader, 1);

  reader->parser = redisReaderCreate ();
  reader->theirs = reader->parser->fn;
  reader->ours = *reader->theirs;
  reader->ours.createArray = create_array;
  reader->parser->fn = &reader->ours;
  reader->parser->privdata = reader;
  return reader;
}

void
rd_redis_reader_free (RdRedisReader *reader)
{
  redisReaderFree (reader->parser);
  g_free (reader);
}

void
rd_redis_reader_feed (RdRedisReader *reader, gconstpointer data, gsize size)
{
  reader->incomplete += size;
  redisReaderFeed (reader->parser, data, size);
}

static void
set_error (const RdRedisReader *reader, GError **error)
{
  g_autofree char *limit = NULL;

  if (!reader->is_too_big)
    {
      g_set_error (error, RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                   /* Translators: what is wrong, in English */
                   _ ("what it sends is no Redis protocol: %s"), reader->parser->errstr);
      return;
    }

  limit = rd_units_format_size (RD_REDIS_REPLY_MAX);
  g_set_error (error, RD_REDIS_ERROR, RD_REDIS_ERROR_TOO_BIG,
               _ ("it sends a reply of more than %s"), limit);
}

redisReply *
rd_redis_reader_next (RdRedisReader *reader, GError **error)
{
  void *reply = NULL;
  const gboolean is_valid = redisReaderGetReply (reader->parser, &reply) == REDIS_OK;

  if (reply != NULL)
    {
      reader->incomplete = reader->parser->len - reader->parser->pos;
      return reply;
    }

  reader->is_too_big |= reader->incomplete > RD_REDIS_REPLY_MAX;
  if (!is_valid || reader->is_too_big)
    set_error (reader, error);
  return NULL;
}
