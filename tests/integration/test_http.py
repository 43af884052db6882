# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""HTTP: origins, the client limit, and the admin port. See also test_front_door.py."""

import base64
import hashlib
import http.client
import json
import re
import signal
import socket
import subprocess
import time

import tap
from crowd import undisturbed
from waiting import SLOWNESS, eventually, expect_time
from ringdown import ADDRESS, RingdownTestCase


class HttpTestCase(RingdownTestCase):
    def handshake(self, server, path='/ws', *, method='GET', headers=None, admin=False):
        """Returns the answer of SERVER to a handshake, and closes the connection."""
        client = self.tcp(server, admin=admin)
        try:
            client.send(client.request(path, method=method, headers=headers))
            return client.read_answer()
        finally:
            client.abandon()


class OriginTest(HttpTestCase):
    FOREIGN = ('https://www.example.com', 'http://127.0.0.2:8000', 'http://localhost:8000', 'null',
               'http://127.0.0.1.evil.example', 'http://127.0.0.1@evil.example', '127.0.0.1', '',
               'file://', 'http://127.0.0.1/', 'http://127.0.0.1\r\nOrigin: http://evil.example')

    def answer_to(self, server, origin, host=None):
        """Returns the answer to a handshake from a page of ORIGIN to HOST."""
        host = host or f'127.0.0.1:{server.port}'
        return self.handshake(server, headers={'Origin': origin, 'Host': host})

    def test_pages_of_the_same_host_may_connect(self):
        server = self.start()
        for origin, host in (('http://127.0.0.1', None), ('https://127.0.0.1:3000', None),
                             (f'http://127.0.0.1:{server.admin_port}', None),
                             ('http://localhost:3000', f'localhost:{server.port}'),
                             ('http://[::1]:3000', f'[::1]:{server.port}'),
                             ('https://www.example.org', 'WWW.example.org')):
            with self.subTest(origin=origin, host=host):
                self.assertEqual(101, self.answer_to(server, origin, host).status)

    def test_other_pages_may_not_connect(self):
        for options in (), ('--allow-origin=https://*.example.org',):
            server = self.start(*options)
            with undisturbed(server):
                for origin in self.FOREIGN:
                    with self.subTest(origin=origin, options=options):
                        self.assertEqual(403, self.answer_to(server, origin).status)
                self.assertEqual(len(self.FOREIGN), server.metric(
                    'ringdown_connections_refused_total', reason='origin'))

    def test_a_second_host_header_does_not_help_a_page(self):
        server = self.start()
        with undisturbed(server):
            for hosts in ('127.0.0.1', 'evil.example'), ('evil.example', '127.0.0.1'):
                with self.subTest(hosts):
                    self.assertIn(self.answer_to(server, 'http://evil.example',
                                                 '\r\nHost: '.join(hosts)).status, (400, 403))

    def test_listed_pages_may_connect_too(self):
        server = self.start('--allow-origin=https://*.example.org',
                            '--allow-origin=http://localhost:*')
        for origin in ('https://www.example.org', 'http://localhost:3000',
                       'http://127.0.0.1:3000'):
            with self.subTest(origin=origin):
                self.assertEqual(101, self.answer_to(server, origin).status)
        with undisturbed(server):
            for origin in ('http://www.example.org', 'https://example.org.evil.example',
                           'https://www.example.org.evil.example'):
                with self.subTest(origin=origin):
                    self.assertEqual(403, self.answer_to(server, origin).status)

    def test_a_star_lets_all_pages_connect(self):
        server = self.start('--allow-origin=*')
        for origin in self.FOREIGN:
            with self.subTest(origin=origin):
                self.assertEqual(101, self.answer_to(server, origin).status)

    def test_a_client_without_an_origin_may_connect(self):
        for options in (), ('--allow-origin=https://*.example.org',):
            server = self.start(*options)
            for host in None, 'www.example.org':
                with self.subTest(options=options, host=host):
                    self.assertEqual(101, self.answer_to(server, None, host).status)

    def test_the_refusal_shows_the_option_to_set(self):
        server = self.start()
        for origin in 'https://x.example', 'http://localhost:3000', 'null', 'file://':
            with self.subTest(origin=origin):
                line = self.answer_to(server, origin).body.decode()
                self.assertEqual(
                    f'Origin “{origin}” is not allowed; to allow it, start ringdown with '
                    f'--allow-origin={origin}\n', line)
                allowing = self.start(line.split()[-1])
                self.assertEqual(101, self.answer_to(allowing, origin).status)

    def test_the_refusal_of_a_hostile_origin_is_one_short_line(self):
        server = self.start()
        with undisturbed(server):
            for origin in 'x' * 7000, 'http://' + 'x' * 7000, 'http://\x1b[2J\x9b', '\t\tx':
                with self.subTest(origin[:12]):
                    body = self.answer_to(server, origin).body.decode()
                    self.assertRegex(body, r'\AOrigin “[^\n]*\n\Z')
                    self.assertTrue(body[:-1].isprintable())
                    self.assertLess(len(body), 800)


