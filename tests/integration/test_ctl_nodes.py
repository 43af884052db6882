# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Output of “ringdownctl status --all”: on a terminal of 80 columns, in a pipe, as JSON. Texts are
compared with examples/ctl/; see test_ctl.py."""

import json

import tap
from bus import NAME
from ctl import COLUMNS, CtlTestCase, columns_of
from gi.repository import GLib
from fake_service import FakeService

EVIL = 'a\x1b[31mb\x07c\u009b2Jd\ne\r\tf\u202eg"h\\i\U000e0001j\u200b'
SHOWN = r'a\u001b[31mb\u0007c\u009b2Jd\u000ae\u000d\u0009f\u202eg"h\i\ue0001j\u200b'
CONNECTED = 'redis: connected'
DOWN = 'redis: down since 2026-11-22T18:00:00Z: Connection refused'
REFUSES = ("redis: refuses messages since 2026-11-22T18:00:00Z: OOM command not allowed when used "
           "memory > 'maxmemory'.")
PROPERTIES = {
    'Version': ('s', '1.2.3'), 'State': ('s', 'running'), 'Instance': ('s', '1'),
    'Addresses': ('as', ['ws://127.0.0.1:8000/ws']), 'Connections': ('u', 12),
    'PeakConnections': ('u', 20), 'TotalConnections': ('t', 100), 'MessagesPublished': ('t', 5),
    'MessagesDelivered': ('t', 60), 'DrainSecondsLeft': ('u', 0),
    'Generation': ('u', 1), 'Handover': ('a{sv}', {}),
}
NODE = {'id': ('s', '5eed'), 'host': ('s', 'alpha'), 'pid': ('u', 812), 'instance': ('s', '1'),
        'state': ('s', 'running'), 'clients': ('u', 12), 'version': ('s', '1.2.3'),
        'self': ('b', True)}
NODES = [NODE,
         {**NODE, 'id': ('s', '5eee'), 'pid': ('u', 813), 'instance': ('s', '2'),
          'state': ('s', 'draining'), 'clients': ('u', 3), 'self': ('b', False)},
         {**NODE, 'id': ('s', '5eef'), 'host': ('s', 'beta-with-a-longer-name'), 'pid': ('u', 40),
          'instance': ('s', ''), 'clients': ('u', 12000), 'version': ('s', '1.3.0'),
          'self': ('b', False)}]
MOST = (1 << 32) - 1


def plain(node):
    return {name: value for name, (_, value) in node.items()}


class NodesTestCase(CtlTestCase):
    def fake_service(self, nodes, bus_state=CONNECTED):
        packed = [{name: GLib.Variant(*value) for name, value in node.items()} for node in nodes]
        fake = FakeService(self.bus, {**PROPERTIES, 'BusState': ('s', bus_state),
                                       'Nodes': ('aa{sv}', packed)}, {})
        self.addCleanup(fake.leave)

    def assert_examples(self, name, *arguments):
        self.assert_example(name, self.on_terminal(*arguments))
        self.assert_example(f'{name}-piped', self.succeed(*arguments))


class LocalTest(CtlTestCase):
    def test_the_number_of_own_clients_is_current(self):
        server = self.start_service()
        for number in range(1, 4):
            self.connect(server)
            status = json.loads(self.succeed('status', '--all', '--json'))
            self.assertEqual(number, status['clients'])
            self.assertEqual(number, status['nodes'][0]['clients'])


class TextTest(NodesTestCase):
    def test_three_nodes(self):
        self.fake_service(NODES)
        self.assert_examples('status-all', 'status', '--all')

    def test_redis_is_down(self):
        self.fake_service([NODE], DOWN)
        self.assert_examples('status-all-alone', 'status', '--all')

    def test_long_bus_state_is_wrapped(self):
        self.fake_service([NODE], REFUSES)
        self.assert_examples('status-all-refused', 'status', '--all')
        self.assert_examples('status-refused', 'status')

    def test_wide_cells_are_cut(self):
        self.fake_service([
            {**NODE, 'host': ('s', 'host' * 60), 'instance': ('s', 'instance' * 20)},
            {**NODE, 'host': ('s', '宽' * 60), 'instance': ('s', 'e\u0301' * 90)},
            {**NODE, 'pid': ('u', MOST), 'clients': ('u', MOST), 'version': ('s', '1' * 200),
             'state': ('s', 'state' * 20)}], EVIL * 5)
        lines = self.on_terminal('status', '--all').splitlines()
        for line in lines[1:4]:
            self.assertIn('…', line)
        self.assertIn(f' {MOST} ', lines[3])
        self.assertLessEqual(max(map(columns_of, lines)), COLUMNS)
        self.assertEqual(SHOWN * 5, ''.join(line[len('Bus: '):] for line in lines[6:]))
        self.assertIn('host' * 60, self.succeed('status', '--all'))

    def test_totals_do_not_overflow(self):
        self.fake_service([{**NODE, 'clients': ('u', MOST), 'state': ('s', 'draining')}] * 1000)
        self.assertIn(f'Nodes: 1000 (1000 draining), clients: {MOST * 1000}\n',
                      self.succeed('status', '--all'))

    def test_untrusted_text_is_made_printable(self):
        self.fake_service([{**NODE, **{name: ('s', EVIL) for name in
                                      ('host', 'instance', 'state', 'version')}}, {},
                          {'host': ('u', 5), 'pid': ('s', 'one'), 'new': ('d', float('nan'))}],
                         EVIL)
        text = self.succeed('status', '--all')
        self.assertEqual(5, text.count(SHOWN))
        self.assertIn('Nodes: 3 (0 draining), clients: 12', text)


class JsonTest(NodesTestCase):
    def test_three_nodes(self):
        self.fake_service(NODES)
        self.assertEqual({'nodes': [plain(node) for node in NODES], 'workers': 3, 'clients': 12015,
                          'draining': 1, 'bus_state': CONNECTED}, self.json('status', '--all'))

    def test_unknown_keys_are_omitted(self):
        self.fake_service([{**NODE, 'host': ('s', EVIL), 'pid': ('t', 1 << 40),
                           'new': ('d', float('inf'))}, {}], EVIL)
        known = plain({**NODE, 'host': ('s', EVIL)})
        del known['pid']
        self.assertEqual({'nodes': [known, {}], 'workers': 2, 'clients': 12, 'draining': 0,
                          'bus_state': EVIL}, self.json('status', '--all'))

    def test_nodes_are_only_shown_with_all(self):
        self.fake_service(NODES)
        self.assertNotIn('nodes', self.json('status'))


class AloneTest(NodesTestCase):
    """A service without Redis."""

    def test_service_lists_itself(self):
        server = self.start_service('--instance=left-1')
        for _ in range(2):
            self.connect(server)
        status = self.json('status', '--all', '--instance=left-1')
        [node] = status['nodes']
        self.assertEqual((server.pid, 'left-1', 'running', 2, True),
                         tuple(node[key] for key in ('pid', 'instance', 'state', 'clients',
                                                     'self')))
        self.assertEqual((1, 2, 0, 'local'), tuple(
            status[key] for key in ('workers', 'clients', 'draining', 'bus_state')))
        self.assertRegex(self.succeed('status', '--all', '--instance=left-1'),
                         fr'(?m)^{node["host"]} +{server.pid}  left-1 +running +2  ')

    def test_draining(self):
        client = self.connect(self.start_service())
        self.bus.call('Shutdown')
        self.assertEqual(1, self.json('status', '--all')['draining'])
        self.assertIn('Nodes: 1 (1 draining), clients: 1\nBus: local\n',
                      self.succeed('status', '--all'))
        client.leave()


class AnotherVersionTest(CtlTestCase):
    def test_missing_property_is_named(self):
        fake = FakeService(self.bus, {**PROPERTIES, 'BusState': ('s', 'local')}, {})
        self.addCleanup(fake.leave)
        self.assert_fails([NAME, 'Nodes', 'another version'], 'status', '--all')


if __name__ == '__main__':
    tap.main(jobs=3)
