/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* How many descriptors may be on their way between processes: a limit of the kernel for each user,
 * which it takes from the limit of open files and lifts for the privileged (unix(7), ETOOMANYREFS).
 * Only says what it is: whether that is enough is for others. */

#include "rd-parcel-limit.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_USER_NAMESPACE 0xEFFFFFFDU /* its inode, PROC_USER_INIT_INO of the kernel */

static gboolean
has_capability (const struct __user_cap_data_struct *data, guint capability)
{
  return (data[CAP_TO_INDEX (capability)].effective & CAP_TO_MASK (capability)) != 0;
}

/* The kernel asks for capabilities over the whole machine: those of a container of users' own do
 * not count. */
static gboolean
is_privileged (void)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
  struct stat status;

  return stat ("/proc/self/ns/user", &status) == 0 && status.st_ino == FIRST_USER_NAMESPACE
         && syscall (SYS_capget, &header, data) == 0
         && (has_capability (data, CAP_SYS_RESOURCE) || has_capability (data, CAP_SYS_ADMIN));
}

guint64
rd_parcel_get_in_flight_max (void)
{
  struct rlimit limit = { .rlim_cur = 0 };

  if (is_privileged ())
    return G_MAXUINT64;

  getrlimit (RLIMIT_NOFILE, &limit); /* 0 where not even that can be asked */
  return limit.rlim_cur;
}
