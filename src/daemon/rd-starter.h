/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Who started this process, and what that means for its end. Asked at the start. */
typedef struct
{
  const char *hindrance;   /* nullable, for people: why no other process can take the place of this
                              one: whoever started it would end that with it */
  gboolean is_deaf;        /* a service manager, to which there is no way */
  gboolean minds_terminal; /* it is to end with the terminal */
} RdStarter;

/* @environment: of it counts what systemd.exec(5) says. @is_successor: another process of the
 * service started it. */
RdStarter rd_starter_ask (char **environment, gboolean is_successor);

/* Whether the terminal is gone with which this process is to end: that is what SIGHUP says then. */
gboolean rd_starter_has_hung_up (const RdStarter *self);

G_END_DECLS
