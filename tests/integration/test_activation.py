# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Socket activation: valid and invalid sockets passed by a service manager."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import tap
from bus import Bus
from socket_passing import SocketPassing
from waiting import SLOWNESS, eventually
from ringdown import ADDRESS, RingdownTestCase, clean_environment, program
from wire import Client


def listening_socket(family=socket.AF_INET, host=ADDRESS):
    return socket.create_server((host, 0), family=family, backlog=128)


def port_of(server):
    return server.getsockname()[1]


class ActivationTestCase(RingdownTestCase):
    def hold(self, held):
        """Keeps HELD open until the test ends, as a service manager does."""
        self.addCleanup(held.close)
        return held

    def passing(self, *sockets):
        passing = SocketPassing(self.directory, sockets)
        self.addCleanup(passing.stop)
        return passing

    def activate(self, sockets, *options, names=None, environment=None, warnings=()):
        """Starts a server that inherits SOCKETS with NAMES."""
        variables = {'LISTEN_FDNAMES': names} if names is not None else {}
        return self.start(*options, prefix=self.passing(*sockets).prefix, warnings=warnings,
                          environment={**variables, **(environment or {})})

    def answer(self, port):
        """Returns the answer to a handshake on PORT."""
        client = Client(port)
        self.addCleanup(client.abandon)
        client.send(client.request())
        return client.read_answer()


class PortTest(ActivationTestCase):
    def test_a_socket_with_another_name_is_the_public_port(self):
        for names in None, 'ringdown.socket', 'clients', 'unknown':
            with self.subTest(names=names):
                held = self.hold(listening_socket())
                server = self.activate([held], names=names)
                self.assertEqual(port_of(held), server.port)
                self.connect(server).leave()
                self.assertEqual(200, server.admin('/healthz')[0])

    def test_a_socket_named_admin_is_the_admin_port(self):
        held = self.hold(listening_socket())
        server = self.activate([held], '--admin-port=-1', names='admin')
        server.admin_port = int(server.wait_log(r'Admin on http://\S+:(\d+)')[1])
        self.assertEqual(port_of(held), server.admin_port)
        self.assertEqual(200, server.ready()[0])
        self.connect(server).leave()

    def test_both_ports_may_be_passed_in_any_order(self):
        for names in 'admin:ringdown.socket', 'ringdown.socket:admin':
            with self.subTest(names=names):
                sockets = {name: self.hold(listening_socket()) for name in names.split(':')}
                server = self.activate(sockets.values(), names=names)
                self.assertEqual(port_of(sockets['admin']), server.admin_port)
                self.assertEqual(port_of(sockets['ringdown.socket']), server.port)

    def test_several_sockets_replace_the_configured_addresses(self):
        """--address and --port are ignored; they would fail."""
        held = [self.hold(listening_socket()) for _ in range(3)]
        server = self.activate(held, '--address=192.0.2.1', '--port=1')
        self.assertEqual([f'ws://{ADDRESS}:{port_of(each)}/ws' for each in held],
                         [found[1] for found in server.find_log(r'Listening on (\S+)')])
        for each in held:
            self.assertEqual(101, self.answer(port_of(each)).status)

    def test_ipv6_is_served(self):
        held = self.hold(listening_socket(socket.AF_INET6, '::1'))
        server = self.activate([held])
        server.wait_log(fr'Listening on ws://\[::1\]:{port_of(held)}/ws')

    def test_a_connection_made_before_the_start_is_served(self):
        held = self.hold(listening_socket())
        first = Client(port_of(held))
        self.addCleanup(first.abandon)
        first.send(first.request())
        self.activate([held])
        first.expect_opened()
        first.text('first message')
        first.expect_text('first message')
        first.abandon()

    def test_sockets_for_another_process_are_ignored(self):
        held = self.hold(listening_socket())
        server = self.activate([held], environment={'LISTEN_PID': str(os.getpid())})
        self.assertNotEqual(port_of(held), server.port)
        self.connect(server).leave()


