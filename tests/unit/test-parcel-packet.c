/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Packets of a hand-over: what is sent comes out, and nothing else does. */

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "descriptors.h"
#include "parcel-fixture.h"

#define HEAD_SIZE 16

/* A pair of bare sockets. */
typedef struct
{
  int here, there; /* owned; -1: closed */
} Pair;

static Pair
pair_open (void)
{
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
  return (Pair){ fds[0], fds[1] };
}

static void
pair_close (Pair *pair)
{
  if (pair->here >= 0)
    close (pair->here);
  if (pair->there >= 0)
    close (pair->there);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pair, pair_close)

/* The bytes of a packet, as some other program may write them. */
static GByteArray *
make_bytes (const char *magic,
            guint16 kind,
            guint16 n_fds,
            guint32 layout,
            guint32 size,
            const char *body,
            gsize body_size)
{
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *) magic, 4);
  g_byte_array_append (bytes, (const guint8 *) &kind, sizeof kind);
  g_byte_array_append (bytes, (const guint8 *) &n_fds, sizeof n_fds);
  g_byte_array_append (bytes, (const guint8 *) &layout, sizeof layout);
  g_byte_array_append (bytes, (const guint8 *) &size, sizeof size);
  g_assert_cmpuint (bytes->len, ==, HEAD_SIZE);
  g_byte_array_append (bytes, (const guint8 *) body, body_size);
  return bytes;
}

/* Sends @bytes as they are, with @n_fds descriptors. */
static void
send_raw (int socket, const guint8 *bytes, gsize size, guint n_fds)
{
  union
  {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (RD_PARCEL_FDS_MAX * sizeof (int))];
  } control = { { 0 } };
  struct iovec part = { (void *) bytes, size };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

  if (n_fds > 0)
    {
      struct cmsghdr *rights = &control.align;
      int *fds = (int *) CMSG_DATA (rights);

      message.msg_control = &control;
      message.msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
      for (guint i = 0; i < n_fds; i++)
        fds[i] = STDERR_FILENO;
    }
  g_assert_cmpint (sendmsg (socket, &message, MSG_NOSIGNAL), ==, size);
}

static void
expect_refusal (int socket, RdParcelError code, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (rd_parcel_packet_receive (socket, LAYOUT, &error));
  expect_error (&error, RD_PARCEL_ERROR, code, words);
}

static void
every_kind_comes_out_as_it_was_sent (void)
{
  const struct
  {
    RdParcelKind kind;
    const char *body;
    const char *type;
    guint n_fds;
  } cases[] = {
    { RD_PARCEL_KIND_LISTENERS, "({'node': <'a'>}, [{'role': <'clients'>}])", "(a{sv}aa{sv})", 2 },
    { RD_PARCEL_KIND_LISTENERS, "({}, [])", "(a{sv}aa{sv})", 0 },
    { RD_PARCEL_KIND_READY, "(4711,)", "(u)", 0 },
    { RD_PARCEL_KIND_ERROR, "('port 8000 is taken — über',)", "(s)", 0 },
    { RD_PARCEL_KIND_HEADER, "{'version': <'1.0'>}", "a{sv}", 3 },
    { RD_PARCEL_KIND_SOCKETS, "(0,)", "(u)", RD_PARCEL_FDS_MAX },
    { RD_PARCEL_KIND_TAKEN, "(9999, 1)", "(uu)", 0 },
    { RD_PARCEL_KIND_COMMIT, "()", "()", 0 },
    { RD_PARCEL_KIND_ABORT, "('',)", "(s)", 0 },
    { RD_PARCEL_KIND_SERVING, "()", "()", 0 },
  };
  g_auto (Pair) pair = pair_open ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) body = g_variant_parse (G_VARIANT_TYPE (cases[i].type), cases[i].body,
                                                   NULL, NULL, &error);
      g_autoptr (GArray) fds = make_tokens (0, cases[i].n_fds);
      g_autoptr (RdParcelPacket) packet = NULL;

      g_assert_no_error (error);
      rd_parcel_packet_send (pair.here, LAYOUT, cases[i].kind, body, (const int *) fds->data,
                             fds->len, &error);
      g_assert_no_error (error);
      packet = rd_parcel_packet_receive (pair.there, LAYOUT, &error);
      g_assert_no_error (error);
      g_assert_cmpint (packet->kind, ==, cases[i].kind);
      g_assert_cmpvariant (packet->body, body);
      expect_tokens (packet->fds, 0, cases[i].n_fds);
      for (guint j = 0; j < packet->fds->len; j++)
        g_assert_cmpint (fcntl (g_array_index (packet->fds, int, j), F_GETFD), ==, FD_CLOEXEC);
    }
}

