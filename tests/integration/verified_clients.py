# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Many clients that check every byte, of which some send all the time.

All clients receive the same bytes, so each is compared with one common stream, and the stream is
checked once. One thread reads for all clients.
"""

import os
import re
import select
import threading
import time
from contextlib import contextmanager

from waiting import Deadline, eventually, expect_time
from wire import CLOSE, TEXT, Client, frame

_MESSAGE = re.compile(rb'(\d+) sends (\d+)\.')


class VerifiedClients(threading.Thread):
    """SIZE clients of the server at PORT. The first SENDERS send RATE messages a second in total.
    The server must not ping: any byte that is not part of a message is a fault."""

    def __init__(self, port, size, senders, rate):
        super().__init__(daemon=True)
        self.clients = []
        self._stream = bytearray()  # the longest stream that any client has received
        self._received = {}  # descriptor -> bytes
        self._last = {}  # descriptor -> time of the last byte
        self._silence = {}  # descriptor -> the longest time without a byte, in seconds
        self._faults = []
        self._senders = senders
        self._rate = rate
        self._sent = [0] * senders
        self._is_finished = threading.Event()
        self._wakeup = os.eventfd(0)
        self._epoll = select.epoll()
        self._epoll.register(self._wakeup, select.EPOLLIN)
        for _ in range(size):  # one by one: the server limits concurrent handshakes
            self.clients.append(Client(port))
            self.clients[-1].open()
        for client in self.clients:
            client.socket.setblocking(False)
            self._received[client.socket.fileno()] = 0
            self._epoll.register(client.socket, select.EPOLLIN)
        self._sockets = {client.socket.fileno(): client.socket for client in self.clients}
        self._sender_thread = threading.Thread(target=self._send_all, daemon=True)
        self.start()
        self._sender_thread.start()

    # Sending

    def _send_all(self):
        began = time.monotonic()
        count = 0
        while not self._is_finished.wait(max(0, began + count / self._rate - time.monotonic())):
            sender = count % self._senders
            self._send(sender, b'%d sends %d.' % (sender, self._sent[sender]))
            self._sent[sender] += 1
            count += 1

    def _send(self, sender, message):
        try:
            self.clients[sender].socket.sendall(frame(TEXT, message))
        except OSError as error:
            self._faults.append(f'{sender} cannot send {message}: {error!r}')
            self._is_finished.set()

    # Receiving

    def run(self):
        while True:
            ready = self._epoll.poll()
            now = time.monotonic()
            for fd, _ in ready:
                if fd == self._wakeup:
                    return
                self._receive(fd, now)

    def _receive(self, fd, now):
        try:
            data = self._sockets[fd].recv(1 << 16)
        except OSError as error:
            data = b''
            self._faults.append(f'client {fd} ends with {error!r}')
        if not data:
            self._faults.append(f'client {fd} was disconnected after {self._received[fd]} bytes')
            self._epoll.unregister(fd)
            return

        self._silence[fd] = max(self._silence.get(fd, 0), now - self._last.get(fd, now))
        self._last[fd] = now
        self._compare(fd, data)

    def _compare(self, fd, data):
        """Compares DATA with the common stream, or appends what is new to it."""
        begin = self._received[fd]
        known = self._stream[begin:begin + len(data)]
        if data[:len(known)] != known:
            self._faults.append(f'client {fd} received {data[:80]!r}, the others {known[:80]!r}')
            self._epoll.unregister(fd)
        self._stream += data[len(known):]
        self._received[fd] = begin + len(data)

    def reset_silence(self):
        """Forgets the longest silences."""
        self._silence.clear()

    # Checking

    def expect_no_silence(self, seconds):
        """Fails if a client has received nothing for SECONDS."""
        expect_time(max(self._silence.values()), under=seconds)

    def wait_received(self, more=1, seconds=10):
        """Waits until all clients have received MORE bytes than any has now, or one has failed."""
        self._wait_received(len(self._stream) + more, seconds)

    def _wait_received(self, size, seconds):
        eventually(lambda: self._faults or min(self._received.values()) >= size,
                   lambda: f'{size} bytes for all: {sorted(self._received.values())}', seconds)

    def finish(self, seconds=20):
        """Stops sending, and checks that all clients received all messages, once and in order."""
        self._is_finished.set()
        self._sender_thread.join()
        try:
            # one last message of each sender: nothing follows these
            for sender in range(self._senders):
                self._send(sender, b'%d sends %d.' % (sender, self._sent[sender]))
                self._sent[sender] += 1
            deadline = Deadline(seconds)
            while not self._faults and (received := self._count()) != self._sent:
                assert not deadline.expired, f'received {received} of {self._sent}'
                time.sleep(0.02)
            self._wait_received(len(self._stream), seconds)
        finally:
            self._disconnect()
        assert not self._faults, self._faults[:10]
        self._check_messages()

    def _count(self):
        counts = [0] * self._senders
        for match in _MESSAGE.finditer(bytes(self._stream)):
            counts[int(match[1])] += 1
        return counts

    def _check_messages(self):
        received = [[] for _ in range(self._senders)]
        for message in _messages(bytes(self._stream)):
            match = _MESSAGE.fullmatch(message)
            if match:
                received[int(match[1])].append(int(match[2]))
        for sender, (numbers, sent) in enumerate(zip(received, self._sent)):
            assert numbers == list(range(sent)), (
                f'{sent} messages of {sender}, received as {_around_fault(numbers)}')

    def _disconnect(self):
        os.eventfd_write(self._wakeup, 1)
        self.join()
        for client in self.clients:
            client.abandon()
        self._epoll.close()
        os.close(self._wakeup)


def _messages(stream):
    """Yields the payloads of the frames in STREAM, which must hold whole messages only."""
    place = 0
    while place < len(stream):
        size, start = stream[place + 1], place + 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(stream[start:start + width], 'big'), start + width
        assert stream[place] & 0xF != CLOSE, f'closed with {stream[start:start + size]!r}'
        assert start + size <= len(stream), 'the last message is incomplete'
        yield stream[start:start + size]
        place = start + size


def _around_fault(numbers):
    place = next((place for place, number in enumerate(numbers) if place != number), len(numbers))
    return f'…{numbers[max(0, place - 2):place + 3]}… at {place}'


@contextmanager
def verified_clients(server, size=20, senders=5, rate=200):
    """Clients that send and receive before, during and after the context. At the end, no client may
    have lost a message, received one twice or out of order, or been disconnected."""
    clients = VerifiedClients(server.port, size, senders, rate)
    try:
        clients.wait_received()
        yield clients
        clients.wait_received()
    finally:
        clients.finish()
