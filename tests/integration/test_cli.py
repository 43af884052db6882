# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The command line, the environment and the key file: precedence, errors and output."""

import os
import re
import signal
import socket
import subprocess

import tap
from waiting import SLOWNESS, eventually
from ringdown import ADDRESS, RingdownTestCase, clean_environment, program

WRONG_USAGE, WRONG_START = 2, 1


class CliTestCase(RingdownTestCase):
    def run_program(self, *options, environment=None):
        """Runs the program until it exits."""
        return subprocess.run(
            [program(), *options], env=clean_environment(self.directory, environment),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20 * SLOWNESS,
            check=False)

    def assert_fails(self, status, names, *options, environment=None):
        """Expects the exit status STATUS, and an error of one line that contains all of NAMES."""
        done = self.run_program('--bus=none', *options, environment=environment)
        self.assertEqual(status, done.returncode, done)
        self.assertEqual('', done.stdout)
        self.assertRegex(done.stderr, r'\A[^\n]+\n\Z')
        for name in names:
            self.assertIn(name, done.stderr)

    def write_key_file(self, text, path='ringdown/ringdown.conf'):
        path = os.path.join(self.directory, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path


class HelpTest(CliTestCase):
    OPTIONS = ('address', 'port', 'path', 'admin-address', 'admin-port', 'notify-interval',
               'notify-message', 'drain-timeout', 'drain-interval', 'drain-grace', 'drain-code',
               'instance', 'reuse-port', 'bus', 'log-size', 'max-message', 'max-clients',
               'ping-interval', 'ping-timeout', 'allow-origin', 'subprotocol', 'redis',
               'redis-mode', 'redis-channel', 'redis-history', 'redis-buffer', 'config', 'check',
               'version')

    def test_help_shows_every_option_within_80_columns(self):
        done = self.run_program('--help')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        for option in self.OPTIONS:
            with self.subTest(option):
                self.assertRegex(done.stdout, fr'(?m)^\s*(-\w, )?--{option}\b')
        for line in done.stdout.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_help_shows_the_defaults(self):
        text = self.run_program('--help').stdout
        for option, default in (('address', 'localhost'), ('port', '8000'), ('path', '/ws'),
                                ('admin-port', '8001'), ('notify-interval', '10s'),
                                ('drain-timeout', '30min'), ('drain-interval', '5s'),
                                ('log-size', '4MiB'), ('max-message', '64KiB'),
                                ('ping-interval', '25s'), ('ping-timeout', '10s'),
                                ('allow-origin', 'same host'),
                                ('redis-mode', 'stream'), ('redis-channel', 'broadcast'),
                                ('redis-history', '100000'), ('redis-buffer', '64MiB')):
            with self.subTest(option):
                entry = re.search(fr'(?ms)^\s*--{option}\b.*?(?=^\s*--|\Z)', text)
                self.assertIn(default, entry[0])

    def test_the_version_is_one_line(self):
        done = self.run_program('--version')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertRegex(done.stdout, r'\Aringdown \d+\.\d+\.\d+\n\Z')


class WrongUsageTest(CliTestCase):
    def test_an_unknown_option_is_named(self):
        self.assert_fails(WRONG_USAGE, ['--colour'], '--colour')

    def test_an_extra_argument_is_named(self):
        self.assert_fails(WRONG_USAGE, ['surplus'], 'surplus')

    def test_a_bad_value_is_named_with_its_option(self):
        for option, value in (('port', 'http'), ('port', '65536'), ('port', '-1'), ('port', ''),
                              ('admin-port', '-2'), ('notify-interval', 'soon'),
                              ('drain-timeout', '-5'), ('drain-timeout', '10 parsecs'),
                              ('max-message', '64 kilos'), ('log-size', '0'), ('bus', 'omnibus'),
                              ('max-clients', 'many'), ('path', 'ws'), ('ping-interval', ''),
                              ('redis-mode', 'list'), ('redis-history', '1')):
            with self.subTest(option=option, value=value):
                self.assert_fails(WRONG_USAGE, [f'--{option}', value], f'--{option}={value}')

    def test_an_origin_that_can_never_match_is_refused_at_start_and_by_check(self):
        for origin, correct in (('https://x.example/', 'https://x.example'),
                                ('https://x.example:443', 'https://x.example'),
                                ('http://Localhost:80/page', 'http://localhost'),
                                ('x.example', 'http://x.example or https://x.example')):
            for more in [], ['--check']:
                with self.subTest(origin=origin, more=more):
                    self.assert_fails(WRONG_USAGE, [f'--allow-origin: “{origin}” can never match; '
                                                    f'give {correct}\n'],
                                      f'--allow-origin={origin}', *more)

    def test_a_bad_url_of_redis_is_an_error_at_start(self):
        for url in ('localhost:6379', 'rediss://localhost', 'http://localhost'):
            with self.subTest(url=url):
                self.assert_fails(WRONG_START, ['--redis: '], f'--redis={url}')

    def test_a_log_too_small_for_messages_is_refused(self):
        self.assert_fails(WRONG_USAGE, ['--log-size', '--max-message'],
                          '--log-size=64KiB', '--max-message=64KiB')


class EnvironmentTest(CliTestCase):
    def test_a_bad_value_is_named_with_its_variable(self):
        self.assert_fails(WRONG_START, ['RINGDOWN_PORT', 'http'],
                          environment={'RINGDOWN_PORT': 'http'})
        self.assert_fails(WRONG_START, ['RINGDOWN_DRAIN_TIMEOUT', 'soon'],
                          environment={'RINGDOWN_DRAIN_TIMEOUT': 'soon'})
        self.assert_fails(WRONG_START, ['REDIS_HOST', 'a b'], environment={'REDIS_HOST': 'a b'})
        self.assert_fails(WRONG_START, ['RINGDOWN_ALLOW_ORIGIN', 'https://x.example\n'],
                          environment={'RINGDOWN_ALLOW_ORIGIN': 'https://x.example/'})

    def test_a_service_link_of_kubernetes_is_ignored(self):
        links = {'RINGDOWN_PORT': 'tcp://10.0.0.1:8000', 'RINGDOWN_ADMIN_PORT': 'tcp://[::1]:8001',
                 'REDIS_PORT': 'tcp://10.0.0.1:6379', 'RINGDOWN_SERVICE_HOST': '10.0.0.1',
                 'RINGDOWN_PORT_8000_TCP': 'tcp://10.0.0.1:8000'}
        server = self.start(environment=links)
        self.connect(server).leave()
        for name in 'RINGDOWN_PORT', 'RINGDOWN_ADMIN_PORT', 'REDIS_PORT':
            server.wait_log(f'{name}: .*{re.escape(links[name])}.* is ignored; Kubernetes')
        self.assertEqual(3, len(server.find_log('is ignored')))
        self.assertEqual('local', server.ready()[1]['bus'])

    def test_an_unknown_variable_causes_a_warning(self):
        warning = 'RINGDOWN_PROT: unknown variable'
        server = self.start(environment={'RINGDOWN_PROT': '9000', 'RINGDOWN_EMPTY': ''},
                            warnings=[warning])
        server.wait_log(warning)

    def test_a_password_is_not_in_the_error(self):
        url = 'redis://:pa55@localhost:http'
        for options, environment in (([f'--redis={url}'], {}), ([url], {}),
                                     ([], {'RINGDOWN_REDIS': url})):
            with self.subTest(options=options, environment=environment):
                done = self.run_program(*options, environment=environment)
                self.assertRegex(done.stderr, r'\A[^\n]+\n\Z')
                self.assertNotIn('pa55', done.stderr)

    def test_every_option_has_its_variable(self):
        server = self.start('--port=0', environment={
            'RINGDOWN_PATH': '/bell', 'RINGDOWN_MAX_CLIENTS': '1'})
        self.tcp(server).open('/bell')
        late = self.tcp(server)
        late.send(late.request('/bell'))
        self.assertEqual(503, late.read_answer().status)


class KeyFileTest(CliTestCase):
    def test_an_unknown_key_is_named_with_file_and_group(self):
        path = self.write_key_file('[Server]\ncolour=blue\n')
        self.assert_fails(WRONG_START, [path, 'Server', 'colour'])

    def test_an_unknown_group_is_named_with_its_file(self):
        path = self.write_key_file('[Paint]\ncolour=blue\n')
        self.assert_fails(WRONG_START, [path, 'Paint'])

    def test_a_bad_value_is_named_with_file_and_key(self):
        path = self.write_key_file('[Server]\nport=http\n')
        self.assert_fails(WRONG_START, [path, 'port', 'http'])

    def test_an_invalid_key_file_is_named(self):
        path = self.write_key_file('port: 8000\n')
        self.assert_fails(WRONG_START, [path])

    def test_a_given_key_file_must_exist(self):
        self.assert_fails(WRONG_START, ['/nowhere/ringdown.conf'],
                          '--config=/nowhere/ringdown.conf')

    def test_a_given_key_file_is_the_only_one_read(self):
        self.write_key_file('[Server]\npath=/default\n')
        path = self.write_key_file('[Server]\npath=/chosen\n', 'other.conf')
        self.tcp(self.start(f'--config={path}')).open('/chosen')

    def test_command_line_over_environment_over_key_file_over_default(self):
        levels = []
        for path, add in (('/ws', lambda: None),
                          ('/file', lambda: self.write_key_file('[Server]\npath=/file\n')),
                          ('/variable', lambda: levels.append('RINGDOWN_PATH'))):
            add()
            environment = {name: '/variable' for name in levels}
            with self.subTest(path=path):
                self.tcp(self.start(environment=environment)).open(path)
        self.tcp(self.start('--path=/line', environment=environment)).open('/line')


class OtherUserTest(CliTestCase):
    """Key files in the directory of another user. Root starts the service as nobody."""

    IS_ROOT = os.geteuid() == 0
    NOBODY = 65534
    PREFIX = ('setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups')

    def setUp(self):
        super().setUp()
        self.prefix = self.PREFIX if self.IS_ROOT else ()
        self.path = self.write_key_file('[Server]\npath=/elsewhere\n')
        os.chmod(self.directory, 0o711)
        self.addCleanup(os.chmod, os.path.dirname(self.path), 0o700)
        os.chmod(os.path.dirname(self.path), 0o700 if self.IS_ROOT else 0)

    def test_a_default_key_file_of_another_user_is_ignored(self):
        for environment in {}, {'XDG_CONFIG_HOME': '', 'HOME': os.path.dirname(self.path)}:
            path = self.path
            if environment:
                path = os.path.join(environment['HOME'], '.config/ringdown/ringdown.conf')
            warning = f'{path}: permission denied, so this key file is ignored'
            with self.subTest(path):
                server = self.start(prefix=self.prefix, environment=environment, warnings=[warning])
                server.wait_log(warning)
                self.tcp(server).open('/ws')

    def test_a_given_key_file_must_be_readable(self):
        for options, environment in ([f'--config={self.path}'], {}), ([], {
                'RINGDOWN_CONFIG': self.path}):
            with self.subTest(options=options):
                done = subprocess.run(
                    [*self.prefix, program(), '--bus=none', *options], check=False, text=True,
                    env=clean_environment(self.directory, environment), capture_output=True,
                    timeout=20 * SLOWNESS)
                self.assertEqual(WRONG_START, done.returncode, done)
                self.assertIn(f'“{self.path}”: Permission denied', done.stderr)

    def test_an_unreadable_key_file_of_the_same_user_is_an_error(self):
        os.chmod(os.path.dirname(self.path), 0o711)
        os.chmod(self.path, 0)
        if self.IS_ROOT:
            os.chown(self.path, self.NOBODY, self.NOBODY)
        done = subprocess.run([*self.prefix, program(), '--bus=none'], check=False, text=True,
                              env=clean_environment(self.directory), capture_output=True,
                              timeout=20 * SLOWNESS)
        self.assertEqual(WRONG_START, done.returncode, done)
        self.assertIn(f'“{self.path}”: Permission denied', done.stderr)


class StartTest(CliTestCase):
    def test_a_port_in_use_is_named_with_its_address(self):
        with socket.socket() as taken:
            taken.bind((ADDRESS, 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            self.assert_fails(WRONG_START, [ADDRESS, port], f'--address={ADDRESS}',
                              f'--port={port}', '--admin-port=0')
            self.assert_fails(WRONG_START, [ADDRESS, port], f'--address={ADDRESS}', '--port=0',
                              f'--admin-port={port}')

    def test_an_address_of_another_machine_is_named(self):
        self.assert_fails(WRONG_START, ['192.0.2.1'], '--address=192.0.2.1', '--port=0',
                          '--admin-port=0')

    def test_an_address_that_cannot_be_resolved_is_named(self):
        self.assert_fails(WRONG_START, ['no.such.host.invalid'], '--address=no.such.host.invalid',
                          '--port=0', '--admin-port=0')

    def test_nodes_share_a_port(self):
        first = self.start('--reuse-port')
        second = self.start('--reuse-port', f'--port={first.port}')
        self.assertEqual(first.port, second.port)
        for _ in range(40):  # the kernel distributes them
            self.connect(first)
        eventually(lambda: first.ready()[1]['clients'] + second.ready()[1]['clients'] == 40,
                   'all clients')
        self.assertNotEqual(0, first.ready()[1]['clients'])
        self.assertNotEqual(0, second.ready()[1]['clients'])

    def test_missing_standard_descriptors_are_replaced(self):
        with socket.create_server((ADDRESS, 0)) as probe:
            port = probe.getsockname()[1]
        with subprocess.Popen(
                ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', program(), '--bus=none',
                 f'--address={ADDRESS}', f'--port={port}', '--admin-port=-1'],
                env=clean_environment(self.directory)) as process:
            self.addCleanup(process.kill)
            eventually(lambda: self.listens(port), 'it to listen')
            self.assertEqual(['/dev/null'] * 3, [os.readlink(f'/proc/{process.pid}/fd/{fd}')
                                                 for fd in range(3)])
            process.send_signal(signal.SIGTERM)
            self.assertEqual(0, process.wait(10 * SLOWNESS))

    @staticmethod
    def listens(port):
        with socket.socket() as client:
            return client.connect_ex((ADDRESS, port)) == 0

    def test_several_addresses_are_listened_on(self):
        server = self.start('--address=127.0.0.1', '--address=127.0.0.2')
        self.connect(server)
        server.wait_log(r'Listening on ws://127\.0\.0\.2:\d+/ws')

    def test_a_port_in_time_wait_can_be_used(self):
        first = self.start('--drain-timeout=0')
        client = self.connect(first)
        first.signal(signal.SIGTERM)
        client.expect_close(1012)  # the server closes first, so its socket is in TIME_WAIT
        self.assertEqual(0, first.wait_exit())
        self.connect(self.start(f'--port={first.port}'))


if __name__ == '__main__':
    tap.main(jobs=3)
