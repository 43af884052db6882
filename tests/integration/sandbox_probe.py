# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Attempts what a unit's sandbox may forbid; prints as JSON what is allowed. Runs in place of the
service."""

import ctypes
import json
import mmap
import os
import socket
import tempfile

CLONE_NEWUSER = 0x10000000
PER_LINUX32 = 0x0008
PTRACE_TRACEME = 0

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function, *arguments):
    if getattr(_libc, function)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), function)


def _make_set_user_id_file():
    with tempfile.NamedTemporaryFile() as file:
        os.fchmod(file.fileno(), 0o4700)


# All of these work for any user without a sandbox. The namespace is last: it changes the user.
ATTEMPTS = {
    'looking up a name': lambda: socket.getaddrinfo('localhost', 80, flags=socket.AI_ADDRCONFIG),
    'memory to write and execute': lambda: mmap.mmap(
        -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    'a netlink socket': lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    'another personality': lambda: _call('personality', PER_LINUX32),
    'a set-user-ID file': _make_set_user_id_file,
    'changing the owner': lambda: os.chown('.', -1, -1),
    'changing the user': lambda: os.setuid(os.getuid()),
    'tracing': lambda: _call('ptrace', PTRACE_TRACEME, 0, None, None),
    'a namespace': lambda: _call('unshare', CLONE_NEWUSER),
}


def _is_allowed(attempt):
    try:
        attempt()
    except OSError:
        return False
    return True


if __name__ == '__main__':
    print(json.dumps({name: _is_allowed(attempt) for name, attempt in ATTEMPTS.items()}))
