# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A TCP relay between a node and its Redis server that delays, drops and cuts connections."""

import queue
import re
import socket
import struct
import threading
import time

from redis_server import ADDRESS, Port

_COMMANDS = re.compile(rb'(?<=\r\n)(EXEC|SUBSCRIBE|XREAD)(?=\r\n)')
_LONGEST = 13  # bytes: a command with line ends
_EXECUTED = re.compile(rb'(\A|\n)\*\d')  # the array reply to EXEC


class _Connection:
    """A connection of a node: a reader and a writer in each direction."""

    def __init__(self, relay, worker, server):
        self._relay = relay
        self._worker = worker
        self._server = server
        self._over = threading.Event()
        self._tail = b''
        self._swallows = False
        self._swallowed = b''
        self.said = set()  # commands sent by the node
        for source, sink, inspect in ((worker, server, self._inspect_commands),
                                      (server, worker, self._inspect_answers)):
            on_the_way = queue.SimpleQueue()
            for work, *arguments in ((self._read, source, on_the_way, inspect),
                                     (self._write, sink, on_the_way)):
                threading.Thread(target=work, args=arguments, daemon=True).start()

    def _read(self, source, on_the_way, inspect):
        try:
            while data := source.recv(1 << 16):
                on_the_way.put((time.monotonic() + self._relay.delay, inspect(data)))
        except OSError:
            pass  # cut
        on_the_way.put((0, None))

    def _write(self, sink, on_the_way):
        try:
            while not self._over.is_set():
                due, data = on_the_way.get()
                if data is None:
                    break
                self._over.wait(max(0, due - time.monotonic()))
                sink.sendall(data)
        except OSError:
            pass  # cut
        self.cut()

    def _inspect_commands(self, data):
        text, end = self._tail + data, 0
        for match in _COMMANDS.finditer(text):
            end = match.end()
            self.said.add(match[0])
            if match[0] == b'EXEC' and self._relay.claim_answer():
                self._swallows = True
        self._tail = text[end:][-_LONGEST:]
        return data

    def _inspect_answers(self, data):
        if self._swallows:
            self._swallowed += data
            answer = _EXECUTED.search(self._swallowed)
            if not answer:
                return b''
            self._relay.answer_swallowed.set()
            if self._relay.replacement is None:
                self.cut()
                return b''
            self._swallows = False
            before, self._swallowed = self._swallowed[:answer.end(1)], b''
            return before + self._relay.replacement
        if self._relay.is_silenced(self):
            self._relay.lost += data
            return b''
        return data

    def cut(self):
        """Closes both connections, that of the node by a reset."""
        if self._over.is_set():
            return
        self._over.set()
        self._worker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        for end in self._worker, self._server:
            try:
                end.shutdown(socket.SHUT_RDWR)  # wakes the threads
            except OSError:
                pass  # already closed
            end.close()


class Relay:
    """Relays connections from its own port to SERVER."""

    def __init__(self, server):
        self._server = server
        self._port = Port()
        self._lock = threading.Lock()
        self._connections = []
        self._listener = None
        self._is_to_swallow = False
        self._silenced = None
        self.delay = 0  # seconds, in each direction
        self.replacement = None  # sent instead of the next EXEC's reply
        self.lost = b''  # dropped bytes from the server
        self.answer_swallowed = threading.Event()
        self.accept()

    @property
    def name(self):
        return f'{ADDRESS}:{self._port.number}'

    @property
    def url(self):
        return f'redis://{self.name}'

    def redirect(self, server):
        """Relays new connections to SERVER; the others stay."""
        self._server = server

    def accept(self):
        """Starts to accept connections."""
        self._listener = socket.create_server((ADDRESS, self._port.number))
        threading.Thread(target=self._run, args=[self._listener], daemon=True).start()

    def _run(self, listener):
        try:
            while True:
                worker, _ = listener.accept()
                self._connect(worker, listener)
        except OSError:
            pass  # the listener was shut down

    def _connect(self, worker, listener):
        try:
            server = socket.create_connection((ADDRESS, self._server.port))
        except OSError:
            worker.close()
            return
        for end in worker, server:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(self, worker, server)
        with self._lock:
            self._connections.append(connection)
            is_late = self._listener is not listener
        if is_late:
            connection.cut()

    def cut(self):
        """Closes all connections; accepts new ones."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            connection.cut()

    def refuse(self):
        """Closes all connections and the listener."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def swallow_answer(self, replacement=None):
        """Drops the reply to the next EXEC, which Redis executes. Sends REPLACEMENT instead of it;
        without one, closes the connection."""
        self.answer_swallowed.clear()
        self.replacement = replacement
        self._is_to_swallow = True

    def claim_answer(self):
        """Returns whether to drop the reply to this EXEC."""
        claimed, self._is_to_swallow = self._is_to_swallow, False
        return claimed

    def silence(self, command):
        """Drops all replies on connections on which the node has sent COMMAND; None: no more."""
        self._silenced = command

    def is_silenced(self, connection):
        return self._silenced in connection.said

    def finish(self):
        self.refuse()
        self._port.release()
