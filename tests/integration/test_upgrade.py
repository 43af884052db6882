# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Upgrades keep everything, however they are triggered and repeated."""

import asyncio
import os
import re
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

import ctl
import tap
import websockets
from bus import NAME, Caller
from verified_clients import verified_clients
from upgrade_case import Background, Program, UpgradeTestCase
from gi.repository import GLib
from waiting import SLOWNESS, eventually, expect_time
from ringdown import clean_environment
from wire import Client


class TriggerTest(UpgradeTestCase):
    """All triggers, with clients that talk and requests to the admin port."""

    def assert_not_noticed(self, ask, times=3):
        server = self.start_on_bus()
        with verified_clients(server) as group, self.asked_throughout(server):
            for generation in range(2, 2 + times):
                ask(server)
                server.follow()
                self.assertEqual(generation, server.generation)
                eventually(lambda now=generation: self.bus.property('Generation') == now,
                           f'generation {generation}')
                group.wait_received()
        self.assertEqual([(generation, 20, 0, 0) for generation in range(2, 2 + times)],
                         [report[:4] for report in server.reports()])

    def test_upgrade_over_d_bus(self):
        self.assert_not_noticed(lambda server: self.bus.call('Upgrade'))

    def test_ringdownctl_upgrade(self):
        def ask(_server):
            done = self.bus.run(ctl.program(), 'upgrade')
            self.assertEqual(0, done.returncode, done.stderr)

        self.assert_not_noticed(ask)

    def test_sigusr2(self):
        self.assert_not_noticed(lambda server: server.signal(signal.SIGUSR2))

    def test_sighup(self):
        self.assert_not_noticed(lambda server: server.signal(signal.SIGHUP))

    def test_without_a_bus(self):
        server = self.start()
        with verified_clients(server) as group:
            for number in signal.SIGUSR2, signal.SIGHUP, signal.SIGUSR2:
                server.signal(number)
                server.follow()
                group.wait_received()
        self.assertEqual([(generation, 20, 0, 0) for generation in (2, 3, 4)],
                         [report[:4] for report in server.reports()])

    def test_upgrade_returns_when_the_new_worker_has_the_bus_name(self):
        server = self.start_on_bus()
        before = server.pid
        for generation in 2, 3:
            self.bus.call('Upgrade')
            self.assertEqual(generation, self.bus.property('Generation'))
            self.connect(server).leave()
            server.follow()
        self.assertNotEqual(before, server.pid)


class CallTest(UpgradeTestCase):
    """D-Bus callers do not notice an upgrade."""

    def test_publish_calls_during_upgrades_arrive_once_in_order(self):
        server = self.start_on_bus()
        client = self.connect(server)
        over = threading.Event()

        def publish():
            caller, number = Caller(self.bus), 0
            while not over.is_set():
                caller.call('Publish', GLib.Variant('(ss)', ('broadcast', f'{number}')))
                number += 1
            caller.leave()
            return number

        publisher = Background(publish)
        for _ in range(5):
            self.bus.call('Upgrade')
            server.follow()
        over.set()
        published = publisher.result()
        self.assertGreater(published, 0)
        for number in range(published):
            client.expect_text(f'{number}')

