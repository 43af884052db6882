# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Clients that behave, to show that they do not notice those that do not."""

import contextlib
import threading

from patience import Deadline, eventually
from wire import BINARY, CLOSE, PING, PONG, TEXT, Client, Frame, frame


class Member(threading.Thread):
    """A client whose thread reads all that comes, answers pings and remembers messages in order."""

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
        """Why nothing more comes; None while the connection lives."""
        with self._news:
            return self._end

    def say(self, message):
        self.client.text(message)

    def _wait(self, condition, what, seconds):
        deadline = Deadline(seconds)
        with self._news:
            while not condition():
                if self._end or deadline.expired:
                    raise AssertionError(f'{self._end or "nothing more came"} while waiting for '
                                         f'{what}, after {len(self._messages)} messages: '
                                         f'…{self._messages[-3:]}')
                self._news.wait(deadline.remaining)

    def wait_count(self, count, seconds=10):
        self._wait(lambda: len(self._messages) >= count, f'message {count}', seconds)

    def wait_message(self, message, seconds=10):
        wanted = Frame(TEXT, message.encode())
        self._wait(lambda: wanted in self._messages, repr(message), seconds)

    def settle(self):
        """Waits until all the server meant to send up to now was read. A pong may overtake a
        message, but the answer to what was sent after the first pong may not."""
        for token in b'first', b'second':
            count = len(self._pongs)
            self.client.send(frame(PING, token))
            self._wait(lambda seen=count: len(self._pongs) > seen, 'the pong', 10)

    def leave(self):
        self.client.shut_down()  # so that the thread wakes
        self.join()
        self.client.abandon()


class Crowd:
    def __init__(self, members):
        self.members = members
        self._expected = []

    def expect(self, message, opcode=TEXT):
        """MESSAGE was or will be published: all have to get it, here and only here."""
        payload = message.encode() if isinstance(message, str) else message
        self._expected.append(Frame(opcode, payload))

    def say(self, message):
        """The first member publishes MESSAGE; waits until it reached all."""
        self.expect(message)
        self.members[0].say(message)
        self.wait_all()

    def wait_all(self, seconds=10):
        for member in self.members:
            member.wait_count(len(self._expected), seconds)

    def speak_in_turn(self, occasion):
        for number, member in enumerate(self.members):
            message = f'{occasion}: {number}'
            self.expect(message)
            member.say(message)
            self.wait_all()

    def judge(self):
        """All got what they were to get, once and in order, and nobody was closed."""
        for number, member in enumerate(self.members):
            member.settle()
            assert member.end is None, f'member {number}: {member.end}'
            got = member.messages
            assert got == self._expected, (
                f'member {number} got {len(got)} messages, not the {len(self._expected)} expected: '
                + next((f'at {place} {is_} instead of {ought}' for place, (is_, ought)
                        in enumerate(zip(got, self._expected)) if is_ != ought),
                       f'surplus {got[len(self._expected):][:3]}'))


@contextlib.contextmanager
def crowd(server, size=3):
    """SIZE clients that talk with each other before and after what the context does to the server;
    then nobody may have missed, doubled or lost anything."""
    with contextlib.ExitStack() as stack:
        members = []
        for _ in range(size):
            members.append(Member(server.port))
            stack.callback(members[-1].leave)
        people = Crowd(members)
        people.speak_in_turn('before')
        yield people
        people.speak_in_turn('after')
        people.judge()


@contextlib.contextmanager
def undisturbed(server, size=3, memory=0):
    """As crowd (), and descriptors and memory are back where they were. MEMORY: bytes that were
    used at some time before: the allocator may have kept them, or take them again."""
    with crowd(server, size) as people:
        descriptors = _settled_descriptors(server)
        memory = max(memory, server.memory())
        yield people
        eventually(lambda: server.descriptors() <= descriptors,
                   lambda: f'{descriptors} descriptors as before, not {server.descriptors()}', 20)
        eventually(lambda: server.memory() <= memory + server.memory_tolerance(),
                   lambda: f'{memory} bytes of memory as before, not {server.memory()}', 20)


def _settled_descriptors(server):
    """How many descriptors SERVER has, after all that is allocated once was: a visitor comes and
    goes, a request is answered."""
    descriptors = server.descriptors()
    visitor = Client(server.port)
    visitor.open()
    visitor.leave()
    visitor.abandon()
    server.ready()
    # fewer: somebody was just being let go at first
    eventually(lambda: server.descriptors() <= descriptors, 'the visitor to be gone')
    return server.descriptors()
