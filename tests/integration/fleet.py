# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Several nodes on one Redis, with clients that check for lost and repeated messages."""

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
AWAY = r'Redis at \S+ is down: '
REFUSES = r'Redis at \S+ refuses (messages|commands): '
LOST = r'Redis at \S+ has lost data'
UNSENT = r'Messages not sent to Redis before the exit: \d+'
# Bytes sent but not received yet: a quarter of the log, so that no client is evicted.
AHEAD_MAX = 1 << 20


class Fleet:
    """Two or more clients on each node. Each numbers its messages, and has to receive every message
    of every client once, in the order of its sender."""

    def __init__(self, nodes, size):
        self.nodes = nodes
        self._members = [[Member(node.port) for _ in range(size)] for node in nodes]
        self._said = Counter()  # by sender
        self._last = {}  # by sender

    @property
    def members(self):
        return [member for group in self._members for member in group]

    def at(self, place):
        """The clients of the node with the number PLACE."""
        return self._members[place]

    def say(self, place, count=1, padding=''):
        """Sends COUNT messages from a client of the node PLACE, and waits until the clients of that
        node have them. Returns the messages."""
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
        for place in range(len(self.nodes)):
            self.say(place, count)

    def wait_received(self, messages, place, seconds=10):
        """Waits until the clients of the node PLACE have received the last of MESSAGES."""
        for member in self._members[place]:
            member.wait_message(messages[-1], seconds)

    def wait_all(self, seconds=10):
        """Waits until every client has received the last message of every sender."""
        for member in self.members:
            for message in self._last.values():
                member.wait_message(message, seconds)

    def judge(self, may_miss=False):
        """Checks that no client was closed, and that no message was repeated, out of order, or
        (unless MAY_MISS) lost."""
        for member in self.members:
            member.settle()
            assert member.end is None, member.end
            self._judge_heard([got.text for got in member.messages], may_miss)

    def _judge_heard(self, heard, may_miss):
        for sender, count in self._said.items():
            numbers = [int(match[1]) for match in
                       (re.match(fr'{sender}: (\d+)', message) for message in heard) if match]
            in_order = sorted(set(numbers)) == numbers
            assert in_order, f'repeated or out of order, from {sender}: {_faults(numbers)}'
            missing = set(range(count)) - set(numbers)
            assert may_miss or not missing, (
                f'{len(missing)} of {count} from {sender} are missing: {sorted(missing)[:5]}…')

    def leave(self):
        for member in self.members:
            member.leave()


def _faults(numbers):
    """The first pairs of NUMBERS that do not rise."""
    return [pair for pair in zip(numbers, numbers[1:]) if pair[1] <= pair[0]][:5]


class FleetTestCase(RingdownTestCase):
    def setUp(self):
        super().setUp()
        self._redis = []

    def redis(self, *options, **settings):
        """A new Redis server."""
        redis = RedisServer(f'{self.directory}/redis-{len(self._redis)}', *options, **settings)
        self._redis.append(redis)
        self.addCleanup(redis.finish)
        return redis

    def relay(self, redis):
        relay = Relay(redis)
        self.addCleanup(relay.finish)
        return relay

    def node(self, redis, *options, **settings):
        """A node that is connected to REDIS, which may be a relay."""
        node = self.start(f'--redis={redis.url}', *options, **settings)
        self.wait_connected(node)
        return node

    def nodes(self, count, redis, *options, **settings):
        return [self.node(redis, *options, **settings) for _ in range(count)]

    @contextlib.contextmanager
    def fleet(self, *nodes, size=2, may_miss=False):
        """Clients of NODES that exchange messages before and after the context; then checks them
        with judge()."""
        group = Fleet(nodes, size)
        self.addCleanup(group.leave)
        group.say_everywhere()
        group.wait_all()
        yield group
        for node in nodes:
            self.wait_connected(node)
        group.say_everywhere()
        group.wait_all()
        group.judge(may_miss)
        for node in nodes:
            self.assertEqual(size, node.ready()[1]['clients'])

    def bus_state(self, node):
        """The state of the bus in /readyz; the node is ready in any case."""
        status, said = node.ready()
        self.assertEqual(200, status, said)
        return said['bus']

    def wait_state(self, node, pattern, seconds=10):
        """Waits until the state of the bus matches PATTERN and returns the match."""
        return eventually(
            lambda: re.fullmatch(pattern, self.bus_state(node)),
            lambda: f'the bus to be {pattern!r}, not {self.bus_state(node)!r}', seconds)

    def _wait_up(self, node, up, pattern, seconds):
        """Waits until the state matches PATTERN and the metric is UP; returns the match."""
        return eventually(
            lambda: node.metric('ringdown_redis_up') == up
            and re.fullmatch(pattern, self.bus_state(node)),
            lambda: f'up to be {up} and the bus {pattern!r}, not {self.bus_state(node)!r}',
            seconds)

    def wait_connected(self, *nodes, seconds=15):
        """Waits until the state and the metric of all NODES are up."""
        for node in nodes:
            self._wait_up(node, 1, CONNECTED, seconds)

    def wait_down(self, *nodes, seconds=10):
        """Waits until state, metric and log of all NODES are down; returns the reasons."""
        reasons = []
        for node in nodes:
            state = self._wait_up(node, 0, r'redis: down since (\S+): (.+)', seconds)
            self.assertRegex(state[1], r'\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z')
            reasons.append(state[2])
            node.wait_log(AWAY)
        return reasons

    def wait_metric(self, node, name, value, seconds=10):
        eventually(lambda: node.metric(name) == value,
                   lambda: f'{name} to be {value}, not {node.metric(name)}', seconds)

    def describe(self):
        return super().describe() + '\n'.join(redis.describe() for redis in self._redis)
