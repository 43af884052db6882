# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A TCP port that forwards to another port, as container engines and proxies do."""

import socket
import threading
from contextlib import suppress


class PortMapping:
    """Forwards connections to PORT of 127.0.0.1. REPLACE: two byte strings; the second one replaces
    the first one in all requests, as in proxies that change the Host header."""

    def __init__(self, port, address='127.0.0.1', replace=(b'', b'')):
        self._target = port
        self._replace = replace
        self._listener = socket.create_server((address, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(('127.0.0.1', self._target))
                for ends in (client, server, self._replace), (server, client, (b'', b'')):
                    threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source, sink, replace):
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data.replace(*replace) if replace[0] else data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
