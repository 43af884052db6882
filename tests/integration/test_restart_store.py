# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Restarts under a fake service manager that stores the clients, or fails to, and invalid stored
state. test_restart.py runs under a real systemd."""

import os
import select
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager

import successor
import tap
from verified_clients import verified_clients
from upgrade_case import UpgradeTestCase
from gi.repository import GLib
from fd_store import FdStore
from waiting import SLOWNESS, eventually
from ringdown import ADDRESS, clean_environment
from successor import COMMIT, LAYOUT, LISTENERS, READY, SERVING, Conversation

PARCEL = 'parcel'
IN_A_PACKET = 253
DRAINING = r'(?i)draining'


def has_heard(client):
    poll = select.poll()
    poll.register(client.socket, select.POLLIN)
    return bool(poll.poll(0))


class StoreTestCase(UpgradeTestCase):
    def setUp(self):
        super().setUp()
        self.fd_store = None

    def keep(self, **ways):
        """Starts a fake service manager that stores descriptors."""
        self.fd_store = FdStore(f'@{self.directory}', **ways)
        self.addCleanup(self.fd_store.stop)

    def begin(self, *options, prefix=(), **settings):
        """Starts the service as the service manager does, with the stored descriptors."""
        if not self.fd_store:
            self.keep()
        with self.fd_store.passing(self.directory) as (pass_sockets, environment):
            return self.start(*options, environment=environment,
                              prefix=[*pass_sockets, *prefix], **settings)

    def fail_to_begin(self, *options, prefix=()):
        """The same, for a process that has to fail; returns its error output."""
        with self.fd_store.passing(self.directory) as (pass_sockets, environment):
            done = subprocess.run(
                [*pass_sockets, *prefix, self.program.path, f'--address={ADDRESS}', '--port=0',
                 '--admin-port=-1', '--bus=none', *options],
                env=clean_environment(self.directory, environment), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=20 * SLOWNESS, check=False)
        self.assertEqual(1, done.returncode, done)
        return done.stderr

    def store(self, server):
        """Makes SERVER store its clients in the service manager and exit."""
        server.signal(signal.SIGUSR1)
        self.assertEqual(0, server.wait_exit())
        self.assert_stored()

    def assert_stored(self):
        self.assertEqual([PARCEL], list(self.fd_store.stored), self.fd_store.told('FDSTORE'))
        self.assertEqual(1, len(self.fd_store.stored[PARCEL]))

    def restart(self, server, **settings):
        """Returns the next process."""
        self.store(server)
        return self.begin(**settings)

    def assert_took_over(self, server, generation, moved, closed=0):
        server.wait_log(rf'Generation {generation}\b')
        self.assertEqual([(generation, moved, closed, 0)],
                         [report[:4] for report in server.reports()])
        self.fd_store.wait_empty()
        self.fd_store.wait('READY', generation)

    def assert_drains(self, server, clients):
        """Asserts that SERVER drains: it serves CLIENTS and exits when they leave."""
        server.wait_log('Draining')
        self.assertEqual(503, server.ready()[0])
        for number, client in enumerate(clients):
            client.text(f'{number} is still here')
        for client in clients:
            for number in range(len(clients)):
                client.expect_text(f'{number} is still here')
        for client in clients:
            client.leave()
        self.assertEqual(0, server.wait_exit())
        server.wait_log(fr'Drained in .*: {len(clients)} disconnected, 0 closed, 0 cut off')


class RestartTest(StoreTestCase):
    def test_all_clients_are_kept_through_repeated_restarts(self):
        server = self.begin()
        with verified_clients(server) as group:
            for generation in 2, 3, 4:
                server = self.restart(server)
                group.wait_received()
                self.assert_took_over(server, generation, 20)
                self.connect(server).leave()
        self.assertEqual([{'FDSTORE': '1', 'FDNAME': PARCEL, 'FDPOLL': '0'}] * 3,
                         self.fd_store.told('FDSTORE'))

    def test_connections_that_wait_for_their_request_are_kept(self):
        server = self.begin()
        with verified_clients(server):
            waiting = [self.tcp(server) for _ in range(300)]
            for number, client in enumerate(waiting):
                client.send(client.request()[:number % 100])
            self.connect(server).leave()  # was accepted after them
            server = self.restart(server)
            for number, client in enumerate(waiting):
                client.send(client.request()[number % 100:])
            for client in waiting:
                client.expect_opened()

    def test_the_bus_name_is_kept(self):
        server = self.start_kept_on_bus()
        with verified_clients(server) as group:
            clients = self.clients()
            self.store(server)
            server = self.start_kept_on_bus()
            group.wait_received()
            self.assertEqual(clients.keys(), self.clients().keys())
            self.assertEqual(2, self.bus.property('Generation'))
            handover = self.handover()
            self.assertEqual((20, 0, 0),
                             (handover['moved'], handover['closed'], handover['lost']))

    def start_kept_on_bus(self):
        if not self.fd_store:
            self.keep()
        with self.fd_store.passing(self.directory) as (pass_sockets, environment):
            return self.start_on_bus(environment=environment, prefix=pass_sockets)


    def test_the_store_is_cleared_before_it_is_ready(self):
        """Otherwise a restart in between would find outdated state."""
        self.restart(self.begin())
        self.fd_store.wait('READY', 2)
        self.assertEqual({}, self.fd_store.stored)


class InFlightTest(StoreTestCase):
    """The kernel limits descriptors in flight for each unprivileged user: here there are more
    clients than that."""

    CLIENTS = 700
    LIMIT = 300

    def unprivileged(self):
        """Returns a command prefix that runs a program as an otherwise unused user."""
        if os.geteuid() != 0:
            self.skipTest('only root may run a program as another user')
        os.chmod(self.directory, 0o711)  # the program is in there
        user = 1_000_000_000 + os.getpid()
        return [shutil.which('setpriv'), f'--reuid={user}', f'--regid={user}', '--clear-groups']

    def crowd_beyond_the_limit(self, server):
        """Connects more clients than the limit of descriptors in flight."""
        first = [self.connect(server) for _ in range(64)]
        clients = [self.connect(server) for _ in range(self.CLIENTS)]
        for client in first:
            client.leave()
        server.wait_clients(self.CLIENTS)
        subprocess.run([*self.unprivileged(), shutil.which('prlimit'), f'--pid={server.pid}',
                        f'--nofile={self.LIMIT}:'], check=True)
        return clients

    def test_clients_that_cannot_be_stored_are_closed_with_1012(self):
        server = self.begin(prefix=self.unprivileged(),
                            warnings=[r'Could not store \d+ of \d+ clients'])
        clients = self.crowd_beyond_the_limit(server)
        self.store(server)
        closed = [client for client in clients if has_heard(client)]
        stayed = [client for client in clients if client not in closed]
        self.assertGreaterEqual(len(stayed), IN_A_PACKET)
        server.wait_log(fr'warning: .*Could not store {len(closed)} of .*descriptors')
        for client in closed:
            client.expect_close(1012)

        server = self.begin(prefix=self.unprivileged())
        self.assert_took_over(server, 2, len(stayed), len(closed))
        self.assertEqual(len(stayed), server.metric('ringdown_handover_moved_clients'))
        self.assertEqual(len(closed), server.metric('ringdown_handover_closed_clients'))
        stayed[0].text('we are still here')
        for client in stayed:
            client.expect_text('we are still here')


class RefusalTest(StoreTestCase):
    """The service manager does not store descriptors: no client is disconnected."""

    def assert_restart_drains(self, why, seconds=10):
        server = self.begin(warnings=[DRAINING])
        clients = [self.connect(server) for _ in range(5)]
        server.signal(signal.SIGUSR1)
        server.wait_log(fr'warning: .*draining instead: .*{why}', seconds)
        self.assert_drains(server, clients)

    def test_without_a_store_it_drains(self):
        self.keep(keeps=False)
        self.assert_restart_drains('FileDescriptorStoreMax=16')
        self.assertEqual({}, self.fd_store.stored)

    def test_a_manager_that_is_too_busy_drains(self):
        """What it stores late must not keep connections open."""
        self.keep(answers=False)
        self.assert_restart_drains('too busy', 20)
        self.assert_stored()
        self.assertEqual({'FDSTOREREMOVE': '1', 'FDNAME': PARCEL},
                         self.fd_store.told('FDSTOREREMOVE')[-1])

    def test_an_unreachable_manager_drains(self):
        """The service manager has exited."""
        self.keep()
        server = self.begin(warnings=[DRAINING])
        clients = [self.connect(server) for _ in range(5)]
        self.fd_store.stop()
        server.signal(signal.SIGUSR1)
        server.wait_log(r'warning: .*draining instead: .*cannot reach')
        self.assert_drains(server, clients)


class OrderTest(StoreTestCase):
    """SIGUSR1 during another operation, and signals just after a hand-over."""

    def test_during_a_drain_it_keeps_draining(self):
        server = self.begin(warnings=[DRAINING])
        clients = [self.connect(server) for _ in range(5)]
        server.signal(signal.SIGTERM)
        server.wait_log('Draining: 5 clients')
        server.signal(signal.SIGUSR1)
        server.wait_log('Already draining: the restart')
        self.assert_drains(server, clients)
        self.assertEqual([], self.fd_store.told('FDSTORE'))

    def test_repeated_signals(self):
        server = self.begin()
        with verified_clients(server) as group:
            late = self.tcp(server)
            late.send(late.request()[:30])  # an unfinished handshake delays the restart

            def has_ended():
                server.signal(signal.SIGUSR1)
                return not server.processes()

            eventually(has_ended, 'the process to leave its clients')
            self.assertEqual(0, server.wait_exit())
            self.assert_stored()
            server = self.begin()
            group.wait_received()
            self.assert_took_over(server, 2, 20)

    @contextmanager
    def upgrade_stopped_at(self, server, kind):
        """Holds an upgrade of SERVER at a packet of KIND during the context."""
        crossing = self.stop_at(kind)
        server.signal(signal.SIGHUP)
        crossing.wait_stopped()
        yield
        crossing.go()

    def assert_new_worker_is_stored(self, kind):
        """Sends SIGUSR1 when a packet of KIND is in flight."""
        server = self.begin()
        with verified_clients(server) as group:
            with self.upgrade_stopped_at(server, kind):
                server.signal(signal.SIGUSR1)
            self.assertEqual(0, server.wait_exit())
            eventually(lambda: not server.processes(), 'the new worker to exit, too')
            self.assertEqual([(2, 20, 0, 0)], [report[:4] for report in server.reports()])
            self.assert_stored()
            server = self.begin()
            group.wait_received()
            server.wait_log('Generation 3 took over 20 clients: 20 moved')
        self.fd_store.wait_empty()

    def test_after_an_upgrade_the_new_worker_is_stored(self):
        self.assert_new_worker_is_stored(COMMIT)

    def test_before_it_serves_the_new_worker_is_stored(self):
        self.assert_new_worker_is_stored(SERVING)

    def test_a_restart_cancels_an_upgrade_in_preparation(self):
        """The stop timeout may be shorter."""
        server = self.begin(warnings=[r'warning: .*Hand-over failed: '])
        with verified_clients(server) as group:
            self.program.replace(successor.script('silent'))
            server.signal(signal.SIGHUP)
            eventually(lambda: len(server.processes()) == 3,
                       'the successor that says nothing, and its guard')
            self.store(server)
            server.wait_log('Hand-over failed: .*a restart has started')
            eventually(lambda: not server.processes(), 'the successor to end, too')
            self.program.restore()
            server = self.begin()
            group.wait_received()
            self.assert_took_over(server, 2, 20)

    def assert_new_worker_drains(self, kind):
        """Sends SIGTERM when a packet of KIND is in flight. The old worker exits after the new one:
        systemd may not know the new one."""
        server = self.begin()
        clients = [self.connect(server) for _ in range(5)]
        with self.upgrade_stopped_at(server, kind):
            server.signal(signal.SIGTERM)
        server.wait_log('this process exits')
        self.fd_store.wait('STOPPING')
        eventually(lambda: len(server.processes()) == 2, 'the parent of the new worker to exit')
        self.assertIn(server.pid, server.processes())
        self.assert_drains(server, clients)
        self.assertEqual([], server.processes())

    def test_a_stop_after_the_hand_over_drains_the_new_worker(self):
        self.assert_new_worker_drains(COMMIT)

    def test_a_stop_before_it_serves_drains_the_new_worker(self):
        self.assert_new_worker_drains(SERVING)


class InvalidStoreTest(StoreTestCase):
    """The stored state cannot be read: the service starts without clients."""

    WARNING = 'Cannot read the stored clients; all clients are lost'

    def store_channel(self, fill):
        """Stores a hand-over channel that FILL has written to."""
        self.keep()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.fd_store.put(PARCEL, theirs)
        with ours:
            fill(Conversation(ours))

    def start_empty(self, why):
        """Starts the service; asserts that the log says WHY the stored state is unusable."""
        server = self.begin(warnings=[self.WARNING])
        server.wait_log(fr'warning: .*{self.WARNING}: .*{why}')
        self.fd_store.wait_empty()
        self.assertEqual([], server.reports())
        self.assert_serves(server)

    def assert_starts_empty(self, fill, why):
        self.store_channel(fill)
        self.start_empty(why)

    def assert_serves(self, server):
        """Asserts that SERVER works, including a restart."""
        self.assertEqual(0, server.metric('ringdown_clients'))
        self.assert_nothing_is_left_of_it(server)
        with verified_clients(server) as group:
            server = self.restart(server)
            group.wait_received()
        server.wait_log(r'Generation \d took over 20 clients: 20 moved')

    def assert_nothing_is_left_of_it(self, server):
        """Asserts that SERVER has no file open that came with the stored state."""
        self.assertEqual([], [file for file in server.open_files()
                              if file.startswith(self.directory)])

    def test_an_empty_channel(self):
        self.assert_starts_empty(lambda end: None, 'exited')

    def test_an_invalid_packet(self):
        self.assert_starts_empty(lambda end: end.send_nonsense(), '')

    def test_another_layout(self):
        self.assert_starts_empty(lambda end: end.say(LISTENERS, {}, [], layout=LAYOUT + 1),
                                r'layout 2\b.*\blayout 1\b')

    def test_an_unexpected_packet(self):
        self.assert_starts_empty(lambda end: end.say(READY, 1), 'READY')

    def test_descriptors_that_are_not_sockets(self):
        with open(os.path.join(self.directory, 'file'), 'wb') as file:
            self.assert_starts_empty(
                lambda end: end.say(LISTENERS, {}, [], fds=[file.fileno()] * 3), '')

    def test_an_invalid_second_packet(self):
        """A failed start leaves it unchanged; the next start removes it."""
        def fill(end):
            end.say(LISTENERS, {}, [])
            end.send_nonsense()

        self.store_channel(fill)
        self.assertIn('not a hand-over packet', self.fail_to_begin())
        self.start_empty('exited')

    def test_a_channel_that_ends_before_the_clients(self):
        """The old worker was killed while it stored them."""
        greeting = {'clients': GLib.Variant('u', 3), 'generation': GLib.Variant('u', 7)}
        self.store_channel(lambda end: end.say(LISTENERS, greeting, []))
        server = self.begin()
        server.wait_log('Generation 8 took over 3 clients: 0 moved, 0 closed, 3 lost')
        self.fd_store.wait_empty()
        self.assert_serves(server)


class FailedStartTest(StoreTestCase):
    """A process that cannot start leaves the stored clients to the next one."""

    def assert_clients_survive(self, why, *options, size=20, prefix=()):
        server = self.begin()
        with verified_clients(server, size) as group:
            self.store(server)
            for _ in range(3):
                self.assertRegex(self.fail_to_begin(*options, prefix=prefix), why)
                self.assert_stored()
            server = self.begin()
            group.wait_received()
            self.assert_took_over(server, 2, size)

    def test_its_port_is_taken(self):
        with socket.create_server((ADDRESS, 0)) as other:
            self.assert_clients_survive('port is in use', f'--port={other.getsockname()[1]}')

    def test_its_admin_port_is_taken(self):
        with socket.create_server((ADDRESS, 0)) as other:
            self.assert_clients_survive('port is in use', f'--admin-port={other.getsockname()[1]}')

    def test_its_key_file_is_broken(self):
        path = os.path.join(self.directory, 'broken.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('[Server]\nprot=1\n')
        self.assert_clients_survive('prot', f'--config={path}')

    def test_its_descriptor_limit_is_too_low(self):
        self.assert_clients_survive('descriptor limit', size=300,
                             prefix=[shutil.which('prlimit'), '--nofile=200:200'])


if __name__ == '__main__':
    tap.main(jobs=2)