class ReplaceTest(UpgradeTestCase):
    def replace(self, server, *options):
        """Starts a process that takes over from SERVER; returns its service."""
        options = (f'--port={server.port}', f'--admin-port={server.admin_port}', *options)
        successor = self.start_on_bus('--replace', *options)
        self.assertEqual(0, server.wait_exit())
        successor.generation = server.generation + 1
        return successor

    def test_replace_takes_over_all_clients(self):
        server = self.start_on_bus()
        with verified_clients(server) as group:
            for generation in 2, 3:
                server = self.replace(server)
                self.assertEqual([generation], [report[0] for report in server.reports()])
                group.wait_received()
            self.upgrade(server)
        self.assertEqual(4, self.bus.property('Generation'))
        self.assertEqual(20, self.handover()['moved'])

    def test_other_descriptors_are_refused(self):
        self.start_on_bus()
        name, text = self.bus.error_of('HandOver', 0)
        self.assertEqual('org.ringdown.Error.InvalidArgument', name, text)

    def test_any_ports_are_taken_over(self):
        server = self.start_on_bus()
        with verified_clients(server):
            successor = self.start_on_bus('--replace')
            self.assertEqual(0, server.wait_exit())
            self.assertEqual(server.port, successor.port)

    def test_without_a_running_service_it_starts_normally(self):
        server = self.start_on_bus('--replace')
        with verified_clients(server):
            self.assertEqual(1, self.bus.property('Generation'))
        self.assertEqual([], server.reports())

    def test_replace_needs_a_bus(self):
        done = subprocess.run([self.program.path, '--replace', '--bus=none'],
                              env=clean_environment(self.directory), text=True,
                              capture_output=True, timeout=30 * SLOWNESS, check=False)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertRegex(done.stderr, r'\Aringdown: .*--replace.*--bus=session.*\n\Z')

    def test_replace_takes_over_its_own_instance_only(self):
        other = self.start_on_bus('--instance=other')
        server = self.start_on_bus('--instance=one')
        with verified_clients(other), verified_clients(server):
            self.replace(server, '--instance=one')
            for instance, generation in ('other', 1), ('one', 2):
                self.assertEqual(generation,
                                 self.bus.property('Generation', f'{NAME}.i{instance}'))


    def test_a_service_that_does_not_answer_is_reported(self):
        server = self.start_on_bus(warnings=['Hand-over failed: '])
        with verified_clients(server):
            server.signal(signal.SIGSTOP)
            try:
                done = subprocess.run([self.program.path, '--replace', '--bus=session'],
                                      env=clean_environment(self.directory, self.bus.environment),
                                      text=True, capture_output=True, timeout=30 * SLOWNESS,
                                      check=False)
            finally:
                server.signal(signal.SIGCONT)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertRegex(done.stderr, rf'\Aringdown: {NAME} does not hand over: '
                                      r'no answer within 10 s; is it suspended.*\n\Z')
        self.assertEqual(1, self.bus.property('Generation'))


class PathTest(UpgradeTestCase):
    """The program is at CURRENT/ringdown, where CURRENT is a link to a version's directory."""

    VERSIONS = 'v1', 'v2', 'v3'

    def setUp(self):
        super().setUp()
        self.directory = os.path.realpath(self.directory)
        for version in self.VERSIONS:
            os.mkdir(os.path.join(self.directory, version))
            Program(os.path.join(self.directory, version))
        self.switch(self.VERSIONS[0])

    def switch(self, version):
        """Changes the link, as ln -sfn does."""
        link = os.path.join(self.directory, 'current')
        os.symlink(version, f'{link}.new')
        os.rename(f'{link}.new', link)

    def assert_runs(self, server, version):
        self.assertEqual(os.path.join(self.directory, version, 'ringdown'),
                         os.readlink(f'/proc/{server.pid}/exe'))

    def assert_switches(self, path, **settings):
        """Asserts that a service started as PATH, in the directory, follows the changed link."""
        self.program.path = path
        server = self.start_on_bus(**settings)
        with verified_clients(server) as group:
            self.assert_runs(server, self.VERSIONS[0])
            for version in *self.VERSIONS[1:], self.VERSIONS[0]:
                self.switch(version)
                self.upgrade(server)
                self.assert_runs(server, version)
                group.wait_received()
            self.upgrade(server)
            self.assert_runs(server, self.VERSIONS[0])

    def test_links_are_resolved_at_each_upgrade(self):
        self.assert_switches(os.path.join(self.directory, 'current', 'ringdown'))

    def test_links_are_resolved_for_a_relative_path(self):
        self.assert_switches('current/ringdown')

    def test_links_are_resolved_for_a_program_in_path(self):
        path = f'/nowhere:{self.directory}/current:{os.environ["PATH"]}'
        self.assert_switches('ringdown', environment={'PATH': path})

    def test_a_broken_link_is_refused_with_advice(self):
        self.program.path = os.path.join(self.directory, 'current', 'ringdown')
        server = self.start_on_bus(warnings=['Hand-over failed: '])
        with verified_clients(server):
            self.switch('v4')
            text = self.assert_refused(server, 'No such file or directory; install it again')
            self.assertEqual(1, text.count(self.program.path), text)
            self.switch('v2')
            self.upgrade(server)
            self.assert_runs(server, 'v2')


