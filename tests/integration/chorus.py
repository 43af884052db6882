# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Many clients, some of whom never stop talking, and all of whom hear everything.

What a server sends is the same for all: so each of them is held to the very bytes of the others,
and these are held to what was said. It takes one thread for any number of listeners.
"""

import os
import re
import select
import threading
import time
from contextlib import contextmanager

from patience import Deadline, eventually, expect_time
from wire import CLOSE, TEXT, Client, frame

_SAID = re.compile(rb'(\d+) says (\d+)\.')


class Chorus(threading.Thread):
    """SIZE clients of the server at PORT, of whom the first SENDERS say RATE messages a second,
    all together. No byte may come but for messages: the server must not ping them."""

    def __init__(self, port, size, senders, rate):
        super().__init__(daemon=True)
        self.clients = []
        self._stream = bytearray()  # what the server sent, of which each has had a part:
        self._had = {}  # descriptor -> bytes
        self._heard = {}  # descriptor -> time of the last byte
        self._silence = {}  # descriptor -> the longest time without a byte, in seconds
        self._faults = []
        self._senders = senders
        self._rate = rate
        self._said = [0] * senders
        self._is_over = threading.Event()
        self._farewell = os.eventfd(0)
        self._epoll = select.epoll()
        self._epoll.register(self._farewell, select.EPOLLIN)
        for _ in range(size):  # not all at once: the server has a limit of those who are coming
            self.clients.append(Client(port))
            self.clients[-1].open()
        for client in self.clients:
            client.socket.setblocking(False)
            self._had[client.socket.fileno()] = 0
            self._epoll.register(client.socket, select.EPOLLIN)
        self._sockets = {client.socket.fileno(): client.socket for client in self.clients}
        self._talker = threading.Thread(target=self._talk, daemon=True)
        self.start()
        self._talker.start()

    # Talking

    def _talk(self):
        began = time.monotonic()
        turn = 0
        while not self._is_over.wait(max(0, began + turn / self._rate - time.monotonic())):
            sender = turn % self._senders
            self._say(sender, b'%d says %d.' % (sender, self._said[sender]))
            self._said[sender] += 1
            turn += 1

    def _say(self, sender, message):
        try:
            self.clients[sender].socket.sendall(frame(TEXT, message))
        except OSError as error:
            self._faults.append(f'{sender} cannot say {message}: {error!r}')
            self._is_over.set()

    # Listening

    def run(self):
        while True:
            ready = self._epoll.poll()
            now = time.monotonic()
            for fd, _ in ready:
                if fd == self._farewell:
                    return
                self._listen(fd, now)

    def _listen(self, fd, now):
        try:
            data = self._sockets[fd].recv(1 << 16)
        except OSError as error:
            data = b''
            self._faults.append(f'client {fd} ends with {error!r}')
        if not data:
            self._faults.append(f'client {fd} was cut off after {self._had[fd]} bytes')
            self._epoll.unregister(fd)
            return

        self._silence[fd] = max(self._silence.get(fd, 0), now - self._heard.get(fd, now))
        self._heard[fd] = now
        self._compare(fd, data)

    def _compare(self, fd, data):
        """DATA has to be what others had in this place; who is first has no others."""
        had = self._had[fd]
        known = self._stream[had:had + len(data)]
        if data[:len(known)] != known:
            self._faults.append(f'client {fd} heard {data[:80]!r} where others had {known[:80]!r}')
            self._epoll.unregister(fd)
        self._stream += data[len(known):]
        self._had[fd] = had + len(data)

    def calm(self):
        """Forgets the silence so far."""
        self._silence.clear()

    # Judging

    def expect_no_silence(self, seconds):
        """Fails if anybody has heard nothing for SECONDS."""
        expect_time(max(self._silence.values()), under=seconds)

    def wait_heard(self, more=1, seconds=10):
        """Waits until all have heard MORE bytes than anybody has now, or somebody cannot."""
        self._wait_had(len(self._stream) + more, seconds)

    def _wait_had(self, size, seconds):
        eventually(lambda: self._faults or min(self._had.values()) >= size,
                   lambda: f'all to hear {size} bytes: {sorted(self._had.values())}', seconds)

    def finish(self, seconds=20):
        """Everybody falls silent; all have to have heard all by then, once and in order."""
        self._is_over.set()
        self._talker.join()
        try:
            # each says one more: nothing is under way behind these
            for sender in range(self._senders):
                self._say(sender, b'%d says %d.' % (sender, self._said[sender]))
                self._said[sender] += 1
            deadline = Deadline(seconds)
            while not self._faults and (heard := self._count()) != self._said:
                assert not deadline.expired, f'heard {heard} of {self._said}'
                time.sleep(0.02)
            self._wait_had(len(self._stream), seconds)
        finally:
            self._leave()
        assert not self._faults, self._faults[:10]
        self._judge()

    def _count(self):
        counts = [0] * self._senders
        for match in _SAID.finditer(bytes(self._stream)):
            counts[int(match[1])] += 1
        return counts

    def _judge(self):
        heard = [[] for _ in range(self._senders)]
        for message in _messages(bytes(self._stream)):
            match = _SAID.fullmatch(message)
            if match:
                heard[int(match[1])].append(int(match[2]))
        for sender, (numbers, said) in enumerate(zip(heard, self._said)):
            assert numbers == list(range(said)), (
                f'{said} messages of {sender}, heard as {_around_fault(numbers)}')

    def _leave(self):
        os.eventfd_write(self._farewell, 1)
        self.join()
        for client in self.clients:
            client.abandon()
        self._epoll.close()
        os.close(self._farewell)


def _messages(stream):
    """The messages whose frames are STREAM, of which nothing else may be a part."""
    place = 0
    while place < len(stream):
        size, start = stream[place + 1], place + 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(stream[start:start + width], 'big'), start + width
        assert stream[place] & 0xF != CLOSE, f'closed with {stream[start:start + size]!r}'
        assert start + size <= len(stream), 'the last message is not whole'
        yield stream[start:start + size]
        place = start + size


def _around_fault(numbers):
    place = next((place for place, number in enumerate(numbers) if place != number), len(numbers))
    return f'…{numbers[max(0, place - 2):place + 3]}… at {place}'


@contextmanager
def chorus(server, size=20, senders=5, rate=200):
    """A chorus that sings while the context does something to the server, before and after; then
    nobody may have missed, doubled or disordered anything, or been cut off."""
    people = Chorus(server.port, size, senders, rate)
    try:
        people.wait_heard()
        yield people
        people.wait_heard()
    finally:
        people.finish()
