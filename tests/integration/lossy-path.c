/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A network namespace with a path that delays packets and loses some of them, where the kernel has
 * no tc-netem(8). A connection to 10.9.0.2 arrives at 10.9.0.1, on the same port, as a connection
 * from 10.9.0.2: the program reads each packet from a TUN device, swaps its addresses, which keeps
 * its checksums valid, and writes it back.
 *
 * Prints "ready", and runs until the end of its standard input. Then prints one JSON object with
 * the numbers of packets: forwarded, lost as intended, and lost in full queues. Other programs
 * enter the namespace with nsenter(1). Needs root. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEVICE  "path"
#define ADDRESS "10.9.0.1"
#define PEER    "10.9.0.2"

enum
{
  PACKET_MAX = 65536,     /* bytes */
  QUEUE_MAX = 200 * 1000, /* packets in the queue of the device */
};

typedef struct
{
  gint64 due_us; /* CLOCK_MONOTONIC */
  gsize size;
  guint8 data[];
} Packet;

typedef struct
{
  int fd;       /* owned: the TUN device */
  guint8 *data; /* owned: PACKET_MAX bytes */
  GQueue queue; /* Packet, owned, in the order of due_us */
  GRand *rand;  /* owned */
  double loss;  /* probability */
  gint64 delay_us;
  guint forwarded;
  guint lost;
  guint overflowed; /* written packets that the kernel did not take */
} Path;

G_NORETURN static void
die (const char *what)
{
  fprintf (stderr, "lossy-path: %s: %s\n", what, g_strerror (errno));
  exit (1);
}

static void
set_up (int fd, unsigned long request, const struct ifreq *setting)
{
  if (ioctl (fd, request, setting) < 0)
    die ("Cannot set up a network device");
}

static void
set_address (int fd, unsigned long request, const char *address)
{
  struct ifreq setting = { .ifr_name = DEVICE };
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr (address) };

  memcpy (&setting.ifr_addr, &in, sizeof in);
  set_up (fd, request, &setting);
}

/* Moves this process to a new network namespace. Returns its TUN device. */
static int
open_path (void)
{
  const struct ifreq device = { .ifr_name = DEVICE, .ifr_flags = IFF_TUN | IFF_NO_PI };
  const struct ifreq queue = { .ifr_name = DEVICE, .ifr_qlen = QUEUE_MAX };
  const struct ifreq loopback_up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
  const struct ifreq device_up = { .ifr_name = DEVICE, .ifr_flags = IFF_UP };
  int fd, control_fd;

  if (unshare (CLONE_NEWNET) < 0)
    die ("Cannot create a network namespace (root is needed)");
  fd = open ("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 || ioctl (fd, TUNSETIFF, &device) < 0)
    die ("Cannot create a TUN device (a kernel with CONFIG_TUN and /dev/net/tun is needed)");
  control_fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  set_up (control_fd, SIOCSIFTXQLEN, &queue);
  set_address (control_fd, SIOCSIFADDR, ADDRESS);
  set_address (control_fd, SIOCSIFDSTADDR, PEER);
  set_up (control_fd, SIOCSIFFLAGS, &loopback_up);
  set_up (control_fd, SIOCSIFFLAGS, &device_up);
  close (control_fd);
  return fd;
}

/* Reads one packet, and loses or queues it. Packets of IPv6 are ignored. */
static void
read_packet (Path *path)
{
  struct iphdr *header = (struct iphdr *) (gpointer) path->data;
  const gssize size = read (path->fd, path->data, PACKET_MAX);
  const guint32 source = header->saddr;
  Packet *packet;

  if (size < (gssize) sizeof *header || header->version != IPVERSION)
    return;
  if (g_rand_double (path->rand) < path->loss)
    {
      path->lost++;
      return;
    }
  header->saddr = header->daddr;
  header->daddr = source;
  packet = g_malloc (sizeof *packet + size);
  packet->due_us = g_get_monotonic_time () + path->delay_us;
  packet->size = size;
  memcpy (packet->data, path->data, size);
  g_queue_push_tail (&path->queue, packet);
}

/* Writes the packets that are due. Returns the milliseconds until the next one is, -1 if there is
 * none. */
static int
write_packets (Path *path)
{
  Packet *packet;

  while ((packet = g_queue_peek_head (&path->queue)) != NULL)
    {
      const gint64 wait_us = packet->due_us - g_get_monotonic_time ();

      if (wait_us > 0)
        return wait_us / 1000 + 1;
      if (write (path->fd, packet->data, packet->size) == (gssize) packet->size)
        path->forwarded++;
      else
        path->overflowed++;
      g_free (g_queue_pop_head (&path->queue));
    }
  return -1;
}

/* Returns the number of packets that the device has dropped, see proc(5). */
static guint
count_dropped (void)
{
  g_autofree char *text = NULL;
  const char *line;
  guint dropped = 0;

  if (!g_file_get_contents ("/proc/self/net/dev", &text, NULL, NULL)
      || (line = strstr (text, DEVICE ":")) == NULL
      || sscanf (line, DEVICE ":%*u%*u%*u%*u%*u%*u%*u%*u%*u%*u%*u%u", &dropped) != 1)
    die ("Cannot read /proc/self/net/dev");
  return dropped;
}

int
main (int argc, char **argv)
{
  Path path = { .queue = G_QUEUE_INIT };
  struct pollfd polled[] = { { .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };

  if (argc != 4)
    {
      fprintf (stderr, "usage: lossy-path DELAY-MS LOSS SEED <PIPE\n");
      return 2;
    }
  path.delay_us = g_ascii_strtoll (argv[1], NULL, 10) * 1000;
  path.loss = g_ascii_strtod (argv[2], NULL);
  path.rand = g_rand_new_with_seed (g_ascii_strtoull (argv[3], NULL, 10));
  path.data = g_malloc0 (PACKET_MAX);
  path.fd = polled[0].fd = open_path ();
  puts ("ready");
  fflush (stdout);
  while (polled[1].revents == 0)
    {
      if (poll (polled, G_N_ELEMENTS (polled), write_packets (&path)) < 0)
        die ("Cannot poll");
      if (polled[0].revents != 0)
        read_packet (&path);
    }
  printf ("{\"forwarded\": %u, \"lost\": %u, \"overflowed\": %u}\n", path.forwarded, path.lost,
          path.overflowed + count_dropped ());
  g_queue_clear_full (&path.queue, g_free);
  g_rand_free (path.rand);
  g_free (path.data);
  close (path.fd);
  return 0;
}
