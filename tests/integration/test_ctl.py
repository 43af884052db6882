# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Output of each command of ringdownctl: on a terminal of 80 columns, in a pipe, as JSON.

The texts are compared with examples/ctl/. When they are meant to change, run the tests with
RINGDOWN_RECORD=1 in the environment, which stores what is printed, and look at the difference. An
escape character is stored as ␛, and what differs from run to run as letters: see ctl.py.
"""

import re
import time

import tap
from ctl import ESCAPE, CtlTestCase
from waiting import eventually
from ringdown import ADDRESS

COMMANDS = ('status', 'clients', 'publish', 'disconnect', 'upgrade', 'drain', 'cancel-drain',
            'shutdown', 'monitor', 'help')
ESCAPES = re.compile(r'\x1b\[\d*m')


class ExampleTestCase(CtlTestCase):
    def assert_examples(self, name, *arguments):
        """Compares the output with stored examples: on a terminal with colours, and in a pipe."""
        self.assert_example(name, self.on_terminal(*arguments))
        self.assert_example(f'{name}-piped', self.succeed(*arguments))

    def settle(self, **properties):
        """Waits until the service has these properties."""
        for name, value in properties.items():
            eventually(lambda n=name, v=value: self.bus.property(n) == v, f'{name} to be {value}')

    def clients(self, server, count):
        clients = [self.connect(server) for _ in range(count)]
        self.settle(Connections=count, PeakConnections=count, TotalConnections=count)
        return clients


class HelpTest(ExampleTestCase):
    def test_program(self):
        self.assert_examples('help', '--help')

    def test_each_command(self):
        for command in COMMANDS:
            with self.subTest(command):
                self.assert_examples(f'help-{command}', command, '--help')
                self.assertEqual(self.succeed(command, '--help'), self.succeed('help', command))

    def test_version(self):
        self.assertRegex(self.succeed('--version'), r'\Aringdownctl \d+\.\d+\.\d+\n\Z')

    def test_help_needs_no_bus(self):
        nowhere = self.environment(DBUS_SESSION_BUS_ADDRESS='unix:path=/nowhere')
        for arguments in (('--help',), ('-h',), ('help',), ('status', '-h'), ('drain', '--help'),
                          ('--version',), ('status', '--version')):
            with self.subTest(arguments):
                self.succeed(*arguments, environment=nowhere)


class StatusTest(ExampleTestCase):
    def test_running(self):
        server = self.start_service()
        one, two = self.clients(server, 2)
        one.text('x')
        for client in one, two:
            client.expect_text('x')
        self.settle(MessagesPublished=1, MessagesDelivered=2)
        self.assert_examples('status', 'status')

    def test_instance_with_two_addresses(self):
        self.start_service('--instance=left-1', '--address=127.0.0.1,127.0.0.2')
        self.assert_example('status-instance', re.sub(
            r'(?<=127\.0\.0\.2:)\d+', 'PPPPP', self.on_terminal('status', '--instance=left-1')))

    def test_draining(self):
        server = self.start_service()
        clients = self.clients(server, 4)
        self.bus.call('Shutdown')
        clients[0].leave()
        self.settle(State='draining', Connections=3)
        self.assert_examples('status-draining', 'status')
        self.assertLess(29 * 60, self.json('status')['drain_seconds_left'])

    def test_json(self):
        server = self.start_service()
        self.clients(server, 1)
        status = self.json('status')
        version = status.pop('version')
        self.assertRegex(version, r'^\d+\.\d+\.\d+$')
        self.assertEqual({
            'state': 'running', 'instance': '', 'addresses': [f'ws://{ADDRESS}:{server.port}/ws'],
            'connections': 1, 'peak_connections': 1, 'total_connections': 1,
            'messages_published': 0, 'messages_delivered': 0, 'drain_seconds_left': 0,
            'bus_state': 'local', 'generation': 1, 'handover': {}}, status)


class ClientsTest(ExampleTestCase):
    def test_no_clients(self):
        self.start_service()
        self.assert_examples('clients-none', 'clients')
        self.assertEqual([], self.json('clients'))

    def test_clients(self):
        server = self.start_service()
        one, two = self.clients(server, 2)
        one.text('x' * 2000)
        for client in one, two:
            client.expect_text('x' * 2000)
        eventually(lambda: all(client['sent'] > 2000 for client in self.json('clients')),
                   'the bytes sent')
        self.assert_examples('clients', 'clients')

    def test_json(self):
        server = self.start_service()
        began = time.time()
        client = self.connect(server)
        [entry] = self.json('clients')
        self.assertEqual({'id', 'remote', 'connected', 'received', 'sent', 'behind'}, set(entry))
        host, port = client.socket.getsockname()
        self.assertEqual(f'{host}:{port}', entry['remote'])
        self.assertTrue(began - 1 < entry['connected'] / 1e6 < time.time() + 1)


class PublishTest(ExampleTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.start_service()
        self.client = self.connect(self.server)

    def test_message(self):
        self.assert_examples('publish', 'publish', 'to all')
        for _ in range(2):
            self.client.expect_text('to all')

    def test_json(self):
        self.assertRegex(self.json('publish', 'x')['id'], r'^\d{13}-\d+$')

    def test_standard_input_without_its_last_newline(self):
        for arguments in (), ('-',):
            for stdin, message in ((b'line\n', 'line'), (b'two\nlines\n\n', 'two\nlines\n'),
                                   (b'no newline', 'no newline'), (b'\n', ''),
                                   ('grüße \U0001f6f0'.encode(), 'grüße \U0001f6f0')):
                with self.subTest(arguments=arguments, stdin=stdin):
                    self.succeed('publish', *arguments, stdin=stdin)
                    self.client.expect_text(message)

    def test_empty_message_requires_a_dash(self):
        self.assert_fails(['no message given'], 'publish', stdin=b'')
        self.succeed('publish', '-', stdin=b'')
        self.client.expect_text('')

    def test_message_like_an_option_follows_two_dashes(self):
        for message in '-5', '--json', '-', '--':
            with self.subTest(message):
                self.succeed('publish', '--', message, stdin=b'-')
                self.client.expect_text(message)

    def test_all_characters_are_sent_unchanged(self):
        message = 'bell \a, escape \x1b[31m, C1 \x9b, newline \n, \u202e'
        self.succeed('publish', message)
        self.client.expect_text(message)

    def test_longest_message(self):
        message = 'x' * 65536
        self.succeed('publish', stdin=message.encode())
        self.client.expect_text(message)

    def test_too_long_messages_are_refused(self):
        self.assert_fails(['65537', '65536'], 'publish', stdin=b'x' * 65537)
        self.assert_fails(['16 MiB'], 'publish', stdin=b'x' * ((16 << 20) + 2))

    def test_messages_other_than_text_are_refused(self):
        for stdin in b'\xff', b'nul \0', b'half \xc3':
            with self.subTest(stdin):
                self.assert_fails(['UTF-8'], 'publish', stdin=stdin)

    def test_message_is_required_on_a_terminal(self):
        running = self.begin_ctl('publish', on_terminal=True)
        status, errors = running.wait_exit()
        self.assertEqual(1, status)
        self.assert_error(errors, 'no message')


class DisconnectTest(ExampleTestCase):
    def test_default_code(self):
        server = self.start_service()
        clients = [self.connect(server) for _ in range(2)]
        self.assert_example('disconnect', self.on_terminal('disconnect', '1'))
        self.assert_example('disconnect-piped', self.succeed('disconnect', '2'))
        for client in clients:
            client.expect_close(1000, '')

    def test_code_and_reason(self):
        client = self.connect(self.start_service())
        self.assertEqual({'id': 1, 'code': 4001, 'reason': 'geh heim, ö'}, self.json(
            'disconnect', '--code=4001', '1', '--reason', 'geh heim, ö'))
        client.expect_close(4001, 'geh heim, ö')


class DrainTest(ExampleTestCase):
    def test_drain_and_cancel(self):
        server = self.start_service()
        [client] = self.clients(server, 1)
        self.assert_examples('drain', 'drain')
        self.assert_example('drain-again', self.on_terminal('drain'))
        self.assert_example('cancel-drain', self.on_terminal('cancel-drain'))
        self.assertEqual({'state': 'draining', 'connections': 1}, self.json('drain'))
        self.assertEqual({'state': 'running'}, self.json('cancel-drain'))
        client.text('still here')
        client.expect_text('still here')
        self.connect(server)

    def test_timeout_is_rounded_up_to_seconds(self):
        server = self.start_service()
        self.clients(server, 1)
        for timeout, seconds in (('1h', 3600), ('100', 100), ('2min', 120), ('90500ms', 91)):
            with self.subTest(timeout):
                self.succeed('drain', f'--timeout={timeout}')
                eventually(lambda s=seconds: s - 5 <= self.bus.property('DrainSecondsLeft') <= s,
                           f'{seconds} s left')

    def test_shutdown(self):
        for arguments in ('shutdown',), ('shutdown', '--json'):
            server = self.start_service()
            client = self.connect(server)
            self.succeed(*arguments)
            self.settle(State='draining')
            client.leave()
            self.assertEqual(0, server.wait_exit())

    def test_drain_without_clients_ends_the_service(self):
        for command in 'drain', 'shutdown':
            server = self.start_service()
            self.assertEqual({'state': 'draining', 'connections': 0}, self.json(command))
            self.assertEqual(0, server.wait_exit())


class SelectionTest(ExampleTestCase):
    """Options that select the service, before and after the command."""

    def state(self, *arguments, **environment):
        return self.json(*arguments, environment=self.environment(**environment))['state']

    def test_address(self):
        self.start_service()
        nowhere = {'DBUS_SESSION_BUS_ADDRESS': 'unix:path=/nowhere'}
        for arguments in (('status', f'--address={self.bus.address}'),
                          (f'--address={self.bus.address}', 'status'),
                          ('--address', self.bus.address, 'status')):
            with self.subTest(arguments):
                self.assertEqual('running', self.state(*arguments, **nowhere))

    def test_system(self):
        system = {'DBUS_SYSTEM_BUS_ADDRESS': self.bus.address}
        self.start('--bus=system', environment=system)
        nowhere = {'DBUS_SESSION_BUS_ADDRESS': 'unix:path=/nowhere', **system}
        self.assertEqual('running', self.state('--system', 'status', **nowhere))

    def test_instance(self):
        for name in 'a', 'left-1', 'über':
            self.start_service(f'--instance={name}')
            with self.subTest(name):
                self.assertEqual(name, self.json('status', f'--instance={name}')['instance'])
        self.assert_fails(['org.ringdown.Ringdown '], 'status')


class ColourTest(ExampleTestCase):
    def test_colours_can_be_disabled(self):
        server = self.start_service()
        self.clients(server, 1)
        coloured = self.on_terminal('status')
        self.assertIn(ESCAPE, coloured)
        plain = self.succeed('status')
        self.assertEqual(plain, ESCAPES.sub('', coloured))
        for environment in {'NO_COLOR': '1'}, {'TERM': 'dumb'}, {'TERM': ''}:
            with self.subTest(environment):
                self.assertEqual(plain, self.on_terminal('status', **environment))
        self.assertEqual(coloured, self.on_terminal('status', NO_COLOR=''))

    def test_json_has_no_colours(self):
        self.start_service()
        running = self.begin_ctl('status', '--json', on_terminal=True)
        self.assertEqual((0, ''), running.wait_exit())
        self.assertNotIn(ESCAPE, running.output)


if __name__ == '__main__':
    tap.main(jobs=3)
