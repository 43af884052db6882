# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The D-Bus interface org.ringdown.Server1, used through busctl and gdbus."""

import signal
import subprocess
import time

import tap
from bus import NAME, Bus, Caller, Monitor
from crowd import crowd, undisturbed
from waiting import SLOWNESS, Deadline, eventually, expect_time
from ringdown import ADDRESS, RingdownTestCase, clean_environment, program

CALL = ('call', NAME, '/org/ringdown/Server1', 'org.ringdown.Server1')
LOST = r'(?i)\bbus\b'


class BusTestCase(RingdownTestCase):
    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)

    def start_on_bus(self, *options, warnings=()):
        return self.start('--bus=session', *options, environment=self.bus.environment,
                          warnings=warnings)

    def monitor(self):
        monitor = Monitor(self.bus)
        self.addCleanup(monitor.stop)
        return monitor

    def wait_property(self, prop, value):
        eventually(lambda: self.bus.property(prop) == value, f'{prop} to be {value!r}')

    def only_client(self):
        """Returns the dictionary of the only client in ListClients."""
        [clients] = self.bus.call('ListClients')
        [client] = clients
        return {name: field['data'] for name, field in client.items()}


class DrainTest(BusTestCase):
    def test_shutdown_by_busctl_drains_like_sigterm(self):
        server = self.start_on_bus()
        client = self.connect(server)
        self.bus.busctl(*CALL, 'Shutdown')
        self.assert_draining(server, client)

    def test_shutdown_by_gdbus_drains_like_sigterm(self):
        server = self.start_on_bus()
        client = self.connect(server)
        self.assertEqual((0, '()\n', ''), self.bus.gdbus('Shutdown'))
        self.assert_draining(server, client)

    def assert_draining(self, server, client):
        eventually(lambda: server.ready()[0] == 503, 'readiness to be 503')
        self.wait_property('State', 'draining')
        eventually(lambda: 29 * 60 < self.bus.property('DrainSecondsLeft') <= 30 * 60,
                   'the time left')
        with self.assertRaises(ConnectionRefusedError):
            self.tcp(server)
        client.text('still here')
        client.expect_text('still here')
        began = time.monotonic()
        client.leave()
        self.assertEqual(0, server.wait_exit())
        expect_time(time.monotonic() - began, under=0.5 * SLOWNESS)

    def test_drain_takes_a_timeout(self):
        server = self.start_on_bus()
        client = self.connect(server)
        self.assertEqual(0, self.bus.gdbus('Drain', "{'timeout': <uint32 100>}")[0])
        eventually(lambda: 50 < self.bus.property('DrainSecondsLeft') <= 100, 'the time left')
        self.bus.call('CancelDrain')
        began = time.monotonic()
        self.assertEqual(0, self.bus.gdbus('Drain', "{'timeout': <uint32 1>}")[0])
        client.expect_close(1012, 'service restart')
        self.assertEqual(0, server.wait_exit())
        self.assertGreaterEqual(time.monotonic() - began, 0.9)

    def test_drain_without_options_uses_the_configured_timeout(self):
        server = self.start_on_bus('--drain-timeout=1')
        client = self.connect(server)
        self.bus.call('Drain', 'a{sv}', '0')
        client.expect_close(1012)
        self.assertEqual(0, server.wait_exit())

    def test_drain_refuses_unknown_and_invalid_options(self):
        server = self.start_on_bus()
        self.connect(server)
        for options in "{'timeuot': <uint32 2>}", "{'timeout': <'2'>}":
            with self.subTest(options=options):
                self.assertTrue(self.bus.error_of('Drain', options)[0].startswith(
                    ('org.ringdown.Error.', 'org.freedesktop.DBus.Error.InvalidArgs')))
        self.assertEqual('running', self.bus.property('State'))

    def test_cancel_drain_resumes_service(self):
        server = self.start_on_bus('--drain-timeout=5')
        with crowd(server) as group:
            self.bus.call('Drain', 'a{sv}', '0')
            eventually(lambda: server.ready()[0] == 503, 'readiness to be 503')
            self.bus.busctl(*CALL, 'CancelDrain')
            eventually(lambda: server.ready()[0] == 200, 'readiness to be 200')
            self.wait_property('State', 'running')
            self.wait_property('DrainSecondsLeft', 0)
            newcomer = self.connect(server)
            newcomer.text('listening again')
            group.expect('listening again')
            newcomer.expect_text('listening again')
            with self.assertRaises(TimeoutError):  # the cancelled deadline has passed
                newcomer.receive(5.5 / SLOWNESS)

    def test_cancel_drain_without_a_drain_is_refused(self):
        self.start_on_bus()
        self.assertRegex(self.bus.error_of('CancelDrain')[0], r'^org\.ringdown\.Error\.\w+$')

    def test_a_drain_can_begin_again_after_cancellation(self):
        server = self.start_on_bus()
        client = self.connect(server)
        for _ in range(3):
            self.bus.call('Shutdown')
            self.wait_property('State', 'draining')
            self.bus.call('CancelDrain')
            self.wait_property('State', 'running')
        self.bus.call('Shutdown')
        client.leave()
        self.assertEqual(0, server.wait_exit())

    def test_a_signal_after_shutdown_changes_nothing_and_a_second_closes(self):
        server = self.start_on_bus()
        client = self.connect(server)
        self.bus.call('Shutdown')
        self.wait_property('State', 'draining')
        server.signal(signal.SIGTERM)
        server.wait_log('Draining already')
        self.assertEqual('draining', self.bus.property('State'))
        server.signal_again(signal.SIGTERM)
        client.expect_close(1012)
        self.assertEqual(0, server.wait_exit())

    def test_the_closing_of_clients_is_signalled(self):
        server = self.start_on_bus()
        monitor = self.monitor()
        client = self.connect(server)
        self.bus.call('Drain', 'a{sv}', '1', 'timeout', 'u', '600')
        monitor.wait_signal('DrainProgress', lambda clients, left: left > 0)
        server.signal(signal.SIGTERM)
        server.wait_log('Draining already')
        server.signal_again(signal.SIGTERM)
        monitor.wait_signal('DrainProgress', lambda clients, left: (clients, left) == (1, 0))
        client.expect_close(1012)
        self.assertEqual(0, server.wait_exit())

    def test_progress_is_signalled(self):
        server = self.start_on_bus('--drain-interval=200ms')
        monitor = self.monitor()
        one, two = self.connect(server), self.connect(server)
        self.bus.call('Shutdown')
        _, left = monitor.wait_signal('DrainProgress', lambda clients, left: clients == 2)
        self.assertTrue(29 * 60 < left <= 30 * 60, left)
        one.leave()
        monitor.wait_signal('DrainProgress', lambda clients, left: clients == 1)
        two.leave()
        self.assertEqual(0, server.wait_exit())


