# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""`ringdown --check`: the settings that it shows, and the problems that it finds."""

import getpass
import json
import os
import pty
import signal
import socket
import subprocess
import time
import unicodedata

import tap
from bus import Bus
from checks import PROBLEMS, FINE, PORTS, WRONG_USAGE, CheckTestCase
from gi.repository import GLib
from fake_managers import INFINITY, Logind, Refusal, Systemd, service, silence
from waiting import SLOWNESS, expect_time
from ringdown import ADDRESS, clean_environment, program

MINUTE = 60_000_000
USER_MANAGER = f'user@{os.getuid()}.service'


def columns(text):
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in 'FW')
               for c in text)


class SettingsTest(CheckTestCase):
    def settings(self, *options, **more):
        """The table: by option its value and where that is from."""
        lines = self.check('--bus=none', *PORTS, *options, **more).stdout.splitlines()
        rows = [line.split(maxsplit=1) for line in lines if line.startswith('  ')]
        return {name: tuple(cell.strip() for cell in rest.rsplit('  ', 1)) for name, rest in rows}

    def test_nothing_is_wrong(self):
        self.assert_finds(FINE, {}, '--bus=none', *PORTS)

    def test_each_option_is_shown_with_its_value_and_source(self):
        path = os.path.join(self.directory, 'given.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('[Server]\npath=/file\nport=1\n[Drain]\ndrain-timeout=1800\n')
        settings = self.settings(f'--config={path}', '--max-message=65536',
                                 environment={'RINGDOWN_PATH': '/variable',
                                              'RINGDOWN_ADDRESS': '127.0.0.1, ::1'})
        expected = {
            'address': ('127.0.0.1 ::1', 'RINGDOWN_ADDRESS'), 'port': ('0', '--port'),
            'path': ('/variable', 'RINGDOWN_PATH'), 'max-message': ('64KiB', '--max-message'),
            'log-size': ('4MiB', 'default'), 'drain-timeout': ('30min', 'key file'),
            'allow-origin': ('(not set)', 'default'), 'bus': ('none', '--bus')}
        for option, (value, source) in expected.items():
            with self.subTest(option):
                self.assertEqual((value, source), settings[option])

    def test_other_variables_are_named_as_the_source(self):
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

    def test_what_a_start_refuses_is_refused_alike(self):
        for status, options, environment in (
                (WRONG_USAGE, ['--port=http'], {}), (WRONG_USAGE, ['--colour'], {}),
                (WRONG_USAGE, ['--log-size=64KiB'], {}), (1, [], {'RINGDOWN_PORT': 'http'}),
                (1, ['--config=/nowhere'], {})):
            with self.subTest(options=options, environment=environment):
                done = self.check(*options, environment=environment)
                self.assertEqual((status, ''), (done.returncode, done.stdout))
                self.assertRegex(done.stderr, r'\Aringdown: [^\n]+\n\Z')

    def test_it_is_no_setting(self):
        self.start(environment={'RINGDOWN_CHECK': '1'})
        done = self.check('--help')
        self.assertRegex(done.stdout, r'\n  --check  ')
        self.assertNotIn('Key file:', done.stdout)

    def test_hostile_text_is_shown_harmless(self):
        done = self.check('--bus=none', *PORTS, '--notify-message=a\x1b[2J\nb\u202ec')
        self.assertIn('a\\u001b[2J\\u000ab\\u202ec', done.stdout)
        self.assertNotIn('\x1b', done.stdout)

    def test_it_fits_a_terminal(self):
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
            except OSError:  # nobody has the terminal open any more
                return text

    def test_what_cannot_be_printed_is_an_error(self):
        with open('/dev/full', 'wb') as full:
            done = self.check('--bus=none', *PORTS, capture_output=False, stdout=full,
                              stderr=subprocess.PIPE)
        self.assertEqual(PROBLEMS, done.returncode)
        done = self.check('--bus=none', *PORTS, prefix=('sh', '-c', 'exec "$@" >&-', 'sh'))
        self.assertEqual((PROBLEMS, ''), (done.returncode, done.stderr))


class MachineTest(CheckTestCase):
    def test_descriptors_for_too_few_clients_bite(self):
        for clients, status in ((616, FINE), (617, PROBLEMS)):
            with self.subTest(clients=clients):
                found = {'Problems': ['max-clients is 617, but there are only enough file descriptors for 616']}
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

    def test_a_port_that_was_left_is_free(self):
        server = self.start('--drain-timeout=0')
        client = self.connect(server)
        port = server.port
        server.signal(signal.SIGTERM)
        client.expect_close(1012)  # the server ends it first, so its side is in TIME_WAIT
        server.wait_exit()
        self.assert_finds(FINE, {}, '--bus=none', f'--port={port}', '--admin-port=0')

    def test_the_same_port_twice_bites(self):
        self.assert_finds(PROBLEMS, {'Problems': ['conflict: ']}, '--bus=none',
                          '--port=65000', '--admin-port=65000')

    def test_an_address_that_is_not_ours_bites(self):
        self.assert_finds(PROBLEMS, {'Problems': ['can connect to address (192.0.2.1)',
                                                'cannot listen on 192.0.2.1']},
                          '--bus=none', '--address=192.0.2.1', *PORTS)

    def test_an_address_open_to_the_world_bites(self):
        self.assert_finds(PROBLEMS, {'Problems': ['can connect to address (0.0.0.0, ::)']},
                          '--bus=none', '--address=0.0.0.0 localhost', '--address=::',
                          '--reuse-port', *PORTS)
        self.assert_finds(PROBLEMS, {'Problems': ['can connect to admin-address (0.0.0.0)']},
                          '--bus=none', '--admin-address=0.0.0.0', *PORTS)
        self.assert_finds(FINE, {}, '--bus=none', '--admin-address=0.0.0.0', '--port=0',
                          '--admin-port=-1')

    def test_grace_as_long_as_the_drain_bites(self):
        grace = '--drain-grace=1min'
        self.assert_finds(PROBLEMS, {'Problems': ['drain-grace (1min) is not shorter than']},
                          '--bus=none', *PORTS, grace, '--drain-timeout=1min')
        self.assert_finds(FINE, {}, '--bus=none', *PORTS, grace, '--drain-timeout=61s')
        self.assert_finds(FINE, {}, '--bus=none', *PORTS, '--drain-timeout=0')


class BusTestCase(CheckTestCase):
    """With a session bus and a system bus of its own."""

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
        """A user's manager with UNITS, in a system that gives it STOP_US to stop."""
        self.fake(Systemd, self.system, {USER_MANAGER: service(stop_us=stop_us)})
        self.fake(Logind, self.system, GLib.Variant('b', lingers))
        return self.fake(Systemd, self.session, units)


class UnitTest(BusTestCase):
    UNIT = 'ringdown.service'

    def test_without_a_service_manager_there_is_no_unit(self):
        self.assert_finds(FINE, {'Not checked': ['no service manager is on the bus']})

    def test_without_the_unit_there_is_nothing_to_bite(self):
        self.fake_session({})
        self.assert_finds(FINE, {'Not checked': ['the unit ringdown.service: it is not installed']})

    def test_a_unit_that_extends_its_time_is_fine(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000)})
        self.assert_finds(FINE, {})

    def test_a_unit_that_may_not_extend_its_time_bites(self):
        for kind, access in (('simple', 'main'), ('notify', 'none'), ('exec', 'all')):
            with self.subTest(kind=kind, access=access):
                unit = service(stop_us=90_000_000, kind=kind, access=access)
                session = Systemd(self.session, {self.UNIT: unit})
                system = Systemd(self.system, {USER_MANAGER: service(stop_us=INFINITY)})
                logind = Logind(self.system, GLib.Variant('b', True))
                try:
                    self.assert_finds(PROBLEMS, {'Problems': [
                        'systemd kills ringdown.service 1min 30s after']})
                    self.assert_finds(FINE, {}, '--drain-timeout=80')
                    self.assert_finds(PROBLEMS, {'Problems': ['drain-timeout']},
                                      '--drain-timeout=80001ms')
                finally:
                    for fake in (session, system, logind):
                        fake.stop()

    def test_a_unit_that_never_ends_its_wait_is_fine(self):
        self.fake_session({self.UNIT: service(stop_us=INFINITY, kind='simple')})
        self.assert_finds(FINE, {})

    def test_a_unit_without_time_to_ask_for_more_bites(self):
        self.fake_session({self.UNIT: service(stop_us=1_000_000)})
        self.assert_finds(PROBLEMS, {'Problems': ['before it has asked for more time']})

    def test_a_unit_that_hands_over_at_a_restart_is_fine(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000, **self.restart(16))})
        self.assert_finds(FINE, {})

    def test_a_unit_without_a_store_bites(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000, **self.restart(0))})
        found = self.assert_finds(PROBLEMS, {'Problems': [
            f'{self.UNIT} cannot store clients during “systemctl restart”']})
        self.assertIn(f'(systemctl --user edit {self.UNIT})', found)

    def test_a_unit_that_restarts_as_it_stops_bites(self):
        self.fake(Systemd, self.system, {self.UNIT: service(
            stop_us=10_000_000, **self.restart(16, signal.SIGTERM))})
        found = self.assert_finds(PROBLEMS, {'Problems': [
            f'{self.UNIT} cannot tell a restart from a stop (RestartKillSignal=)']}, '--bus=system')
        self.assertIn(f'(systemctl edit {self.UNIT})', found)

    @staticmethod
    def restart(store, number=signal.SIGUSR1):
        return {'FileDescriptorStoreMax': GLib.Variant('u', store),
                'RestartKillSignal': GLib.Variant('i', number)}

    def test_the_limit_of_the_unit_counts_too(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000,
                                              LimitNOFILE=GLib.Variant('t', 1000))})
        self.assert_finds(FINE, {}, '--max-clients=600')
        self.assert_finds(PROBLEMS, {'Problems': ['only enough file descriptors for 616']},
                          '--max-clients=617')

    def test_what_the_unit_sets_for_itself_is_told(self):
        variables = GLib.Variant('as', ['RINGDOWN_PORT=0', 'LANG=C', 'RINGDOWN_PATH=/\x1b[2J'])
        self.fake_session({self.UNIT: service(stop_us=10_000_000, Environment=variables)})
        told = [f'{self.UNIT} sets for the service: RINGDOWN_PORT=0 RINGDOWN_PATH=/\\u001b[2J.']
        self.assert_finds(FINE, {'Not checked': told})
        told = [f'{self.UNIT} sets for the service: RINGDOWN_PATH=']
        self.assert_finds(FINE, {'Not checked': told}, environment={'RINGDOWN_PORT': '0'})

    def test_a_password_that_the_unit_sets_is_not_shown(self):
        variables = GLib.Variant('as', ['RINGDOWN_REDIS=redis://:pa55@h', 'REDIS_PORT=7'])
        self.fake_session({self.UNIT: service(stop_us=10_000_000, Environment=variables)})
        self.assert_finds(FINE, {'Not checked': [
            'sets for the service: RINGDOWN_REDIS=redis://:***@h:6379 REDIS_PORT=7.']})

    def test_the_user_manager_bites(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000)}, stop_us=2 * MINUTE)
        self.assert_finds(PROBLEMS, {'Problems': [f'at logout and shutdown, systemd kills {USER_MANAGER}']})
        self.assert_finds(FINE, {}, '--drain-timeout=110')
        self.assert_finds(PROBLEMS, {'Problems': ['after 2min']}, '--drain-timeout=111')

    def test_a_user_who_does_not_linger_bites(self):
        self.fake_session({self.UNIT: service(stop_us=10_000_000)}, lingers=False)
        self.assert_finds(PROBLEMS, {'Problems': [f'loginctl enable-linger {getpass.getuser()}']})

    def test_a_system_that_does_not_say_does_not_bite(self):
        self.fake(Systemd, self.session, {self.UNIT: service(stop_us=10_000_000)})
        self.assert_finds(FINE, {'Not checked': [f'the stop timeout of {USER_MANAGER}: no answer',
                                                 'no answer from logind']})
        self.environment['DBUS_SYSTEM_BUS_ADDRESS'] = 'unix:path=/nonexistent'
        self.assert_finds(FINE, {'Not checked': ['cannot connect to the system bus']})

    def test_a_user_without_session_lingers_by_the_file_alone(self):
        self.fake(Systemd, self.session, {self.UNIT: service(stop_us=10_000_000)})
        self.fake(Systemd, self.system, {USER_MANAGER: service(stop_us=INFINITY)})
        self.fake(Logind, self.system, None)
        lingers = os.path.exists(f'/var/lib/systemd/linger/{getpass.getuser()}')
        self.assert_finds(FINE if lingers else PROBLEMS, {} if lingers else {'Problems': ['linger']})

    def test_an_instance_has_its_own_unit(self):
        manager = self.fake_session({'ringdown@blue.service': service(stop_us=10_000_000)})
        self.assert_finds(FINE, {}, '--instance=blue')
        self.assertEqual(['ringdown@blue.service'], manager.asked)
        self.assert_finds(FINE, {'Not checked': ['ringdown@red.service']}, '--instance=red')

    def test_a_name_that_no_unit_can_have_is_not_installed(self):
        def refuse(_name):
            raise Refusal('org.freedesktop.DBus.Error.InvalidArgs')  # as systemd does
        self.fake(Systemd, self.session, {}, load_unit=refuse)
        self.assert_finds(FINE, {'Not checked': ['a/b.service: it is not installed']},
                          '--instance=a/b')

    def test_a_system_service_does_not_end_at_logout(self):
        logind = self.fake(Logind, self.system, GLib.Variant('b', False))
        unit = service(stop_us=10_000_000, kind='simple')
        self.fake(Systemd, self.system, {self.UNIT: unit})
        self.assert_finds(PROBLEMS, {'Problems': ['systemd kills ringdown.service 10s after']},
                          '--bus=system')
        self.assertEqual([], logind.asked)

    def test_without_a_bus_no_manager_is_asked(self):
        manager = self.fake_session({self.UNIT: service(stop_us=10_000_000, kind='simple')})
        self.assert_finds(FINE, {}, '--bus=none')
        self.assertEqual([], manager.asked)

    def test_a_bus_that_cannot_be_reached_does_not_bite(self):
        self.environment['DBUS_SESSION_BUS_ADDRESS'] = 'unix:path=/nonexistent'
        self.assert_finds(FINE, {'Not checked': ['cannot connect to the message bus']})


