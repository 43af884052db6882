# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Notifications to a service manager, and hostile values in its environment variables."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import uuid

import tap
from bus import Bus
from notify_receiver import NotifyReceiver
from waiting import SLOWNESS, eventually, expect_time
from ringdown import ADDRESS, RingdownTestCase, clean_environment, program
from wire import Client

STATUS = r'STATUS=(\d+) clients?; messages published: (\d+)'
MORE_TIME = 'EXTEND_TIMEOUT_USEC='


class NotifyTestCase(RingdownTestCase):
    def manager(self, address=None, **options):
        manager = NotifyReceiver(address or os.path.join(self.directory, 'notify'), **options)
        self.addCleanup(manager.stop)
        return manager

    def start_under(self, manager, *options, environment=None, warnings=()):
        return self.start(*options, environment={**manager.environment, **(environment or {})},
                          warnings=warnings)


class ReadyTest(NotifyTestCase):
    def test_ready_is_sent_once_and_first_to_any_kind_of_socket(self):
        for address in None, f'@ringdown-test-{uuid.uuid4()}':
            with self.subTest(address=address):
                manager = self.manager(address)
                server = self.start_under(manager)
                manager.wait('READY=1')
                client = self.connect(server)
                manager.wait('STATUS=1 client; ')
                client.leave()
                self.assertEqual(['READY=1', 'STATUS=0 clients; messages published: 0'],
                                 manager.told[:2])
                self.assertEqual(1, manager.told.count('READY=1'))

    def test_ready_is_sent_when_the_ports_are_open(self):
        """Connections are refused before READY and accepted after it."""
        with socket.socket() as holder:  # reserves the port without listening
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind((ADDRESS, 0))
            port = holder.getsockname()[1]
            answers = []
            manager = self.manager(on_ready=lambda: answers.append(self.accepts(port)))
            self.assertFalse(self.accepts(port))
            self.start_under(manager, '--reuse-port', f'--port={port}')
            manager.wait('READY=1')
            self.assertEqual([True], answers)

    def accepts(self, port):
        try:
            Client(port).abandon()
        except ConnectionRefusedError:
            return False
        return True

    def test_a_failed_start_is_never_ready(self):
        manager = self.manager()
        done = subprocess.run(
            [program(), '--bus=none', '--address=192.0.2.1', '--port=0', '--admin-port=0'],
            env=clean_environment(self.directory, manager.environment), capture_output=True,
            timeout=20 * SLOWNESS, check=False)
        self.assertEqual(1, done.returncode)
        self.assertEqual([], manager.told)


class StatusTest(NotifyTestCase):
    def test_status_has_clients_and_messages_once_a_second(self):
        manager = self.manager()
        server = self.start_under(manager, '--notify-interval=100ms')
        manager.wait('STATUS=', 2)
        clients = [self.connect(server) for _ in range(3)]
        manager.wait('STATUS=3 clients; messages published: ')
        clients.pop().leave()
        manager.wait('STATUS=2 clients; messages published: ')
        manager.wait('STATUS=', 5)
        published = [int(re.fullmatch(STATUS, told)[2]) for told in manager.told
                     if told.startswith('STATUS=')]
        self.assertEqual(sorted(set(published)), published)
        times = manager.times('STATUS=')
        for before, after in zip(times, times[1:]):
            expect_time(after - before, over=0.9)

    def test_nothing_is_sent_while_idle(self):
        manager = self.manager()
        client = self.connect(self.start_under(manager))
        manager.wait('STATUS=1 client; messages published: 0')
        with self.assertRaises(TimeoutError):
            client.receive(2 / SLOWNESS)
        client.text('something')
        manager.wait('STATUS=1 client; messages published: 1')
        self.assertEqual(4, len(manager.told), manager.told)


