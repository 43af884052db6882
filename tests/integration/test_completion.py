# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Completion in an interactive bash on a terminal, without the package bash-completion."""

import os
import pty
import re
import select
import subprocess

import tap
from bus import Bus
from waiting import Deadline
from ringdown import RingdownTestCase, clean_environment

BUILD = os.environ['RINGDOWN_BUILD']
PROGRAMS = {name: os.path.join(BUILD, directory, name)
            for name, directory in (('ringdown', 'src/daemon'), ('ringdownctl', 'src/ctl'))}
INSERT_ALL = '\x1b*'  # readline: insert-completions
TAB = '\t'


def read_until(terminal, condition, seconds=10):
    """Reads the terminal until CONDITION is true for the output, or the end; returns the output."""
    deadline = Deadline(seconds)
    shown = b''
    while not condition(shown):
        if not select.select([terminal], [], [], deadline.remaining)[0]:
            raise AssertionError(f'the terminal stays at {shown!r}')
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the other side is closed
            return shown
    return shown


class CompletionTestCase(RingdownTestCase):
    bus_environment = {}  # the bus of the service

    def environment(self):
        path = os.pathsep.join([*map(os.path.dirname, PROGRAMS.values()), os.environ['PATH']])
        return clean_environment(self.directory, {'PATH': path, **self.bus_environment})

    def type(self, keys):
        """Types KEYS and Return in an interactive bash; returns the arguments of the command."""
        said = os.path.join(self.directory, 'said')
        startup = os.path.join(self.directory, 'startup')
        command = keys.split()[0]
        with open(startup, 'w', encoding='utf-8') as file:
            file.write(f'. {BUILD}/data/completions/{command}\n'
                       f'{command}() {{ printf "%s\\n" "$@" >{said}; exit; }}\n'
                       'PS1=READY\n')

        ours, theirs = pty.openpty()
        environment = {**self.environment(), 'TERM': 'dumb', 'INPUTRC': '/dev/null'}
        with subprocess.Popen(['bash', '--rcfile', startup, '-i'], cwd=self.directory,
                              env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
                              start_new_session=True) as bash:
            os.close(theirs)
            try:
                read_until(ours, lambda shown: b'READY' in shown)
                os.write(ours, keys.encode() + b'\n')
                shown = read_until(ours, lambda shown: False)
                self.assertNotRegex(shown.decode(), 'bash: |not found', 'bash complained')
            finally:
                bash.kill()
                os.close(ours)
        with open(said, encoding='utf-8') as file:
            return file.read().splitlines()

    def candidates(self, line):
        """Returns the arguments after all completions of LINE are inserted, sorted."""
        return sorted(self.type(line + INSERT_ALL))

    def listed(self, *command):
        """Returns the options in the help of COMMAND, with “=” if they take a value, and the
        commands."""
        text = subprocess.run([*command, '--help'], env=self.environment(), capture_output=True,
                              text=True, check=True).stdout
        return (re.findall(r'(?m)^ +(?:-\w, )?(--[\w-]+=?)', text),
                re.findall(r'(?m)^  ([a-z][\w-]+)', text.partition('Commands:')[2]))


