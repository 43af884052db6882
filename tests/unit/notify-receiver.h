/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A service manager's end of sd_notify(3). */
typedef struct
{
  int fd;          /* owned; -1: gone */
  char *directory; /* owned; of the socket, where it has a path */
  char *address;   /* owned: what NOTIFY_SOCKET would be */
} NotifyReceiver;

/* @abstract: its address, "@" and a name; NULL: a path. */
NotifyReceiver *notify_receiver_new (const char *abstract);
void notify_receiver_free (NotifyReceiver *receiver);

/* Goes away, and comes back at the same address. */
void notify_receiver_leave (NotifyReceiver *receiver);
void notify_receiver_return (NotifyReceiver *receiver);

/* Returns: (transfer full) (nullable): the next datagram; NULL if none is there. */
char *notify_receiver_read (NotifyReceiver *receiver);

/* The same, with the descriptor that came along. @fd: (out) (transfer full): -1: none did. */
char *notify_receiver_read_with (NotifyReceiver *receiver, int *fd);

/* Has another thread read the next @n datagrams and close what comes with them, while this one is
 * blocked. Returns: (transfer full): for notify_receiver_join(). */
GThread *notify_receiver_read_aside (NotifyReceiver *receiver, guint n);

/* Waits until that is done. Returns: (transfer full): all that was read. */
char *notify_receiver_join (GThread *thread);

/* Asserts that the next datagram is @text, or that there is none. */
void notify_receiver_expect (NotifyReceiver *receiver, const char *text);
void notify_receiver_expect_silence (NotifyReceiver *receiver);

/* Fills its queue until nothing more goes in, whoever sends; and empties it again. */
void notify_receiver_stuff (NotifyReceiver *receiver);
void notify_receiver_empty (NotifyReceiver *receiver);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (NotifyReceiver, notify_receiver_free)

G_END_DECLS
