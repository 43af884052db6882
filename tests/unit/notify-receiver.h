/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A socket that receives the datagrams of sd_notify(3). */
typedef struct
{
  int fd;          /* owned; -1: closed */
  char *directory; /* owned; NULL: the address is abstract */
  char *address;   /* owned: value for NOTIFY_SOCKET */
} NotifyReceiver;

/* @abstract: (nullable): address, "@" and a name; NULL: use a path in a temporary directory. */
NotifyReceiver *notify_receiver_new (const char *abstract);
void notify_receiver_free (NotifyReceiver *receiver);

/* Closes the socket; opens a socket at the same address. */
void notify_receiver_close (NotifyReceiver *receiver);
void notify_receiver_open (NotifyReceiver *receiver);

/* Returns: (transfer full) (nullable): the next datagram; NULL if there is none. */
char *notify_receiver_read (NotifyReceiver *receiver);

/* Reads the next datagram with its file descriptor. @fd: (out) (transfer full): -1: none. */
char *notify_receiver_read_with_fd (NotifyReceiver *receiver, int *fd);

/* Reads the next @n datagrams in a thread and closes their file descriptors. Returns: (transfer
 * full): the thread, for notify_receiver_join(). */
GThread *notify_receiver_read_in_thread (NotifyReceiver *receiver, guint n);

/* Waits for the thread. Returns: (transfer full): the concatenated datagrams. */
char *notify_receiver_join (GThread *thread);

/* Asserts that the next datagram is @text, or that no datagram has arrived. */
void notify_receiver_expect (NotifyReceiver *receiver, const char *text);
void notify_receiver_expect_nothing (NotifyReceiver *receiver);

/* Fills the queue, so that no sender can add a datagram; empties the queue. */
void notify_receiver_fill (NotifyReceiver *receiver);
void notify_receiver_empty (NotifyReceiver *receiver);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (NotifyReceiver, notify_receiver_free)

G_END_DECLS
