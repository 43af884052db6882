/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-parcel.h"

G_BEGIN_DECLS

#define LAYOUT 7 /* of what the tests hand over */

/* Both ends of a hand-over within one process; what is NULL has hung up. */
typedef struct
{
  RdParcel *old; /* owned */
  RdParcel *new; /* owned */
} ParcelPair;

ParcelPair *parcel_pair_new (void);
void parcel_pair_free (ParcelPair *pair);

/* Lets @parcel hold so little that some packets fill it. */
void parcel_narrow (RdParcel *parcel);

/* Lets @parcel wait for @ms from now on. */
void parcel_wait (RdParcel *parcel, guint ms);

/* Returns: (element-type int): as many descriptors, which know their numbers, from @first on. */
GArray *make_tokens (guint first, guint n);

/* Asserts that @fds are these descriptors; can be asked once. */
void expect_tokens (const GArray *fds, guint first, guint n);

/* Takes @n sockets, and asserts that they are the tokens from @first on. */
void expect_sockets (RdParcel *parcel, guint first, guint n);

/* Asserts that this is such an error on one line, which has @words in it, and clears it. */
void expect_error (GError **error, GQuark domain, int code, const char *words);

/* Runs @run in a process of its own, which has no descriptors but the other end.
 * @pid: (out). Returns: (transfer full): this end. */
RdParcel *parcel_fork (void (*run) (RdParcel *parcel), GPid *pid);

/* Asserts that the process went through its function. */
void parcel_join (GPid pid);

/* Whether the kernel is told of the limit of descriptors: valgrind keeps it to itself. */
gboolean kernel_has_limit (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ParcelPair, parcel_pair_free)

G_END_DECLS
