/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* bench-limit: a minimal broadcast server, against which Ringdown is measured. It has one epoll
 * set, an array of sockets, and calls send() once per message and client. It has no queue: a client
 * whose socket is full is dropped and counted. It gives all handshakes the same answer, does not
 * validate UTF-8, does not join fragments, has no timeouts, and drops clients that violate the
 * protocol. Not for untrusted input. */

#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
  BACKLOG = 4096,
  EVENTS = 512,
  MAX_FRAME = 64 * 1024 + WIRE_MAX_HEADER,
  INPUT_SIZE = 4 * MAX_FRAME,
};

typedef struct
{
  int fd;        /* owned; -1 after drop() */
  gboolean open; /* the handshake is done */
  guint slot;    /* index in Server.fds and Server.clients, while open */
  gsize carry_length;
  guint8 *carry; /* owned, nullable: incomplete input */
} Client;

typedef struct
{
  int epoll_fd;       /* owned */
  int listen_fd;      /* owned */
  GArray *fds;        /* owned, of int: the sockets of open clients, without holes */
  GPtrArray *clients; /* owned: the same clients in the same order */
  GPtrArray *dropped; /* owned: freed after each iteration, since events may point to them */
  guint8 *input;      /* owned: buffer for all reads */
  guint full;         /* clients dropped because their socket was full */
} Server;

G_NORETURN static void
die (const char *what)
{
  fprintf (stderr, "bench-limit: %s: %s\n", what, g_strerror (errno));
  exit (1);
}

static void
drop (Server *server, Client *client)
{
  if (client->fd < 0)
    return;
  if (client->open)
    {
      g_array_remove_index_fast (server->fds, client->slot);
      g_ptr_array_remove_index_fast (server->clients, client->slot);
      if (client->slot < server->clients->len)
        ((Client *) g_ptr_array_index (server->clients, client->slot))->slot = client->slot;
    }
  close (client->fd);
  client->fd = -1;
  g_clear_pointer (&client->carry, g_free);
  g_ptr_array_add (server->dropped, client);
}

/* Sends @frame to all clients, from the last to the first, since drop() moves the last client to
 * the slot of the dropped one. */
static void
broadcast (Server *server, const guint8 *frame, gsize length)
{
  const int *fds = (const int *) (gpointer) server->fds->data;

  for (guint i = server->fds->len; i-- > 0;)
    {
      gssize sent = send (fds[i], frame, length, MSG_NOSIGNAL);

      if (G_LIKELY (sent == (gssize) length))
        continue;
      if (sent >= 0 || errno == EAGAIN)
        fprintf (stderr, "dropped a client whose socket is full (%u so far)\n", ++server->full);
      drop (server, g_ptr_array_index (server->clients, i));
    }
}

/* Answers a frame. The answer is built in place: the header of a server has no key, so it fits in
 * front of the payload. */
static void
handle_frame (Server *server, Client *client, guint8 *data, const WireFrame *frame)
{
  guint8 *payload = data + frame->header;
  gboolean is_data = frame->opcode == WIRE_TEXT || frame->opcode == WIRE_BINARY;
  WireOpcode opcode = frame->opcode == WIRE_PING ? WIRE_PONG : frame->opcode;
  guint8 header[WIRE_MAX_HEADER];
  gsize header_size = wire_write_header (header, opcode, frame->length, NULL);
  guint8 *answer = payload - header_size;
  gsize size = header_size + frame->length;

  wire_mask (payload, frame->length, payload - 4);
  memcpy (answer, header, header_size);
  if (is_data && frame->final)
    return broadcast (server, answer, size);
  if (frame->opcode == WIRE_PONG)
    return;
  if (frame->opcode == WIRE_PING || frame->opcode == WIRE_CLOSE)
    send (client->fd, answer, size, MSG_NOSIGNAL);
  if (frame->opcode != WIRE_PING)
    drop (server, client);
}

/* Handles all complete frames in @data. Returns the number of bytes handled. */
static gsize
read_frames (Server *server, Client *client, guint8 *data, gsize size)
{
  gsize done = 0;
  WireFrame frame;

  while (client->fd >= 0 && wire_parse_header (data + done, size - done, &frame))
    {
      if (!frame.masked || frame.reserved_bits || frame.length > MAX_FRAME - WIRE_MAX_HEADER)
        {
          drop (server, client);
          return done;
        }
      if (size - done - frame.header < frame.length)
        return done;
      handle_frame (server, client, data + done, &frame);
      done += frame.header + frame.length;
    }
  return done;
}

