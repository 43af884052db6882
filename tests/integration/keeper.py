# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A service manager's store for descriptors: what sd_pid_notify_with_fds(3) gives it, it keeps for
the next process.

It listens as systemd does: to the main process alone, and to another one once that has named it.
"""

import contextlib
import os
import socket
import struct
import tempfile
import threading

from passing import Passing
from patience import Deadline, eventually

_CREDENTIALS = struct.Struct('=iII')  # struct ucred of unix(7)
_FDS_MAX = 16


class Keeper:
    """KEEPS: it has a store; without one it closes what it is given. ANSWERS: it says when it has
    acted on what it was told, and forgets what it is told to; else it is too busy for both."""

    def __init__(self, address, *, keeps=True, answers=True):
        self.environment = {'NOTIFY_SOCKET': address}
        self.stored = {}  # name -> sockets, which are ours
        self._keeps = keeps
        self._answers = answers
        self._main = None  # process; None: the first that speaks
        self._barriers = []
        self._news = threading.Condition()
        self._told = []  # what came at once, as a dictionary
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind('\0' + address[1:])
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        room = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(4 * _FDS_MAX)
        while True:
            data, ancillary, _, _ = self._socket.recvmsg(4096, room)
            rights = {kind: value for _, kind, value in ancillary}
            fds = [fd for fd, in struct.iter_unpack('i', rights.get(socket.SCM_RIGHTS, b''))]
            pid, _, _ = _CREDENTIALS.unpack(rights[socket.SCM_CREDENTIALS])
            if not data:
                return
            with self._news:
                self._take(pid, data.decode().splitlines(), fds)
                self._news.notify_all()

    def _take(self, pid, assignments, fds):
        """FDS are ours. A barrier is for all; the rest is heard of the main process only."""
        if assignments == ['BARRIER=1']:
            self._pass_barrier(fds)
            return

        self._main = self._main or pid
        if pid == self._main:
            values = dict(each.split('=', 1) for each in assignments)
            self._main = int(values.get('MAINPID', self._main))
            self._told.append(values)
            self._change_store(values, fds)
        for fd in fds:
            os.close(fd)

    def _pass_barrier(self, fds):
        if not self._answers:
            self._barriers += fds
            return
        for fd in fds:
            os.close(fd)

    def _change_store(self, values, fds):
        name = values.get('FDNAME', 'stored')
        if values.get('FDSTORE') == '1' and self._keeps:
            while fds:
                self.put(name, socket.socket(fileno=fds.pop()))
        if values.get('FDSTOREREMOVE') == '1' and self._answers:
            for each in self.stored.pop(name, []):
                each.close()

    def put(self, name, end):
        """Keeps the socket END as if a process had given it."""
        self.stored.setdefault(name, []).append(end)

    @contextlib.contextmanager
    def passing(self, directory):
        """While it lasts, `Passing.prefix` starts a process with all that is stored; then that
        process is the main one. Yields the prefix and the environment."""
        with self._news:
            self._main = None
        names = [name for name, ends in self.stored.items() for _ in ends]
        with tempfile.TemporaryDirectory(dir=directory) as place:
            passing = Passing(place, [end for ends in self.stored.values() for end in ends])
            try:
                yield passing.prefix, {**self.environment, 'LISTEN_FDNAMES': ':'.join(names)}
            finally:
                passing.stop()

    def told(self, name):
        """What was told so far of which NAME is a part, in order."""
        with self._news:
            return [values for values in self._told if name in values]

    def wait(self, name, count=1, seconds=10):
        """Waits until NAME was told COUNT times."""
        deadline = Deadline(seconds)
        with self._news:
            while sum(name in values for values in self._told) < count:
                if deadline.expired:
                    raise AssertionError(f'no {count} times {name}: {self._told}')
                self._news.wait(deadline.remaining)

    def wait_empty(self):
        """Waits until nothing is stored."""
        eventually(lambda: not self.stored, lambda: f'nothing to be stored: {self.stored}')

    def stop(self):
        """Nobody is to send any more; an empty datagram of our own ends the thread."""
        if not self._reader.is_alive():
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b'', self._socket.getsockname())
        self._reader.join()
        self._socket.close()
        for end in [end for ends in self.stored.values() for end in ends]:
            end.close()
        for fd in self._barriers:
            os.close(fd)