class PropertiesTest(BusTestCase):
    def test_initial_values(self):
        server = self.start_on_bus()
        for prop, value in (('State', 'running'), ('Instance', ''), ('BusState', 'local'),
                            ('Addresses', [f'ws://{ADDRESS}:{server.port}/ws']),
                            ('Connections', 0), ('PeakConnections', 0), ('TotalConnections', 0),
                            ('MessagesPublished', 0), ('MessagesDelivered', 0),
                            ('DrainSecondsLeft', 0)):
            with self.subTest(prop):
                self.assertEqual(value, self.bus.property(prop))
        version = subprocess.run([program(), '--version'], capture_output=True, text=True,
                                 check=True).stdout
        self.assertIn(self.bus.property('Version'), version)

    def test_counters_grow(self):
        server = self.start_on_bus()
        one, two = self.connect(server), self.connect(server)
        one.text('x')
        for client in one, two:
            client.expect_text('x')
        two.leave()
        for prop, value in (('Connections', 1), ('PeakConnections', 2), ('TotalConnections', 2),
                            ('MessagesPublished', 1), ('MessagesDelivered', 2)):
            with self.subTest(prop):
                self.wait_property(prop, value)

    def test_get_returns_current_values(self):
        server = self.start_on_bus()
        caller = Caller(self.bus)
        for count in range(1, 11):  # faster than changes are signalled
            self.connect(server)
            self.assertEqual(count, caller.property('Connections'))
            self.assertEqual(count, caller.properties()['TotalConnections'])

    def test_changes_seen_by_get_are_signalled_too(self):
        server = self.start_on_bus()
        monitor = self.monitor()
        caller = Caller(self.bus)
        for count in range(1, 11):
            self.connect(server)
            self.assertEqual(count, caller.property('Connections'))
            monitor.wait_signal('PropertiesChanged',
                                lambda _, changed, *_rest, n=count: changed.get(
                                    'Connections', {}).get('data') == n)

    def test_changes_are_signalled_four_times_a_second_at_most_and_finally_correct(self):
        server = self.start_on_bus()
        monitor = self.monitor()
        client = self.connect(server)

        def signalled(prop):
            return [(when, changed[prop]['data'])
                    for when, (_, changed, *_) in monitor.signals('PropertiesChanged')
                    if prop in changed]

        began = time.monotonic()
        deadline = Deadline(20)
        count = 0
        while (time.monotonic() - began < 2.5 or count <= 100
               or len(signalled('MessagesPublished')) <= 4):
            self.assertFalse(deadline.expired, (count, signalled('MessagesPublished')))
            client.text('traffic')
            client.expect_text('traffic')
            count += 1

        for prop, final in (('MessagesPublished', count), ('MessagesDelivered', count),
                            ('Connections', 1)):
            with self.subTest(prop):
                eventually(lambda p=prop, f=final: signalled(p) and signalled(p)[-1][1] == f,
                           f'{prop} to be signalled as {final}')
                times = [when for when, _ in signalled(prop)]
                for first, fifth in zip(times, times[4:]):
                    expect_time(fifth - first, over=0.9)

    def test_late_deliveries_to_a_slow_client_are_signalled(self):
        server = self.start_on_bus()
        monitor = self.monitor()
        client = self.connect(server, receive_buffer=4096)
        text = 'x' * 60000
        for _ in range(40):  # more than the socket buffers hold
            self.bus.call('Publish', 'ss', 'broadcast', text)
        monitor.wait_signal('PropertiesChanged')
        eventually(lambda: time.time() - monitor.signals('PropertiesChanged')[-1][0] > 0.5,
                   'signals to end')
        self.assertLess(self.bus.property('MessagesDelivered'), 40)
        for _ in range(40):
            client.expect_text(text)
        monitor.wait_signal('PropertiesChanged', lambda _, changed, *_rest: changed.get(
            'MessagesDelivered', {}).get('data') == 40)


