# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Which Redis server is used, and a start with a server that is absent or refuses the login."""

import os
import re
import signal
import socket
import subprocess
import threading

import tap
from fleet import AWAY, CONNECTED, STREAM, UNSENT, FleetTestCase
from waiting import SLOWNESS, eventually
from redis_server import ADDRESS
from ringdown import clean_environment, program

QUICKLY = '--notify-interval=100ms', '--drain-interval=100ms'
WRONG_START, WRONG_USAGE = 1, 2
MANUAL = os.path.join(os.path.dirname(__file__), '../../data/man/ringdown.1.in')
SECRET = 'pass word:/@?#%'
ENCODED_SECRET = 'pass%20word%3A%2F%40%3F%23%25'


class StartTestCase(FleetTestCase):
    def assert_fails(self, status, names, *options, environment=None):
        """Checks that the program exits with STATUS and prints one line with all of NAMES and no
        secret."""
        done = subprocess.run(
            [program(), '--bus=none', f'--address={ADDRESS}', '--port=0', '--admin-port=-1',
             *options],
            env=clean_environment(self.directory, environment), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=20 * SLOWNESS, check=False)
        self.assertEqual((status, ''), (done.returncode, done.stdout), done)
        self.assertRegex(done.stderr, r'\A[^\n]+\n\Z')
        for name in names:
            self.assertIn(name, done.stderr)
        for secret in SECRET, ENCODED_SECRET, 'wrong one':
            self.assertNotIn(secret, done.stderr)

    def joins(self, redis, *options, environment=None):
        """A node that gets the address of REDIS by OPTIONS or ENVIRONMENT, and receives a message
        published there."""
        node = self.start(*options, environment=environment)
        self.wait_connected(node)
        client = self.connect(node)
        redis.cli('PUBLISH', 'broadcast', 'hello')
        client.expect_text('hello')
        return node, client


class WhereTest(StartTestCase):
    def write_key_file(self, text):
        path = f'{self.directory}/ringdown.conf'
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def test_redis_host_and_port(self):
        redis = self.redis()
        self.joins(redis, environment={'REDIS_HOST': ADDRESS, 'REDIS_PORT': str(redis.port)})

    def test_redis_port_alone_means_localhost(self):
        redis = self.redis()
        self.joins(redis, environment={'REDIS_PORT': str(redis.port)})

    def test_redis_host_alone_means_port_6379(self):
        done = subprocess.run([program(), '--check'], env=clean_environment(
            self.directory, {'REDIS_HOST': 'redis.example.invalid'}), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=20 * SLOWNESS, check=False)
        self.assertIn('redis://redis.example.invalid:6379', done.stdout)

    def test_redis_channel(self):
        redis = self.redis()
        client = self.connect(self.start(environment={
            'REDIS_PORT': str(redis.port), 'REDIS_CHANNEL': 'bell'}))
        eventually(lambda: redis.cli('PUBLISH', 'bell', 'ding') == '1', 'the subscription')
        client.expect_text('ding')

    def test_ringdown_redis_overrides_redis_host(self):
        redis = self.redis()
        self.joins(redis, environment={'RINGDOWN_REDIS': redis.url, 'REDIS_PORT': '1'})

    def test_the_command_line_overrides_all(self):
        redis = self.redis()
        self.joins(redis, f'--redis={redis.url}', environment={
            'RINGDOWN_REDIS': 'redis://127.0.0.1:1', 'REDIS_PORT': '1'})

    def test_redis_host_overrides_the_key_file(self):
        redis = self.redis()
        path = self.write_key_file('[Redis]\nredis=redis://127.0.0.1:1\n')
        self.joins(redis, f'--config={path}', environment={'REDIS_PORT': str(redis.port)})

    def test_the_key_file(self):
        redis = self.redis()
        path = self.write_key_file(f'[Redis]\nredis={redis.url}\n')
        self.joins(redis, f'--config={path}')

    def test_a_unix_socket(self):
        redis = self.redis(unix=True)
        for url in f'unix://{redis.path}', redis.path:
            with self.subTest(url):
                self.joins(redis, f'--redis={url}')

    def test_a_unix_socket_with_password_and_database(self):
        redis = self.redis(unix=True, password=SECRET)
        _, client = self.joins(redis, f'--redis=unix://:{ENCODED_SECRET}@{redis.path}?db=3')
        client.text('in its database')
        eventually(lambda: redis.cli('-n', '3', 'XLEN', STREAM) == '1', 'the entry')
        self.assertEqual('0', redis.cli('XLEN', STREAM))

    def test_user_password_and_database(self):
        redis = self.redis()
        redis.cli('ACL', 'SETUSER', 'bell@tower', 'on', f'>{SECRET}', '~*', '&*', '+@all')
        redis.configure('requirepass', 'somebody else’s')
        redis.password = 'somebody else’s'
        node, client = self.joins(
            redis, f'--redis=redis://bell%40tower:{ENCODED_SECRET}@{redis.name}/2')
        client.text('in its database')
        eventually(lambda: redis.cli('-n', '2', 'XLEN', STREAM) == '1', 'the entry')
        self.assertEqual('0', redis.cli('XLEN', STREAM))
        self.assertEqual([], [line for line in node.log
                              if SECRET in line or ENCODED_SECRET in line])

    def test_databases_are_separate(self):
        redis = self.redis()
        clients = []
        for database in 0, 1, 1:
            node = self.start(f'--redis={redis.url}/{database}')
            self.wait_connected(node)
            clients.append(self.connect(node))
        clients[1].text('in 1')
        clients[2].expect_text('in 1')
        clients[0].text('in 0')
        clients[0].expect_text('in 0')


