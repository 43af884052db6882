# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Untrusted output of a service: escape sequences, huge numbers, values of wrong types. ringdownctl
prints it as printable text or valid JSON, or prints one error."""

import signal

import tap
from bus import NAME
from ctl import COLUMNS, CtlTestCase, columns_of
from gi.repository import GLib
from fake_service import FakeService
from waiting import SLOWNESS

EVIL = 'a\x1b[31mb\x07c\u009b2Jd\ne\r\tf\u202eg"h\\i\U000e0001j\u200b'
SHOWN = (r'a\u001b[31mb\u0007c\u009b2Jd\u000ae\u000d\u0009f\u202eg"h\i\ue0001j\u200b')
HUGE = (1 << 63) - 1  # largest value of a counter: a double cannot represent it
PROPERTIES = {
    'Version': ('s', EVIL), 'State': ('s', 'running'), 'Instance': ('s', EVIL),
    'Addresses': ('as', [EVIL, 'ws://' + 'x' * 200]), 'Connections': ('u', 3),
    'PeakConnections': ('u', (1 << 32) - 1), 'TotalConnections': ('t', HUGE),
    'MessagesPublished': ('t', HUGE), 'MessagesDelivered': ('t', HUGE - 1),
    'DrainSecondsLeft': ('u', (1 << 32) - 1), 'BusState': ('s', EVIL), 'Nodes': ('aa{sv}', []),
    'Generation': ('u', 1), 'Handover': ('a{sv}', {}),
}
CLIENT = {'id': ('t', HUGE), 'remote': ('s', EVIL), 'connected': ('t', HUGE),
          'received': ('t', HUGE), 'sent': ('t', HUGE - 2), 'behind': ('t', 0)}


class UntrustedTestCase(CtlTestCase):
    def fake_service(self, properties=(), **replies):
        fake = FakeService(self.bus, {**PROPERTIES, **dict(properties)}, replies)
        self.addCleanup(fake.leave)
        return fake


class TextTest(UntrustedTestCase):
    def test_status(self):
        self.fake_service()
        text = self.succeed('status')
        self.assertEqual(4, text.count(SHOWN))
        self.assertIn(f'3 now, peak {(1 << 32) - 1}, {HUGE} in total', text)
        self.assertIn(f'{HUGE} published, {HUGE - 1} delivered', text)

    def test_status_is_wrapped_to_the_width_of_a_terminal(self):
        self.fake_service()
        lines = self.on_terminal('status').splitlines()
        address = [line for line in lines if 'xxx' in line]
        self.assertEqual([COLUMNS] * 2, [columns_of(line) for line in address[:2]])
        self.assertEqual('ws://' + 'x' * 200, ''.join(line.strip() for line in address))
        self.assertIn('x' * 200, self.succeed('status'))

    def test_unknown_state(self):
        self.fake_service({'State': ('s', EVIL)})
        self.assertIn(fr'{NAME}: a\u001b[31mb', self.succeed('status'))

    def test_clients(self):
        clients = [{name: GLib.Variant(*value) for name, value in client.items()} for client in (
            CLIENT, {**CLIENT, 'remote': ('s', 'weit ' + '宽' * 60)},
            {**CLIENT, 'remote': ('s', 'e\u0301' * 90)}, {}, {'id': ('s', 'one')},
            {'remote': ('u', 5)})]
        self.fake_service(ListClients=GLib.Variant('(aa{sv})', (clients,)))
        text = self.succeed('clients')
        self.assertIn(SHOWN, text)
        self.assertIn(str(HUGE), text)
        self.assertIn('8.0\xa0EiB', text)
        lines = self.on_terminal('clients').splitlines()
        self.assertEqual(1, len({columns_of(line) for line in lines[:4]}))
        self.assertLessEqual(columns_of(lines[0]), COLUMNS)
        self.assertIn('…', lines[2])
        self.assertEqual('6 clients are connected.', lines[-1])

    def test_message_id(self):
        self.fake_service(Publish=GLib.Variant('(s)', (EVIL,)))
        self.assertEqual(SHOWN + '\n', self.succeed('publish', 'x'))

    def test_errors(self):
        refusals = [('org.ringdown.Error.InvalidArgument', EVIL),
                    ('org.example.Evil', EVIL), ('org.freedesktop.DBus.Error.Failed', EVIL)]
        for name, message in refusals:
            fake = FakeService(self.bus, PROPERTIES, {
                method: (name, message) for method in ('Publish', 'Drain', 'Shutdown',
                                                       'ListClients', 'DisconnectClient',
                                                       'CancelDrain', 'SetClientSignals',
                                                       'Upgrade')})
            for command in (('publish', 'x'), ('drain',), ('shutdown',), ('clients',),
                            ('disconnect', '1'), ('cancel-drain',), ('monitor',), ('upgrade',),
                            ('drain', '--wait')):
                with self.subTest(command=command, name=name):
                    self.assert_fails([f'ringdownctl: {SHOWN}\n'], *command)
            fake.leave()

    def test_monitor(self):
        fake = self.fake_service()
        monitors = [self.begin_ctl('monitor', on_terminal=on_terminal)
                    for on_terminal in (False, True)]
        for monitor in monitors:
            monitor.wait_for('running, 3 clients')
        fake.emit('ClientConnected', GLib.Variant('(ts)', (HUGE, EVIL)))
        fake.change(State=('s', EVIL))
        for monitor in monitors:
            monitor.wait_for(fr'client {HUGE} connected from a\\u001b\[31mb')
            monitor.wait_for(fr'{NAME}: a\\u001b\[31mb')
        self.assertIn(SHOWN, monitors[0].output)  # Screen refuses unknown escape sequences


class JsonTest(UntrustedTestCase):
    def test_status_has_the_values_of_the_properties(self):
        self.fake_service()
        status = self.json('status')
        for name, (_, value) in PROPERTIES.items():
            if name == 'Nodes':
                continue  # only with --all
            key = ''.join(f'_{c.lower()}' if c.isupper() else c for c in name).lstrip('_')
            with self.subTest(key):
                self.assertEqual(value, status.pop(key))
        self.assertEqual({}, status)

    def test_clients(self):
        client = {name: GLib.Variant(*value) for name, value in CLIENT.items()}
        self.fake_service(ListClients=GLib.Variant('(aa{sv})', ([client, {}],)))
        self.assertEqual([{name: value for name, (_, value) in CLIENT.items()}, {}],
                         self.json('clients'))

    def test_clients_omit_values_that_json_cannot_represent(self):
        client = {'id': GLib.Variant('t', 5), 'sent': GLib.Variant('d', float('nan')),
                  'new': GLib.Variant('d', float('inf'))}
        self.fake_service(ListClients=GLib.Variant('(aa{sv})', ([client],)))
        self.assertEqual([{'id': 5}], self.json('clients'))

    def test_message_id(self):
        self.fake_service(Publish=GLib.Variant('(s)', (EVIL,)))
        self.assertEqual({'id': EVIL}, self.json('publish', 'x'))

    def test_monitor(self):
        fake = self.fake_service()
        monitor = self.begin_ctl('monitor', '--json')
        monitor.wait_event('state', state='running')
        fake.emit('ClientConnected', GLib.Variant('(ts)', (HUGE, EVIL)))
        monitor.wait_event('client-connected', id=HUGE, remote=EVIL)
        fake.change(MessagesDelivered=('t', HUGE))
        monitor.wait_event('messages', messages_delivered=HUGE)
        self.assertNotRegex(monitor.output, r'[\x00-\x09\x0b-\x1f\x7f-\x9f]')


class InvalidTest(UntrustedTestCase):
    def test_another_program_with_the_name_of_the_service(self):
        unknown = ('org.freedesktop.DBus.Error.UnknownMethod', 'No such method')
        self.fake_service(Publish=unknown, ListClients=unknown)
        self.assert_fails([NAME, 'another program'], 'publish', 'x')
        self.assert_fails([NAME, 'another program'], 'clients')

    def test_sigint_ends_the_wait_for_a_reply(self):
        for command in ('status',), ('monitor',), ('upgrade',), ('drain', '--wait'):
            fake = FakeService(self.bus, PROPERTIES, {'GetAll': None, 'SetClientSignals': None})
            with self.subTest(command):
                asking = self.begin_ctl(*command)
                self.assertTrue(fake.got_unanswered_call.wait(10 * SLOWNESS))
                asking.signal(signal.SIGINT)
                self.assertEqual((-signal.SIGINT, ''), asking.wait_exit())
            fake.leave()

    def test_replies_of_a_wrong_type(self):
        wrong = GLib.Variant('(u)', (5,))
        self.fake_service(Publish=wrong, ListClients=wrong, Drain=wrong, DisconnectClient=wrong,
                         Upgrade=wrong)
        for command in (('publish', 'x'), ('clients',), ('drain',), ('disconnect', '1'),
                        ('upgrade',)):
            with self.subTest(command):
                self.assert_fails([], *command)

    def test_properties_of_a_wrong_type(self):
        self.fake_service({'Connections': ('s', 'three')})
        for command in (('status',), ('drain',), ('drain', '--wait'), ('monitor',),
                        ('upgrade',)):
            with self.subTest(command):
                self.assert_fails([NAME, 'Connections'], *command)

    def test_signals_of_a_wrong_type_are_ignored(self):
        fake = self.fake_service()
        monitor = self.begin_ctl('monitor', '--json')
        monitor.wait_event('state', state='running')
        for member in 'ClientConnected', 'ClientDisconnected', 'DrainProgress':
            fake.emit(member, GLib.Variant('(s)', ('x',)))
        fake.emit('PropertiesChanged', GLib.Variant('(s)', ('x',)),
                      'org.freedesktop.DBus.Properties')
        fake.change(State=('u', 5), Connections=('s', 'x'), Unknown=('s', 'x'))
        fake.change(State=('s', 'draining'))
        monitor.wait_event('state', state='draining', connections=3)
        self.assertEqual(2, len(monitor.events()))
        fake.change(State=('s', 'drained'))
        monitor.wait_event('state', state='drained')
        fake.leave()
        self.assertEqual((0, ''), monitor.wait_exit())


if __name__ == '__main__':
    tap.main(jobs=3)
