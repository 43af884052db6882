# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Passes sockets to a program as a service manager does (sd_listen_fds(3)).

As a program, `socket_passing.py PATH PROGRAM ARGUMENT...`, it receives the sockets from the UNIX
socket PATH, moves them to descriptor 3 and up, and executes PROGRAM. LISTEN_PID and LISTEN_FDS of
the environment, if set, override the computed values.
"""

import fcntl
import os
import socket
import sys
import threading

FIRST = 3
_FDS_MAX = 16  # descriptors in one message
_TEMPORARY = 64  # first descriptor above all those to be passed


class SocketPassing:
    """Sends SOCKETS to each program that is started with the prefix. DIRECTORY: for its socket."""

    def __init__(self, directory, sockets):
        path = os.path.join(directory, f'sockets-{id(self):x}')
        self.prefix = [sys.executable, __file__, path]
        self._sockets = sockets
        self._socket = socket.create_server(path, family=socket.AF_UNIX)
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self):
        while True:
            try:
                receiver, _ = self._socket.accept()
            except OSError:
                return
            with receiver:
                socket.send_fds(receiver, [b'sockets'], [each.fileno() for each in self._sockets])

    def stop(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


def _receive(path):
    with socket.socket(socket.AF_UNIX) as sender:
        sender.connect(path)
        _, received, _, _ = socket.recv_fds(sender, 16, _FDS_MAX)
    return [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _TEMPORARY) for fd in received], received


def main():
    path, *command = sys.argv[1:]
    moved, received = _receive(path)
    for fd in received:
        os.close(fd)
    for number, fd in enumerate(moved, FIRST):
        os.dup2(fd, number)
    os.environ.setdefault('LISTEN_PID', str(os.getpid()))
    os.environ.setdefault('LISTEN_FDS', str(len(moved)))
    os.execv(command[0], command)


if __name__ == '__main__':
    main()