class DrainTest(ActivationTestCase):
    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)
        self.held = self.hold(listening_socket())

    def activate_on_bus(self):
        return self.activate([self.held], '--bus=session', environment=self.bus.environment)

    def drain(self, server):
        self.bus.call('Drain', 'a{sv}', 0)
        eventually(lambda: server.ready()[0] == 503, 'readiness to be 503')

    def test_during_a_drain_new_clients_get_503_with_retry_after(self):
        server = self.activate_on_bus()
        client = self.connect(server)
        self.drain(server)
        for _ in range(5):
            answer = self.answer(server.port)
            self.assertEqual(503, answer.status)
            self.assertGreater(int(answer.headers['retry-after']), 0)
        client.text('still here')
        client.expect_text('still here')
        client.leave()
        self.assertEqual(0, server.wait_exit())

    def test_after_a_cancelled_drain_new_clients_are_accepted(self):
        server = self.activate_on_bus()
        client = self.connect(server)
        self.drain(server)
        self.assertEqual(503, self.answer(server.port).status)
        self.bus.call('CancelDrain')
        self.connect(server).leave()
        client.leave()

    def test_waiting_connections_are_left_to_the_next_process(self):
        server = self.activate_on_bus()
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit())
        early = Client(port_of(self.held))
        self.addCleanup(early.abandon)
        early.send(early.request())
        self.activate_on_bus()
        early.expect_opened()
        early.abandon()

    def end_with_a_crowd(self, server, client, count, hello):
        """Stops the server with a signal, disconnects CLIENT, its last one, connects COUNT others,
        which send hello(client), and continues the server, so that it sees all of this at once.
        Waits until it exits, starts the next server, and returns the others."""
        self.drain(server)
        server.signal(signal.SIGSTOP)
        eventually(lambda: 'State:\tT' in Path(f'/proc/{server.pid}/status').read_text(
            encoding='utf-8'), 'the server to be suspended')
        crowd = [Client(server.port) for _ in range(count)]
        for each in crowd:
            self.addCleanup(each.abandon)
            each.send(hello(each))
        client.abandon()
        server.signal(signal.SIGCONT)
        self.assertEqual(0, server.wait_exit())
        self.activate_on_bus()
        return crowd

    def test_the_exit_resets_no_connection(self):
        """Each connection gets 503, or is accepted by the next process."""
        server = self.activate_on_bus()
        crowd = self.end_with_a_crowd(server, self.connect(server), 10, Client.request)
        self.assertLessEqual({each.read_answer().status for each in crowd}, {101, 503})
        for each in crowd:
            each.abandon()

    def test_at_the_exit_the_backlog_is_left_to_the_next_process(self):
        """Only one iteration of the main loop may accept connections, although the process waits a
        moment longer for a client in the middle of its handshake."""
        server = self.activate_on_bus()
        client, slow = self.connect(server), self.tcp(server)
        slow.send(slow.request()[:30])
        crowd = self.end_with_a_crowd(server, client, 100, lambda each: b'')
        self.assertGreater(sum(self.is_served(each) for each in crowd), 100 - 70)

    def is_served(self, client):
        try:
            client.send(client.request())
            return client.read_answer().status == 101
        except (EOFError, ConnectionError):
            return False
        finally:
            client.abandon()


class RefusalTest(ActivationTestCase):
    def assert_refused(self, what, *sockets, environment=None):
        """Asserts that the program exits with 1 and one line that contains WHAT."""
        done = subprocess.run(
            [*self.passing(*sockets).prefix, program(), '--bus=none', '--port=0',
             '--admin-port=-1'],
            env=clean_environment(self.directory, environment), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=20 * SLOWNESS, check=False)
        self.assertEqual((1, ''), (done.returncode, done.stdout), done)
        self.assertRegex(done.stderr, r'\Aringdown: [^\n\x1b]+\n\Z')
        self.assertIn(what, done.stderr)

    def test_anything_but_a_listening_tcp_socket_is_refused(self):
        good = self.hold(listening_socket())
        datagram = self.hold(socket.socket(type=socket.SOCK_DGRAM))
        datagram.bind((ADDRESS, 0))
        local = self.hold(socket.create_server(os.path.join(self.directory, 'local'),
                                               family=socket.AF_UNIX))
        idle = self.hold(socket.socket())
        idle.bind((ADDRESS, 0))
        connected = self.hold(socket.create_connection(good.getsockname()))
        file = self.hold(open(os.devnull, 'rb'))
        for bad, why in ((datagram, 'is not a TCP socket'), (local, 'is not a TCP socket'),
                         (idle, 'does not listen'), (connected, 'does not listen'),
                         (file, 'is not a socket')):
            with self.subTest(why, bad=bad):
                self.assert_refused(f'3 (“bad”) {why}', bad,
                                    environment={'LISTEN_FDNAMES': 'bad'})
                self.assert_refused('4 (“bad”)', good, bad,
                                    environment={'LISTEN_FDNAMES': 'good:bad'})

    def test_a_descriptor_that_is_not_open_is_refused(self):
        self.assert_refused('4 (“unknown”)', self.hold(listening_socket()),
                            environment={'LISTEN_FDS': '2'})

    def test_invalid_numbers_are_refused(self):
        held = self.hold(listening_socket())
        for name, values in (('LISTEN_FDS', ('99999', '-1', 'all', '', '\x1b[31m')),
                             ('LISTEN_PID', ('-1', 'me', ''))):
            for value in values:
                with self.subTest(name, value=value):
                    self.assert_refused(name, held, environment={name: value})

    def test_the_number_of_names_must_match(self):
        held = self.hold(listening_socket())
        for names in 'a:b', ':' * 5000:
            with self.subTest(names=names[:10]):
                self.assert_refused('LISTEN_FDNAMES', held, environment={'LISTEN_FDNAMES': names})


if __name__ == '__main__':
    tap.main(jobs=3)
