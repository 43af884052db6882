# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Passes sockets to a program as a service manager does (sd_listen_fds(3)).

Run as a program, `passing.py PLACE PROGRAM ARGUMENT...`, it fetches the sockets from PLACE, puts
them where they belong, and becomes PROGRAM. LISTEN_PID and LISTEN_FDS of the environment win over
the true ones.
"""

import fcntl
import os
import socket
import sys
import threading

FIRST = 3
_ROOM = 16  # descriptors in one message
_PARKED = 64  # out of the way of those to be passed


class Passing:
    """Gives SOCKETS to each program that is started with the prefix, from DIRECTORY."""

    def __init__(self, directory, sockets):
        place = os.path.join(directory, f'passing-{id(self):x}')
        self.prefix = [sys.executable, __file__, place]
        self._sockets = sockets
        self._socket = socket.create_server(place, family=socket.AF_UNIX)
        self._giver = threading.Thread(target=self._give, daemon=True)
        self._giver.start()

    def _give(self):
        while True:
            try:
                taker, _ = self._socket.accept()
            except OSError:
                return
            with taker:
                socket.send_fds(taker, [b'sockets'], [each.fileno() for each in self._sockets])

    def stop(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._giver.join()
        self._socket.close()


def _fetch(place):
    with socket.socket(socket.AF_UNIX) as giver:
        giver.connect(place)
        _, fetched, _, _ = socket.recv_fds(giver, 16, _ROOM)
    return [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _PARKED) for fd in fetched], fetched


def main():
    place, *command = sys.argv[1:]
    parked, fetched = _fetch(place)
    for fd in fetched:
        os.close(fd)
    for number, fd in enumerate(parked, FIRST):
        os.dup2(fd, number)
    os.environ.setdefault('LISTEN_PID', str(os.getpid()))
    os.environ.setdefault('LISTEN_FDS', str(len(parked)))
    os.execv(command[0], command)


if __name__ == '__main__':
    main()