static void
descriptors_are_closed_with_their_packet_unless_stolen (void)
{
  g_auto (Pair) pair = pair_open ();
  g_autoptr (GArray) tokens = make_tokens (0, 3);
  g_autoptr (GVariant) body = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  const guint before = descriptors_count ();
  RdParcelPacket *packet;
  int fd;

  rd_parcel_packet_send (pair.here, LAYOUT, RD_PARCEL_KIND_HEADER, body, (const int *) tokens->data,
                         3, NULL);
  packet = rd_parcel_packet_receive (pair.there, LAYOUT, NULL);
  g_assert_cmpuint (descriptors_count (), ==, before + 3);
  fd = rd_parcel_fds_steal (packet->fds, 1);
  rd_parcel_packet_free (packet);
  g_assert_cmpuint (descriptors_count (), ==, before + 1);
  g_assert_no_errno (close (fd));
}

static void
what_is_no_packet_is_refused (void)
{
  const struct
  {
    const char *magic;
    guint16 kind, n_fds;
    guint sent_fds;
    guint32 size;
    const char *body;
    gsize body_size;
    const char *words;
  } cases[] = {
    { "RdP2", 7, 0, 0, 1, "\0", 1, "17 bytes" },
    { "HTTP", 7, 0, 5, 1, "\0", 1, "not a hand-over packet" },
    { "RdP1", 0, 0, 0, 1, "\0", 1, "kind 0" },
    { "RdP1", 10, 0, 5, 1, "\0", 1, "kind 10" },
    { "RdP1", 65535, 0, 0, 1, "\0", 1, "kind 65535" },
    { "RdP1", 7, 0, 0, 0, "\0", 1, "COMMIT with 1 bytes" },
    { "RdP1", 7, 0, 0, 2, "\0", 1, "COMMIT with 1 bytes" },
    { "RdP1", 7, 0, 0, G_MAXUINT32, "\0", 1, "4294967295" },
    { "RdP1", 7, 0, 0, 0, "", 0, "COMMIT with an invalid body" },
    { "RdP1", 7, 0, 1, 1, "\0", 1, "COMMIT with 1 descriptors" },
    { "RdP1", 7, 1, 1, 1, "\0", 1, "COMMIT with 1 descriptors" },
    { "RdP1", 2, 0, 0, 3, "abc", 3, "READY with an invalid body" },
    { "RdP1", 3, 0, 0, 3, "abc", 3, "ERROR with an invalid body" },
    { "RdP1", 3, 0, 0, 4, "\xff\xfe\xfd", 4, "ERROR with an invalid body" },
    { "RdP1", 4, 2, 2, 0, "", 0, "HEADER with 2 descriptors" },
    { "RdP1", 4, 3, 4, 0, "", 0, "HEADER with 4 descriptors" },
    { "RdP1", 4, 3, 0, 0, "", 0, "HEADER with 0 descriptors" },
    { "RdP1", 5, 0, 0, 4, "\0\0\0", 4, "SOCKETS with 0 descriptors" },
    { "RdP1", 5, 65535, 253, 4, "\0\0\0", 4, "SOCKETS with 253 descriptors" },
    { "RdP1", 1, 2, 2, 3, "abc", 3, "LISTENERS with an invalid body" },
  };
  g_auto (Pair) pair = pair_open ();
  const guint before = descriptors_count ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GByteArray) bytes = make_bytes (cases[i].magic, cases[i].kind, cases[i].n_fds,
                                                 LAYOUT, cases[i].size, cases[i].body,
                                                 cases[i].body_size);

      send_raw (pair.here, bytes->data, bytes->len, cases[i].sent_fds);
      expect_refusal (pair.there, RD_PARCEL_ERROR_MALFORMED, cases[i].words);
      g_assert_cmpuint (descriptors_count (), ==, before);
    }
}

static void
packet_of_another_size_is_refused (void)
{
  const struct
  {
    gsize announced; /* head and all */
    gsize size;
  } cases[] = {
    { 100000, 1 },     { 100000, HEAD_SIZE - 1 }, { 100000, 65536 }, { 100000, 65537 },
    { 100000, 99999 }, { 100000, 100000 },        { 65536, 100000 }, { 65536, 65537 },
  };
  g_auto (Pair) pair = pair_open ();
  const guint before = descriptors_count ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *zeros = g_malloc0 (100000);
      g_autoptr (GByteArray) bytes = make_bytes ("RdP1", RD_PARCEL_KIND_HEADER, 3, LAYOUT,
                                                 cases[i].announced - HEAD_SIZE, zeros, 100000);

      send_raw (pair.here, bytes->data, cases[i].size, 3);
      expect_refusal (pair.there, RD_PARCEL_ERROR_MALFORMED, "bytes");
      g_assert_cmpuint (descriptors_count (), ==, before);
    }
}