class TalkTest(UpgradeTestCase):
    def test_python_websockets_clients_stay_connected(self):
        server = self.start_on_bus()

        async def talk():
            url = f'ws://127.0.0.1:{server.port}/ws'
            async with websockets.connect(url) as ann, websockets.connect(url) as bob:
                for turn in range(4):
                    for sender, message in (ann, f'ann {turn}'), (bob, f'bob {turn}'):
                        await sender.send(message)
                        for listener in ann, bob:
                            got = await asyncio.wait_for(listener.recv(), 10 * SLOWNESS)
                            self.assertEqual(message, got)
                    await asyncio.wait_for(await ann.ping(), 10 * SLOWNESS)
                    if turn < 3:
                        await asyncio.to_thread(self.upgrade, server)

        asyncio.run(talk())

    @contextmanager
    def come_and_go(self, server):
        """Connects, sends, receives and disconnects repeatedly during the context."""
        is_over = threading.Event()

        def visit(visitor):
            visits = 0
            while not is_over.is_set():
                client = Client(server.port)
                try:
                    client.open()
                    client.text(f'{visitor}: {visits}')
                    while client.receive().text != f'{visitor}: {visits}':
                        pass
                    client.leave()
                finally:
                    client.abandon()
                visits += 1
            return visits

        visiting = [Background(visit, visitor) for visitor in range(4)]
        try:
            yield
        finally:
            is_over.set()
        for each in visiting:
            self.assertGreater(each.result(), 1)

    def test_new_clients_are_accepted_during_upgrades(self):
        server = self.start_on_bus()
        with self.come_and_go(server):
            for _ in range(4):
                self.upgrade(server)
        server.wait_clients(0)

    def test_the_bus_name_passes_directly_to_the_new_worker(self):
        server = self.start_on_bus()
        owners = self.owners()
        for _ in range(3):
            self.upgrade(server)
        names = owners.told
        self.assertEqual(4, len(names), names)
        self.assertEqual(4, len(set(names)), names)
        self.assertNotIn('', names)

    def test_old_workers_exit_and_leave_nothing_behind(self):
        server = self.start_on_bus()
        with verified_clients(server):
            self.upgrade(server)
            descriptors, path = server.descriptors(), os.readlink(f'/proc/{server.pid}/exe')
            for _ in range(4):
                self.upgrade(server)
                eventually(lambda: server.descriptors() <= descriptors,
                           lambda: f'{descriptors} descriptors, not {server.descriptors()}')
                self.assertEqual([server.pid], server.processes())
                self.assertEqual(path, os.readlink(f'/proc/{server.pid}/exe'))

    def test_the_new_worker_gets_the_same_arguments_and_environment(self):
        server = self.start_on_bus('--notify-message=ünïcödé "and quotes" 🛰',
                                   '--drain-timeout=7min')

        def words():
            with open(f'/proc/{server.pid}/cmdline', 'rb') as file:
                return file.read()

        def variables():
            with open(f'/proc/{server.pid}/environ', 'rb') as file:
                return sorted(each for each in file.read().split(b'\0')
                              if not each.startswith(b'RINGDOWN_HANDOVER='))

        before = words(), variables(), os.readlink(f'/proc/{server.pid}/cwd')
        for _ in range(2):
            self.upgrade(server)
            self.assertEqual(before, (words(), variables(),
                                      os.readlink(f'/proc/{server.pid}/cwd')))

    def test_the_new_worker_handles_signals(self):
        server = self.start_on_bus()
        client = self.connect(server)
        self.upgrade(server)
        server.signal(signal.SIGTERM)
        eventually(lambda: server.ready()[0] == 503, 'readiness to be 503')
        client.text('still here')
        client.expect_text('still here')
        client.leave()
        self.assertEqual(0, server.wait_exit())

    def test_an_upgrade_without_clients(self):
        server = self.start_on_bus()
        for _ in range(2):
            self.upgrade(server)
            self.assertEqual((0, 0, 0), tuple(self.handover()[name]
                                              for name in ('moved', 'closed', 'lost')))
        with verified_clients(server):
            self.upgrade(server)