/* Answers a handshake if it is complete. Returns the number of bytes handled. */
static gsize
read_handshake (Server *server, Client *client, const guint8 *data, gsize size)
{
  static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Accept: " WIRE_ACCEPT_KEY
                               "\r\n\r\n";
  const guint8 *end = memmem (data, size, "\r\n\r\n", 4);

  if (end == NULL)
    return 0;
  if (send (client->fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0)
    {
      drop (server, client);
      return size;
    }
  client->open = TRUE;
  client->slot = server->fds->len;
  g_array_append_val (server->fds, client->fd);
  g_ptr_array_add (server->clients, client);
  return end + 4 - data;
}

static void
handle_input (Server *server, Client *client, gsize size)
{
  gsize done = client->open ? 0 : read_handshake (server, client, server->input, size);

  if (client->open)
    done += read_frames (server, client, server->input + done, size - done);
  if (client->fd >= 0 && size - done > MAX_FRAME)
    drop (server, client);
  if (client->fd < 0)
    return;
  g_clear_pointer (&client->carry, g_free);
  client->carry_length = size - done;
  client->carry = g_memdup2 (server->input + done, client->carry_length);
}

/* Reads all data, since epoll is edge-triggered. After a read that does not fill the buffer there
 * is no more data, but there may be an end of file. */
static void
read_client (Server *server, Client *client, guint32 events)
{
  gsize capacity = INPUT_SIZE;
  gssize n = capacity;

  while (client->fd >= 0 && (n == (gssize) capacity || events & (EPOLLRDHUP | EPOLLHUP)))
    {
      capacity = INPUT_SIZE - client->carry_length;
      if (client->carry_length > 0)
        memcpy (server->input, client->carry, client->carry_length);
      n = recv (client->fd, server->input + client->carry_length, capacity, 0);
      if (n < 0 && errno == EAGAIN)
        return;
      if (n <= 0)
        return drop (server, client);
      handle_input (server, client, client->carry_length + n);
    }
}

static void
watch (Server *server, int fd, guint32 events, gpointer data)
{
  struct epoll_event event = { .events = events, .data.ptr = data };

  if (epoll_ctl (server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    die ("Cannot watch a socket");
}

static void
accept_clients (Server *server)
{
  const int on = 1;
  int fd;

  while ((fd = accept4 (server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    {
      Client *client = g_new0 (Client, 1);

      client->fd = fd;
      setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      watch (server, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, client);
    }
  if (errno == EMFILE || errno == ENFILE)
    die ("Cannot accept another client; raise `ulimit -n`");
}

static void
iterate (Server *server)
{
  struct epoll_event events[EVENTS];
  int n = epoll_wait (server->epoll_fd, events, EVENTS, -1);

  for (int i = 0; i < n; i++)
    {
      if (events[i].data.ptr == server)
        accept_clients (server);
      else
        read_client (server, events[i].data.ptr, events[i].events);
    }
  g_ptr_array_set_size (server->dropped, 0);
}

static void
start (Server *server, int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port) };
  socklen_t address_size = sizeof address;
  struct rlimit limit;
  const int on = 1;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  server->fds = g_array_new (FALSE, FALSE, sizeof (int));
  server->clients = g_ptr_array_new ();
  server->dropped = g_ptr_array_new_with_free_func (g_free);
  server->input = g_malloc (INPUT_SIZE);

  server->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  server->listen_fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt (server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  if (bind (server->listen_fd, (struct sockaddr *) &address, sizeof address) < 0
      || listen (server->listen_fd, BACKLOG) < 0)
    die ("Cannot listen on 127.0.0.1");
  getsockname (server->listen_fd, (struct sockaddr *) &address, &address_size);
  watch (server, server->listen_fd, EPOLLIN, server);
  printf ("listening on 127.0.0.1:%u\n", ntohs (address.sin_port));
  fflush (stdout);
}

int
main (int argc, char **argv)
{
  int port = 0;
  const GOptionEntry entries[] = {
    { "port", 'p', 0, G_OPTION_ARG_INT, &port, "Port on 127.0.0.1; 0 (default): any free port",
      "PORT" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  Server server = { 0 };

  g_option_context_set_summary (context, "A minimal epoll broadcast server, to compare with.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || port < 0 || port > G_MAXUINT16)
    {
      fprintf (stderr, "bench-limit: %s\n", error ? error->message : "--port must be 0 to 65535");
      return 2;
    }
  start (&server, port);
  for (;;)
    iterate (&server);
}
