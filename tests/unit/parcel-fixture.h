/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-parcel.h"

G_BEGIN_DECLS

#define LAYOUT 7 /* version of the packed data in the tests */

/* Both ends of a hand-over channel within one process; NULL: the end is closed. */
typedef struct
{
  RdParcel *old; /* owned */
  RdParcel *new; /* owned */
} ParcelPair;

ParcelPair *parcel_pair_new (void);
void parcel_pair_free (ParcelPair *pair);

/* Reduces the send buffer of @parcel to about 4 KiB, so that a few packets fill it. */
void parcel_narrow (RdParcel *parcel);

/* Sets the deadline of @parcel to @ms from now. */
void parcel_wait (RdParcel *parcel, guint ms);

/* Returns: (transfer full) (element-type int): @n descriptors (eventfd(2)) that contain the numbers
 * from @first on. */
GArray *make_tokens (guint first, guint n);

/* Asserts that @fds are the @n descriptors from make_tokens(). Reads their numbers, so a second
 * call fails. */
void expect_tokens (const GArray *fds, guint first, guint n);

/* Receives @n descriptors; asserts that they are from make_tokens(), with numbers from @first
 * on. */
void expect_sockets (RdParcel *parcel, guint first, guint n);

/* Asserts that @error has @domain and @code, and that its message is one line that contains @words.
 * Clears @error. */
void expect_error (GError **error, GQuark domain, int code, const char *words);

/* Runs @run in a child process that has only the other end of a new channel and standard input,
 * output and error. @pid: (out): process id of the child. Returns: (transfer full): this end. */
RdParcel *parcel_fork (void (*run) (RdParcel *parcel), GPid *pid);

/* Waits for the child process of parcel_fork(); asserts that its function has returned. */
void parcel_join (GPid pid);

/* Returns: whether setrlimit(2) changes the descriptor limit in the kernel; FALSE under
 * valgrind. */
gboolean kernel_has_limit (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ParcelPair, parcel_pair_free)

G_END_DECLS