class SocketTest(BusTestCase):
    def fake_sockets(self, state):
        unit = {'ActiveState': GLib.Variant('s', state), 'Accept': GLib.Variant('b', False)}
        return self.fake_session({'ringdown.service': service(stop_us=10_000_000),
                                  'ringdown.socket': unit, 'ringdown-admin.socket': unit})

    def test_sockets_that_are_active_hold_the_ports(self):
        self.fake_sockets('active')
        with socket.socket() as taken:
            taken.bind((ADDRESS, 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assert_finds(FINE, {'Notes': ['ringdown.socket is active',
                                                       'ringdown-admin.socket is active']},
                              f'--port={port}', '--address=0.0.0.0')

    def test_sockets_that_are_not_active_hold_nothing(self):
        self.fake_sockets('inactive')
        self.assert_finds(FINE, {})

    def test_instances_have_no_sockets(self):
        manager = self.fake_sockets('active')
        self.assert_finds(FINE, {'Not checked': ['ringdown@x.service']}, '--instance=x')
        self.assertNotIn('ringdown.socket', manager.asked)


class RunningTest(BusTestCase):
    def test_the_service_that_runs_holds_its_own_ports(self):
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

    def test_another_instance_is_not_the_service(self):
        server = self.start(f'--address={ADDRESS}', '--bus=session', '--instance=one',
                            environment=self.environment)
        done = self.check(f'--address={ADDRESS}', f'--port={server.port}', '--admin-port=0',
                          '--instance=two', environment=self.environment)
        self.assertEqual(PROBLEMS, done.returncode, done)
        self.assertIn(f'{ADDRESS}:{server.port} is in use: the service cannot', done.stdout)


class HostileTest(BusTestCase):
    """Whoever is asked may be slow, broken or worse."""

    def assert_quick(self, status, findings):
        begin = time.monotonic()
        self.assert_finds(status, findings)
        expect_time(time.monotonic() - begin, under=15 * SLOWNESS)  # D-Bus itself waits for 25 s

    def test_a_manager_that_is_silent_is_not_waited_for(self):
        self.fake(Systemd, self.session, {}, load_unit=silence)
        self.assert_quick(FINE, {'Not checked': ['no answer from the service manager']})

    def test_a_system_that_is_silent_is_not_waited_for(self):
        self.fake(Systemd, self.session, {'ringdown.service': service(stop_us=10_000_000)})
        self.fake(Systemd, self.system, {}, load_unit=silence)
        self.assert_quick(FINE, {'Not checked': [USER_MANAGER, 'no answer from logind']})

    def test_a_bus_that_is_stopped_is_not_waited_for(self):
        pid = self.session.busctl('call', 'org.freedesktop.DBus', '/', 'org.freedesktop.DBus',
                                  'GetConnectionUnixProcessID', 's', 'org.freedesktop.DBus')[0]
        os.kill(pid, signal.SIGSTOP)
        self.assert_quick(FINE, {'Not checked': ['cannot connect to the message bus']})

    def test_answers_of_the_wrong_type_are_not_believed(self):
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

    def test_a_logind_of_the_wrong_type_is_not_believed(self):
        self.fake(Systemd, self.session, {'ringdown.service': service(stop_us=10_000_000)})
        self.fake(Systemd, self.system, {USER_MANAGER: service(stop_us=INFINITY)})
        self.fake(Logind, self.system, GLib.Variant('s', 'no'))
        self.assert_finds(FINE, {'Not checked': ['no answer from logind']})

    def test_nobody_is_started(self):
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