static void
empty_packet_is_no_end (void)
{
  g_auto (Pair) pair = pair_open ();
  const guint before = descriptors_count ();

  send_raw (pair.here, NULL, 0, 0);
  expect_refusal (pair.there, RD_PARCEL_ERROR_MALFORMED, "0 bytes");
  send_raw (pair.here, NULL, 0, 3);
  expect_refusal (pair.there, RD_PARCEL_ERROR_MALFORMED, "0 bytes");
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
nothing_that_comes_does_harm (void)
{
  g_autoptr (GVariant) body = g_variant_ref_sink (
    g_variant_new_parsed ("(@a{sv} {}, [{'role': <'clients'>, 'port': <uint16 8000>}, {}])"));
  g_autoptr (GByteArray) bytes = make_bytes ("RdP1", RD_PARCEL_KIND_LISTENERS, 2, LAYOUT,
                                             g_variant_get_size (body), g_variant_get_data (body),
                                             g_variant_get_size (body));
  g_auto (Pair) pair = pair_open ();
  const guint before = descriptors_count ();
  guint n_taken = 0;

  for (int i = 0; i < 5000; i++)
    {
      g_autoptr (GByteArray) wrong = g_byte_array_new ();
      g_autoptr (RdParcelPacket) packet = NULL;

      g_byte_array_append (wrong, bytes->data, bytes->len);
      for (int j = g_test_rand_int_range (0, 4); j > 0; j--)
        wrong->data[g_test_rand_int_range (4, wrong->len)] = g_test_rand_int ();
      if (g_test_rand_bit ())
        g_byte_array_set_size (wrong, g_test_rand_int_range (1, wrong->len));
      send_raw (pair.here, wrong->data, wrong->len, g_test_rand_bit () ? 2 : 0);
      packet = rd_parcel_packet_receive (pair.there, LAYOUT, NULL);
      n_taken += packet != NULL;
    }
  g_assert_cmpuint (n_taken, >, 0);
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
other_layout_is_refused_but_its_words_are_heard (void)
{
  const RdParcelKind heard[] = { RD_PARCEL_KIND_ERROR, RD_PARCEL_KIND_ABORT };
  g_autoptr (GVariant) pid = g_variant_ref_sink (g_variant_new ("(u)", 1));
  g_autoptr (GVariant) text = g_variant_ref_sink (g_variant_new ("(s)", "no"));
  g_autoptr (GByteArray) unknown = make_bytes ("RdP1", 77, 2, LAYOUT + 1, 3, "\1\2\3", 3);
  g_auto (Pair) pair = pair_open ();
  const guint before = descriptors_count ();

  rd_parcel_packet_send (pair.here, LAYOUT + 1, RD_PARCEL_KIND_READY, pid, NULL, 0, NULL);
  expect_refusal (pair.there, RD_PARCEL_ERROR_LAYOUT, "layout 8");
  send_raw (pair.here, unknown->data, unknown->len, 2); /* says more than is known here */
  expect_refusal (pair.there, RD_PARCEL_ERROR_LAYOUT, "only layout 7");
  g_assert_cmpuint (descriptors_count (), ==, before);

  for (gsize i = 0; i < G_N_ELEMENTS (heard); i++)
    {
      g_autoptr (RdParcelPacket) packet = NULL;

      rd_parcel_packet_send (pair.here, LAYOUT + 1, heard[i], text, NULL, 0, NULL);
      packet = rd_parcel_packet_receive (pair.there, LAYOUT, NULL);
      g_assert_nonnull (packet);
      g_assert_cmpint (packet->kind, ==, heard[i]);
    }
}

static void
too_few_descriptors_are_told_of (void)
{
  g_auto (Pair) pair = pair_open ();
  g_autoptr (GArray) tokens = make_tokens (0, 100);
  g_autoptr (GVariant) body = g_variant_ref_sink (g_variant_new ("(u)", 0));
  const guint spares[] = { 1, 50, 99 };
  const guint before = descriptors_count ();

  for (gsize i = 0; i < G_N_ELEMENTS (spares); i++)
    {
      g_autofree char *words = g_strdup_printf ("received 100 descriptors, but only %u", spares[i]);
      guint64 limit;

      rd_parcel_packet_send (pair.here, LAYOUT, RD_PARCEL_KIND_SOCKETS, body,
                             (const int *) tokens->data, tokens->len, NULL);
      limit = descriptors_restrict (spares[i]);
      expect_refusal (pair.there, RD_PARCEL_ERROR_DESCRIPTORS, words);
      descriptors_restore (limit);
      g_assert_cmpuint (descriptors_count (), ==, before);
    }
}

static void
what_never_fits_is_not_sent (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *endless = g_strnfill (65536, 'a');
  g_autoptr (GVariant) text = g_variant_ref_sink (g_variant_new ("(s)", endless));
  g_autoptr (GVariant) none = g_variant_ref_sink (g_variant_new ("(a{sv}aa{sv})", NULL, NULL));
  g_autoptr (GArray) tokens = make_tokens (0, RD_PARCEL_FDS_MAX + 1);
  g_auto (Pair) pair = pair_open ();

  g_assert_false (
    rd_parcel_packet_send (pair.here, LAYOUT, RD_PARCEL_KIND_ERROR, text, NULL, 0, &error));
  expect_error (&error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "ERROR with 0 descriptors");
  g_assert_false (rd_parcel_packet_send (pair.here, LAYOUT, RD_PARCEL_KIND_LISTENERS, none,
                                         (const int *) tokens->data, tokens->len, &error));
  expect_error (&error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "LISTENERS with 254 descriptors");
  g_assert_null (rd_parcel_packet_receive (pair.there, LAYOUT, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
}

static void
neither_end_waits (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) body = g_variant_ref_sink (g_variant_new ("(u)", 1));
  g_auto (Pair) pair = pair_open ();

  g_assert_null (rd_parcel_packet_receive (pair.there, LAYOUT, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_clear_error (&error);
  while (rd_parcel_packet_send (pair.here, LAYOUT, RD_PARCEL_KIND_READY, body, NULL, 0, &error))
    continue;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
}

static void
end_is_told_behind_what_was_said (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) body = g_variant_ref_sink (g_variant_new ("()"));
  g_autoptr (GVariant) text = g_variant_ref_sink (g_variant_new ("(s)", "for a reason"));
  g_auto (Pair) pair = pair_open ();
  g_autoptr (RdParcelPacket) packet = NULL;

  /* one of ours is never read, which the kernel tells us of before it hands out what came */
  rd_parcel_packet_send (pair.here, LAYOUT, RD_PARCEL_KIND_COMMIT, body, NULL, 0, NULL);
  rd_parcel_packet_send (pair.there, LAYOUT, RD_PARCEL_KIND_ERROR, text, NULL, 0, NULL);
  close (pair.there);
  pair.there = -1;

  packet = rd_parcel_packet_receive (pair.here, LAYOUT, &error);
  g_assert_no_error (error);
  g_assert_cmpint (packet->kind, ==, RD_PARCEL_KIND_ERROR);
  expect_refusal (pair.here, RD_PARCEL_ERROR_ENDED, "worker exited");
  g_assert_false (
    rd_parcel_packet_send (pair.here, LAYOUT, RD_PARCEL_KIND_COMMIT, body, NULL, 0, &error));
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_ENDED, "worker exited");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/parcel-packet/kinds", every_kind_comes_out_as_it_was_sent);
  g_test_add_func ("/parcel-packet/fds", descriptors_are_closed_with_their_packet_unless_stolen);
  g_test_add_func ("/parcel-packet/malformed", what_is_no_packet_is_refused);
  g_test_add_func ("/parcel-packet/malformed/size", packet_of_another_size_is_refused);
  g_test_add_func ("/parcel-packet/malformed/empty", empty_packet_is_no_end);
  g_test_add_func ("/parcel-packet/malformed/random", nothing_that_comes_does_harm);
  g_test_add_func ("/parcel-packet/layout", other_layout_is_refused_but_its_words_are_heard);
  if (kernel_has_limit ())
    g_test_add_func ("/parcel-packet/descriptors", too_few_descriptors_are_told_of);
  g_test_add_func ("/parcel-packet/large", what_never_fits_is_not_sent);
  g_test_add_func ("/parcel-packet/non-blocking", neither_end_waits);
  g_test_add_func ("/parcel-packet/end", end_is_told_behind_what_was_said);

  return g_test_run ();
}