class CarriedOverTest(UpgradeTestCase):
    COUNTED = ('Connections', 'PeakConnections', 'TotalConnections', 'MessagesPublished',
               'MessagesDelivered', 'Instance', 'Addresses', 'State', 'Version', 'BusState')

    def test_counters_are_kept(self):
        server = self.start_on_bus()
        clients = [self.connect(server) for _ in range(4)]
        clients.pop().leave()
        server.wait_clients(3)
        for number in range(10):
            clients[0].text(f'{number}')
            for client in clients:
                client.expect_text(f'{number}')
        caller = self.caller()
        eventually(lambda: caller.property('MessagesDelivered') == 30, 'deliveries to be counted')
        before = {name: self.bus.property(name) for name in self.COUNTED}
        self.assertEqual((3, 4, 4, 10), tuple(before[name] for name in self.COUNTED[:4]))
        for _ in range(2):
            self.upgrade(server)
            self.assertEqual(before, {name: self.bus.property(name) for name in self.COUNTED})
        clients[0].text('one more')
        for client in clients:
            client.expect_text('one more')
        self.assertEqual(11, self.bus.property('MessagesPublished'))
        self.connect(server)
        eventually(lambda: self.bus.property('TotalConnections') == 5, 'the fifth')
        self.assertEqual(4, self.bus.property('PeakConnections'))

    def test_all_counters_of_the_metrics_are_kept(self):
        server = self.start_on_bus('--max-clients=3')
        clients = [self.connect(server) for _ in range(3)]
        refused = self.tcp(server)
        refused.send(refused.request())
        self.assertEqual(503, refused.read_answer().status)
        clients.pop().leave()
        server.wait_clients(2)
        clients[0].text('hello')
        for client in clients:
            client.expect_text('hello')

        def counters():
            """Returns the metrics that are counters."""
            text = server.admin('/metrics')[1]
            names = re.findall(r'^# TYPE (\S+) (?:counter|summary)$', text, re.M)
            return {sample: float(value)
                    for sample, value in re.findall(r'^(\S+) (\S+)$', text, re.M)
                    if sample.startswith(tuple(names)) and not sample.startswith('process_')}

        before = counters()
        self.assertEqual(1, before['ringdown_connections_refused_total{reason="full"}'])
        self.assertEqual(1, before['ringdown_clients_closed_total{code="1000"}'])
        self.upgrade(server)
        after = counters()
        self.assertEqual(before.keys(), after.keys())
        for name, value in before.items():
            self.assertGreaterEqual(after[name], value, name)

    def test_each_client_has_its_id_times_and_counters(self):
        server = self.start_on_bus()
        talker, listener = self.connect(server), self.connect(server)
        talker.text('hello')
        for client in talker, listener:
            client.expect_text('hello')
        before = self.clients()
        self.assertEqual(2, len(before))
        for _ in range(2):
            self.upgrade(server)
            self.assertEqual(before, self.clients())
        newcomer = self.connect(server)
        eventually(lambda: len(self.clients()) == 3, 'the newcomer')
        self.assertGreater(max(self.clients()), max(before))
        newcomer.leave()
        [first, _] = sorted(before)
        self.bus.call('DisconnectClient', 'tqs', first, 4000, 'bye')
        talker.expect_close(4000, 'bye')
        listener.text('still here')
        listener.expect_text('still here')

    def test_message_ids_keep_increasing(self):
        server = self.start_on_bus()
        ids = []
        for turn in range(4):
            for number in range(3):
                said = self.bus.call('Publish', 'ss', 'broadcast', f'{turn} {number}')[0]
                ids.append(tuple(map(int, said.split('-'))))
            self.upgrade(server)
        self.assertEqual(sorted(set(ids)), ids)

    def test_the_notification_keeps_its_interval(self):
        server = self.start_on_bus('--notify-interval=1s')
        client = self.connect(server)

        def beat(first):
            """Returns when notification FIRST was due: the earliest of three estimates, as a busy
            machine delays notifications."""
            times = []
            for number in range(first, first + 3):
                client.expect_text('🛰 Test notification')
                times.append(time.monotonic() - (number - first))
            return min(times)

        before = beat(0)
        for first in 3, 6:
            half = time.monotonic() + 0.5
            eventually(lambda until=half: time.monotonic() > until, 'half an interval to pass')
            self.upgrade(server)
            passed = beat(first) - before
            self.assertGreater(passed, first - 0.4)
            expect_time(passed, under=first + 0.4)

    def test_a_notification_due_during_the_pause_is_sent_once(self):
        server = self.start_on_bus('--notify-interval=100ms')
        began = time.monotonic()
        client = self.connect(server)
        for _ in range(5):
            self.upgrade(server)
        self.bus.call('Publish', 'ss', 'broadcast', 'the end')
        heard = 0
        while client.receive().text != 'the end':
            heard += 1
        passed = time.monotonic() - began
        self.assertLessEqual(heard, passed / 0.1 + 1)
        self.assertGreater(heard, 0)

    def test_subscribers_of_client_signals_are_kept(self):
        server = self.start_on_bus()
        caller, monitor = self.caller(), self.monitor()
        caller.set_client_signals(True)
        self.upgrade(server)
        client = self.connect(server)
        number, _ = monitor.wait_signal('ClientConnected')
        client.leave()
        monitor.wait_signal('ClientDisconnected', lambda left, code: (left, code) == (number, 1000))