class RefusedTest(StartTestCase):
    """One line without the password, and exit status 1."""

    def test_a_wrong_password(self):
        redis = self.redis(password=SECRET)
        self.assert_fails(WRONG_START, [redis.name, 'WRONGPASS'],
                          f'--redis=redis://:wrong%20one@{redis.name}')

    def test_a_missing_password(self):
        redis = self.redis(password=SECRET)
        self.assert_fails(WRONG_START, [redis.name, 'NOAUTH'], f'--redis=redis://{redis.name}')

    def test_a_password_that_the_server_does_not_have(self):
        redis = self.redis()
        self.assert_fails(WRONG_START, [redis.name],
                          f'--redis=redis://:wrong%20one@{redis.name}')

    def test_a_wrong_user(self):
        redis = self.redis(password=SECRET)
        self.assert_fails(WRONG_START, [redis.name, 'WRONGPASS'],
                          f'--redis=redis://nobody:{ENCODED_SECRET}@{redis.name}')

    def test_a_database_that_does_not_exist(self):
        redis = self.redis('--databases', '2')
        self.assert_fails(WRONG_START, [redis.name, 'out of range'], f'--redis={redis.url}/2')

    def test_over_a_unix_socket(self):
        redis = self.redis(unix=True, password=SECRET)
        self.assert_fails(WRONG_START, [redis.path, 'WRONGPASS'],
                          f'--redis=unix://:wrong%20one@{redis.path}')

    def test_a_wrong_url(self):
        for url in ('localhost:6379', 'http://localhost', 'redis://', 'redis://localhost:port',
                    'redis://localhost:0', 'redis://localhost:65536', 'redis://localhost/zero',
                    'redis://localhost/-1', 'rediss://localhost', 'unix://', 'unix://relative',
                    'redis://local host', f'/{"x" * 200}', ''):
            with self.subTest(url):
                self.assert_fails(WRONG_START, ['--redis'], f'--redis={url}')

    def test_a_wrong_url_with_a_password_in_it(self):
        for url in (f'redis://:{ENCODED_SECRET}@localhost:port',
                    f'redis://user:{SECRET}@localhost', f'http://:{ENCODED_SECRET}@localhost',
                    f'unix://:{ENCODED_SECRET}@relative'):
            with self.subTest(url):
                self.assert_fails(WRONG_START, ['--redis'], f'--redis={url}')

    def test_a_wrong_variable(self):
        self.assert_fails(WRONG_START, ['RINGDOWN_REDIS'],
                          environment={'RINGDOWN_REDIS': 'localhost:6379'})
        self.assert_fails(WRONG_START, ['REDIS_PORT', 'http'],
                          environment={'REDIS_PORT': 'http'})

    def test_a_wrong_mode_or_size(self):
        for option in ('--redis-mode=list', '--redis-history=0', '--redis-buffer=0',
                       '--redis-channel='):
            with self.subTest(option):
                self.assert_fails(WRONG_USAGE, [option.partition('=')[0]], option)


