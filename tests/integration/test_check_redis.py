# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""`ringdown --check` with Redis: problems of the server, and that no password is shown."""

import os
import socketserver
import threading
import time

import tap
from checks import FINE, PORTS, PROBLEMS, CheckTestCase
from redis_server import RedisServer
from ringdown import ADDRESS
from waiting import SLOWNESS, expect_time

SECRET = 'pa55@/#?%'
ENCODED = 'pa55%40%2f%23%3f%25'  # in a URL


class FakeRedis(socketserver.ThreadingTCPServer):
    """A server with version VERSION that replies OK to all other commands. Yields its port."""
    daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while count := self.rfile.readline():
                words = [self.rfile.read(int(self.rfile.readline()[1:]) + 2)
                         for _ in range(int(count[1:]))]
                info = f'redis_version:{self.server.version}\r\n'.encode()
                self.wfile.write(b'$%d\r\n%s\r\n' % (len(info), info)
                                 if words[0] == b'INFO\r\n' else b'+OK\r\n')

    def __init__(self, version):
        super().__init__((ADDRESS, 0), self.Handler)
        self.version = version

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.01}).start()
        return self.server_address[1]

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class RedisTest(CheckTestCase):
    def redis(self, options=(), **more):
        server = RedisServer(os.path.join(self.directory, 'redis'), *options, **more)
        self.addCleanup(server.finish)
        return server

    def assert_finds(self, status, findings, *options, **more):
        shown = super().assert_finds(status, findings, '--bus=none', *PORTS, *options, **more)
        self.assertNotIn('pa55', shown)
        return shown

    def test_a_server_that_accepts_the_login_is_fine(self):
        server = self.redis()
        self.assert_finds(FINE, {}, f'--redis=redis://{ADDRESS}:{server.port}/15')
        self.assert_finds(FINE, {}, environment={'REDIS_HOST': ADDRESS,
                                                 'REDIS_PORT': str(server.port)})

    def test_a_unix_socket_is_checked(self):
        self.assert_finds(FINE, {}, f'--redis={self.redis(unix=True).path}')

    def test_a_password_is_shown_nowhere(self):
        server = self.redis(password=SECRET)
        url = f'redis://:{ENCODED}@{ADDRESS}:{server.port}'
        path = os.path.join(self.directory, 'secret.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'[Redis]\nredis={url}\n')
        os.chmod(path, 0o600)
        for options, environment in (([f'--redis={url}'], {}), ([], {'RINGDOWN_REDIS': url}),
                                     ([f'--config={path}'], {})):
            with self.subTest(options=options, environment=environment):
                shown = self.assert_finds(FINE, {}, *options, environment=environment)
                self.assertIn(f' redis://:***@{ADDRESS}:{server.port} ', shown)

    def test_a_password_that_others_can_read_is_a_problem(self):
        server = self.redis(password=SECRET)
        path = os.path.join(self.directory, 'secret.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'[Redis]\nredis=redis://:{ENCODED}@{ADDRESS}:{server.port}\n')
        for mode, status in ((0o644, PROBLEMS), (0o640, FINE), (0o600, FINE)):
            with self.subTest(mode=oct(mode)):
                os.chmod(path, mode)
                found = {'Problems': [
                    f'every user of this machine can read the password in {path}']}
                self.assert_finds(status, found if status else {}, f'--config={path}')
        os.chmod(path, 0o644)
        self.assert_finds(FINE, {}, f'--config={path}', f'--redis={server.url}')

    def test_a_refused_login_is_a_problem(self):
        server = self.redis(password=SECRET)
        place = f'{ADDRESS}:{server.port}'
        for url, why in ((f'redis://{place}', 'NOAUTH'),
                         (f'redis://:pa55%40@{place}', 'WRONGPASS'),
                         (f'redis://anna:{ENCODED}@{place}', 'WRONGPASS'),
                         (f'redis://:{ENCODED}@{place}/16', 'DB index')):
            with self.subTest(why):
                found = self.assert_finds(PROBLEMS, {'Problems': [why]}, f'--redis={url}')
                self.assertIn(' refuses the service, so it cannot start: ', found)

    def test_an_unreachable_server_is_no_problem(self):
        server = self.redis()
        server.kill()
        place = f'{ADDRESS}:{server.port}'
        told = [f'cannot use Redis at redis://:***@{place} now (Connection refused)']
        self.assert_finds(FINE, {'Notes': told}, f'--redis=redis://:{ENCODED}@{place}')
        self.assert_finds(FINE, {'Notes': ['No such file']}, '--redis=/nowhere/redis.sock')

    def test_a_silent_server_times_out(self):
        server = self.redis()
        server.stop()
        begin = time.monotonic()
        self.assert_finds(FINE, {'Notes': ['cannot use Redis at ']},
                          f'--redis={server.url}')
        expect_time(time.monotonic() - begin, under=5 * SLOWNESS)

    def test_a_replica_is_a_problem(self):
        server = self.redis(options=('--replicaof', ADDRESS, '1'))
        for mode in 'stream', 'pubsub':
            self.assert_finds(PROBLEMS, {'Problems': ['is a replica: messages do not reach']},
                              f'--redis={server.url}', f'--redis-mode={mode}')
        server.configure('replica-read-only', 'no')
        self.assert_finds(PROBLEMS, {'Problems': ['is a replica']}, f'--redis={server.url}')
        server.cli('ACL', 'SETUSER', 'default', '-role')
        self.assert_finds(PROBLEMS, {'Problems': ['is a replica']}, f'--redis={server.url}')

    def test_a_cluster_is_a_problem(self):
        server = self.redis(options=('--cluster-enabled', 'yes'))
        for mode in 'stream', 'pubsub':
            self.assert_finds(PROBLEMS, {'Problems': ['is in cluster mode, which is not']},
                              f'--redis={server.url}', f'--redis-mode={mode}')

    def test_a_server_that_may_evict_the_stream_is_a_problem(self):
        server = self.redis()
        for policy, limit, mode, status in (('allkeys-lru', '1gb', 'stream', PROBLEMS),
                                            ('allkeys-lru', '0', 'stream', FINE),
                                            ('allkeys-lru', '1gb', 'pubsub', FINE),
                                            ('volatile-lru', '1gb', 'stream', FINE)):
            with self.subTest(policy=policy, limit=limit, mode=mode):
                server.configure('maxmemory', limit)
                server.configure('maxmemory-policy', policy)
                found = {'Problems': ['(maxmemory-policy allkeys-lru)']}
                self.assert_finds(status, found if status else {}, f'--redis={server.url}',
                                  f'--redis-mode={mode}')

    def test_a_server_that_denies_info_is_no_problem(self):
        server = self.redis()
        server.cli('ACL', 'SETUSER', 'default', '-info')
        self.assert_finds(FINE, {}, f'--redis={server.url}')

    def test_a_server_without_streams_is_a_problem_in_stream_mode(self):
        for version, mode, status in (('4.0.14', 'stream', PROBLEMS), ('4.0.14', 'pubsub', FINE),
                                      ('5.0.0', 'stream', FINE), ('10.0.0', 'stream', FINE)):
            with self.subTest(version=version, mode=mode), FakeRedis(version) as port:
                found = {'Problems': [f'is version {version} and has no streams']}
                self.assert_finds(status, found if status else {},
                                  f'--redis=redis://{ADDRESS}:{port}', f'--redis-mode={mode}')

    def test_control_characters_from_the_server_are_escaped(self):
        with FakeRedis('0\x1b[2J') as port:
            shown = self.assert_finds(PROBLEMS, {'Problems': ['is version 0\\u001b[2J and']},
                                      f'--redis=redis://{ADDRESS}:{port}')
            self.assertNotIn('\x1b', shown)


if __name__ == '__main__':
    tap.main(jobs=3)