class ReportTest(UpgradeTestCase):
    def test_the_first_generation_has_no_report(self):
        server = self.start_on_bus()
        self.assertEqual(1, self.bus.property('Generation'))
        self.assertEqual({}, self.handover())
        self.assertEqual([], server.reports())
        self.assertEqual(1, server.metric('ringdown_generation'))
        self.assertEqual(0, server.metric('ringdown_handovers_failed_total'))

    def test_property_log_and_metrics_agree(self):
        server = self.start_on_bus()
        for _ in range(7):
            self.connect(server)
        server.wait_clients(7)
        for generation in 2, 3:
            self.upgrade(server)
            handover = self.handover()
            self.assertEqual({'moved', 'closed', 'lost', 'pause'}, set(handover))
            self.assertEqual((7, 0, 0), (handover['moved'], handover['closed'], handover['lost']))
            expect_time(handover['pause'] / 1e6, under=1 * SLOWNESS)
            [*_, report] = server.reports()
            self.assertEqual((generation, 7, 0, 0), report[:4])
            self.assertAlmostEqual(handover['pause'] / 1000, report[4], delta=1)
            self.assertEqual(generation - 1, len(server.reports()))
            self.assertEqual(
                {'generation': generation, 'handover_moved_clients': 7,
                 'handover_closed_clients': 0, 'handover_lost_clients': 0,
                 'handovers_failed_total': 0},
                {name: server.metric(f'ringdown_{name}') for name in (
                    'generation', 'handover_moved_clients', 'handover_closed_clients',
                    'handover_lost_clients', 'handovers_failed_total')})
            self.assertAlmostEqual(handover['pause'] / 1e6,
                                   server.metric('ringdown_handover_pause_seconds'), delta=0.001)

    def test_every_client_is_counted(self):
        server = self.start_on_bus()
        clients = [self.connect(server) for _ in range(3)]
        self.upgrade(server)
        self.assertEqual(3, server.ready()[1]['clients'])
        self.assertEqual(3, self.bus.property('Connections'))
        clients.pop().leave()
        server.wait_clients(2)
        eventually(lambda: self.bus.property('Connections') == 2, 'two on the bus')


if __name__ == '__main__':
    tap.main(jobs=2)