class ClientsTest(BusTestCase):
    def test_list_clients_describes_each(self):
        server = self.start_on_bus()
        began = time.time()
        client = self.connect(server)
        client.text('x' * 100)
        client.expect_text('x' * 100)
        eventually(lambda: self.only_client()['sent'] > 0, 'the bytes sent')
        listed = self.only_client()
        self.assertEqual({'id', 'remote', 'connected', 'received', 'sent', 'behind'}, set(listed))
        host, port = client.socket.getsockname()
        self.assertEqual(f'{host}:{port}', listed['remote'])
        self.assertTrue(began - 1 < listed['connected'] / 1e6 < time.time() + 1, listed)
        self.assertGreaterEqual(listed['received'], 100)
        self.assertGreaterEqual(listed['sent'], 100)
        self.assertEqual(0, listed['behind'])

    def test_list_clients_has_the_documented_types(self):
        server = self.start_on_bus()
        self.connect(server)
        [[client]] = self.bus.call('ListClients')
        self.assertEqual({'id': 't', 'remote': 's', 'connected': 't', 'received': 't', 'sent': 't',
                          'behind': 't'}, {name: field['type'] for name, field in client.items()})

    def test_list_clients_shows_bytes_not_sent_yet(self):
        server = self.start_on_bus()
        reader, idler = self.connect(server), self.connect(server, receive_buffer=4096)
        for number in range(60):
            reader.text(f'{number}'.ljust(60_000))
            reader.receive()
        [clients] = self.bus.call('ListClients')
        behind = sorted(client['behind']['data'] for client in clients)
        self.assertEqual(0, behind[0])
        self.assertGreater(behind[1], 60_000)
        idler.reset()

    def test_disconnect_client_sends_code_and_reason(self):
        server = self.start_on_bus()
        client = self.connect(server)
        with undisturbed(server):
            [clients] = self.bus.call('ListClients')
            first = min(entry['id']['data'] for entry in clients)
            self.assertEqual(0, self.bus.gdbus('DisconnectClient', first, 4001, 'go home')[0])
            client.expect_close(4001, 'go home')
            client.abandon()
            visitor = self.connect(server)  # takes the free descriptor
            server.wait_clients(4)
        visitor.leave()

    def test_disconnect_client_refuses_invalid_arguments(self):
        server = self.start_on_bus()
        client = self.connect(server)
        known = self.only_client()['id']
        for arguments in ((known, 999, ''), (known, 1005, ''), (known, 65535, ''),
                          (known, 1000, 'x' * 124), (known + 1000, 1000, '')):
            with self.subTest(arguments=arguments):
                self.assertRegex(self.bus.error_of('DisconnectClient', *arguments)[0],
                                 r'^org\.ringdown\.Error\.\w+$')
        client.text('still here')
        client.expect_text('still here')

    def come_and_go(self, server):
        self.connect(server).leave()
        server.wait_clients(0)

    def test_client_signals_are_emitted_only_when_enabled(self):
        server = self.start_on_bus()
        monitor, caller = self.monitor(), Caller(self.bus)
        self.come_and_go(server)
        caller.set_client_signals(True)
        client = self.connect(server)
        host, port = client.socket.getsockname()
        connected = monitor.wait_signal('ClientConnected')
        self.assertEqual(f'{host}:{port}', connected[1])
        client.leave(4002)
        self.assertEqual([connected[0], 4002], monitor.wait_signal('ClientDisconnected'))
        caller.set_client_signals(False)
        self.come_and_go(server)
        caller.set_client_signals(True)
        self.connect(server)
        eventually(lambda: len(monitor.signals('ClientConnected')) == 2, 'the second signal')
        self.assertEqual(1, len(monitor.signals('ClientDisconnected')))

    def test_client_signals_end_with_the_last_subscriber(self):
        server = self.start_on_bus()
        monitor, first, second = self.monitor(), Caller(self.bus), Caller(self.bus)
        for caller in first, second:
            caller.set_client_signals(True)
        first.leave()
        self.come_and_go(server)
        monitor.wait_signal('ClientDisconnected')
        second.leave()
        third = Caller(self.bus)
        self.bus.property('State')  # replied to after the service has seen the other leave
        self.come_and_go(server)
        third.set_client_signals(True)
        self.connect(server)
        eventually(lambda: len(monitor.signals('ClientConnected')) == 2, 'the second signal')
        self.assertEqual(1, len(monitor.signals('ClientDisconnected')))


