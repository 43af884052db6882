# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Several workers on one Redis, and clients on all of them who notice what is lost or doubled."""

import contextlib
import re
import time
from collections import Counter

from crowd import Member
from waiting import SLOWNESS, eventually, expect_time
from redis_server import RedisServer
from relay import Relay
from ringdown import RingdownTestCase

MODES = ('stream', 'pubsub')
STREAM = 'ringdown:log'
CONNECTED = 'redis: connected'
AWAY = r'Redis at \S+ is away: '
REFUSES = r'Redis at \S+ refuses messages: '
LOST = r'Redis at \S+ has lost data'
UNSENT = r'Messages not sent to Redis before the end: \d+'
# Bytes that the clients may not have heard yet: a quarter of the log, from which they would fall.
AHEAD_MAX = 1 << 20


class Fleet:
    """Two or more clients on each worker. Each numbers what it says, and has to hear all that
    everybody said, once, in the order in which it was said."""

    def __init__(self, workers, size):
        self.workers = workers
        self._members = [[Member(worker.port) for _ in range(size)] for worker in workers]
        self._said = Counter()  # by sender
        self._last = {}  # by sender

    @property
    def members(self):
        return [member for group in self._members for member in group]

    def at(self, place):
        """The clients of the worker with the number PLACE."""
        return self._members[place]

    def say(self, place, count=1, padding=''):
        """A client of the worker PLACE says COUNT messages; its neighbours have them at once.
        Returns the messages."""
        sender = f'client of {place}'
        first = self._said[sender]
        messages = [f'{sender}: {number}{padding}' for number in range(first, first + count)]
        self._said[sender] += count
        self._last[sender] = messages[-1]
        ahead = 0
        for message in messages:
            self._members[place][0].say(message)
            ahead += len(message)
            if ahead > AHEAD_MAX:
                self.wait_received([message], place)
                ahead = 0
        began = time.monotonic()
        self.wait_received(messages, place)
        expect_time(time.monotonic() - began, under=2 * SLOWNESS)
        return messages

    def say_everywhere(self, count=1):
        for place in range(len(self.workers)):
            self.say(place, count)

    def wait_received(self, messages, place, seconds=10):
        """Waits until the clients of the worker PLACE have the last of MESSAGES."""
        for member in self._members[place]:
            member.wait_message(messages[-1], seconds)

    def wait_all(self, seconds=10):
        """Waits until everybody has heard the last of what everybody said."""
        for member in self.members:
            for message in self._last.values():
                member.wait_message(message, seconds)

    def judge(self, may_miss=False):
        """Nobody was closed; nothing was doubled or disordered, nor lost unless it MAY_MISS."""
        for member in self.members:
            member.settle()
            assert member.end is None, member.end
            self._judge_heard([got.text for got in member.messages], may_miss)

    def _judge_heard(self, heard, may_miss):
        for sender, count in self._said.items():
            numbers = [int(match[1]) for match in
                       (re.match(fr'{sender}: (\d+)', message) for message in heard) if match]
            in_order = sorted(set(numbers)) == numbers
            assert in_order, f'doubled or out of order, from {sender}: {_faults(numbers)}'
            missing = set(range(count)) - set(numbers)
            assert may_miss or not missing, (
                f'{len(missing)} of {count} from {sender} are missing: {sorted(missing)[:5]}…')

    def leave(self):
        for member in self.members:
            member.leave()


def _faults(numbers):
    """Some of the places where NUMBERS do not grow."""
    return [pair for pair in zip(numbers, numbers[1:]) if pair[1] <= pair[0]][:5]


class FleetTestCase(RingdownTestCase):
    def setUp(self):
        super().setUp()
        self._redis = []

    def redis(self, *options, **settings):
        """A Redis server of this test's own."""
        redis = RedisServer(f'{self.directory}/redis-{len(self._redis)}', *options, **settings)
        self._redis.append(redis)
        self.addCleanup(redis.finish)
        return redis

    def relay(self, redis):
        relay = Relay(redis)
        self.addCleanup(relay.finish)
        return relay

    def worker(self, redis, *options, **settings):
        """A worker that has joined REDIS, which may also be a relay."""
        worker = self.start(f'--redis={redis.url}', *options, **settings)
        self.wait_connected(worker)
        return worker

    def workers(self, count, redis, *options, **settings):
        return [self.worker(redis, *options, **settings) for _ in range(count)]

    @contextlib.contextmanager
    def fleet(self, *workers, size=2, may_miss=False):
        """Clients of WORKERS that hear each other before and after what the context does; nobody
        may have been closed then, or have doubled, disordered or, unless it MAY_MISS, lost
        anything."""
        group = Fleet(workers, size)
        self.addCleanup(group.leave)
        group.say_everywhere()
        group.wait_all()
        yield group
        for worker in workers:
            self.wait_connected(worker)
        group.say_everywhere()
        group.wait_all()
        group.judge(may_miss)
        for worker in workers:
            self.assertEqual(size, worker.ready()[1]['clients'])

    def bus_state(self, worker):
        """What /readyz says of the bus; whatever it says, the worker is ready."""
        status, said = worker.ready()
        self.assertEqual(200, status, said)
        return said['bus']

    def wait_state(self, worker, pattern, seconds=10):
        """Waits until the state of the bus matches PATTERN, and returns the match."""
        return eventually(
            lambda: re.fullmatch(pattern, self.bus_state(worker)),
            lambda: f'the bus to be {pattern!r}, not {self.bus_state(worker)!r}', seconds)

    def _wait_up(self, worker, up, pattern, seconds):
        """Waits until the state matches PATTERN and the metric says UP; returns the match."""
        return eventually(
            lambda: worker.metric('ringdown_redis_up') == up
            and re.fullmatch(pattern, self.bus_state(worker)),
            lambda: f'up to be {up} and the bus {pattern!r}, not {self.bus_state(worker)!r}',
            seconds)

    def wait_connected(self, *workers, seconds=15):
        """Waits until all of WORKERS say so, in every place."""
        for worker in workers:
            self._wait_up(worker, 1, CONNECTED, seconds)

    def wait_down(self, *workers, seconds=10):
        """Waits until all of WORKERS say so, in every place; returns the reason each gives."""
        reasons = []
        for worker in workers:
            state = self._wait_up(worker, 0, r'redis: down since (\S+): (.+)', seconds)
            self.assertRegex(state[1], r'\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z')
            reasons.append(state[2])
            worker.wait_log(AWAY)
        return reasons

    def wait_metric(self, worker, name, value, seconds=10):
        eventually(lambda: worker.metric(name) == value,
                   lambda: f'{name} to be {value}, not {worker.metric(name)}', seconds)

    def describe(self):
        return super().describe() + '\n'.join(redis.describe() for redis in self._redis)
