# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""`ringdown --check`: the settings that it shows, and the problems that it finds."""

import getpass
import grp
import json
import os
import pty
import re
import signal
import socket
import subprocess
import time
import unicodedata
import unittest

import tap
from bus import Bus
from checks import FINE, PORTS, PROBLEMS, WRONG_USAGE, CheckTestCase
from fake_managers import INFINITY, Logind, Refusal, Systemd, service, silence
from fake_service import FakeService
from gi.repository import GLib
from ringdown import ADDRESS, clean_environment, program
from waiting import SLOWNESS, expect_time

MINUTE = 60_000_000
USER_MANAGER = f'user@{os.getuid()}.service'


def columns(text):
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in 'FW')
               for c in text)


class SettingsTest(CheckTestCase):
    def settings(self, *options, **more):
        """The table of settings: a value and a source for each option."""
        lines = self.check('--bus=none', *PORTS, *options, **more).stdout.splitlines()
        rows = [line.split(maxsplit=1) for line in lines if line.startswith('  ')]
        return {name: tuple(cell.strip() for cell in rest.rsplit('  ', 1)) for name, rest in rows}

    def test_defaults_have_no_problems(self):
        self.assert_finds(FINE, {}, '--bus=none', *PORTS)

    def test_each_option_is_shown_with_its_value_and_source(self):
        path = os.path.join(self.directory, 'given.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('[Server]\npath=/file\nport=1\n[Drain]\ndrain-timeout=1800\n')
        settings = self.settings(f'--config={path}', '--max-message=65536', '--subprotocol=b',
                                 '--subprotocol=a', '--drain-code=1001',
                                 environment={'RINGDOWN_PATH': '/variable',
                                              'RINGDOWN_ADDRESS': '127.0.0.1, ::1'})
        expected = {
            'address': ('127.0.0.1 ::1', 'RINGDOWN_ADDRESS'), 'port': ('0', '--port'),
            'path': ('/variable', 'RINGDOWN_PATH'), 'max-message': ('64KiB', '--max-message'),
            'log-size': ('4MiB', 'default'), 'drain-timeout': ('30min', 'key file'),
            'drain-code': ('1001', '--drain-code'), 'subprotocol': ('b a', '--subprotocol'),
            'allow-origin': ('(not set)', 'default'), 'bus': ('none', '--bus')}
        for option, (value, source) in expected.items():
            with self.subTest(option):
                self.assertEqual((value, source), settings[option])

    def test_variables_of_redis_are_shown_as_the_source(self):
        settings = self.settings(environment={'REDIS_PORT': '1', 'REDIS_CHANNEL': 'bell'})
        self.assertEqual(('redis://localhost:1', 'REDIS_PORT'), settings['redis'])
        self.assertEqual('REDIS_CHANNEL', settings['redis-channel'][1])
        settings = self.settings(environment={'REDIS_HOST': '::1', 'REDIS_PORT': '1'})
        self.assertEqual(('redis://[::1]:1', 'REDIS_HOST'), settings['redis'])

    def test_all_options_are_shown_in_their_groups(self):
        shown = self.check('--bus=none', *PORTS).stdout
        helped = subprocess.run([program(), '--help'], capture_output=True, text=True, check=True,
                                env=clean_environment(self.directory)).stdout
        helped = helped.partition('\nApplication')[0].partition('\n[')[1:]

        def names(lines):
            return [line.split()[0].lstrip('-').partition('=')[0] for line in lines
                    if line.startswith(('[', '  '))]
        self.assertEqual(names(''.join(helped).splitlines()),
                         names(shown.partition('\n\n')[2].splitlines()))

    def test_the_key_file_is_named(self):
        os.mkdir(os.path.join(self.directory, 'ringdown'))
        path = os.path.join(self.directory, 'ringdown', 'ringdown.conf')
        self.assertIn('Key file: none\n', self.check('--bus=none').stdout)
        with open(path, 'w', encoding='utf-8'):
            pass
        self.assertIn(f'Key file: {path}\n', self.check('--bus=none').stdout)

    def test_invalid_settings_are_refused_as_at_a_start(self):
        for status, options, environment in (
                (WRONG_USAGE, ['--port=http'], {}), (WRONG_USAGE, ['--colour'], {}),
                (WRONG_USAGE, ['--log-size=64KiB'], {}), (1, [], {'RINGDOWN_PORT': 'http'}),
                (1, ['--config=/nowhere'], {})):
            with self.subTest(options=options, environment=environment):
                done = self.check(*options, environment=environment)
                self.assertEqual((status, ''), (done.returncode, done.stdout))
                self.assertRegex(done.stderr, r'\Aringdown: [^\n]+\n\Z')

    def test_check_cannot_be_set_in_the_environment(self):
        self.start(environment={'RINGDOWN_CHECK': '1'}, warnings=['RINGDOWN_CHECK: unknown'])
        done = self.check('--help')
        self.assertRegex(done.stdout, r'\n  --check  ')
        self.assertNotIn('Key file:', done.stdout)

    def test_ignored_variables_are_reported(self):
        self.assert_finds(PROBLEMS, {'Problems': ['RINGDOWN_PROT: unknown variable'],
                                     'Notes': ['RINGDOWN_PORT: “tcp://h:1” is ignored']},
                          '--bus=none', *PORTS, environment={
                              'RINGDOWN_PROT': '1', 'RINGDOWN_PORT': 'tcp://h:1'})

    def test_control_characters_are_escaped(self):
        done = self.check('--bus=none', *PORTS, '--notify-message=a\x1b[2J\nb\u202ec')
        self.assertIn('a\\u001b[2J\\u000ab\\u202ec', done.stdout)
        self.assertNotIn('\x1b', done.stdout)

    def test_output_fits_a_terminal(self):
        origins = ' '.join(f'https://{i}.example.org' for i in range(60))
        options = ['--bus=none', '--port=0', '--admin-port=0', '--address=0.0.0.0',
                   f'--allow-origin={origins}', f'--notify-message={"通知" * 50}']
        lead, follow = pty.openpty()
        with os.fdopen(lead, 'rb', buffering=0) as screen:
            with os.fdopen(follow, 'wb') as terminal:
                done = self.check(*options, capture_output=False, stdout=terminal,
                                  stderr=subprocess.PIPE)
            lines = self.read_all(screen).decode().split('\r\n')
        self.assertEqual((PROBLEMS, ''), (done.returncode, done.stderr))
        for line in lines:
            self.assertLessEqual(columns(line), 80, line)
            self.assertNotIn('\x1b', line)
        words = ' '.join(lines).split()
        for origin in origins.split():
            self.assertIn(origin, words)

    @staticmethod
    def read_all(screen):
        text = b''
        while True:
            try:
                text += screen.read(65536)
            except OSError:  # the program has closed the terminal
                return text

    def test_failed_output_is_an_error(self):
        with open('/dev/full', 'wb') as full:
            done = self.check('--bus=none', *PORTS, capture_output=False, stdout=full,
                              stderr=subprocess.PIPE)
        self.assertEqual(PROBLEMS, done.returncode)
        done = self.check('--bus=none', *PORTS, prefix=('sh', '-c', 'exec "$@" >&-', 'sh'))
        self.assertEqual((PROBLEMS, ''), (done.returncode, done.stderr))


class MachineTest(CheckTestCase):
    def test_too_few_descriptors_are_a_problem(self):
        for clients, status in ((616, FINE), (617, PROBLEMS)):
            with self.subTest(clients=clients):
                found = {'Problems': ['max-clients is 617, but there are only enough file '
                                      'descriptors for 616']}
                self.assert_finds(status, found if status else {}, '--bus=none', *PORTS,
                                  f'--max-clients={clients}',
                                  prefix=('prlimit', '--nofile=1000:1000'))

    def test_a_used_port_is_a_problem(self):
        with socket.socket() as taken:
            taken.bind((ADDRESS, 0))
            taken.listen()
            port = taken.getsockname()[1]
            for option, other in (('port', '--admin-port=0'), ('admin-port', '--port=0')):
                with self.subTest(option):
                    found = self.assert_finds(
                        PROBLEMS, {'Problems': [f'{ADDRESS}:{port} is in use: ']}, '--bus=none',
                        f'--address={ADDRESS}', f'--admin-address={ADDRESS}',
                        f'--{option}={port}', other)
                    self.assertIn(f"ss -ltnp 'sport = :{port}'", found)
                    self.assertIn(f'or change {option}\n', found)

    def test_a_port_in_time_wait_is_free(self):
        server = self.start('--drain-timeout=0')
        client = self.connect(server)
        port = server.port
        server.signal(signal.SIGTERM)
        client.expect_close(1012)  # the server closes first, so its socket is in TIME_WAIT
        server.wait_exit()
        self.assert_finds(FINE, {}, '--bus=none', f'--port={port}', '--admin-port=0')

    def test_the_same_port_twice_is_a_problem(self):
        self.assert_finds(PROBLEMS, {'Problems': ['conflict: ']}, '--bus=none',
                          '--port=65000', '--admin-port=65000')

    def test_an_address_of_another_machine_is_a_problem(self):
        self.assert_finds(PROBLEMS, {'Problems': ['address (192.0.2.1): other machines can connect',
                                                'cannot listen on 192.0.2.1']},
                          '--bus=none', '--address=192.0.2.1', *PORTS)

    def test_an_exposed_address_is_a_problem(self):
        self.assert_finds(PROBLEMS,
                          {'Problems': ['address (0.0.0.0, ::): other machines can connect']},
                          '--bus=none', '--address=0.0.0.0 localhost', '--address=::',
                          '--reuse-port', *PORTS)
        self.assert_finds(PROBLEMS,
                          {'Problems': ['admin-address (0.0.0.0): other machines can connect']},
                          '--bus=none', '--admin-address=0.0.0.0', *PORTS)
        self.assert_finds(FINE, {}, '--bus=none', '--admin-address=0.0.0.0', '--port=0',
                          '--admin-port=-1')

    def test_a_grace_period_as_long_as_the_drain_is_a_problem(self):
        grace = '--drain-grace=1min'
        self.assert_finds(PROBLEMS, {'Problems': ['drain-grace (1min) is not shorter than']},
                          '--bus=none', *PORTS, grace, '--drain-timeout=1min')
        self.assert_finds(FINE, {}, '--bus=none', *PORTS, grace, '--drain-timeout=61s')
        self.assert_finds(FINE, {}, '--bus=none', *PORTS, '--drain-timeout=0')


class BusTestCase(CheckTestCase):
    """Starts a session bus and a system bus for the test."""

    def setUp(self):
        super().setUp()
        self.session = self.start_bus('session')
        self.system = self.start_bus('system')
        self.environment = {'DBUS_SESSION_BUS_ADDRESS': self.session.address,
                            'DBUS_SYSTEM_BUS_ADDRESS': self.system.address}

    def start_bus(self, name):
        directory = os.path.join(self.directory, name)
        os.mkdir(directory)
        bus = Bus(directory)
        self.addCleanup(bus.stop)
        return bus

    def fake(self, kind, *arguments, **more):
        fake = kind(*arguments, **more)
        self.addCleanup(fake.stop)
        return fake

    def assert_finds(self, status, findings, *options, environment=None, **more):
        return super().assert_finds(status, findings, *PORTS, *options,
                                    environment={**self.environment, **(environment or {})},
                                    **more)

    def fake_session(self, units, stop_us=INFINITY, lingers=True):
        """Starts a fake user manager with UNITS and the stop timeout STOP_US."""
        self.fake(Systemd, self.system, {USER_MANAGER: service(stop_us=stop_us)})
        self.fake(Logind, self.system, GLib.Variant('b', lingers))
        return self.fake(Systemd, self.session, units)


class UnitTest(BusTestCase):
    UNIT = 'ringdown.service'

    def test_without_a_service_manager_the_unit_is_not_checked(self):
        self.assert_finds(FINE, {'Not checked': ['no service manager is on the bus']})

    def test_a_unit_that_is_not_installed_is_not_checked(self):
        self.fake_session({})
        self.assert_finds(FINE, {'Not checked': ['the unit ringdown.service: it is not installed']})

    def test_a_unit_that_can_extend_its_stop_timeout_is_fine(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000)})
        self.assert_finds(FINE, {})

    def test_a_unit_that_cannot_extend_its_stop_timeout_is_a_problem(self):
        for kind, access in (('simple', 'main'), ('notify', 'none'), ('exec', 'all')):
            with self.subTest(kind=kind, access=access):
                unit = service(stop_us=90_000_000, kind=kind, access=access)
                session = Systemd(self.session, {self.UNIT: unit})
                system = Systemd(self.system, {USER_MANAGER: service(stop_us=INFINITY)})
                logind = Logind(self.system, GLib.Variant('b', True))
                try:
                    self.assert_finds(PROBLEMS, {'Problems': [
                        'systemd kills ringdown.service within 1min 30s']})
                    self.assert_finds(FINE, {}, '--drain-timeout=80')
                    self.assert_finds(PROBLEMS, {'Problems': ['drain-timeout']},
                                      '--drain-timeout=80001ms')
                finally:
                    for fake in (session, system, logind):
                        fake.stop()

    def test_a_unit_without_stop_timeout_is_fine(self):
        self.fake_session({self.UNIT: service(stop_us=INFINITY, kind='simple')})
        self.assert_finds(FINE, {})

    def test_a_stop_timeout_too_short_to_extend_is_a_problem(self):
        self.fake_session({self.UNIT: service(stop_us=1_000_000)})
        self.assert_finds(PROBLEMS, {'Problems': ['before the service has asked for more time']})

    def test_a_unit_that_hands_over_at_a_restart_is_fine(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000, **self.restart(16))})
        self.assert_finds(FINE, {})

    def test_a_unit_without_descriptor_store_is_a_problem(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000, **self.restart(0))})
        found = self.assert_finds(PROBLEMS, {'Problems': [
            f'{self.UNIT} cannot store clients during “systemctl restart”']})
        self.assertIn(f'(systemctl --user edit {self.UNIT})', found)

    def test_a_unit_with_the_same_signal_for_stop_and_restart_is_a_problem(self):
        self.fake(Systemd, self.system, {self.UNIT: service(
            stop_us=10_000_000, **self.restart(16, signal.SIGTERM))})
        found = self.assert_finds(PROBLEMS, {'Problems': [
            f'{self.UNIT} cannot tell a restart from a stop (RestartKillSignal=)']}, '--bus=system')
        self.assertIn(f'(systemctl edit {self.UNIT})', found)

    @staticmethod
    def restart(store, number=signal.SIGUSR1):
        return {'FileDescriptorStoreMax': GLib.Variant('u', store),
                'RestartKillSignal': GLib.Variant('i', number)}

    def test_the_descriptor_limit_of_the_unit_is_checked(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000,
                                              LimitNOFILE=GLib.Variant('t', 1000))})
        self.assert_finds(FINE, {}, '--max-clients=600')
        self.assert_finds(PROBLEMS, {'Problems': ['only enough file descriptors for 616']},
                          '--max-clients=617')

    def set_variables(self, *variables, files=(), **more):
        """Makes the unit have the VARIABLES, and environment files: (path, whether optional)."""
        self.fake_session({self.UNIT: service(
            stop_us=10_000_000, Environment=GLib.Variant('as', variables),
            EnvironmentFiles=GLib.Variant('a(sb)', files), **more)})

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def test_variables_of_the_unit_are_used(self):
        self.set_variables('RINGDOWN_PATH=/unit', 'LANG=C', 'RINGDOWN_MAX_CLIENTS=7')
        found = self.assert_finds(
            FINE, {'Notes': [f'{self.UNIT} sets: RINGDOWN_PATH=/unit']},
            environment={'RINGDOWN_MAX_CLIENTS': '7', 'RINGDOWN_PATH': '/shell'})
        self.assertRegex(found, r'\n  path +/unit +RINGDOWN_PATH\n')

    def test_an_invalid_variable_of_the_unit_is_refused(self):
        self.set_variables('RINGDOWN_PATH=/\x1b[2J')
        done = self.check(*PORTS, environment=self.environment)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn('RINGDOWN_PATH: “/\\u001b[2J” is not a path', done.stderr)

    def test_environment_files_of_the_unit_are_read(self):
        first = self.write('first.env', '# RINGDOWN_PATH=/comment\n; RINGDOWN_PATH=/comment\n'
                           '\n  RINGDOWN_PATH = /first\nRINGDOWN_INSTANCE\n'
                           'RINGDOWN_NOTIFY_MESSAGE="a \\"b\\" c"\nRINGDOWN_SUBPROTOCOL=a, \\\nb\n')
        second = self.write('second.env', "RINGDOWN_PATH='/second'  \nRINGDOWN_MAX_CLIENTS=7")
        self.set_variables('RINGDOWN_PATH=/unit', files=[
            (first, False), ('/nowhere/at.all', True), (second, True)])
        found = self.assert_finds(FINE, {'Notes': [f'{self.UNIT} sets: ']})
        for name, value in (('path', '/second'), ('notify-message', 'a "b" c'),
                            ('subprotocol', 'a b'), ('max-clients', '7')):
            self.assertRegex(found, fr'\n  {name} +{re.escape(value)} +RINGDOWN_')

    def test_a_missing_environment_file_is_a_problem(self):
        self.set_variables(files=[('/nowhere/at.all', False)])
        self.assert_finds(PROBLEMS, {'Problems': [
            f'{self.UNIT} cannot start (EnvironmentFile=): Failed to open file “/nowhere/at.all”']})

    def test_a_credential_of_the_unit_is_read_at_its_source(self):
        path = self.write('secret.conf', '[Server]\npath=/secret\n')
        self.set_variables(f'RINGDOWN_CONFIG=/run/credentials/{self.UNIT}/conf',
                           LoadCredential=GLib.Variant('a(ss)', [('other', '/x'), ('conf', path)]))
        found = self.assert_finds(FINE, {'Notes': ['sets: RINGDOWN_CONFIG=/run/credentials']})
        self.assertRegex(found, r'\n  path +/secret +key file\n')

    def test_a_password_that_the_unit_sets_is_not_shown(self):
        self.set_variables('RINGDOWN_REDIS=redis://:pa55@127.0.0.1:1', 'REDIS_PORT=7')
        found = self.assert_finds(FINE, {'Notes': [
            f'{self.UNIT} sets: RINGDOWN_REDIS=redis://:***@127.0.0.1:1 REDIS_PORT=7',
            'cannot use Redis']})
        self.assertNotIn('pa55', found)

    def test_a_short_stop_timeout_of_the_user_manager_is_a_problem(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000)}, stop_us=2 * MINUTE)
        self.assert_finds(PROBLEMS, {'Problems': [
            f'at logout and shutdown, systemd kills {USER_MANAGER}']})
        self.assert_finds(FINE, {}, '--drain-timeout=110')
        self.assert_finds(PROBLEMS, {'Problems': ['after 2min']}, '--drain-timeout=111')

    def test_a_user_without_lingering_is_a_problem(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000)}, lingers=False)
        self.assert_finds(PROBLEMS, {'Problems': [f'loginctl enable-linger {getpass.getuser()}']})

    def test_a_system_that_does_not_answer_is_no_problem(self):
        self.fake(Systemd, self.session, {self.UNIT: service(stop_us=10_000_000)})
        self.assert_finds(FINE, {'Not checked': [f'the stop timeout of {USER_MANAGER}: no answer',
                                                 'no answer from logind']})
        self.environment['DBUS_SYSTEM_BUS_ADDRESS'] = 'unix:path=/nonexistent'
        self.assert_finds(FINE, {'Not checked': ['cannot connect to the system bus']})

    def test_lingering_of_a_user_without_session_depends_on_the_file(self):
        self.fake(Systemd, self.session, {self.UNIT: service(stop_us=10_000_000)})
        self.fake(Systemd, self.system, {USER_MANAGER: service(stop_us=INFINITY)})
        self.fake(Logind, self.system, None)
        lingers = os.path.exists(f'/var/lib/systemd/linger/{getpass.getuser()}')
        self.assert_finds(FINE if lingers else PROBLEMS,
                          {} if lingers else {'Problems': ['linger']})

    def test_an_instance_has_its_own_unit(self):
        manager = self.fake_session({'ringdown@blue.service': service(stop_us=10_000_000)})
        self.assert_finds(FINE, {}, '--instance=blue')
        self.assertEqual({'ringdown@blue.service'}, set(manager.asked))
        self.assert_finds(FINE, {'Not checked': ['ringdown@red.service']}, '--instance=red')

    def test_an_invalid_unit_name_is_not_installed(self):
        def refuse(_name):
            raise Refusal('org.freedesktop.DBus.Error.InvalidArgs')  # as systemd does
        self.fake(Systemd, self.session, {}, load_unit=refuse)
        self.assert_finds(FINE, {'Not checked': ['a/b.service: it is not installed']},
                          '--instance=a/b')

    def test_a_system_service_does_not_end_at_logout(self):
        logind = self.fake(Logind, self.system, GLib.Variant('b', False))
        unit = service(stop_us=10_000_000, kind='simple')
        self.fake(Systemd, self.system, {self.UNIT: unit})
        self.assert_finds(PROBLEMS, {'Problems': ['systemd kills ringdown.service within 10s']},
                          '--bus=system')
        self.assertEqual([], logind.asked)

    def test_without_a_bus_no_manager_is_asked(self):
        manager = self.fake_session({self.UNIT: service(stop_us=10_000_000, kind='simple')})
        self.assert_finds(FINE, {}, '--bus=none')
        self.assertEqual([], manager.asked)

    def test_a_bus_that_cannot_be_reached_is_no_problem(self):
        self.environment['DBUS_SESSION_BUS_ADDRESS'] = 'unix:path=/nonexistent'
        self.assert_finds(FINE, {'Not checked': ['cannot connect to the message bus']})


