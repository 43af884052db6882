# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""ringdownctl and upgrades: the command upgrade, and monitor and --wait during an upgrade, with
fake and with real workers. Texts are compared with examples/ctl/; see test_ctl.py."""

import signal

import tap
from bus import NAME
from ctl import ESCAPE, CtlTestCase
from upgrade_case import UpgradeTestCase
from gi.repository import GLib
from fake_service import FakeService
from waiting import SLOWNESS

PROPERTIES = {
    'Version': ('s', '1.2.3'), 'State': ('s', 'running'), 'Instance': ('s', ''),
    'Addresses': ('as', ['ws://127.0.0.1:8000/ws']), 'Connections': ('u', 12),
    'PeakConnections': ('u', 20), 'TotalConnections': ('t', 100), 'MessagesPublished': ('t', 5),
    'MessagesDelivered': ('t', 60), 'DrainSecondsLeft': ('u', 0), 'BusState': ('s', 'local'),
}
REPORT = {'moved': ('u', 10000), 'closed': ('u', 0), 'lost': ('u', 0), 'pause': ('t', 23412)}
DRAINING = {'State': ('s', 'draining'), 'DrainSecondsLeft': ('u', 60)}
MOST = (1 << 32) - 1
HANDOVER_FAILED = 'org.ringdown.Error.HandoverFailed'


def packed(dictionary):
    return {key: GLib.Variant(*value) for key, value in dictionary.items()}


def generation(number, report=None, **properties):
    """Returns the properties of worker NUMBER. REPORT: of the hand-over."""
    node = {'self': ('b', True), 'pid': ('u', 4000 + number % 1000)}
    other = {'self': ('b', False), 'pid': ('u', 1)}
    if number > 1:
        report = {**REPORT, **(report or {})}
    return {**PROPERTIES, 'Nodes': ('aa{sv}', [packed(other), packed(node)]),
            'Generation': ('u', number), 'Handover': ('a{sv}', packed(report or {})), **properties}


class FakeTestCase(CtlTestCase):
    def process(self, properties, **replies):
        """Starts a fake worker that takes the bus name from the previous one."""
        process = FakeService(self.bus, properties, replies)
        self.addCleanup(process.leave)
        return process

    def service(self, following, properties=None):
        """Starts a fake worker that is upgraded to one with the properties FOLLOWING."""
        def upgrade():
            self.process(following)
            return GLib.Variant('()', ())
        return self.process(properties or generation(1), Upgrade=upgrade)

    def assert_examples(self, name, following):
        """Compares the output with stored examples: on a terminal, where it replaces the status
        line, and in a pipe."""
        self.service(following)
        self.assert_example(name, self.on_terminal('upgrade').rpartition(f'\r{ESCAPE}[K')[2])
        self.service(following)
        self.assert_example(f'{name}-piped', self.succeed('upgrade'))


class UpgradeTest(FakeTestCase):
    def test_all_clients_are_moved(self):
        self.assert_examples('upgrade', generation(2))

    def test_new_version(self):
        self.service(generation(8, Version=('s', '2.0')), generation(7))
        self.assertIn('\n     Version: 1.2.3 → 2.0\n', self.succeed('upgrade'))

    def test_closed_and_lost_clients_are_in_the_first_line(self):
        self.assert_examples('upgrade-closed', generation(2, {'closed': ('u', 3)}))
        self.assert_examples('upgrade-lost',
                             generation(2, {'closed': ('u', 3), 'lost': ('u', 1)}))

    def test_json(self):
        self.service(generation(2, {'closed': ('u', 3), 'lost': ('u', 1)}))
        self.assertEqual({'generation': 2, 'version': '1.2.3', 'pid': 4002, 'moved': 10000,
                          'closed': 3, 'lost': 1, 'pause': 23412}, self.json('upgrade'))

    def test_sigint_ends_the_wait(self):
        self.process(generation(1), Upgrade=None)
        waiting = self.begin_ctl('upgrade', on_terminal=True)
        waiting.wait_for(r'^● waiting for generation 2 to take over\Z')
        waiting.signal(signal.SIGINT)
        self.assertEqual((-signal.SIGINT, ''), waiting.wait_exit())

    def test_status_line_is_removed(self):
        self.service(generation(2))
        upgrade = self.begin_ctl('upgrade', on_terminal=True)
        self.assertEqual((0, ''), upgrade.wait_exit())
        self.assertIn('waiting for generation 2', upgrade.output)
        self.assertNotIn('waiting', upgrade.screen)

    def test_failed_upgrade_is_explained(self):
        for name in HANDOVER_FAILED, 'org.ringdown.Error.Busy':
            self.process(generation(1), Upgrade=(name, 'because of the test'))
            self.assert_fails(['ringdownctl: because of the test\n'], 'upgrade')
            upgrade = self.begin_ctl('upgrade', on_terminal=True)
            self.assertEqual((1, 'ringdownctl: because of the test\n'), upgrade.wait_exit())
            self.assertNotIn('●', upgrade.screen)

    def test_generation_is_checked(self):
        self.process(generation(3))
        self.assert_fails([NAME, 'has generation 3', 'instead of 4'], 'upgrade')
        for number in 1, 3, 5:
            self.service(generation(number), generation(3))
            self.assert_fails([NAME, f'has generation {number}', 'instead of 4'], 'upgrade')

    def test_service_that_ends(self):
        def vanish():
            self.process(generation(2)).leave()
            return GLib.Variant('()', ())
        self.process(generation(1), Upgrade=vanish)
        self.assert_fails(['no service', NAME], 'upgrade')

    def test_missing_numbers_are_0(self):
        strange = {'moved': GLib.Variant('s', 'x'), 'closed': GLib.Variant('t', 5),
                   'new': GLib.Variant('d', float('nan')), 'lost': GLib.Variant('i', -1)}
        self.service(generation(2, Handover=('a{sv}', strange), Nodes=('aa{sv}', [])))
        text = self.succeed('upgrade')
        self.assertIn('Clients: 0 moved, 0 closed, 0 lost\n', text)
        self.assertIn('Pause: 0.0 ms\n', text)
        self.assertNotIn('Process', text)

    def test_huge_numbers(self):
        huge = {'moved': ('u', MOST), 'pause': ('t', (1 << 63) - 1)}
        self.service(generation(MOST, huge), generation(MOST - 1))
        report = self.json('upgrade')
        self.assertEqual((MOST, MOST, (1 << 63) - 1),
                         (report['generation'], report['moved'], report['pause']))


class StatusTest(FakeTestCase):
    def test_later_generations_have_a_report(self):
        self.process(generation(3, {'lost': ('u', 1)}))
        self.assert_example('status-upgraded', self.on_terminal('status'))
        self.assert_example('status-upgraded-piped', self.succeed('status'))

    def test_json(self):
        self.process(generation(3, {'new': ('d', float('nan'))}))
        status = self.json('status')
        self.assertEqual((3, {key: value for key, (_, value) in REPORT.items()}),
                         (status['generation'], status['handover']))


class FollowTestCase(FakeTestCase):
    def assert_ended(self, running, status=0, *names):
        ended, errors = running.wait_exit()
        self.assertEqual(status, ended, errors)
        if status != 0:
            self.assert_error(errors, *names)
        return running.output


class MonitorTest(FollowTestCase):
    def begin(self, *options, first=1, **more):
        old = self.process(generation(first))
        monitor = self.begin_ctl('monitor', *options, **more)
        monitor.wait_for('running')
        return old, monitor

    def test_new_workers_are_followed(self):
        old, monitor = self.begin()
        new = self.process(generation(2, Connections=('u', 7), State=('s', 'draining')))
        monitor.wait_for(r'^\S+ upgraded to generation 2: clients: 10000 moved, 0 closed, 0 lost; '
                         r'pause 23\.4 ms$')
        monitor.wait_for(fr'{NAME}: draining, 7 clients')
        old.emit('ClientConnected', GLib.Variant('(ts)', (1, 'old')))
        old.change(State=('s', 'drained'))
        new.emit('ClientConnected', GLib.Variant('(ts)', (2, 'new')))
        monitor.wait_for('client 2 connected from new')
        self.process(generation(3, MessagesPublished=('t', 9)))
        monitor.wait_for('upgraded to generation 3:')
        monitor.wait_for('messages: 9 published')
        self.assertNotRegex(monitor.output, r'drained|client 1|messages: 0')
        monitor.signal(signal.SIGINT)
        self.assert_ended(monitor)

    def test_pause_may_be_late_or_missing(self):
        _, monitor = self.begin()
        new = self.process(generation(2, {'pause': ('t', 0)}, State=('s', 'draining')))
        monitor.wait_for('draining')
        self.assertNotIn('upgraded', monitor.output)
        new.change(Handover=('a{sv}', packed({'pause': ('t', 5000)})))
        monitor.wait_for(r'upgraded to generation 2: .* pause 5\.0 ms')
        self.process(generation(3, Handover=('a{sv}', {})))
        monitor.wait_for(r'upgraded to generation 3: .* pause 0\.0 ms')

    def test_on_a_terminal(self):
        _, monitor = self.begin(on_terminal=True)
        monitor.wait_for(r'^● running, clients: 12, ')
        self.process(generation(2, Connections=('u', 7)))
        monitor.wait_for(r'^● running, clients: 7, ')
        self.assert_example('monitor-upgraded', monitor.screen)

    def test_json(self):
        _, monitor = self.begin('--json', first=6)
        self.process(generation(7, {'lost': ('u', 5)}))
        event = monitor.wait_event('upgraded')
        self.assertEqual(['time', 'event', 'generation', 'moved', 'closed', 'lost', 'pause'],
                         list(event))
        self.assertEqual((7, 5, 23412), (event['generation'], event['lost'], event['pause']))

    def test_end_of_the_last_worker_is_the_end(self):
        _, monitor = self.begin()
        new = self.process(generation(2))
        monitor.wait_for('upgraded')
        new.change(State=('s', 'drained'))
        monitor.wait_for('drained')
        new.leave()
        self.assertIn(f'{NAME}: ended\n', self.assert_ended(monitor))

    def test_killed_worker_is_an_error(self):
        _, monitor = self.begin()
        new = self.process(generation(2))
        monitor.wait_for('upgraded')
        new.leave()
        self.assert_ended(monitor, 1, NAME, 'ended before it was drained')

    def test_new_owner_without_a_later_generation_is_not_followed(self):
        for first, second in (1, 1), (2, 2), (3, 1):
            _, monitor = self.begin(first=first)
            self.process(generation(second, Connections=('u', 999)))
            output = self.assert_ended(monitor, 1, NAME, 'ended before it was drained')
            self.assertNotRegex(output, 'upgraded|999')

    def test_new_worker_with_a_property_of_a_wrong_type_is_an_error(self):
        _, monitor = self.begin()
        self.process(generation(2, Connections=('s', 'seven')))
        self.assert_ended(monitor, 1, NAME, 'lacks the property Connections')

    def silent_worker(self):
        """Starts a monitor, and a new worker that does not reply to GetAll."""
        _, monitor = self.begin()
        new = self.process(generation(2), GetAll=None)
        self.assertTrue(new.got_unanswered_call.wait(10 * SLOWNESS))
        return new, monitor

    def test_signals_are_shown_before_the_properties_are_loaded(self):
        new, monitor = self.silent_worker()
        new.emit('ClientConnected', GLib.Variant('(ts)', (2, 'new')))
        monitor.wait_for('client 2 connected from new')

    def test_sigint_ends_the_wait_for_a_silent_worker(self):
        _, monitor = self.silent_worker()
        monitor.signal(signal.SIGINT)
        self.assert_ended(monitor)

    def test_silent_worker_is_replaced(self):
        _, monitor = self.silent_worker()
        self.process(generation(3))
        monitor.wait_for('upgraded to generation 3:')

    def test_silent_worker_ends(self):
        new, monitor = self.silent_worker()
        new.leave()
        self.assert_ended(monitor, 1, NAME, 'ended before')

    def test_silent_worker_has_a_time_limit(self):
        _, monitor = self.silent_worker()
        self.assert_ended(monitor, 1, NAME, 'within 10 s')


class WaitTest(FollowTestCase):
    """Commands with --wait."""

    def begin(self):
        old = self.process(generation(1, **DRAINING))
        waiting = self.begin_ctl('drain', '--wait', on_terminal=True)
        waiting.wait_for('waiting for 12 clients')
        return old, waiting

    def test_drain_continues_in_a_new_worker(self):
        _, waiting = self.begin()
        new = self.process(generation(2, **{**DRAINING, 'Connections': ('u', 4)}))
        waiting.wait_for('waiting for 4 clients')
        new.change(State=('s', 'drained'), Connections=('u', 0), DrainSecondsLeft=('u', 0))
        waiting.wait_for('drained')
        new.leave()
        self.assertIn('Drained in', self.assert_ended(waiting))

    def test_new_owner_without_a_later_generation_is_not_followed(self):
        _, waiting = self.begin()
        self.process(generation(1))
        self.assert_ended(waiting, 1, NAME, 'ended before it was drained')

    def test_owner_of_the_name_after_the_drain_is_ignored(self):
        old, waiting = self.begin()
        old.change(State=('s', 'drained'), Connections=('u', 0), DrainSecondsLeft=('u', 0))
        waiting.wait_for('drained')
        self.process(generation(1))
        self.assertIn('Drained in', self.assert_ended(waiting))


class RealTest(CtlTestCase, UpgradeTestCase):
    """Upgrades of a real service."""

    bus = None  # set by CtlTestCase.setUp()

    def start_with_clients(self, count=3, **settings):
        server = self.start_service(**settings)
        clients = [self.connect(server) for _ in range(count)]
        return server, clients

    def assert_served(self, clients):
        text = f'to all {len(clients)}'
        self.succeed('publish', text)
        for client in clients:
            client.expect_text(text)

    def test_upgrade(self):
        server, clients = self.start_with_clients()
        for run in self.succeed, self.on_terminal:
            before = server.pid
            text = run('upgrade')
            server.follow()
            self.assertRegex(text, fr'{NAME}: (\S+\[32m)?upgraded\b')
            self.assertIn(f'Generation: {server.generation - 1} → {server.generation}\n', text)
            self.assertIn(f'Process: {before} → {server.pid}\n', text)
            self.assertIn('Clients: 3 moved, 0 closed, 0 lost\n', text)
            self.assert_served(clients)

    def test_json_and_status_agree(self):
        server, clients = self.start_with_clients()
        report = self.json('upgrade')
        server.follow()
        status = self.json('status')
        self.assertEqual((2, server.pid), (report['generation'], report.pop('pid')))
        self.assertEqual(report, {'generation': status['generation'],
                                  'version': status['version'], **status['handover']})
        self.assertEqual(3, report['moved'])
        self.assertGreater(report['pause'], 0)
        self.assert_served(clients)

    def test_program_that_does_not_start(self):
        server, clients = self.start_with_clients(warnings=['Hand-over failed: '])
        self.program.replace('exit 3')
        before = server.pid
        self.assert_fails(['keeps all clients', '3'], 'upgrade')
        self.assertEqual(before, server.wait_alone())
        self.assertEqual(1, self.json('status')['generation'])
        self.assert_served(clients)

    def test_upgrade_is_refused_during_a_drain(self):
        _, clients = self.start_with_clients()
        self.succeed('drain')
        self.assert_fails(['drain'], 'upgrade')
        self.succeed('cancel-drain')
        self.assert_served(clients)

    def test_monitor_continues_through_upgrades(self):
        server, clients = self.start_with_clients()
        monitor = self.begin_ctl('monitor', '--json')
        monitor.wait_event('state', connections=3)
        for number in range(2, 8):
            self.succeed('upgrade')
            server.follow()
            monitor.wait_event('upgraded', generation=number, moved=number + 1, lost=0)
            clients.append(self.connect(server))
            monitor.wait_event('client-connected', id=number + 2)
            self.assert_served(clients)
        monitor.wait_event('messages', messages_published=6, messages_delivered=39)  # 4 + … + 9
        for number, client in enumerate(clients, 1):
            client.leave()
            monitor.wait_event('client-disconnected', id=number, code=1000)
        self.succeed('drain', '--wait')
        self.assertEqual((0, ''), monitor.wait_exit())
        names = [event['event'] for event in monitor.events()]
        self.assertEqual((6, 1), (names.count('upgraded'), names.count('ended')))


if __name__ == '__main__':
    tap.main(jobs=3)
