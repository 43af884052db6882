# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Bad input on the public port: an answer or the end of the connection, and other clients are not
affected. See also test_front_door.py."""

import ssl
import time

import tap
from crowd import undisturbed
from front_door import HEAD_MAX, FrontDoorTestCase, head, head_of, plain
from waiting import SLOWNESS, Deadline, expect_time
from wire import CLOSE, PING, PONG, TEXT, Frame, close_payload, frame

CUT = 'cut'
PROTOCOL_ERROR = 1002
LIFETIME = 10  # seconds, of a connection without a complete request


class InputTestCase(FrontDoorTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.start()

    def outcome(self, client, seconds=5):
        """Returns the status of the answer, or CUT; a client that is let in must work."""
        try:
            status = client.read_answer(seconds).status
        except (EOFError, ConnectionError):
            return CUT
        if status == 101:
            self.assert_is_client(client)
        return status

    def assert_outcomes(self, allowed, *inputs):
        """Sends each of INPUTS, which must have an outcome in ALLOWED."""
        with undisturbed(self.server):
            for data in inputs:
                with self.subTest(data[:60]):
                    client = self.tcp(self.server)
                    client.send(data)
                    self.assertIn(self.outcome(client), allowed)
                    client.abandon()


class PieceTest(InputTestCase):
    """Heads that arrive in pieces."""

    def send_pieces(self, data, size):
        """Sends DATA in packets of SIZE bytes, until the server ends the connection."""
        client = self.tcp(self.server)
        try:
            for start in range(0, len(data), size):
                client.send(data[start:start + size])
        except ConnectionError:
            pass
        return client

    def test_a_head_in_60_pieces_is_accepted(self):
        with undisturbed(self.server):
            for data in head(), head_of(HEAD_MAX):
                client = self.send_pieces(data, len(data) // 60 + 1)
                self.assertEqual(101, self.outcome(client))
                client.abandon()

    def test_a_head_byte_by_byte_is_answered(self):
        with undisturbed(self.server):
            for data in head(), head_of(1000), plain():
                client = self.send_pieces(data, 1)
                self.assertIn(self.outcome(client), (101, 400, 404))
                client.abandon()

    def test_a_head_of_8_kib_is_accepted_and_one_byte_more_is_not(self):
        with undisturbed(self.server):
            for size, status in (HEAD_MAX, 101), (HEAD_MAX + 1, 431), (HEAD_MAX + 2, 431):
                for piece in size, size - 1, 4096, 1000:
                    with self.subTest(size=size, piece=piece):
                        client = self.send_pieces(head_of(size), piece)
                        self.assertEqual(status, self.outcome(client))
                        client.abandon()

    def test_frames_after_a_head_of_8_kib_are_read(self):
        with undisturbed(self.server) as group:
            client = self.tcp(self.server)
            client.send(head_of(HEAD_MAX) + frame(TEXT, b'after it'))
            self.assertEqual(101, client.read_answer().status)
            group.expect('after it')
            client.expect_text('after it')
            client.leave()


class EndlessTest(InputTestCase):
    """Requests that do not end."""

    UNFINISHED = {
        'silent': b'', 'one byte': b'G', 'a part of the line': b'GET /ws', 'a line': head()[:18],
        'no empty line': head()[:-2], 'no last byte': head()[:-1],
        'only CR': head().replace(b'\r\n', b'\r'), 'dripping': b'GET /ws HTTP/1.1\r\nX: '}
    ANSWERED = {'404': plain(), '400': head(first=b'GET'), '413': head(b'Content-Length: 5')}

    def test_unfinished_and_idle_connections_end_after_ten_seconds(self):
        with undisturbed(self.server):
            before = self.refusals(self.server)['timeout']
            began = time.monotonic()
            open_ = {name: self.tcp(self.server) for name in {**self.UNFINISHED, **self.ANSWERED}}
            for name, data in {**self.UNFINISHED, **self.ANSWERED}.items():
                open_[name].send(data)
            for name in self.ANSWERED:
                self.assertEqual(int(name), open_[name].read_answer().status)

            ended_after = {}
            deadline = Deadline(2 * LIFETIME)
            while open_:
                self.assertFalse(deadline.expired, f'not ended: {list(open_)}')
                for name, client in list(open_.items()):
                    if self.has_ended(client, 0.2 / len(open_), drip=name == 'dripping'):
                        ended_after[name] = time.monotonic() - began
                        open_.pop(name).abandon()

            for name in self.UNFINISHED:
                with self.subTest(name):
                    self.assertGreater(ended_after[name], LIFETIME - 1)
                    expect_time(ended_after[name], under=LIFETIME + 3 * SLOWNESS)
            self.assertEqual(before + len(self.UNFINISHED), self.refusals(self.server)['timeout'])

    def has_ended(self, client, seconds, drip):
        """Returns whether the server ends the connection within SECONDS."""
        try:
            if drip:
                client.send(b'x')
            client.socket.settimeout(seconds)
            return client.socket.recv(4096) == b''
        except TimeoutError:
            return False
        except OSError:
            return True

    def test_a_request_that_ends_too_early_is_answered(self):
        with undisturbed(self.server):
            for data in b'G', b'GET /ws', head()[:-1], head()[:-2], b'hello', b'\x16':
                with self.subTest(data):
                    client = self.tcp(self.server)
                    client.send(data)
                    client.half_close()
                    self.assertEqual(400, self.outcome(client))
                    client.abandon()

    def send_until_refused(self, client, data):
        """Sends DATA until the server stops reading; returns the number of bytes sent."""
        for start in range(0, len(data), 65536):
            try:
                client.send(data[start:start + 65536], 3)
            except OSError:  # closed, or timed out
                return start
        return len(data)

    def test_endless_heads_are_refused(self):
        with undisturbed(self.server):
            before = self.server.memory()
            for start, more in ((b'GET /ws HTTP/1.1\r\n', b'X-Bomb: ' + b'x' * 4000 + b'\r\n'),
                                (b'GET /ws HTTP/1.1\r\nX-Bomb: ', b'x' * 4000),
                                (b'GET /', b'x' * 4000), (b'', b'\xff' * 4000), (b'', b'\r\n')):
                with self.subTest(start=start):
                    client = self.tcp(self.server)
                    sent = self.send_until_refused(client, start + more * (32_000_000 // len(more)))
                    self.assertLess(sent, 31_000_000, 'the server continued to read')
                    self.assertLess(self.server.memory() - before,
                                    self.server.memory_tolerance() + (2 << 20))
                    self.assertIn(self.outcome(client), (400, 431, CUT))
                    client.abandon()

    def test_a_body_is_not_kept(self):
        for length in b'Content-Length: 100000000', b'Transfer-Encoding: chunked':
            for first in b'POST /ws HTTP/1.1', b'GET /ws HTTP/1.1', b'POST / HTTP/1.1':
                server = self.start()  # a new one: its memory has not grown yet
                with self.subTest(first=first, length=length), undisturbed(server):
                    before = server.memory()
                    client = self.tcp(server)
                    self.send_until_refused(client, head(length, first=first)
                                            + (b'8000\r\n' + b'x' * 0x8000 + b'\r\n') * 500)
                    server.admin('/healthz')
                    self.assertLess(server.memory() - before, server.memory_tolerance() + (2 << 20))
                    self.assertIn(self.outcome(client), (413, CUT))
                    client.abandon()


class MalformedTest(InputTestCase):
    """Heads with unusual bytes."""

    def test_nul(self):
        self.assert_outcomes([400], b'\0' + head(), head(b'X: a\0b'), head(b'X\0: a'), head(b'\0'),
                             head(first=b'GET /ws\0 HTTP/1.1'), head(first=b'GET\0/ws HTTP/1.1'),
                             plain(b'X: \0'), head()[:-2] + b'\0\r\n\r\n')

    def test_bare_cr_or_lf(self):
        lf, cr = head().replace(b'\r\n', b'\n'), head(b'X: a\rHost: b')
        self.assert_outcomes([101, 400, CUT], lf, cr, head(b'X: \r'), head(b'\rX: a'),
                             head()[:-2] + b'\n', lf[:-1] + b'\r\n')
        self.assert_outcomes([400, 404, CUT], head(first=b'GET /ws\r HTTP/1.1'), b'\r' + head(),
                             b'\n' + head(), plain().replace(b'\r\n', b'\n'), plain(b'X: a\rb'),
                             head().replace(b'\r\n', b'\r') + b'\n\n', b'\r\n' * 2000, b'\n' * 2000)

    def test_folded_lines(self):
        self.assert_outcomes([101, 400], head(b'X: a\r\n b'), head(b'X: a\r\n\tb\r\n  c'),
                             head(b'X:\r\n \r\n y'), head(b'Upgrade:\r\n websocket'),
                             head(first=b'GET /ws HTTP/1.1\r\n X: y'))
        self.assert_outcomes([400, 404], plain(b'X: a\r\n b'), plain(first=b'GET /x\r\n HTTP/1.1'))

    def test_obsolete_encodings(self):
        self.assert_outcomes([101, 400], head(b'X: \xe9\xff\x80'), head('X: ü'.encode()),
                             head(b'\xe9: x'), head(b'X: =?iso-8859-1?q?=E9?='))
        for encoding in 'utf-16', 'utf-16-be', 'utf-32', 'cp500', 'utf-8-sig':
            self.assert_outcomes([400], head().decode().encode(encoding))
        self.assert_outcomes([400, 413], *(head(b'Transfer-Encoding: ' + encoding) for encoding in (
            b'identity', b'gzip', b'x', b'gzip, chunked', b'', b'chunked, identity')))

    def test_strange_lines(self):
        self.assert_outcomes([101, 400], head(b'no colon'), head(b': no name'), head(b'X : y'),
                             head(b'X:'), head(b' '), head(b'Host:', without=[b'Host']),
                             head(b'Host: a b"<>', without=[b'Host']))
        self.assert_outcomes([400], b'\x81\x85abcd' + b'x' * 300, b'\xff' * 100, b'\r\n\r\n')

    def test_1000_fields(self):
        short, long = ([b'%d:' % number for number in range(1000)],
                       [b'X-%d: some value' % number for number in range(1000)])
        self.assert_outcomes([101, 400], head(*short))
        self.assert_outcomes([400, 404], plain(*short))
        self.assert_outcomes([431], head(*long), plain(*long))


class AfterTest(InputTestCase):
    """Bytes in the same packet after the head of the request."""

    def test_frames_after_a_handshake_are_read(self):
        with undisturbed(self.server) as group:
            client = self.tcp(self.server)
            client.send(head() + frame(TEXT, b'hello') + frame(PING, b'ping')
                        + frame(CLOSE, close_payload(1000)))
            self.assertEqual(101, client.read_answer().status)
            group.expect('hello')
            got = [client.read_frame() for _ in range(3)]
            self.assertIn(Frame(TEXT, b'hello'), got)
            self.assertIn(Frame(PONG, b'ping'), got)
            self.assertEqual(Frame(CLOSE, close_payload(1000)), got[-1])
            client.expect_end()

    def test_other_bytes_after_a_handshake_are_a_protocol_error(self):
        with undisturbed(self.server):
            for data in head(), plain(), b'\r\n', frame(TEXT, b'not masked', masked=False):
                with self.subTest(data[:10]):
                    client = self.tcp(self.server)
                    client.send(head() + data)
                    self.assertEqual(101, client.read_answer().status)
                    client.expect_close(PROTOCOL_ERROR)
                    client.abandon()

    def test_requests_after_a_refusal_get_no_answer(self):
        with undisturbed(self.server):
            for data in head(first=b'GET'), plain(), head(without=[b'Upgrade']), head(b'X: \0'):
                for more in head(), plain() * 50, frame(TEXT, b'hello'), bytes(100_000):
                    with self.subTest(data=data[:20], more=more[:20]):
                        client = self.tcp(self.server)
                        client.send(data + more)
                        self.assertIn(client.read_answer().status, (400, 404, 426))
                        self.assertTrue(self.ends(client))
                        client.abandon()

    def ends(self, client):
        """Returns whether nothing but the end follows, which may be a reset."""
        try:
            client.expect_end()
        except ConnectionError:
            pass
        return True


class OtherProtocolTest(InputTestCase):
    def test_tls(self):
        with undisturbed(self.server):
            client = self.tcp(self.server)
            context = ssl.create_default_context()
            with self.assertRaisesRegex(ssl.SSLError, 'WRONG_VERSION_NUMBER'):
                context.wrap_socket(client.socket, server_hostname='localhost')
            client.abandon()
            for data in b'\x16', b'\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03' + bytes(500):
                self.assert_refused(self.server, data, 400, 'request', 'TLS')

    def test_http_2(self):
        preface = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
        with undisturbed(self.server):
            for data in preface, preface + b'\0\0\0\4\0\0\0\0\0':
                self.assert_refused(self.server, data, 505, 'request', 'version of HTTP')

    def test_the_proxy_protocol(self):
        version_2 = b'\r\n\r\n\0\r\nQUIT\n'
        with undisturbed(self.server):
            for data in (b'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n', b'PROXY UNKNOWN\r\n',
                         b'PROXY TCP6 ::1 ::1 1 2\r\n', version_2 + b'\x20\0\0\0',
                         version_2 + b'\x21\x11\0\x0c' + bytes(12)):
                for request in b'', head():
                    with self.subTest(data + request[:1]):
                        self.assert_refused(self.server, data + request, 400, 'request',
                                            'PROXY protocol')


if __name__ == '__main__':
    tap.main(jobs=3)
