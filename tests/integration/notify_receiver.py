# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A receiver of sd_notify(3) messages that records each with its time."""

import socket
import struct
import threading

from waiting import Deadline

_TIMESTAMP = 29  # SO_TIMESTAMP of socket(7), missing from the module socket


class NotifyReceiver:
    """Listens at ADDRESS: a path, or "@" and an abstract name. Calls ON_READY in a thread of its
    own when READY=1 arrives."""

    def __init__(self, address, *, on_ready=lambda: None):
        self.environment = {'NOTIFY_SOCKET': address}
        self._on_ready = on_ready
        self._news = threading.Condition()
        self._told = []  # (seconds, assignment)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
        self._socket.bind('\0' + address[1:] if address.startswith('@') else address)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            data, [(_, _, stamp)], _, _ = self._socket.recvmsg(4096, 64)
            if not data:
                return
            seconds, micros = struct.unpack('@ll', stamp)
            assignments = data.decode().splitlines()
            if 'READY=1' in assignments:
                self._on_ready()
            with self._news:
                self._told += [(seconds + micros / 1e6, each) for each in assignments]
                self._news.notify_all()

    def stop(self):
        """Ends the thread with an empty datagram. No process may send any more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b'', self._socket.getsockname())
        self._reader.join()
        self._socket.close()

    @property
    def told(self):
        """All assignments so far, in order."""
        with self._news:
            return [assignment for _, assignment in self._told]

    def times(self, start):
        """The times, in seconds, of the assignments that start with START."""
        with self._news:
            return [when for when, assignment in self._told if assignment.startswith(start)]

    def wait(self, start, count=1, seconds=10):
        """Waits for COUNT assignments that start with START; returns the last of these."""
        deadline = Deadline(seconds)
        with self._news:
            while True:
                found = [told for _, told in self._told if told.startswith(start)]
                if len(found) >= count:
                    return found[count - 1]
                if deadline.expired:
                    raise AssertionError(f'{len(found)} of {count} {start!r}: {self._told}')
                self._news.wait(deadline.remaining)