class RingdownTest(CompletionTestCase):
    def test_all_options_are_offered(self):
        options, _ = self.listed(PROGRAMS['ringdown'])
        self.assertEqual(sorted(options), self.candidates('ringdown '))

    def test_options_are_offered_after_others(self):
        for before in '--reuse-port', '--port=1', '--bus session':
            with self.subTest(before):
                self.assertEqual(
                    sorted([*before.split(),
                            '--drain-code=', '--drain-grace=', '--drain-interval=',
                            '--drain-timeout=']),
                    self.candidates(f'ringdown {before} --drain-'))

    def test_values_follow_without_a_space(self):
        self.assertEqual(['--max-clients=5'], self.type(f'ringdown --max-c{TAB}5'))

    def test_flags_are_followed_by_a_space(self):
        self.assertEqual(['--reuse-port', 'x'], self.type(f'ringdown --reu{TAB}x'))

    def test_buses_are_offered(self):
        self.assertEqual(['--bus=none', 'session', 'system'], self.candidates('ringdown --bus='))
        self.assertEqual(['--bus=session', 'system'], self.candidates('ringdown --bus=s'))
        self.assertEqual(['--bus', 'none', 'session', 'system'], self.candidates('ringdown --bus '))
        self.assertEqual(['--bus=system'], self.type(f'ringdown --bus=sy{TAB}'))

    def test_close_codes_are_offered(self):
        self.assertEqual(['--drain-code=1001', '1012'], self.candidates('ringdown --drain-code='))

    def test_files_are_offered_for_the_key_file(self):
        os.mkdir(os.path.join(self.directory, 'etc'))
        with open(os.path.join(self.directory, 'etc', 'a b.conf'), 'w', encoding='utf-8'):
            pass
        self.assertEqual(['--config=etc/a b.conf'], self.type(f'ringdown --config=e{TAB}a{TAB}'))
        self.assertEqual(['--config', 'etc/a b.conf'], self.type(f'ringdown --config etc/{TAB}'))

    def test_other_values_are_not_offered(self):
        self.assertEqual(['--port='], self.type(f'ringdown --port={TAB}'))
        self.assertEqual(['--instance'], self.type(f'ringdown --instance {INSERT_ALL}'))
        self.assertEqual(['--nonsense'], self.type(f'ringdown --nonsense{TAB}'))


class RingdownctlTest(CompletionTestCase):
    def setUp(self):
        super().setUp()
        self.options, self.commands = self.listed(PROGRAMS['ringdownctl'])

    def test_all_commands_are_offered(self):
        self.assertIn('status', self.commands)
        self.assertEqual(sorted(self.commands), self.candidates('ringdownctl '))
        self.assertEqual(sorted(['help', *self.commands]), self.candidates('ringdownctl help '))

    def test_all_options_are_offered(self):
        self.assertEqual(sorted(self.options), self.candidates('ringdownctl -'))

    def test_all_options_of_each_command_are_offered(self):
        for command in self.commands:
            with self.subTest(command):
                options, _ = self.listed(PROGRAMS['ringdownctl'], command)
                self.assertEqual(sorted([command, *set(options)]),
                                 self.candidates(f'ringdownctl {command} -'))

    def test_commands_are_found_after_options(self):
        for before in '--json', '--instance=blue', '--instance blue', '--system --address=x':
            with self.subTest(before):
                self.assertEqual([*before.split(), 'drain', '--timeout=5'],
                                 self.type(f'ringdownctl {before} dr{TAB}--ti{TAB}5'))

    def test_other_values_are_not_offered(self):
        for line in 'drain --timeout=', '--address=', 'publish ', 'status ', 'disconnect --code=':
            with self.subTest(line):
                self.assertEqual(line.split(), self.type(f'ringdownctl {line}{INSERT_ALL}'))


class ClientsTest(CompletionTestCase):
    def test_clients_of_the_selected_service_are_offered(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        self.bus_environment = bus.environment
        servers = [self.start('--bus=session', *options, environment=bus.environment)
                   for options in ([], ['--instance=blue'])]
        for count, server in enumerate(servers, 1):
            for _ in range(count):
                self.connect(server)
            server.wait_clients(count)

        for count, instance in enumerate(([], ['--instance=blue']), 1):
            name = 'org.ringdown.Ringdown' + ('.iblue' if instance else '')
            ids = [str(client['id']['data']) for client in bus.call('ListClients', name=name)[0]]
            self.assertEqual(count, len(ids))
            line = ' '.join(['ringdownctl', *instance, 'disconnect '])
            self.assertEqual(sorted([*instance, 'disconnect', *ids]), self.candidates(line))

    def test_no_client_is_offered_without_a_service(self):
        self.bus_environment = {'DBUS_SESSION_BUS_ADDRESS': f'unix:path={self.directory}/nowhere'}
        self.assertEqual(['disconnect'], self.candidates('ringdownctl disconnect '))


if __name__ == '__main__':
    tap.main(jobs=4)