class PublishTest(BusTestCase):
    def test_clients_get_the_message_and_ids_increase(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            ids = []
            for number in range(5):
                message = f'über den Bus {number}'
                group.expect(message)
                [text] = self.bus.call('Publish', 'ss', 'broadcast', message)
                self.assertRegex(text, r'^\d{13}-\d+$')
                ids.append(tuple(map(int, text.split('-'))))
                group.wait_all()
            self.assertEqual(sorted(set(ids)), ids)
            self.assertLess(abs(ids[0][0] / 1000 - time.time()), 60)

    def test_unknown_topics_and_long_messages_are_refused(self):
        server = self.start_on_bus('--max-message=1KiB')
        with undisturbed(server):
            for topic, message in ('nothing', 'x'), ('', 'x'), ('broadcast', 'x' * 1025):
                with self.subTest(topic=topic, length=len(message)):
                    self.assertRegex(self.bus.error_of('Publish', topic, message)[0],
                                     r'^org\.ringdown\.Error\.\w+$')

    def test_publishing_works_during_a_drain(self):
        server = self.start_on_bus()
        client = self.connect(server)
        self.bus.call('Shutdown')
        self.bus.call('Publish', 'ss', 'broadcast', 'to the last')
        client.expect_text('to the last')


class NameTest(BusTestCase):
    def refused_start(self, *options):
        """Starts a service that cannot take its bus name; returns its error output."""
        done = subprocess.run(
            [program(), '--bus=session', f'--address={ADDRESS}', '--port=0', '--admin-port=0',
             *options], env=clean_environment(self.directory, self.bus.environment),
            capture_output=True, text=True, timeout=20 * SLOWNESS, check=False)
        self.assertEqual(1, done.returncode, done)
        return done.stderr

    def test_each_instance_has_its_own_name(self):
        for instance in 'a', 'b', 'left-1':
            self.start_on_bus(f'--instance={instance}')
        for name, instance in ('ia', 'a'), ('ib', 'b'), ('ileft_1', 'left-1'):
            self.assertEqual(instance, self.bus.property('Instance', f'{NAME}.{name}'))
        self.assertFalse(self.bus.owns(NAME))

    def test_shutdown_by_instance_name(self):
        first, second = (self.start_on_bus(f'--instance={name}') for name in 'ab')
        self.bus.call('Shutdown', name=f'{NAME}.ia')
        self.assertEqual(0, first.wait_exit())
        self.assertEqual(200, second.ready()[0])

    def test_a_second_service_fails_with_one_line(self):
        server = self.start_on_bus()
        said = self.refused_start()
        self.assertRegex(said, r'^[^\n]*org\.ringdown\.Ringdown[^\n]*\n$')
        self.assertEqual(200, server.ready()[0])

    def test_a_second_instance_of_the_same_name_fails(self):
        self.start_on_bus('--instance=a')
        said = self.refused_start('--instance=a')
        self.assertRegex(said, r'^[^\n]*org\.ringdown\.Ringdown\.ia[^\n]*\n$')


class NoBusTest(BusTestCase):
    def test_the_service_survives_the_end_of_the_bus(self):
        server = self.start_on_bus(warnings=[LOST])
        with crowd(server) as group:
            self.wait_property('State', 'running')
            self.bus.stop()
            for number in range(10):
                group.say(f'without a bus: {number}')
                self.assertEqual(200, server.ready()[0])
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit())

    def test_without_a_bus_it_runs_and_logs_that_once(self):
        nowhere = f'unix:path={self.directory}/nowhere'
        for environment in {'DBUS_SESSION_BUS_ADDRESS': nowhere}, {}:
            with self.subTest(environment=environment):
                server = self.start('--bus=session', environment=environment, warnings=[LOST])
                with crowd(server):
                    server.wait_log(LOST)
                client = self.connect(server)
                server.signal(signal.SIGTERM)
                eventually(lambda it=server: it.ready()[0] == 503, 'readiness to be 503')
                client.leave()
                self.assertEqual(0, server.wait_exit())
                self.assertEqual(1, len(server.find_log(LOST)))

    def test_bus_none_logs_nothing_about_a_bus(self):
        server = self.start(environment=self.bus.environment)
        self.assertEqual([], server.find_log(LOST))
        self.assertFalse(self.bus.owns(NAME))


if __name__ == '__main__':
    tap.main(jobs=3)
