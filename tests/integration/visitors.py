# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Many connections that come during an event, and send a request in one or several pieces. One
thread handles all of them."""

import asyncio
import collections
import itertools
import threading
from contextlib import contextmanager

from crowd import Member
from upgrade_case import Background
from waiting import SLOWNESS, eventually

PATIENCE = 12 * SLOWNESS  # seconds until a connection has its answer, or has ended
AT_ONCE = 100  # connections without an answer
NUMBER_INTERVAL = 0.1  # seconds
LAST = b'the end'

ENDED, HANGING = 'ended', 'hanging'


class Visitors:
    """Connections to PORT. REQUESTS: what to send, in turn: the status of the answer, and the
    pieces of the request, with PAUSE seconds between two of them."""

    def __init__(self, port, requests, pause):
        self._port = port
        self._requests = itertools.cycle(requests)
        self._pause = pause
        self._is_over = threading.Event()
        self._have_answers = threading.Event()
        self._streams = []  # of the clients
        self.outcomes = collections.Counter()  # by expected status and status, ENDED or HANGING
        self._visiting = Background(asyncio.run, self._visit_all())

    def wait_opened(self, count):
        """Waits until COUNT more connections have become clients."""
        count += len(self._streams)
        eventually(lambda: len(self._streams) >= count or not self._visiting.is_alive(),
                   lambda: f'{count} clients: {self.outcomes}', 60)

    def end(self):
        """Starts no more connections, and waits until all have their answers."""
        self._is_over.set()
        eventually(lambda: self._have_answers.is_set() or not self._visiting.is_alive(),
                   lambda: f'all connections to have an answer: {self.outcomes}', 30)

    def result(self):
        """Returns what each client has received up to the message LAST: bytes or an exception."""
        return self._visiting.result(60)

    async def _visit_all(self):
        await asyncio.gather(*(self._work() for _ in range(AT_ONCE)))
        self._have_answers.set()
        return await asyncio.gather(*map(self._read_rest, self._streams))

    async def _work(self):
        while not self._is_over.is_set():
            expected, pieces = next(self._requests)
            self.outcomes[expected, await self._visit(pieces)] += 1

    async def _visit(self, pieces):
        """Returns the status of the answer, ENDED or HANGING."""
        writer = None
        try:
            reader, writer = await asyncio.open_connection('127.0.0.1', self._port)
            for number, piece in enumerate(pieces):
                await asyncio.sleep(self._pause if number > 0 else 0)
                writer.write(piece)
            head = await asyncio.wait_for(reader.readuntil(b'\r\n\r\n'), PATIENCE)
        except (OSError, asyncio.IncompleteReadError):
            head = ENDED
        except asyncio.TimeoutError:
            head = HANGING
        if isinstance(head, bytes) and head.startswith(b'HTTP/1.1 101 '):
            self._streams.append((reader, writer))
        elif writer:
            writer.close()
        return int(head.split(b' ')[1]) if isinstance(head, bytes) else head

    async def _read_rest(self, streams):
        reader, writer = streams
        try:
            return await asyncio.wait_for(reader.readuntil(LAST), 30 * SLOWNESS)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            return error
        finally:
            writer.close()


def _numbers_in(received):
    """Returns the numbers in RECEIVED: frames with a number each, and one with LAST."""
    payloads = []
    while received:
        assert received[0] == 0x81, f'no text message: {received[:40]}'
        size = received[1]
        payloads.append(received[2:2 + size])
        received = received[2 + size:]
    assert payloads.pop() == LAST
    return [int(payload) for payload in payloads]


@contextmanager
def visitors(server, requests, pause=0):
    """Connections that come during the context, while another client sends numbers. At the end, all
    must have got the expected answer, and no client may have missed a message since its 101."""
    is_over = threading.Event()
    sender = Member(server.port)

    def count():
        number = 0
        while not is_over.wait(NUMBER_INTERVAL):
            sender.say(f'{number}')
            number += 1
        return number

    coming = Visitors(server.port, requests, pause)
    counting = Background(count)
    try:
        yield coming
    finally:
        coming.end()
        is_over.set()
        sent = counting.result()
        sender.say(LAST.decode())
        all_received = coming.result()
        sender.leave()
    assert all(expected == got for expected, got in coming.outcomes), coming.outcomes
    for received in all_received:
        assert isinstance(received, bytes), f'a client was lost: {received!r}'
        numbers = _numbers_in(received)
        assert numbers == list(range(sent - len(numbers), sent)), f'missed a message: {numbers}'