class FullTest(HttpTestCase):
    def test_at_the_limit_clients_get_503_until_one_leaves(self):
        server = self.start('--max-clients=5')
        with undisturbed(server):
            fourth, fifth = self.connect(server), self.connect(server)
            for _ in range(3):
                answer = self.handshake(server)
                self.assertEqual(503, answer.status)
                self.assertGreater(int(answer.headers['retry-after']), 0)
            self.assertEqual(3, server.metric('ringdown_connections_refused_total',
                                              reason='full'))
            fifth.leave()
            server.wait_clients(4)
            self.connect(server).leave()
            fourth.leave()


class AdminTest(HttpTestCase):
    METRICS = {
        'build_info': 'gauge', 'clients': 'gauge', 'clients_accepted_total': 'counter',
        'connections_refused_total': 'counter', 'clients_closed_total': 'counter',
        'slow_clients_closed_total': 'counter', 'messages_received_total': 'counter',
        'messages_published_total': 'counter', 'messages_delivered_total': 'counter',
        'received_bytes_total': 'counter', 'sent_bytes_total': 'counter',
        'flush_seconds': 'summary', 'log_bytes': 'gauge', 'drain_left_seconds': 'gauge'}

    def test_health_is_ok(self):
        self.assertEqual(200, self.start().admin('/healthz')[0])

    def test_readiness_shows_state_clients_and_bus(self):
        server = self.start()
        self.connect(server)
        server.wait_clients(1)
        self.assertEqual((200, {'state': 'running', 'clients': 1, 'bus': 'local'}), server.ready())

    def test_the_status_has_the_fields_of_readiness_and_more(self):
        server = self.start('--instance=blue')
        self.connect(server)
        server.wait_clients(1)
        status, text = server.admin('/status')
        answer = json.loads(text)
        self.assertEqual(200, status)
        self.assertLess(answer.pop('uptime_seconds'), 60)
        self.assertLess(answer.pop('generation_seconds'), 60)
        self.assertEqual({'state': 'running', 'clients': 1, 'bus': 'local', 'instance': 'blue',
                          'generation': 1}, answer)

    def test_numbers_are_up_to_date_in_every_answer(self):
        server = self.start()
        clients = []
        for _ in range(5):
            clients.append(self.connect(server))
            self.assertEqual(len(clients), server.ready()[1]['clients'])
            self.assertEqual(len(clients), json.loads(server.admin('/status')[1])['clients'])
        while clients:
            clients.pop().leave()
            eventually(lambda: server.ready()[1]['clients'] == len(clients), 'the new number', 1)

    def test_the_newest_hundred_clients_are_listed(self):
        server = self.start()
        self.assertEqual('{"clients":[]}\n', server.admin('/clients')[1])
        clients = [self.connect(server) for _ in range(102)]
        clients[-1].text('hello')
        clients[-1].expect_text('hello')
        listed = json.loads(server.admin('/clients')[1])['clients']
        self.assertEqual(list(range(3, 103)), [client['id'] for client in listed])
        self.assertEqual({'id', 'remote', 'connected', 'received', 'sent', 'behind'},
                         set(listed[0]))
        self.assertRegex(listed[-1]['remote'], r'^127\.0\.0\.1:\d+$')

    def test_clients_of_the_admin_port_are_clients_like_any_other(self):
        server = self.start('--path=/elsewhere', '--max-clients=2')
        public, admin = self.tcp(server), self.connect(server, admin=True)
        public.open('/elsewhere')
        for writer in public, admin:
            writer.text('to both')
            for client in public, admin:
                client.expect_text('to both')
        self.assertEqual(2, server.ready()[1]['clients'])
        self.assertEqual(503, self.handshake(server, admin=True).status)
        self.assertEqual(1, server.metric('ringdown_connections_refused_total', reason='full'))
        server.signal(signal.SIGTERM)
        eventually(lambda: server.ready()[0] == 503, '/readyz to be 503')
        public.leave()
        self.assertEqual(503, self.handshake(server, admin=True).status)
        admin.leave()
        self.assertEqual(0, server.wait_exit(10))

    def test_the_websocket_of_the_admin_port_checks_origin_and_host(self):
        server = self.start()
        own = f'127.0.0.1:{server.admin_port}'
        with undisturbed(server):
            for headers, status in (({'Origin': f'http://{own}', 'Host': own}, 101),
                                    ({'Origin': 'http://evil.example', 'Host': own}, 403),
                                    ({'Host': 'evil.example'}, 403),
                                    ({'Upgrade': None}, 426)):
                with self.subTest(headers):
                    self.assertEqual(
                        status, self.handshake(server, headers=headers, admin=True).status)

    def test_other_paths_are_not_found(self):
        server = self.start()
        for path in '/metricsx', '/healthz/x', '/index.html', '/favicon.ico':
            with self.subTest(path=path):
                self.assertEqual(404, server.admin(path)[0])

    def test_an_answer_closes_its_connection(self):
        server = self.start()
        for path in '/', '/healthz', '/readyz', '/metrics', '/nothing':
            with self.subTest(path=path):
                client = self.tcp(server, admin=True)
                client.send(client.request(path))
                self.assertEqual('close', client.read_answer().headers['connection'])
                self.assertEqual(b'', client.socket.recv(1))

    def test_a_hundred_silent_connections_do_not_block_a_probe(self):
        server = self.start()
        with undisturbed(server):
            silent = [self.tcp(server, admin=True) for _ in range(100)]
            began = time.monotonic()
            self.assertEqual(200, server.admin('/healthz')[0])
            expect_time(time.monotonic() - began, under=2 * SLOWNESS)
            for connection in silent:
                connection.abandon()

    def test_the_admin_port_can_be_switched_off(self):
        server = self.start('--admin-port=-1')
        client = self.connect(server)
        client.text('nothing to see')
        client.expect_text('nothing to see')
        self.assertEqual([], server.find_log('Admin on'))

    def test_promtool_accepts_the_metrics(self):
        server = self.start()
        self.connect(server).leave()
        status, text = server.admin('/metrics')
        self.assertEqual(200, status)
        judged = subprocess.run(['promtool', 'check', 'metrics'], input=text, text=True,
                                capture_output=True, check=False)
        self.assertEqual((0, ''), (judged.returncode, judged.stdout + judged.stderr))

    def test_all_close_codes_are_counted_from_the_start(self):
        text = self.start().admin('/metrics')[1]
        for code in (*range(1000, 1016), '3xxx', '4xxx'):
            self.assertIn(f'\nringdown_clients_closed_total{{code="{code}"}} 0\n', text)

    def test_metrics_have_the_documented_names_and_types(self):
        text = self.start().admin('/metrics')[1]
        for name, kind in self.METRICS.items():
            with self.subTest(name):
                self.assertIn(f'\n# TYPE ringdown_{name} {kind}\n', '\n' + text)

    def test_metrics_count_clients_and_messages(self):
        server = self.start()
        one, two = self.connect(server), self.connect(server)
        one.text('x' * 100)
        for client in one, two:
            client.expect_text('x' * 100)
        two.leave(4000)
        server.wait_clients(1)
        for name, value in (('clients', 1), ('clients_accepted_total', 2),
                            ('messages_received_total', 1), ('messages_published_total', 1),
                            ('messages_delivered_total', 2), ('log_bytes', 102)):
            with self.subTest(name):
                self.assertEqual(value, server.metric(f'ringdown_{name}'))
        self.assertEqual(1, server.metric('ringdown_clients_closed_total', code='4xxx'))
        self.assertGreaterEqual(server.metric('ringdown_received_bytes_total'), 106)
        self.assertGreaterEqual(server.metric('ringdown_sent_bytes_total'), 2 * 102)
        self.assertGreater(server.metric('ringdown_flush_seconds_count'), 0)


