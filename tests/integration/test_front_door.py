# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""HTTP on the public port: what is a handshake, and which answer the other requests get."""

import signal

import prometheus
import tap
from crowd import undisturbed
from front_door import KEY, REASONS, UPGRADE, FrontDoorTestCase, head, head_of, plain
from waiting import eventually

CLOSE_CODES = {*map(str, range(1000, 1016)), '3xxx', '4xxx'}


class ListTest(FrontDoorTestCase):
    """Header fields that are lists, in one line or several (RFC 9110 §5.3)."""

    def assert_accepted(self, name, *values):
        """Asserts that a handshake with lines of NAME and each list of VALUES is accepted."""
        server = self.start()
        for lines in values:
            with self.subTest(lines):
                self.enter(server, head(*(name + b': ' + line for line in lines), without=[name]))

    def test_upgrade_is_a_list(self):
        self.assert_accepted(b'Upgrade', [b'h2c, websocket'], [b'websocket, h2c'],
                             [b'h2c', b'WebSocket'], [b'websocket', b'h2c'],
                             [b'TLS/1.0', b'h2c,\tIRC/6.9 ,WEBSOCKET', b'x'], [b', websocket,'])

    def test_connection_is_a_list(self):
        self.assert_accepted(b'Connection', [b'keep-alive, Upgrade'], [b'upgrade,keep-alive'],
                             [b'keep-alive', b'Upgrade'], [b'UPGRADE', b'TE'],
                             [b'TE', b'Keep-Alive ,\tupgrade', b'x'], [b',,Upgrade,'])

    def test_the_version_is_a_list(self):
        self.assert_accepted(b'Sec-WebSocket-Version', [b'13, 8'], [b'8, 13'], [b'8', b'13'],
                             [b'13', b'7', b'8'], [b'13', b'13'])

    def test_subprotocols_are_a_list(self):
        server = self.start('--subprotocol=b', '--subprotocol=c')
        for lines, selected in (([b'a, b'], 'b'), ([b'b,c'], 'b'), ([b'c, b'], 'c'),
                                ([b'a', b'c', b'b'], 'c'), ([b'a', b'x, y ,\tb'], 'b'),
                                ([b'a'], None), ([b'B'], None), ([b'bb', b'a'], None), ([], None)):
            with self.subTest(lines):
                offers = [b'Sec-WebSocket-Protocol: ' + line for line in lines]
                answer = self.enter(server, head(*offers))
                self.assertEqual(selected, answer.headers.get('sec-websocket-protocol'))

    def test_a_part_of_an_element_does_not_match(self):
        server = self.start()
        for name, line in ((b'Upgrade', b'websocket2'), (b'Upgrade', b'no websocket'),
                           (b'Connection', b'no-upgrade'), (b'Connection', b'Upgrade2'),
                           (b'Sec-WebSocket-Version', b'130'), (b'Sec-WebSocket-Version', b'1, 3')):
            with self.subTest(line):
                self.assert_refused(server, head(name + b': ' + line, without=[name]), 426,
                                    'handshake', f'no “{name.decode()}: ')


class TargetTest(FrontDoorTestCase):
    """The request target, which browsers and other clients send as they are given it."""

    def test_any_bytes_in_the_query_are_accepted(self):
        server = self.start()
        for query in (b'x=%', b'%', b'%zz&%f', b'%00', b'x=100%&y=\xc3\xbc', b'\xff\x80\xfe',
                      b'a[b]={c}|d^`e`', b'"<>\\\'', b'??a?/b=:@', b'', b'a#b', b'x' * 7000):
            with self.subTest(query[:20]):
                self.enter(server, head(first=b'GET /ws?' + query + b' HTTP/1.1'))

    def test_an_empty_line_before_the_request_is_ignored(self):
        self.enter(self.start(), b'\r\n' + head())

    def test_other_forms_of_the_path_are_accepted(self):
        server = self.start()
        for target in b'/%77s', b'/%77%73?x', b'http://127.0.0.1/ws', b'ws://127.0.0.1:80/ws?x=%':
            with self.subTest(target):
                self.enter(server, head(first=b'GET ' + target + b' HTTP/1.1'))

    def test_targets_of_other_requests_are_answered_with_a_line(self):
        server = self.start()
        for target, status in ((b'/nothing?x=1', 404), (b'/nothing?x=%20', 404),
                               (b'/nothing?x=%', 400), (b'/n\xc3\xb6thing', 404), (b'/\xff', 404),
                               (b'/ws%', 400), (b'/ws%zz', 400), (b'http://x/nothing', 404),
                               (b'*', 400), (b'nothing', 400), (b'//', 404), (b'/%00', 400),
                               (b'/x%2f..%2fy', 400), (b'/%2e%2e/x', 404), (b'ftp:x', 400),
                               (b'ws://x/nothing', 400), (b'http:x', 400), (b'http://', 404)):
            with self.subTest(target):
                self.assert_refused(server, plain(first=b'GET ' + target + b' HTTP/1.1'), status,
                                    'path' if status == 404 else 'request',
                                    'such path' if status == 404 else 'request target')


