# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Live output of ringdownctl: monitor, and drain and shutdown with --wait. Screens are compared
with examples/ctl/; see test_ctl.py."""

import contextlib
import os
import re
import signal
import subprocess
import time

import tap
from bus import NAME, Monitor
from ctl import CtlTestCase, program
from waiting import SLOWNESS, eventually


def fill(pipe):
    """Fills PIPE."""
    fd = os.open(f'/proc/self/fd/{pipe}', os.O_WRONLY | os.O_NONBLOCK)  # O_NONBLOCK only here
    try:
        while True:
            os.write(fd, b'x')
    except BlockingIOError:
        os.close(fd)


def empty(pipe):
    """Reads all data from the non-blocking PIPE."""
    try:
        while os.read(pipe, 65536):
            pass
    except BlockingIOError:
        pass


class LiveTestCase(CtlTestCase):
    def assert_ended(self, running, status=0, *names):
        """RUNNING ends with STATUS, and if that is not 0, with an error that contains NAMES."""
        ended, errors = running.wait_exit()
        self.assertEqual(status, ended, errors)
        if status == 0:
            self.assertEqual('', errors)
        else:
            self.assert_error(errors, *names)

    def kill(self, server):
        server.signal(signal.SIGKILL)
        self.assertEqual(-signal.SIGKILL, server.wait_exit())


class MonitorTest(LiveTestCase):
    def begin_monitor(self, *options, on_terminal=False):
        """Starts a monitor, and waits for its first line."""
        running = self.begin_ctl('monitor', *options, on_terminal=on_terminal)
        running.wait_for('running')
        return running

    def test_events_are_lines_in_a_pipe(self):
        server = self.start_service()
        monitor = self.begin_monitor()
        client = self.connect(server)
        monitor.wait_for('client 1 connected')
        client.text('x')
        monitor.wait_for('messages: 1 published, 1 delivered')
        other = self.connect(server)
        monitor.wait_for('client 2 connected')
        other.leave(4001)
        monitor.wait_for('client 2 disconnected')
        server.wait_clients(1)
        eventually(lambda: self.bus.property('Connections') == 1, 'one client')
        self.bus.call('Drain', 'a{sv}', '1', 'timeout', 'u', '600')
        monitor.wait_for('waiting for 1 client')
        client.leave()
        self.assert_ended(monitor)
        # counters may be reported between publishing and delivering
        self.assert_example('monitor-piped', re.sub(r'.*messages: 1 published, 0 delivered\n', '',
                                                    monitor.output))

    def test_terminal_has_a_status_line(self):
        server = self.start_service('--drain-interval=100ms')
        clients = [self.connect(server) for _ in range(4)]
        eventually(lambda: self.bus.property('Connections') == 4, 'four clients')
        monitor = self.begin_monitor(on_terminal=True)
        monitor.wait_for(r'^● running, clients: 4, published: 0/s, delivered: 0/s\Z')
        self.assert_example('monitor', monitor.screen)
        for number in range(5):
            clients[0].text(str(number))
        for name in 'published', 'delivered':  # not necessarily in the same second
            eventually(lambda it=name: re.search(fr'{it}: [1-9]\d*/s', monitor.output),
                       f'how many are {name}')
        monitor.wait_for(r'^● running, clients: 4, published: 0/s, delivered: 0/s\Z')
        self.bus.call('Shutdown')
        monitor.wait_for(r'^● ░{20} waiting for 4 clients, .* left\Z')
        clients[0].leave()
        monitor.wait_for(r'^● █{5}░{15} waiting for 3 clients, .* left\Z')
        self.assert_example('monitor-draining', monitor.screen)
        for client in clients[1:]:
            client.leave()
        self.assert_ended(monitor)
        self.assertEqual(3, len(re.findall(fr'{NAME}: \w+, \d', monitor.screen)))
        self.assertRegex(monitor.screen, fr'(?m)^\d\d:\d\d:\d\d {NAME}: ended\n\Z')

    def test_json_events(self):
        server = self.start_service('--drain-interval=200ms')
        monitor = self.begin_monitor('--json')
        began = time.time()
        client = self.connect(server)
        host, port = client.socket.getsockname()
        connected = monitor.wait_event('client-connected', id=1, remote=f'{host}:{port}')
        self.assertTrue(began - 1 < connected['time'] / 1e6 < time.time() + 1)
        client.text('x')
        monitor.wait_event('messages', messages_published=1, messages_delivered=1)
        self.bus.call('Shutdown')
        monitor.wait_event('state', state='draining', connections=1)
        progress = monitor.wait_event('drain-progress', connections=1)
        self.assertLess(29 * 60, progress['drain_seconds_left'])
        self.bus.call('CancelDrain')
        client.leave(4001)
        monitor.wait_event('client-disconnected', id=1, code=4001)
        self.bus.call('Shutdown')
        self.assert_ended(monitor)
        events = monitor.events()
        self.assertEqual(['running', 'draining', 'running', 'draining', 'drained'],
                         [event['state'] for event in events if event['event'] == 'state'])
        self.assertEqual('ended', events[-1]['event'])

    def test_every_client_is_an_event(self):
        server = self.start_service()
        monitor = self.begin_monitor('--json')
        for client in [self.connect(server) for _ in range(300)]:
            client.reset()
        eventually(lambda: [event['event'] for event in monitor.events()].count(
            'client-disconnected') == 300, 'all to be gone')
        self.assertEqual({(name, number) for number in range(1, 301)
                          for name in ('client-connected', 'client-disconnected')},
                         {(event['event'], event['id']) for event in monitor.events()
                          if 'id' in event})

    def test_signals_end_the_monitor(self):
        self.start_service()
        for number in signal.SIGINT, signal.SIGTERM:
            for on_terminal in False, True:
                with self.subTest(number=number, on_terminal=on_terminal):
                    monitor = self.begin_monitor(on_terminal=on_terminal)
                    monitor.signal(number)
                    self.assert_ended(monitor)
                    self.assertRegex(monitor.screen, r'running, 0 clients\n\Z')

    def begin_unread(self):
        """Starts a service, and a monitor that blocks because its output is not read."""
        server = self.start_service(warnings=[r'(?i)\bbus\b'])
        witness = Monitor(self.bus)
        self.addCleanup(witness.stop)
        ours, theirs = os.pipe()
        monitor = subprocess.Popen([program(), 'monitor'], env=self.environment(), stdout=theirs,
                                   stderr=subprocess.PIPE)
        for clean_up, it in ((os.close, ours), (os.close, theirs),
                             (type(monitor).communicate, monitor), (type(monitor).kill, monitor)):
            self.addCleanup(clean_up, it)
        self.assertIn(b'running', os.read(ours, 4096))
        fill(theirs)
        self.connect(server)
        witness.wait_signal('ClientConnected')
        return server, monitor, ours

    @staticmethod
    def end_by(monitor, number):
        """Sends signal NUMBER until MONITOR ends: the first signal may come before the blocked
        write. Waits in between: another signal while MONITOR ends would kill it."""
        for _ in range(5):
            monitor.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return monitor.wait(2 * SLOWNESS)
        raise AssertionError(f'signal {number} does not end the monitor')

    def test_signals_end_a_blocked_write(self):
        for number in signal.SIGINT, signal.SIGTERM:
            server, monitor, _ = self.begin_unread()
            self.end_by(monitor, number)
            self.assertEqual((0, b''), (monitor.returncode, monitor.stderr.read()))
            self.kill(server)

    def test_end_of_service_and_bus_is_one_error(self):
        server, monitor, unread = self.begin_unread()
        self.kill(server)
        eventually(lambda: not self.bus.owns(NAME), 'the service to be missed')
        self.bus.stop()
        os.set_blocking(unread, False)
        eventually(lambda: empty(unread) or monitor.poll() is not None, 'the monitor to end')
        self.assertEqual(1, monitor.returncode)
        self.assert_error(monitor.stderr.read().decode())

    def test_closed_output_ends_the_monitor(self):
        self.start_service()
        monitor = self.begin_monitor()
        monitor.close_output()
        self.assert_ended(monitor)

    def test_killed_service_is_an_error(self):
        for on_terminal in False, True:
            server = self.start_service()
            monitor = self.begin_monitor(on_terminal=on_terminal)
            self.kill(server)
            self.assert_ended(monitor, 1, NAME, 'ended before it was drained')
            self.assertNotIn('●', monitor.screen)

    def test_service_killed_during_the_drain_is_an_error(self):
        server = self.start_service()
        self.connect(server)
        monitor = self.begin_monitor()
        self.bus.call('Shutdown')
        monitor.wait_for('draining')
        self.kill(server)
        self.assert_ended(monitor, 1, NAME, 'ended before it was drained')

    def test_killed_bus_is_an_error(self):
        self.start_service(warnings=[r'(?i)\bbus\b'])
        monitor = self.begin_monitor()
        self.bus.stop()
        self.assert_ended(monitor, 1, 'the message bus has closed the connection')

    def test_client_signals_end_with_the_monitor(self):
        server = self.start_service()
        monitor = self.begin_monitor('--json')
        monitor.signal(signal.SIGINT)
        self.assert_ended(monitor)
        second = self.begin_monitor('--json')
        self.connect(server)
        second.wait_event('client-connected')
        self.assertEqual(1, len(monitor.events()))


class WaitTest(LiveTestCase):
    """Commands with --wait."""

    def begin_wait(self, server, *options, clients=1, command='drain', on_terminal=False):
        """Connects clients, starts COMMAND --wait, and waits for its first line."""
        connected = [self.connect(server) for _ in range(clients)]
        eventually(lambda: self.bus.property('Connections') == clients, 'the clients')
        waiting = self.begin_ctl(command, '--wait', *options, on_terminal=on_terminal)
        if '--json' not in options:
            waiting.wait_for(f'waiting for {clients} ')
        return connected, waiting

    def test_clients_that_leave(self):
        for command in 'drain', 'shutdown':
            server = self.start_service('--drain-interval=100ms')
            (one, two), waiting = self.begin_wait(server, clients=2, command=command)
            one.leave()
            waiting.wait_for('waiting for 1 client')
            two.leave()
            self.assert_ended(waiting)
            self.assertEqual(0, server.wait_exit())
            self.assertRegex(waiting.output, r'(?m)^Drained in \d+s: 2 disconnected, '
                             r'0 closed by the service\n\Z')

    def test_clients_that_stay(self):
        server = self.start_service()
        (one, two, three), waiting = self.begin_wait(server, '--timeout=4', clients=3)
        two.leave()
        for client in one, three:
            client.expect_close(1012)
        self.assert_ended(waiting)
        self.assert_example('drain-wait-piped', waiting.output)

    def test_clients_closed_with_1001_are_told_from_clients_that_leave_with_1001(self):
        server = self.start_service('--drain-code=1001', '--drain-interval=100ms')
        (one, two, three), waiting = self.begin_wait(server, clients=3)
        two.leave(1001)
        waiting.wait_for('waiting for 2 ')
        self.succeed('drain', '--timeout=0')
        for client in one, three:
            client.expect_close(1001, 'going away')
        self.assert_ended(waiting)
        self.assertRegex(waiting.output, r'(?m)^Drained in \d+s: 1 disconnected, '
                         r'2 closed by the service\n\Z')

    def test_no_clients(self):
        for command in 'drain', 'shutdown':
            for on_terminal in False, True:
                server = self.start_service()
                waiting = self.begin_ctl(command, '--wait', on_terminal=on_terminal)
                self.assert_ended(waiting)
                self.assertEqual(0, server.wait_exit())
                self.assertRegex(waiting.screen, r'(?m)^Drained in 0s: 0 disconnected, '
                                 r'0 closed by the service\n\Z')

    def test_bar_on_a_terminal(self):
        server = self.start_service()
        clients, waiting = self.begin_wait(server, clients=5, on_terminal=True)
        self.assert_example('drain-wait-begin', waiting.screen)
        for gone, client in enumerate(clients[:4], 1):
            client.leave()
            waiting.wait_for(fr'^● {"█" * 4 * gone}{"░" * (20 - 4 * gone)} waiting for {5 - gone} ')
        self.assert_example('drain-wait-middle', waiting.screen)
        clients[4].leave()
        self.assert_ended(waiting)
        self.assert_example('drain-wait-end', waiting.screen)

    def test_drain_that_had_begun_before(self):
        server = self.start_service()
        client = self.connect(server)
        self.bus.call('Shutdown')
        waiting = self.begin_ctl('drain', '--wait', '--timeout=20min')
        waiting.wait_for('waiting for 1 client, (20min 0s|19min)')
        client.leave()
        self.assert_ended(waiting)

    def test_json_report(self):
        server = self.start_service()
        (one, _), waiting = self.begin_wait(server, '--json', clients=2)
        eventually(lambda: self.bus.property('State') == 'draining', 'the drain')
        one.leave()
        self.bus.call('Drain', 'a{sv}', '1', 'timeout', 'u', '0')  # the deadline
        self.assert_ended(waiting)
        [line] = waiting.output.splitlines()
        report = self.parse_json(line)
        self.assertTrue(1 <= report.pop('seconds') < 30)
        self.assertEqual({'state': 'drained', 'clients': 2, 'left': 1, 'closed': 1}, report)

    def test_cancelled_drain(self):
        server = self.start_service()
        for on_terminal in False, True:
            [client], waiting = self.begin_wait(server, on_terminal=on_terminal)
            self.bus.call('CancelDrain')
            self.assert_ended(waiting, 1, 'cancelled')
            self.assertNotIn('●', waiting.screen)
            client.leave()
            eventually(lambda: self.bus.property('Connections') == 0, 'no clients')

    def test_interrupt_does_not_end_the_drain(self):
        server = self.start_service()
        for number in signal.SIGINT, signal.SIGTERM:
            [client], waiting = self.begin_wait(server)
            waiting.signal(number)
            self.assert_ended(waiting, 1, 'interrupted', 'continues', 'cancel-drain')
            self.assertEqual('draining', self.json('status')['state'])
            self.succeed('cancel-drain')
            client.leave()
            eventually(lambda: self.bus.property('Connections') == 0, 'no clients')

    def test_killed_service_is_an_error(self):
        for on_terminal in False, True:
            server = self.start_service()
            _, waiting = self.begin_wait(server, on_terminal=on_terminal)
            self.kill(server)
            self.assert_ended(waiting, 1, NAME, 'ended before it was drained')
            self.assertNotIn('●', waiting.screen)

    def test_new_owner_of_the_name_is_not_followed(self):
        server = self.start_service()
        _, waiting = self.begin_wait(server)
        self.kill(server)
        self.start_service()
        self.assert_ended(waiting, 1, NAME, 'ended before it was drained')

    def test_killed_bus_is_an_error(self):
        server = self.start_service(warnings=[r'(?i)\bbus\b'])
        _, waiting = self.begin_wait(server)
        self.bus.stop()
        self.assert_ended(waiting, 1, 'the message bus has closed the connection')

    def test_closed_output_does_not_end_the_wait(self):
        server = self.start_service('--drain-interval=100ms')
        [client], waiting = self.begin_wait(server)
        waiting.close_output()
        polls = len(server.find_log('Draining: 1 client'))
        eventually(lambda: len(server.find_log('Draining: 1 client')) > polls + 4, 'progress')
        client.leave()
        self.assert_ended(waiting)


if __name__ == '__main__':
    tap.main(jobs=3)
