# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Well-behaved clients, to prove that faulty ones do not disturb them."""

import contextlib
import threading

from waiting import Deadline, eventually
from wire import BINARY, CLOSE, PING, PONG, TEXT, Client, Frame, frame


class Member(threading.Thread):
    """A client whose thread reads all frames, answers pings and keeps the messages in order."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client = Client(port)
        self._news = threading.Condition()
        self._messages = []
        self._pongs = []
        self._end = None
        self.client.open()
        self.start()

    def run(self):
        try:
            while True:
                self._take(self.client.read_frame(3600))
        except (EOFError, OSError, AssertionError, ValueError) as error:
            with self._news:
                self._end = self._end or repr(error)
                self._news.notify_all()

    def _take(self, got):
        with self._news:
            if got.opcode in (TEXT, BINARY):
                self._messages.append(got)
            elif got.opcode == PONG:
                self._pongs.append(got.payload)
            elif got.opcode == CLOSE:
                self._end = f'closed with {got.code} {got.reason!r}'
            self._news.notify_all()
        if got.opcode == PING:
            self.client.send(frame(PONG, got.payload))

    @property
    def messages(self):
        with self._news:
            return list(self._messages)

    @property
    def end(self):
        """The reason why the connection ended; None while it is open."""
        with self._news:
            return self._end

    def say(self, message):
        self.client.text(message)

    def _wait(self, condition, what, seconds):
        deadline = Deadline(seconds)
        with self._news:
            while not condition():
                if self._end or deadline.expired:
                    raise AssertionError(f'{self._end or "no more data"} while waiting for '
                                         f'{what}, after {len(self._messages)} messages: '
                                         f'…{self._messages[-3:]}')
                self._news.wait(deadline.remaining)

    def wait_count(self, count, seconds=10):
        self._wait(lambda: len(self._messages) >= count, f'message {count}', seconds)

    def wait_message(self, message, seconds=10):
        wanted = Frame(TEXT, message.encode())
        self._wait(lambda: wanted in self._messages, repr(message), seconds)

    def settle(self):
        """Waits until all messages published so far have been read. A pong may overtake a message;
        the second of two pongs may not."""
        for token in b'first', b'second':
            count = len(self._pongs)
            self.client.send(frame(PING, token))
            self._wait(lambda seen=count: len(self._pongs) > seen, 'the pong', 10)

    def leave(self):
        self.client.shut_down()  # wakes the thread
        self.join()
        self.client.abandon()


class Crowd:
    def __init__(self, members):
        self.members = members
        self._expected = []

    def expect(self, message, opcode=TEXT):
        """Expects MESSAGE next in the stream of every client."""
        payload = message.encode() if isinstance(message, str) else message
        self._expected.append(Frame(opcode, payload))

    def say(self, message):
        """Sends MESSAGE from the first client and waits until all have received it."""
        self.expect(message)
        self.members[0].say(message)
        self.wait_all()

    def wait_all(self, seconds=10):
        for member in self.members:
            member.wait_count(len(self._expected), seconds)

    def send_from_each(self, occasion):
        for number, member in enumerate(self.members):
            message = f'{occasion}: {number}'
            self.expect(message)
            member.say(message)
            self.wait_all()

    def judge(self):
        """Checks that every client is open and received all messages, once and in order."""
        for number, member in enumerate(self.members):
            member.settle()
            assert member.end is None, f'client {number}: {member.end}'
            got = member.messages
            assert got == self._expected, (
                f'client {number} received {len(got)} messages, expected {len(self._expected)}: '
                + next((f'at {place}: {is_}, expected {ought}' for place, (is_, ought)
                        in enumerate(zip(got, self._expected)) if is_ != ought),
                       f'unexpected {got[len(self._expected):][:3]}'))


@contextlib.contextmanager
def crowd(server, size=3):
    """SIZE clients that exchange messages before and after the context. At the end, each must have
    received every message once and in order."""
    with contextlib.ExitStack() as stack:
        members = []
        for _ in range(size):
            members.append(Member(server.port))
            stack.callback(members[-1].leave)
        group = Crowd(members)
        group.send_from_each('before')
        yield group
        group.send_from_each('after')
        group.judge()


@contextlib.contextmanager
def undisturbed(server, size=3, memory=0):
    """As crowd (), and checks that descriptors and memory return to their level before the context.
    MEMORY: an earlier level in bytes, which the allocator may reach again."""
    with crowd(server, size) as group:
        descriptors = _settled_descriptors(server)
        memory = max(memory, server.memory())
        yield group
        eventually(lambda: server.descriptors() <= descriptors,
                   lambda: f'{server.descriptors()} descriptors, {descriptors} before', 20)
        eventually(lambda: server.memory() <= memory + server.memory_tolerance(),
                   lambda: f'{server.memory()} bytes of memory, {memory} before', 20)


def _settled_descriptors(server):
    """Counts the descriptors of SERVER after a client and a request, so that what is allocated on
    first use is included."""
    descriptors = server.descriptors()
    client = Client(server.port)
    client.open()
    client.leave()
    client.abandon()
    server.ready()
    # fewer is fine: another connection was still being closed at first
    eventually(lambda: server.descriptors() <= descriptors, 'the extra client to be gone')
    return server.descriptors()
