# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Descriptor exhaustion, connections over the limits, and many connections at once."""

import concurrent.futures
import socket
import time
from contextlib import suppress

import tap
from crowd import undisturbed
from waiting import SLOWNESS, eventually, expect_time
from ringdown import RingdownTestCase
from wire import Client

NOFILE = 64
USED_UP = 'Cannot accept all connections'


class DescriptorsTest(RingdownTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.start(warnings=[USED_UP],
                                 prefix=['prlimit', f'--nofile={NOFILE}:{NOFILE}'])

    def use_up(self):
        """Connects as many clients as possible, then opens more silent connections than the
        server can have descriptors; returns the ones that the server keeps open."""
        kept = self.fill()
        for connection in [self.tcp(self.server) for _ in range(2 * NOFILE)]:
            connection.socket.settimeout(0.02)
            try:
                self.assertEqual(b'', connection.socket.recv(1))
                connection.abandon()
            except TimeoutError:
                kept.append(connection)
            except ConnectionError:
                connection.abandon()

        def are_ended():
            kept[:] = [connection for connection in kept if not self.was_ended(connection)]
            return len(kept) < NOFILE

        eventually(are_ended, lambda: f'the others to be ended: {len(kept)} are not')
        return kept

    def was_ended(self, connection):
        """Whether the server has closed CONNECTION; closes it then."""
        connection.socket.settimeout(0)
        try:
            ended = connection.socket.recv(1, socket.MSG_PEEK) == b''
        except BlockingIOError:
            ended = False
        except ConnectionError:
            ended = True
        if ended:
            connection.abandon()
        return ended

    def fill(self):
        clients = []
        while True:
            client = self.tcp(self.server)
            if not self.is_accepted(client):
                client.abandon()
                return clients
            clients.append(client)

    def test_connections_over_the_limit_are_refused_and_logged_once(self):
        with undisturbed(self.server):
            kept = self.use_up()
            self.assertLess(len(kept), NOFILE)
            self.assertGreater(len(kept), NOFILE // 4)
            self.assertEqual(1, len(self.server.find_log(USED_UP)))
            for connection in kept:
                connection.abandon()

    def test_other_clients_are_served_meanwhile(self):
        with undisturbed(self.server) as group:
            kept = self.use_up()
            group.send_from_each('meanwhile')
            for connection in kept:
                connection.abandon()

    def test_a_new_client_is_accepted_as_soon_as_one_left(self):
        with undisturbed(self.server):
            for _ in range(3):
                for connection in self.use_up():
                    connection.abandon()
                eventually(self.accepts_a_client, 'a new client to be let in')

    def is_accepted(self, client):
        """Whether CLIENT is accepted; a refusal is 503 or a closed connection."""
        try:
            client.send(client.request())
            return client.read_answer().status == 101
        except (EOFError, ConnectionError):
            return False

    def accepts_a_client(self):
        """Whether a new client is accepted; disconnects it."""
        client = self.tcp(self.server)
        try:
            return self.is_accepted(client)
        finally:
            client.abandon()

    def test_clients_over_the_limit_are_refused(self):
        with undisturbed(self.server) as group:
            clients = []
            for _ in range(2 * NOFILE):
                client = self.tcp(self.server)
                if self.is_accepted(client):
                    clients.append(client)
                else:
                    client.abandon()
            self.assertGreater(len(clients), NOFILE // 4)
            self.assertLess(len(clients), NOFILE)
            group.say('all clients')
            for client in clients:
                client.expect_text('all clients')
                client.reset()

    def assert_good_handshakes_go_first(self, *inputs):
        """Opens more connections than the server can have, which send one of INPUTS. Asserts that
        clients get in meanwhile, that the earlier ones stay, and that all recovers."""
        with undisturbed(self.server) as group:
            for _ in range(3):
                early = [self.connect(self.server) for _ in range(10)]
                others = [self.tcp(self.server) for _ in range(2 * NOFILE)]
                for number, other in enumerate(others):
                    with suppress(ConnectionError):
                        other.send(inputs[number % len(inputs)])
                late = [self.connect(self.server) for _ in range(10)]
                group.say('all clients')
                for client in early + late:
                    client.expect_text('all clients')
                    client.leave()
                for other in others:
                    other.abandon()
                self.server.wait_clients(3)

    def test_good_handshakes_go_before_silent_connections(self):
        self.assert_good_handshakes_go_first(b'')
        self.assertGreater(self.server.metric('ringdown_connections_refused_total',
                                              reason='descriptors'), NOFILE)

    def test_good_handshakes_go_before_unfinished_requests(self):
        self.assert_good_handshakes_go_first(b'GET /ws HTTP/1.1\r\nX: ', b'G', b'')

    def test_good_handshakes_go_before_answered_requests(self):
        refused = b'GET\r\n\r\n', b'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n'
        self.assert_good_handshakes_go_first(*refused, b'')
        self.assert_good_handshakes_go_first(*refused)

    def test_the_limit_is_raised_to_the_hard_limit(self):
        server = self.start(prefix=['prlimit', f'--nofile={NOFILE}:1000'])
        clients = [self.connect(server) for _ in range(2 * NOFILE)]
        server.wait_clients(len(clients))


class CrowdTest(RingdownTestCase):
    SIZE = 500

    def setUp(self):
        super().setUp()
        self.server = self.start()
        clients = self.connect_all()
        # Heap use differs by up to 1 MiB between rounds, without growing.
        self.peak = self.server.memory() + (1 << 20)
        for client in clients:
            client.reset()
        self.server.wait_clients(0)

    def connect_all(self):
        """Opens all connections, then performs all handshakes."""
        clients = [self.tcp(self.server) for _ in range(self.SIZE)]
        for client in clients:
            client.send(client.request())
        for client in clients:
            client.expect_opened()
        return clients

    def test_all_are_accepted_at_once_and_get_all_messages(self):
        with undisturbed(self.server, memory=self.peak) as group:
            clients = self.connect_all()
            self.server.wait_clients(self.SIZE + 3)
            group.say('welcome')
            for client in clients:
                client.expect_text('welcome')
                client.leave()

    def test_they_reconnect_repeatedly(self):
        with undisturbed(self.server, memory=self.peak) as group:
            for round_ in range(10):
                clients = self.connect_all()
                group.say(f'round {round_}')
                for client in clients:
                    client.expect_text(f'round {round_}')
                for client in clients:
                    client.reset()
                self.server.wait_clients(3)

    def test_they_connect_to_many_listeners(self):
        with undisturbed(self.server, memory=self.peak):
            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                began = time.monotonic()
                clients = list(pool.map(lambda _: self.connect(self.server), range(self.SIZE)))
                expect_time(time.monotonic() - began, under=10 * SLOWNESS)
            for client in clients:
                client.reset()

    def test_silent_connections_do_not_keep_others_out(self):
        self.keep_silent()  # the allocator may keep memory
        with undisturbed(self.server):
            self.keep_silent()

    def keep_silent(self):
        before = self.server.descriptors()
        silent = [self.tcp(self.server) for _ in range(3 * self.SIZE)]
        began = time.monotonic()
        self.connect(self.server).leave()
        expect_time(time.monotonic() - began, under=5 * SLOWNESS)  # they have 10 s each
        for connection in silent:
            connection.abandon()
        eventually(lambda: self.server.descriptors() <= before, 'all to be gone', 20)

    def test_connections_closed_before_accept_do_not_stop_the_listener(self):
        with undisturbed(self.server, memory=self.peak):
            for _ in range(1000):
                hasty = Client(self.server.port)
                hasty.send(hasty.request()[:20])
                hasty.reset()


if __name__ == '__main__':
    tap.main()