class PageTest(HttpTestCase):
    """The headers of the page, and access to it. See also test_page.py."""

    PATHS = '/', '/healthz', '/readyz', '/metrics', '/status', '/clients'

    def ask(self, server, path='/', method='GET', **headers):
        """Sends a request to the admin port; returns status, headers and text."""
        connection = http.client.HTTPConnection(ADDRESS, server.admin_port, timeout=10 * SLOWNESS)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def test_the_page_is_small_and_loads_nothing(self):
        status, headers, page = self.ask(self.start())
        self.assertEqual(200, status)
        self.assertEqual('text/html; charset=utf-8', headers['Content-Type'])
        self.assertLess(len(page.encode()), 30 * 1024)
        self.assertIn('<html lang="en">', page)
        self.assertNotIn('{{', page)
        self.assertNotRegex(page, r'<link(?! rel="icon" href="data:)|<script[^>]*\bsrc\b')
        self.assertNotRegex(page, r'@import|url\(')

    def test_the_policy_allows_the_inline_code_and_the_own_port(self):
        _, headers, page = self.ask(self.start())
        style, script = (re.search(f'<{tag}[^>]*>(.*?)</{tag}>', page, re.DOTALL)[1]
                         for tag in ('style', 'script'))
        policy = dict(part.split(' ', 1) for part in headers['Content-Security-Policy'].split('; '))
        for name in 'default-src', 'base-uri', 'form-action', 'frame-ancestors':
            self.assertEqual("'none'", policy.pop(name))
        self.assertEqual({
            'img-src': 'data:', 'style-src': self.hash(style), 'script-src': self.hash(script),
            'connect-src': "'self'",
        }, policy)

    def hash(self, code):
        digest = hashlib.sha256(code.encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    def test_the_page_sends_no_referrer_and_is_not_cached(self):
        _, headers, _ = self.ask(self.start())
        self.assertEqual('no-referrer', headers['Referrer-Policy'])
        self.assertEqual('no-store', headers['Cache-Control'])
        self.assertEqual('nosniff', headers['X-Content-Type-Options'])

    def test_head_gets_the_headers_of_get(self):
        server = self.start()
        for path in self.PATHS:
            with self.subTest(path):
                _, headers, text = self.ask(server, path)
                status, bare, nothing = self.ask(server, path, 'HEAD')
                self.assertEqual((200, ''), (status, nothing))
                self.assertEqual(headers['Content-Type'], bare['Content-Type'])
                self.assertEqual(str(len(text.encode())), bare['Content-Length'])

    def test_pages_of_other_origins_are_refused(self):
        server = self.start()
        own = f'127.0.0.1:{server.admin_port}'
        with undisturbed(server):
            for path in self.PATHS:
                for origin in ('http://evil.example', 'null', f'http://127.0.0.1:{server.port}',
                               f'http://{own}.evil.example', 'http://', ''):
                    with self.subTest(path=path, origin=origin):
                        status, _, text = self.ask(server, path, Origin=origin)
                        self.assertEqual(403, status)
                        self.assertRegex(text, rf'\AOrigin “{re.escape(origin)}” is [^\n]+\n\Z')
                for origin in f'http://{own}', f'https://{own}':
                    with self.subTest(path=path, origin=origin):
                        self.assertEqual(200, self.ask(server, path, Origin=origin)[0])

    def test_pages_of_allowed_origins_may_read_the_admin_port(self):
        server = self.start('--allow-origin=https://*.example.org')
        for origin, status in ('https://a.example.org', 200), ('https://a.example.com', 403):
            with self.subTest(origin):
                self.assertEqual(status, self.ask(server, '/metrics', Origin=origin)[0])

    def test_addresses_and_local_names_are_trusted_hosts(self):
        server = self.start()
        for path in self.PATHS:
            for host in ('127.0.0.1', '10.1.2.3:8001', '[::1]:8001', 'localhost', 'LOCALHOST:80',
                         'ops.localhost', 'ringdown:8001', 'my_ringdown-1', 'ops.local',
                         'ringdown.default.svc.cluster.local:8001', 'ops.internal.',
                         socket.gethostname()):
                with self.subTest(path=path, host=host):
                    self.assertEqual(200, self.ask(server, path, Host=host)[0])

    def test_other_hosts_are_refused_on_all_paths(self):
        server = self.start()
        with undisturbed(server):
            for path in *self.PATHS, '/nothing':
                for host in ('evil.example', 'evil.example:8001', '127.0.0.1.evil.example',
                             'localhost.evil.example', 'localhost@evil.example', '"', ''):
                    with self.subTest(path=path, host=host):
                        status, _, text = self.ask(server, path, Host=host)
                        self.assertEqual(403, status)
                        self.assertRegex(text, r'\AHost “[^\n]+--allow-origin=http://[^\n]+\n\Z')

    def test_two_hosts_are_refused(self):
        server = self.start()
        with undisturbed(server):
            for path in self.PATHS:
                for hosts in ('127.0.0.1', 'evil.example'), ('evil.example', '127.0.0.1'):
                    with self.subTest(path=path, hosts=hosts):
                        status = self.ask_raw(server, f'GET {path} HTTP/1.1', *hosts)
                        self.assertIn(status, (400, 403))

    def test_a_health_check_without_a_host_is_answered(self):
        server = self.start()
        for path in self.PATHS:
            with self.subTest(path):
                self.assertEqual(200, self.ask_raw(server, f'GET {path} HTTP/1.0'))

    def ask_raw(self, server, line, *hosts):
        """Sends the request LINE with a Host header for each of HOSTS; returns the status."""
        client = self.tcp(server, admin=True)
        client.send('\r\n'.join([line, *(f'Host: {host}' for host in hosts), '', '']).encode())
        try:
            return client.read_answer().status
        finally:
            client.abandon()

    def test_the_hosts_of_allowed_origins_are_trusted(self):
        server = self.start('--allow-origin=https://ops.example,http://metrics.example:8001')
        for path in self.PATHS:
            for host, status in (('ops.example', 200), ('OPS.example:443', 200),
                                 ('ops.example:8001', 403), ('metrics.example:8001', 200),
                                 ('metrics.example', 403)):
                with self.subTest(path=path, host=host):
                    self.assertEqual(status, self.ask(server, path, Host=host)[0])

    def test_the_refusal_of_a_host_shows_the_option_to_set(self):
        host = 'metrics.example:8001'
        text = self.ask(self.start(), '/metrics', Host=host)[2]
        self.assertIn(f'Host “{host}” is not trusted', text)
        allowing = self.start(text.split()[-1])
        self.assertEqual(200, self.ask(allowing, '/metrics', Host=host)[0])

    def test_post_is_not_allowed(self):
        status, headers, _ = self.ask(self.start(), method='POST')
        self.assertEqual(405, status)
        self.assertEqual('GET, HEAD', headers['Allow'])


if __name__ == '__main__':
    tap.main(jobs=3)
