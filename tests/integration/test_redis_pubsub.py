# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Nodes in pubsub mode beside the program that they replace (the ancestor), on one Redis.

That program publishes what its clients say as bare text on the channel, hands whatever comes from
there to its clients, takes a lock for each periodic notification, and shows under a key of its own
how many clients it waits for.
"""

import itertools
import os
import signal
import socket
import threading
import time

import tap
from crowd import Member
from fleet import FleetTestCase
from waiting import SLOWNESS, Deadline, eventually, expect_time
from redis_server import ADDRESS

CHANNEL = 'broadcast'
LOCK = 'periodic_broadcast_lock'
NOTIFICATION = '🛰 Test notification'


class Wire:
    """A connection to Redis, with the part of its protocol that the ancestor uses."""

    def __init__(self, port):
        self._socket = socket.create_connection((ADDRESS, port), timeout=30 * SLOWNESS)
        self._file = self._socket.makefile('rb')

    def call(self, *words):
        self._socket.sendall(b'*%d\r\n' % len(words) + b''.join(
            b'$%d\r\n%s\r\n' % (len(word), word) for word in (str(w).encode() for w in words)))
        return self.read()

    def read(self):
        """The next reply. EOFError: the connection is closed."""
        line = self._file.readline().rstrip()
        if not line:
            raise EOFError
        kind, rest = line[:1], line[1:]
        if kind == b'$':
            return None if rest == b'-1' else self._file.read(int(rest) + 2)[:-2].decode()
        if kind == b'*':
            return [self.read() for _ in range(int(rest))]
        if kind == b'-':
            raise AssertionError(f'Redis answered {rest.decode()}')
        return int(rest) if kind == b':' else rest.decode()

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the reader
        except OSError:
            pass  # closed by Redis
        self._file.close()
        self._socket.close()


class Ancestor:
    """A process of the ancestor."""

    def __init__(self, port):
        self._commands = Wire(port)
        self._subscriber = Wire(port)
        self._subscriber.call('SUBSCRIBE', CHANNEL)
        self._news = threading.Condition()
        self._received = []  # messages sent to its clients
        self._is_over = threading.Event()
        self._threads = []
        self._run(self._listen)

    def _run(self, work, *arguments):
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _listen(self):
        try:
            while True:
                _, _, text = self._subscriber.read()
                with self._news:
                    self._received.append(text)
                    self._news.notify_all()
        except (EOFError, OSError, ValueError):
            pass  # leave() was called

    def say(self, text):
        """Publishes a message of one of its clients on the channel."""
        self._commands.call('PUBLISH', CHANNEL, text)

    def notify(self, interval_s):
        """Takes part in the periodic notification."""
        self._run(self._notify, interval_s)

    def _notify(self, interval_s):
        while not self._is_over.wait(interval_s):
            if self._commands.call('SET', LOCK, '1', 'NX', 'EX', interval_s - 1):
                self.say(NOTIFICATION)

    def show_drain(self, count):
        self._commands.call('SET', f'shutdown:{os.getpid()}', count, 'EX', 60)

    @property
    def received(self):
        with self._news:
            return list(self._received)

    def wait_received(self, text):
        deadline = Deadline(10)
        with self._news:
            while text not in self._received:
                assert not deadline.expired, f'{text!r} is not among {self._received}'
                self._news.wait(deadline.remaining)

    def leave(self):
        self._is_over.set()
        self._subscriber.close()
        for thread in self._threads:
            thread.join()
        self._commands.close()


class AncestorTest(FleetTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.redis()

    def ancestor(self):
        ancestor = Ancestor(self.server.port)
        self.addCleanup(ancestor.leave)
        return ancestor

    def ours(self, count, *options):
        return self.nodes(count, self.server, '--redis-mode=pubsub', *options)

    def test_all_clients_get_all_messages_once_and_in_order(self):
        old = [self.ancestor(), self.ancestor()]
        with self.fleet(*self.ours(2)) as group:
            said = {'old 0': 0, 'old 1': 0}
            for _ in range(50):
                group.say_everywhere()
                for number, ancestor in enumerate(old):
                    name = f'old {number}'
                    ancestor.say(f'{name}: {said[name]}')
                    said[name] += 1
            last = [f'{name}: {count - 1}' for name, count in said.items()]
            for message in last:
                for place in range(2):
                    group.wait_received([message], place)
            group.wait_all()
            for member in group.members:
                received = [got.text for got in member.messages]
                for name, count in said.items():
                    self.assertEqual([f'{name}: {number}' for number in range(count)],
                                     [text for text in received if text.startswith(name)])
        for ancestor in old:
            for message in last:
                ancestor.wait_received(message)
            for name in (*said, 'client of 0', 'client of 1'):
                received = [text for text in ancestor.received if text.startswith(name)]
                self.assertEqual(sorted(set(received), key=received.index), received)
                self.assertGreaterEqual(len(received), 50)

    def test_nodes_publish_bare_text_only(self):
        old = self.ancestor()
        [node] = self.ours(1)
        client = self.connect(node)
        client.text('grüße 🛰')
        client.text('')
        client.text('last')
        old.wait_received('last')
        self.assertEqual(['grüße 🛰', '', 'last'], old.received)
        self.assertEqual('0', self.server.cli('EXISTS', 'ringdown:log'))

    def test_one_process_sends_each_notification(self):
        interval, ttl = 2, 1
        old = self.ancestor()
        members = [Member(node.port)
                   for node in self.ours(2, f'--notify-interval={interval}s')]
        for member in members:
            self.addCleanup(member.leave)
        old.notify(interval)
        times = []
        for number in range(1, 5):
            for member in members:
                member.wait_count(number)
            eventually(lambda: len(old.received) >= number, 'the ancestor to receive it')
            times.append(time.monotonic())
        for member in members:
            member.settle()
            self.assertEqual([NOTIFICATION] * 4, [got.text for got in member.messages])
        self.assertEqual([NOTIFICATION] * 4, old.received)
        for earlier, later in itertools.pairwise(times):
            expect_time(later - earlier, over=0.9 * ttl)

    def test_a_node_sends_the_notification_after_the_ancestor_has_exited(self):
        old = self.ancestor()
        old.notify(2)
        old.wait_received(NOTIFICATION)
        [node] = self.ours(1, '--notify-interval=2s')
        client = self.connect(node)
        old.leave()
        client.expect_text(NOTIFICATION)
        client.expect_text(NOTIFICATION)

    def test_both_store_the_number_of_clients_during_a_drain(self):
        self.ancestor().show_drain(7)
        [node] = self.ours(1)
        client = self.connect(node)
        node.wait_clients(1)
        node.signal(signal.SIGTERM)
        eventually(lambda: self.server.cli('GET', f'shutdown:{node.pid}') == '1', 'our count')
        self.assertEqual('7', self.server.cli('GET', f'shutdown:{os.getpid()}'))
        client.leave()
        self.assertEqual(0, node.wait_exit())

    def test_it_can_be_replaced_process_by_process(self):
        old = [self.ancestor(), self.ancestor()]
        ours = []
        clients = []
        for generation, ancestor in enumerate(old):
            ours += self.ours(1)
            clients.append(self.connect(ours[-1]))
            ancestor.say(f'last words of {generation}')
            for client in clients:
                client.expect_text(f'last words of {generation}')
            ancestor.leave()
        clients[0].text('all ours')
        for client in clients:
            client.expect_text('all ours')

    def test_a_node_in_stream_mode_gets_messages_of_the_ancestor(self):
        client = self.connect(self.node(self.server))
        self.ancestor().say('from the old one')
        client.expect_text('from the old one')


if __name__ == '__main__':
    tap.main(jobs=3)