class AbsentTest(StartTestCase):
    """Not an error: the service starts, reports it, and connects later."""

    def test_it_serves_its_clients_and_connects_when_the_server_starts(self):
        for kind in {}, {'unix': True}:
            with self.subTest(**kind):
                redis = self.redis(**kind)
                redis.kill()
                node = self.start(f'--redis={redis.url}', warnings=[AWAY])
                [reason] = self.wait_down(node)
                self.assertNotEqual('', reason)
                client = self.connect(node)
                client.text('alone')
                client.expect_text('alone')
                redis.start()
                self.wait_connected(node)
                redis.cli('PUBLISH', 'broadcast', 'hello')
                client.expect_text('hello')

    def test_messages_sent_before_the_server_starts_follow(self):
        redis = self.redis()
        relay = self.relay(redis)
        relay.refuse()
        bob = self.connect(self.node(redis))
        lonely = self.start(f'--redis={relay.url}', warnings=[AWAY])
        ann = self.connect(lonely)
        for number in range(10):
            ann.text(f'{number}')
            ann.expect_text(f'{number}')
        relay.accept()
        for number in range(10):
            bob.expect_text(f'{number}')
        self.wait_connected(lonely)

    def test_a_name_that_cannot_be_resolved_is_not_an_error(self):
        node = self.start('--redis=redis://redis.example.invalid', warnings=[AWAY])
        self.wait_down(node)

    def test_a_server_of_another_protocol_is_reported(self):
        with socket.create_server((ADDRESS, 0)) as listener:
            port = listener.getsockname()[1]
            answering = threading.Thread(target=self.answer_http, args=[listener], daemon=True)
            answering.start()
            node = self.start(f'--redis=redis://{ADDRESS}:{port}', warnings=[AWAY, UNSENT])
            self.wait_down(node)
            client = self.connect(node)
            client.text('alone')
            client.expect_text('alone')
            listener.shutdown(socket.SHUT_RDWR)
            answering.join()

    def answer_http(self, listener):
        try:
            while True:
                visitor, _ = listener.accept()
                with visitor:
                    visitor.recv(4096)
                    visitor.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
        except OSError:
            pass  # the listener was shut down

    def test_a_silent_server_does_not_prevent_the_start(self):
        redis = self.redis()
        redis.stop()
        node = self.start(f'--redis={redis.url}', warnings=[AWAY])
        client = self.connect(node)
        client.text('alone')
        client.expect_text('alone')
        self.wait_down(node)
        redis.cont()
        self.wait_connected(node)

    def test_a_server_that_loads_its_data_is_retried(self):
        redis = self.redis()
        redis.begin_loading()
        node = self.start(f'--redis={redis.url}', warnings=[AWAY])
        self.wait_state(node, 'redis: down since .*LOADING.*')
        node.wait_log(AWAY)
        self.wait_connected(node)

    def test_the_password_is_not_shown_where_auth_is_renamed(self):
        redis = self.redis('--rename-command', 'AUTH', 'LOGIN')
        node = self.start(f'--redis=redis://:{ENCODED_SECRET}@{redis.name}', warnings=[AWAY])
        node.wait_log(f'{AWAY}ERR')
        for text in self.bus_state(node), *node.log:
            self.assertNotIn(SECRET[:9], text)
        self.wait_state(node, 'redis: down since .*: ERR: AUTH is disabled or renamed')

    def test_a_password_that_changes_later_does_not_end_the_service(self):
        redis = self.redis()
        node = self.node(redis, warnings=[AWAY])
        client = self.connect(node)
        redis.configure('requirepass', SECRET)
        redis.password = SECRET
        redis.cli('CLIENT', 'KILL', 'TYPE', 'normal')
        self.wait_state(node, 'redis: down since .*NOAUTH.*')
        node.wait_log('is down: NOAUTH')
        client.text('alone')
        client.expect_text('alone')
        redis.configure('requirepass', '')
        self.wait_connected(node)
        self.assertEqual(CONNECTED, self.bus_state(node))


class ManualTest(FleetTestCase):
    """The manual's commands for administrators of Redis, and for programs that write to it."""

    def read_words(self, beginning):
        """The words of the command in the manual that starts with BEGINNING."""
        with open(MANUAL, encoding='utf-8') as file:
            command = re.search(rf'^{beginning} (.*?)^\.fi', file.read(), re.M | re.S)[1]
        return re.sub(r'\\f.', '', command).replace(r'\(ti', '~').split()

    def restricted(self):
        """A Redis with the user of the manual, and the URL with its login."""
        redis = self.redis()
        redis.cli('ACL', 'SETUSER', *self.read_words('ACL SETUSER'))
        return redis, f'redis://ringdown:PASSWORD@{ADDRESS}:{redis.port}'

    def test_a_user_of_redis_needs_no_more_than_the_manual_says(self):
        redis, url = self.restricted()
        for mode in 'stream', 'pubsub':
            with self.subTest(mode):
                nodes = [self.start(f'--redis={url}', f'--redis-mode={mode}', *QUICKLY)
                           for _ in range(2)]
                self.wait_connected(*nodes)
                with self.fleet(*nodes) as group:
                    redis.cli('PUBLISH', 'broadcast', 'all')
                eventually(lambda: redis.cli('EXISTS', 'periodic_broadcast_lock') == '1', 'lock')
                eventually(lambda: redis.cli('SCARD', 'ringdown:nodes') == '2', 'both listed')
                for node in nodes:
                    node.signal(signal.SIGTERM)
                    eventually(lambda: redis.cli('EXISTS', f'shutdown:{node.pid}') == '1', 'key')
                group.leave()
                for node in nodes:
                    node.wait_exit()
                self.assertEqual('', redis.cli('ACL', 'LOG').strip())

    def test_a_program_writes_to_the_stream_as_the_manual_says(self):
        redis = self.redis()
        node = self.node(redis)
        client = self.connect(node)
        words = self.read_words('XADD')
        for number, message in (('1', 'first'), ('2', 'second'), ('1', 'again'), ('3', 'third')):
            given = {'NUMBER': number, 'MESSAGE': message}
            redis.cli('XADD', *(given.get(word, word) for word in words))
        for message in 'first', 'second', 'third':
            client.expect_text(message)
        self.assertEqual(1, node.metric('ringdown_redis_repeated_total'))


if __name__ == '__main__':
    tap.main(jobs=3)