class AnswerTest(FrontDoorTestCase):
    """Each refusal has one line about this request, and is counted by its reason."""

    def test_a_bad_request_line(self):
        server = self.start()
        with undisturbed(server):
            for line in (b'GET /ws', b'GET  HTTP/1.1', b'GET /a b HTTP/1.1', b'hello x',
                         b'GET /ws HTTP', b'GET /ws HTTP/x', b'GET /ws http/1.1', b'GET /ws FTP/1'):
                with self.subTest(line):
                    self.assert_refused(server, head(first=line), 400, 'request', 'request line')
            for line in (b'hello', b'GET', b' GET /ws HTTP/1.1', b'\r\n\r\nGET /ws HTTP/1.1',
                         b'(: /ws HTTP/1.1', b'X' * 100 + b' /ws HTTP/1.1'):
                with self.subTest(line):
                    self.assert_refused(server, head(first=line), 400, 'request',
                                        r'not an HTTP/1\.1 request')

    def test_a_head_over_8_kib(self):
        server = self.start()
        with undisturbed(server):
            for data in (head_of(8193), head_of(8194), head_of(30_000), b'GET /' + b'x' * 9000,
                         plain(b'X: ' + b'x' * 8192)):
                with self.subTest(size=len(data)):
                    self.assert_refused(server, data, 431, 'size', 'longer than 8 KiB')

    def test_an_unknown_version_of_http(self):
        server = self.start()
        with undisturbed(server):
            for version in b'2.0', b'1.2', b'3.0', b'9.9':
                for path in b'/ws', b'/nothing':
                    with self.subTest(version=version, path=path):
                        self.assert_refused(
                            server, head(first=b'GET ' + path + b' HTTP/' + version), 505,
                            'request', r'version of HTTP .*HTTP/1\.1')

    def test_a_handshake_with_http_1_0(self):
        server = self.start()
        with undisturbed(server):
            for lines in [], [b'Connection: keep-alive']:
                self.assert_refused(server, head(*lines, first=b'GET /ws HTTP/1.0'), 400,
                                    'handshake', r'HTTP/1\.0')

    def test_an_unknown_path(self):
        server = self.start()
        with undisturbed(server):
            for path in b'/', b'/ws/', b'/ws/x', b'/wsx', b'/WS', b'/metrics', b'/x/../ws':
                for method in b'GET', b'POST':
                    with self.subTest(path=path, method=method):
                        self.assert_refused(
                            server, head(first=method + b' ' + path + b' HTTP/1.1'), 404, 'path',
                            r'\bpath\b')

    def test_another_method(self):
        server = self.start()
        with undisturbed(server):
            for method in b'POST', b'PUT', b'DELETE', b'OPTIONS', b'PATCH', b'TRACE', b'get':
                with self.subTest(method):
                    answer = self.assert_refused(server, head(first=method + b' /ws HTTP/1.1'),
                                                 405, 'method', r'\bmethod\b.*\bGET\b')
                    self.assertEqual('GET', answer.headers['allow'])

    def test_head_gets_no_text(self):
        server = self.start()
        with undisturbed(server):
            for path, lines, status, reason in ((b'/ws', [], 426, 'handshake'),
                                                (b'/nothing', [], 404, 'path'),
                                                (b'/ws', [b'Content-Length: 1'], 413, 'size')):
                with self.subTest(path=path, status=status):
                    before = self.refusals(server)
                    got = self.ask(server, plain(*lines, first=b'GET ' + path + b' HTTP/1.1'))
                    self.assertEqual(status, got.status)
                    client = self.tcp(server)
                    client.send(plain(*lines, first=b'HEAD ' + path + b' HTTP/1.1'))
                    with self.assertRaises(EOFError):  # instead of the body
                        client.read_answer()
                    client.abandon()
                    self.assertEqual({**before, reason: before[reason] + 2}, self.refusals(server))

    def test_a_body(self):
        server = self.start()
        with undisturbed(server):
            for line in b'GET /ws HTTP/1.1', b'POST /ws HTTP/1.1', b'POST /nothing HTTP/1.1':
                for field, body in ((b'Content-Length: 5', b'hello'), (b'Content-Length: 5', b''),
                                    (b'Transfer-Encoding: chunked', b'0\r\n\r\n')):
                    with self.subTest(line=line, field=field):
                        self.assert_refused(server, head(field, first=line) + body, 413, 'size',
                                            r'\bbody\b')

    def test_a_request_that_is_no_handshake(self):
        server = self.start()
        with undisturbed(server):
            for without, cause in ((UPGRADE, 'Upgrade: websocket'),
                                   ([b'Upgrade'], 'Upgrade: websocket'),
                                   ([b'Connection'], 'Connection: Upgrade'),
                                   ([b'Sec-WebSocket-Version'], 'Sec-WebSocket-Version: 13')):
                with self.subTest(without):
                    answer = self.assert_refused(server, head(without=without), 426, 'handshake',
                                                 f'no “{cause}”')
                    self.assertEqual(('websocket', '13'), (
                        answer.headers['upgrade'], answer.headers['sec-websocket-version']))

    def test_an_invalid_handshake(self):
        server = self.start()
        key, host = b'Sec-WebSocket-Key', b'Host'
        with undisturbed(server):
            for without, lines, cause in (
                    ([key], [], key), ([key], [key + b': '], key), ([key], [key + b': short'], key),
                    ([key], [key + b': bm90IHNpeHRlZW4='], key), ([], [key + b': ' + KEY], key),
                    ([key], [key + b': ' + KEY[:-3] + b'!=='], key),
                    ([host], [], host), ([], [b'Host: x'], host)):
                with self.subTest(without=without, lines=lines):
                    self.assert_refused(server, head(*lines, without=without), 400, 'handshake',
                                        rf'header {cause.decode()}\b')

    def test_contradictory_or_invalid_fields(self):
        server = self.start()
        with undisturbed(server):
            for lines, cause in (
                    ([b'Content-Length: 5', b'Content-Length: 6'], 'Content-Length'),
                    ([b'Content-Length: 5, 6'], 'Content-Length'),
                    ([b'Content-Length: x'], 'Content-Length'),
                    ([b'Content-Length: -1'], 'Content-Length'),
                    ([b'Content-Length: 5', b'Transfer-Encoding: chunked'], 'Content-Length'),
                    ([b'X: a\0b'], 'header field is malformed')):
                for first in b'GET /ws HTTP/1.1', b'POST /nothing HTTP/1.1':
                    with self.subTest(lines=lines, first=first):
                        self.assert_refused(server, head(*lines, first=first), 400, 'request',
                                            cause)
            for data in (plain().replace(b'Host', b'X'), plain(b'Host: x'),
                         plain().replace(b'127.0.0.1', b'a/b'),
                         plain().replace(b'127.0.0.1', b':x')):
                with self.subTest(data):
                    self.assert_refused(server, data, 400, 'request', 'header Host')

    def test_the_method_of_proxies(self):
        server = self.start()
        with undisturbed(server):
            for target in b'a:1', b'/x', b'127.0.0.1:80':
                with self.subTest(target):
                    self.assert_refused(server, plain(first=b'CONNECT ' + target + b' HTTP/1.1'),
                                        400, 'request', 'request target')

    def test_an_unknown_expectation(self):
        server = self.start()
        with undisturbed(server):
            for first in b'GET /ws HTTP/1.1', b'GET /nothing HTTP/1.1':
                self.assert_refused(server, head(b'Expect: x', first=first), 417, 'request',
                                    'Expect')

    def test_a_foreign_origin(self):
        server = self.start()
        with undisturbed(server):
            for origin in b'https://evil.example', b'null':
                self.assert_refused(server, head(b'Origin: ' + origin), 403, 'origin',
                                    f'Origin “{origin.decode()}” .*--allow-origin')

    def test_too_many_clients(self):
        server = self.start('--max-clients=4')
        with undisturbed(server):
            last = self.connect(server)
            answer = self.assert_refused(server, head(), 503, 'full', 'client limit')
            self.assertGreater(int(answer.headers['retry-after']), 0)
            last.leave()
            server.wait_clients(3)

    def test_a_drain(self):
        server = self.start()
        stays = self.connect(server)
        late = self.tcp(server)
        late.send(head()[:20])
        server.signal(signal.SIGTERM)
        eventually(lambda: server.ready()[0] == 503, 'readiness to be 503')
        late.send(head()[20:])
        answer = late.read_answer()
        self.assertEqual(503, answer.status)
        self.assertGreater(int(answer.headers['retry-after']), 0)
        self.assert_text(answer, 'draining')
        self.assertEqual(1, self.refusals(server)['draining'])
        stays.text('still here')
        stays.expect_text('still here')

    def test_the_admin_port_answers_bad_requests_in_the_same_way(self):
        server = self.start()
        with undisturbed(server):
            for data, status, cause in (
                    (b'GET /\r\n\r\n', 400, 'request line'), (head_of(9000), 431, '8 KiB'),
                    (plain(first=b'GET / HTTP/2.0'), 505, 'version'),
                    (plain(), 404, 'path'), (plain(first=b'PUT / HTTP/1.1'), 405, 'method'),
                    (plain(b'Content-Length: 1', first=b'POST / HTTP/1.1'), 413, 'body'),
                    (plain(first=b'GET / HTTP/1.1').replace(b'Host', b'X'), 400, 'Host')):
                with self.subTest(data[:30]):
                    answer = self.ask(server, data, admin=True)
                    self.assertEqual(status, answer.status)
                    self.assert_text(answer, cause)


class MetricsTest(FrontDoorTestCase):
    def test_all_reasons_exist_from_the_start(self):
        self.assertEqual(dict.fromkeys(REASONS, 0), self.refusals(self.start()))

    def test_all_close_codes_exist_from_the_start(self):
        server = self.start()
        samples = prometheus.parse(server.admin('/metrics')[1])
        closed = {dict(labels)['code']: value for (name, labels), value in samples.items()
                  if name == 'ringdown_clients_closed_total'}
        self.assertEqual(dict.fromkeys(CLOSE_CODES, 0), closed)


if __name__ == '__main__':
    tap.main(jobs=3)
