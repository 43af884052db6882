/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* What a service manager (org.freedesktop.systemd1(5)) knows of a service unit. */
typedef struct
{
  guint64 stop_timeout_us; /* TimeoutStopSec=; G_MAXUINT64: none */
  gboolean may_extend;     /* it heeds EXTEND_TIMEOUT_USEC= (sd_notify(3)) */
  guint64 max_descriptors; /* LimitNOFILE=, the hard limit; G_MAXUINT64: it does not say */
  char **environment;      /* Environment=, owned; nullable: it does not say */
  GVariant *properties;    /* owned: of org.freedesktop.systemd1.Service */
} RdCheckService;

/* Asks the manager on @bus of the unit @name, which it loads for that, but never starts.
 * @service: (out caller-allocates): to be cleared.
 * Returns: FALSE with an error: %G_IO_ERROR_NOT_FOUND if it has no such unit, else there is no
 * manager, or it does not answer. */
gboolean rd_check_systemd_get_service (GDBusConnection *bus,
                                       const char *name,
                                       RdCheckService *service,
                                       GError **error);

void rd_check_service_clear (RdCheckService *service);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RdCheckService, rd_check_service_clear)

/* Returns: whether the manager on @bus has the socket unit @name, and it is listening for its
 * service. */
gboolean rd_check_systemd_has_socket (GDBusConnection *bus, const char *name);

/* Asks logind (org.freedesktop.login1(5)) on @bus whether the services of the user go on without
 * a session. @mark: the file that says so of a user without any, /var/lib/systemd/linger/NAME.
 * Returns: FALSE with an error if it cannot be learned. */
gboolean rd_check_systemd_get_linger (GDBusConnection *bus,
                                      uid_t uid,
                                      const char *mark,
                                      gboolean *lingers,
                                      GError **error);

G_END_DECLS