@unittest.skipIf(os.geteuid() != 0, 'needs root, to become another user')
class UserTest(BusTestCase):
    """The unit of the system runs as the user nobody."""

    def setUp(self):
        super().setUp()
        os.chmod(self.directory, 0o755)
        self.path = os.path.join(self.directory, 'ringdown.conf')
        with open(self.path, 'w', encoding='utf-8') as file:
            file.write('[Server]\npath=/file\n')

    def manage(self, files=(), **more):
        self.fake(Systemd, self.system, {'ringdown.service': service(stop_us=10_000_000, **{
            'User': GLib.Variant('s', 'nobody'),
            'EnvironmentFiles': GLib.Variant('a(sb)', files), **more})})

    def test_a_key_file_that_the_user_of_the_unit_cannot_read_is_an_error(self):
        self.manage()
        os.chmod(self.path, 0o600)
        done = self.check('--bus=system', f'--config={self.path}', environment=self.environment)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn('as the user nobody of ringdown.service: ', done.stderr)
        self.assertIn(f'“{self.path}”: Permission denied', done.stderr)
        os.chown(self.path, 65534, 0)
        self.assert_finds(FINE, {}, '--bus=system', f'--config={self.path}')

    def test_groups_of_the_unit_give_access(self):
        os.chmod(self.path, 0o640)
        for name in 'Group', 'SupplementaryGroups':
            group = grp.getgrnam('daemon')
            os.chown(self.path, 0, group.gr_gid)
            value = GLib.Variant('s', 'daemon') if name == 'Group' else GLib.Variant(
                'as', ['daemon'])
            with self.subTest(name):
                manager = Systemd(self.system, {'ringdown.service': service(
                    stop_us=10_000_000, User=GLib.Variant('s', 'nobody'), **{name: value})})
                try:
                    self.assert_finds(FINE, {}, '--bus=system', f'--config={self.path}')
                finally:
                    manager.stop()

    def test_the_key_file_of_root_is_not_that_of_the_unit(self):
        self.manage()
        os.mkdir(os.path.join(self.directory, 'ringdown'))
        os.rename(self.path, os.path.join(self.directory, 'ringdown', 'ringdown.conf'))
        self.assertNotIn('/file', self.assert_finds(FINE, {}, '--bus=system'))

    def test_private_environment_files_and_credentials_are_read_as_root(self):
        os.chmod(self.path, 0o600)
        file = os.path.join(self.directory, 'private.env')
        with open(file, 'w', encoding='utf-8') as stream:
            stream.write('RINGDOWN_CONFIG=/run/credentials/ringdown.service/conf\n')
        os.chmod(file, 0o600)
        self.manage(files=[(file, False)],
                    LoadCredential=GLib.Variant('a(ss)', [('conf', self.path)]))
        found = self.assert_finds(FINE, {'Notes': ['sets: RINGDOWN_CONFIG=']}, '--bus=system')
        self.assertRegex(found, r'\n  path +/file +key file\n')

    def test_privileged_ports_need_a_capability_of_the_unit(self):
        with open('/proc/sys/net/ipv4/ip_unprivileged_port_start', encoding='ascii') as limit:
            if int(limit.read()) == 0:
                self.skipTest('this machine has no privileged ports')
        ports = ('--bus=system', f'--address={ADDRESS}', '--port=899')
        for capabilities, problems in (0, ['needs privileges']), (1 << 10, []):
            with self.subTest(capabilities=capabilities):
                manager = Systemd(self.system, {'ringdown.service': service(
                    stop_us=10_000_000, User=GLib.Variant('s', 'nobody'),
                    AmbientCapabilities=GLib.Variant('t', capabilities))})
                try:
                    self.assert_finds(PROBLEMS if problems else FINE,
                                      {'Problems': problems} if problems else {}, *ports)
                finally:
                    manager.stop()

    def test_without_root_the_user_of_the_unit_is_not_checked(self):
        self.manage(User=GLib.Variant('s', 'daemon'))
        limited = ('setpriv', '--bounding-set=-setuid,-setgid')
        self.assert_finds(FINE, {'Not checked': [
            'what ringdown.service may do as the user daemon. Run the check as root']},
            '--bus=system', prefix=limited)

    def test_an_unknown_user_is_not_checked(self):
        self.manage(User=GLib.Variant('s', 'no-such-user'))
        self.assert_finds(FINE, {'Not checked': [
            'what ringdown.service may do as the user no-such-user: this user does not exist']},
            '--bus=system')