class DrainTest(NotifyTestCase):
    def test_a_signal_stops_the_service_and_extends_the_timeout(self):
        manager = self.manager()
        server = self.start_under(manager, '--drain-interval=1h')
        client = self.connect(server)
        server.wait_clients(1)
        server.signal(signal.SIGTERM)
        manager.wait('STATUS=draining: 1 client, 29min 5')
        manager.wait(MORE_TIME, 5)
        client.leave()
        self.assertEqual(0, server.wait_exit())
        told = manager.told
        self.assertEqual(1, told.count('STOPPING=1'))
        self.assertLess(told.index('READY=1'), told.index('STOPPING=1'))
        self.assertLess(told.index('STOPPING=1'), min(index for index, each in enumerate(told)
                                                      if each.startswith('STATUS=draining')))
        self.assert_timeout_is_extended_in_time(manager)

    def assert_timeout_is_extended_in_time(self, manager):
        """Asserts that each extension of the timeout lasts until after the next one."""
        times = manager.times(MORE_TIME)
        lasting = int(manager.wait(MORE_TIME).removeprefix(MORE_TIME)) / 1e6
        for before, after in zip(times, times[1:]):
            expect_time(after - before, under=lasting / 2)

    def test_closing_at_the_deadline_extends_the_timeout(self):
        manager = self.manager()
        server = self.start_under(manager, '--drain-timeout=1s')
        self.connect(server)  # does not answer the close frame
        server.wait_clients(1)
        server.signal(signal.SIGTERM)
        manager.wait('STATUS=closing 1 client')
        before = len(manager.times(MORE_TIME))
        manager.wait(MORE_TIME, before + 2)
        self.assertEqual(0, server.wait_exit(15))
        self.assert_timeout_is_extended_in_time(manager)

    def test_without_clients_it_sends_stopping_and_exits(self):
        manager = self.manager()
        server = self.start_under(manager)
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit())
        manager.wait('STOPPING=1')

    def test_a_missing_or_deaf_manager_delays_nothing(self):
        manager = NotifyReceiver(os.path.join(self.directory, 'notify'))
        server = self.start_under(manager)
        manager.wait('READY=1')
        manager.stop()
        os.unlink(manager.environment['NOTIFY_SOCKET'])
        client = self.connect(server)
        client.text('still here')
        client.expect_text('still here')
        with self.deaf_manager(manager.environment['NOTIFY_SOCKET']):
            server.signal(signal.SIGTERM)
            client.text('still here')
            client.expect_text('still here')
            client.leave()
            self.assertEqual(0, server.wait_exit())

    @contextlib.contextmanager
    def deaf_manager(self, address):
        """A socket with a full queue that is never read."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            receiver.bind(address)
            sender.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sender.sendto(b'X_STUFF=1', address)
            yield


class CancelTest(NotifyTestCase):
    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)
        self.notified = self.manager()

    def start_on_bus(self, **options):
        return self.start_under(self.notified, '--bus=session', environment=self.bus.environment,
                                **options)

    def test_a_drain_that_can_be_cancelled_sends_no_stopping(self):
        server = self.start_on_bus()
        client = self.connect(server)
        server.wait_clients(1)
        for method in ('Drain', 'a{sv}', 0), ('Shutdown',):
            with self.subTest(method[0]):
                draining = len(self.notified.times('STATUS=draining: 1 client, '))
                self.bus.call(*method)
                self.notified.wait('STATUS=draining: 1 client, ', draining + 1)
                running = len(self.notified.times('STATUS=1 client; '))
                self.bus.call('CancelDrain')
                self.notified.wait('STATUS=1 client; ', running + 1)
                self.assertNotIn('STOPPING=1', self.notified.told)
        self.bus.call('Shutdown')
        client.leave()
        self.assertEqual(0, server.wait_exit())
        self.notified.wait('STOPPING=1')

    def test_a_stop_that_cannot_be_cancelled_disconnects_no_client(self):
        server = self.start_on_bus(warnings=['service manager is still stopping this unit'])
        client = self.connect(server)
        server.wait_clients(1)
        server.signal(signal.SIGTERM)
        self.notified.wait('STOPPING=1')
        self.bus.call('CancelDrain')
        server.wait_log('service manager is still stopping this unit.*ringdownctl shutdown')
        self.notified.wait('STATUS=1 client; drain cancelled, but the unit is stopping')
        before = len(self.notified.times(MORE_TIME))
        self.notified.wait(MORE_TIME, before + 3)
        client.text('still here')
        client.expect_text('still here')
        self.bus.call('Shutdown')
        client.leave()
        self.assertEqual(0, server.wait_exit())
        self.assertEqual(1, self.notified.told.count('STOPPING=1'))


class WatchdogTest(NotifyTestCase):
    def test_watchdog_messages_come_at_half_the_interval(self):
        manager = self.manager()
        self.start_under(manager, environment={'WATCHDOG_USEC': '1000000'})
        manager.wait('WATCHDOG=1', 5)
        times = manager.times('WATCHDOG=1')
        for before, after in zip(times, times[1:]):
            expect_time(after - before, under=1 * SLOWNESS)
        expect_time(times[4] - times[0], over=4 * 0.5 * 0.9)

    def test_a_hung_process_sends_none(self):
        manager = self.manager()
        server = self.start_under(manager, environment={'WATCHDOG_USEC': '200000'})
        manager.wait('WATCHDOG=1', 3)
        server.signal(signal.SIGSTOP)
        eventually(lambda: self.is_stopped(server.pid), 'it to be stopped')
        stopped = time.time()
        other = self.manager(os.path.join(self.directory, 'other'))
        measure = self.start_under(other, environment={'WATCHDOG_USEC': '200000'})
        other.wait('WATCHDOG=1', 5)
        self.assertLess(max(manager.times('')), stopped)
        server.signal(signal.SIGCONT)
        manager.wait('WATCHDOG=1', len(manager.times('WATCHDOG=1')) + 2)
        measure.signal(signal.SIGTERM)

    def is_stopped(self, pid):
        with open(f'/proc/{pid}/stat', encoding='ascii') as stat:
            return stat.read().rpartition(')')[2].split()[0] == 'T'

    def test_none_are_sent_for_another_process(self):
        manager = self.manager()
        server = self.start_under(manager, '--notify-interval=100ms', environment={
            'WATCHDOG_USEC': '100000', 'WATCHDOG_PID': str(os.getpid())})
        manager.wait('STATUS=', 3)
        self.assertNotIn('WATCHDOG=1', manager.told)
        self.connect(server).leave()


class HostileEnvironmentTest(NotifyTestCase):
    def test_invalid_values_give_a_warning(self):
        manager = self.manager()
        for name, values in (
                ('NOTIFY_SOCKET', ('notify', '@', '/' + 'x' * 200, 'vsock:2:1', '\x1b[31m')),
                ('WATCHDOG_USEC', ('0', '-1', 'soon', '9' * 40, '\x1b[31m'))):
            for value in values:
                with self.subTest(name, value=value):
                    server = self.start_under(manager, environment={name: value}, warnings=[name])
                    [warning] = server.find_log(f'warning: .*{name}')
                    self.assertNotIn('\x1b', warning.string)
                    self.connect(server).leave()

    def test_an_empty_address_is_none(self):
        server = self.start(environment={'NOTIFY_SOCKET': '', 'WATCHDOG_USEC': '1000'})
        self.connect(server).leave()


class NoChildTest(NotifyTestCase):
    LAUNCHER = '#!/bin/sh\nenv >"$HOME/seen"\nexit 1\n'  # instead of dbus-launch, which GLib runs

    def test_no_message_bus_is_launched(self):
        launcher = os.path.join(self.directory, 'dbus-launch')
        with open(launcher, 'w', encoding='ascii', opener=self.open_executable) as file:
            file.write(self.LAUNCHER)
        path = {'PATH': f'{self.directory}:{os.environ["PATH"]}', 'DISPLAY': ':99'}
        for address in (None, 'autolaunch:', 'unix:path=/nowhere;autolaunch:'):
            with self.subTest(address=address):
                more = {'DBUS_SESSION_BUS_ADDRESS': address} if address else {}
                server = self.start('--bus=session', environment={**path, **more})
                server.wait_log('Cannot connect to a message bus')
                self.assertFalse(os.path.exists(os.path.join(self.directory, 'seen')))

    def open_executable(self, path, flags):
        return os.open(path, flags, mode=0o700)


if __name__ == '__main__':
    tap.main(jobs=3)
