# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A stand-in for systemd's file descriptor store (sd_pid_notify_with_fds(3)).

Like systemd with NotifyAccess=main, it accepts messages of the main process only; MAINPID= of that
process names another one.
"""

import contextlib
import os
import socket
import struct
import tempfile
import threading

from socket_passing import SocketPassing
from waiting import Deadline, eventually

_CREDENTIALS = struct.Struct('=iII')  # struct ucred of unix(7)
_FDS_MAX = 16
_SYNC = 'SYNC=1'  # from this process only


class FdStore:
    """KEEPS: has a store; without one, descriptors are closed. ANSWERS: handles BARRIER= and
    FDSTOREREMOVE=; without it, both are left unanswered, as by a busy manager."""

    def __init__(self, address, *, keeps=True, answers=True):
        self.environment = {'NOTIFY_SOCKET': address}
        self.stored = {}  # name -> sockets, owned
        self._keeps = keeps
        self._answers = answers
        self._main = None  # process id; None: the first sender
        self._barriers = []
        self._n_synced = 0  # datagrams of _synchronize() handled
        self._news = threading.Condition()
        self._told = []  # one dictionary per datagram
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
        """Handles one datagram and takes FDS. BARRIER= is accepted of any process."""
        if assignments == [_SYNC] and pid == os.getpid():
            self._n_synced += 1
            return
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
        """Stores the socket END as if a process had sent it."""
        self.stored.setdefault(name, []).append(end)

    @contextlib.contextmanager
    def passing(self, directory):
        """Yields a command prefix and an environment that start a process with all stored sockets.
        The first process to send a datagram becomes the main process."""
        self._synchronize()  # a late datagram of the old process must not make it the main process
        with self._news:
            self._main = None
        names = [name for name, ends in self.stored.items() for _ in ends]
        with tempfile.TemporaryDirectory(dir=directory) as place:
            passing = SocketPassing(place, [end for ends in self.stored.values() for end in ends])
            try:
                yield passing.prefix, {**self.environment, 'LISTEN_FDNAMES': ':'.join(names)}
            finally:
                passing.stop()

    def _synchronize(self):
        """Waits until all datagrams sent so far have been handled."""
        deadline = Deadline(10)
        wanted = self._n_synced + 1  # no other thread calls this
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(_SYNC.encode(), self._socket.getsockname())
        with self._news:
            while self._n_synced < wanted:
                assert not deadline.expired, 'datagrams were not handled'
                self._news.wait(deadline.remaining)

    def told(self, name):
        """The datagrams received so far that assign NAME, in order."""
        with self._news:
            return [values for values in self._told if name in values]

    def wait(self, name, count=1, seconds=10):
        """Waits for COUNT datagrams that assign NAME."""
        deadline = Deadline(seconds)
        with self._news:
            while sum(name in values for values in self._told) < count:
                if deadline.expired:
                    raise AssertionError(f'expected {name} {count} times: {self._told}')
                self._news.wait(deadline.remaining)

    def wait_empty(self):
        """Waits until the store is empty."""
        eventually(lambda: not self.stored, lambda: f'an empty store: {self.stored}')

    def stop(self):
        """Ends the thread with an empty datagram. No process may send any more."""
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