class SocketTest(BusTestCase):
    def fake_sockets(self, state, unit='ringdown.service'):
        """Starts a user manager in which two socket units and a timer start UNIT."""
        def socket_unit(name, *addresses):
            return {'ActiveState': GLib.Variant('s', state),
                    'FileDescriptorName': GLib.Variant('s', name),
                    'Listen': GLib.Variant('a(ss)', [('Stream', each) for each in addresses])}
        return self.fake_session({
            unit: service(stop_us=10_000_000, TriggeredBy=GLib.Variant('as', [
                'ringdown.socket', 'my.timer', 'ringdown-admin.socket'])),
            'ringdown.socket': socket_unit('clients', '127.0.0.1:8000', '[::1]:8000'),
            'ringdown-admin.socket': socket_unit('admin', '127.0.0.1:8001')})

    def test_active_sockets_replace_the_ports(self):
        self.fake_sockets('active')
        with socket.socket() as taken:
            taken.bind((ADDRESS, 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assert_finds(FINE, {'Notes': [
                'ringdown.socket is active: its ports (127.0.0.1:8000, [::1]:8000) replace '
                'address and port', 'ringdown-admin.socket is active: its ports (127.0.0.1:8001) '
                'replace admin-address and admin-port']}, f'--port={port}', '--address=0.0.0.0')

    def test_inactive_sockets_are_ignored(self):
        self.fake_sockets('inactive')
        self.assert_finds(FINE, {})

    def test_sockets_of_instances_are_found(self):
        manager = self.fake_sockets('active', 'ringdown@x.service')
        self.assert_finds(FINE, {'Notes': ['ringdown.socket is active', 'ringdown-admin.socket']},
                          '--instance=x')
        self.assertNotIn('my.timer', manager.asked)


class RunningTest(BusTestCase):
    def test_ports_of_the_running_instance_are_no_problem(self):
        server = self.start(f'--address={ADDRESS}', '--bus=session',
                            environment=self.environment)
        client = self.connect(server)
        done = self.check(f'--address={ADDRESS}', f'--admin-address={ADDRESS}',
                          f'--port={server.port}', f'--admin-port={server.admin_port}',
                          environment=self.environment)
        found = self.findings(done.stdout)
        self.assertEqual(FINE, done.returncode, done)
        runs = f'is in use by the running instance of this service (process {server.pid})'
        self.assertEqual([f'  - port {server.port} {runs}'], found['Notes'])
        self.assertIn(f'whether admin-port {server.admin_port} {runs}: find', done.stdout)
        client.text('undisturbed')
        client.expect_text('undisturbed')

    def test_a_port_of_another_instance_is_a_problem(self):
        server = self.start(f'--address={ADDRESS}', '--bus=session', '--instance=one',
                            environment=self.environment)
        done = self.check(f'--address={ADDRESS}', f'--port={server.port}', '--admin-port=0',
                          '--instance=two', environment=self.environment)
        self.assertEqual(PROBLEMS, done.returncode, done)
        self.assertIn(f'{ADDRESS}:{server.port} is in use: the service cannot', done.stdout)


@unittest.skipIf(os.geteuid() != 0, 'needs root, for a process namespace')
class ContainerTest(CheckTestCase):
    """The service is process 1 of a process namespace, as in a container."""

    OPTIONS = ('--bus=none', '--address=0.0.0.0', '--admin-address=0.0.0.0')

    def test_the_settings_of_the_image_and_the_running_service_are_no_problems(self):
        server = self.start(*self.OPTIONS, prefix=(
            'unshare', '--fork', '--kill-child', '--pid', '--mount-proc'))
        [pid] = subprocess.run(['pgrep', '-P', str(server.pid)], check=True, text=True,
                               capture_output=True).stdout.split()
        runs = 'is in use by the running instance of this service (process 1)'
        self.assert_finds(FINE, {'Notes': [f'port {server.port} {runs}',
                                           f'admin-port {server.admin_port} {runs}']},
                          *self.OPTIONS, f'--port={server.port}',
                          f'--admin-port={server.admin_port}',
                          prefix=('nsenter', f'--target={pid}', '--pid', '--mount'))
        os.kill(int(pid), signal.SIGTERM)
        server.wait_exit()

    def test_a_check_in_a_new_container(self):
        self.assert_finds(FINE, {}, *self.OPTIONS, *PORTS, prefix=(
            'unshare', '--fork', '--pid', '--mount-proc'))


class AddressesTest(BusTestCase):
    """A used port, and the addresses of the running instance."""

    def setUp(self):
        super().setUp()
        taken = socket.create_server((ADDRESS, 0))
        self.addCleanup(taken.close)
        self.port = taken.getsockname()[1]

    def assert_port(self, status, findings, addresses, **replies):
        fake = FakeService(self.session, {'Addresses': addresses}, replies)
        try:
            self.assert_finds(status, findings, f'--port={self.port}', f'--address={ADDRESS}')
        finally:
            fake.leave()

    def test_only_addresses_of_the_running_instance_are_no_problem(self):
        unit = {'Not checked': ['no service manager']}
        url = f'ws://{ADDRESS}:{self.port}/ws'
        self.assert_port(FINE, {'Notes': [f'port {self.port} is in use by the running instance'],
                                **unit}, ('as', ['ws://[::1]:1/ws', url]))
        for addresses in [], ['\x1b[2J', f'ws://192.0.2.1:{self.port}/ws']:
            with self.subTest(addresses=addresses):
                self.assert_port(PROBLEMS, {'Problems': [f'{ADDRESS}:{self.port} is in use'],
                                            **unit}, ('as', addresses))

    def test_a_port_is_not_checked_if_the_addresses_are_unknown(self):
        found = {'Not checked': ['no service manager', f'whether port {self.port} is in use by']}
        self.assert_port(FINE, found, ('s', f'ws://{ADDRESS}:{self.port}/ws'))
        self.assert_port(FINE, found, ('as', []), GetAll=None)


class HostileTest(BusTestCase):
    """Services on the bus that are slow, broken or malicious."""

    def assert_quick(self, status, findings):
        begin = time.monotonic()
        self.assert_finds(status, findings)
        expect_time(time.monotonic() - begin, under=15 * SLOWNESS)  # D-Bus itself waits for 25 s

    def test_a_silent_service_manager_times_out(self):
        self.fake(Systemd, self.session, {}, load_unit=silence)
        self.assert_quick(FINE, {'Not checked': ['no answer from the service manager']})

    def test_a_silent_system_manager_times_out(self):
        self.fake(Systemd, self.session, {'ringdown.service': service(stop_us=10_000_000)})
        self.fake(Systemd, self.system, {}, load_unit=silence)
        self.assert_quick(FINE, {'Not checked': [USER_MANAGER, 'no answer from logind']})

    def test_a_stopped_bus_times_out(self):
        pid = self.session.busctl('call', 'org.freedesktop.DBus', '/', 'org.freedesktop.DBus',
                                  'GetConnectionUnixProcessID', 's', 'org.freedesktop.DBus')[0]
        os.kill(pid, signal.SIGSTOP)
        self.assert_quick(FINE, {'Not checked': ['cannot connect to the message bus']})

    def test_replies_of_the_wrong_type_are_ignored(self):
        wrong = [{'TimeoutStopUSec': GLib.Variant('s', '\x1b[2J')},
                 {'Type': GLib.Variant('as', [])}, {'NotifyAccess': GLib.Variant('u', 0)},
                 {'LoadState': GLib.Variant('u', 0)}]
        for properties in wrong:
            with self.subTest(next(iter(properties))):
                unit = {**service(stop_us=1, kind='simple'), **properties}
                manager = Systemd(self.session, {'ringdown.service': unit})
                try:
                    found = self.assert_finds(FINE, {'Not checked': ['ringdown.service']})
                finally:
                    manager.stop()
                self.assertNotIn('\x1b', found)

    def test_a_reply_of_logind_of_the_wrong_type_is_ignored(self):
        self.fake(Systemd, self.session, {'ringdown.service': service(stop_us=10_000_000)})
        self.fake(Systemd, self.system, {USER_MANAGER: service(stop_us=INFINITY)})
        self.fake(Logind, self.system, GLib.Variant('s', 'no'))
        self.assert_finds(FINE, {'Not checked': ['no answer from logind']})

    def test_no_service_is_started(self):
        started = os.path.join(self.directory, 'started')
        services = os.path.join(self.directory, 'dbus-1', 'services')
        os.makedirs(services)
        for name in ('org.freedesktop.systemd1', 'org.freedesktop.login1',
                     'org.ringdown.Ringdown'):
            with open(os.path.join(services, f'{name}.service'), 'w', encoding='utf-8') as file:
                file.write(f'[D-BUS Service]\nName={name}\nExec=/usr/bin/touch {started}\n')
        with subprocess.Popen(
                ['dbus-daemon', '--session', '--nofork', '--print-address',
                 f'--address=unix:path={self.directory}/activating'],
                env={**os.environ, 'XDG_DATA_HOME': self.directory}, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True) as daemon:
            self.addCleanup(daemon.kill)
            address = daemon.stdout.readline().strip()
            bus = {'DBUS_SESSION_BUS_ADDRESS': address, 'DBUS_SYSTEM_BUS_ADDRESS': address}
            activatable = json.loads(subprocess.run(
                ['busctl', f'--address={address}', '--json=short', 'list', '--activatable'],
                capture_output=True, check=True, timeout=30).stdout)
            self.assertIn('org.freedesktop.systemd1', [entry['name'] for entry in activatable])
            self.assert_finds(FINE, {'Not checked': ['no service manager is on the bus']},
                              environment=bus)
            daemon.kill()
        self.assertFalse(os.path.exists(started))


if __name__ == '__main__':
    tap.main(jobs=3)
