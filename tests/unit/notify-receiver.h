/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Receives the datagrams of sd_notify(3). */
typedef struct
{
  int fd;          /* owned; -1: closed */
  char *directory; /* owned, nullable: of a socket with a path */
  char *address;   /* owned: value for NOTIFY_SOCKET */
} NotifyReceiver;

/* @abstract: "@" and a name; NULL: use a path. */
NotifyReceiver *notify_receiver_new (const char *abstract);
void notify_receiver_free (NotifyReceiver *receiver);

/* Closes the socket; opens it at the same address. */
void notify_receiver_leave (NotifyReceiver *receiver);
void notify_receiver_return (NotifyReceiver *receiver);

/* Returns: (transfer full) (nullable): the next datagram; NULL if there is none. */
char *notify_receiver_read (NotifyReceiver *receiver);

/* The same, with its descriptor. @fd: (out) (transfer full): -1: none. */
char *notify_receiver_read_with (NotifyReceiver *receiver, int *fd);

/* Reads the next @n datagrams in a thread and closes their descriptors. Returns: (transfer full):
 * for notify_receiver_join(). */
GThread *notify_receiver_read_in_thread (NotifyReceiver *receiver, guint n);

/* Waits for the thread. Returns: (transfer full): all that was read. */
char *notify_receiver_join (GThread *thread);

/* Asserts that the next datagram is @text, or that there is none. */
void notify_receiver_expect (NotifyReceiver *receiver, const char *text);
void notify_receiver_expect_silence (NotifyReceiver *receiver);

/* Fills the queue, so that no sender can add to it; empties it. */
void notify_receiver_fill (NotifyReceiver *receiver);
void notify_receiver_empty (NotifyReceiver *receiver);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (NotifyReceiver, notify_receiver_free)

G_END_DECLS
