# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Request heads, and what the public port answers to them."""

import re

import prometheus
from ringdown import RingdownTestCase
from wire import PING, PONG, Frame, frame

HEAD_MAX = 8192  # bytes
REFUSED = 'ringdown_connections_refused_total'
REASONS = {'full', 'draining', 'origin', 'handshake', 'request', 'size', 'path', 'method',
           'timeout', 'descriptors'}

# A key and the answer to it (RFC 6455 §1.3).
KEY = b'dGhlIHNhbXBsZSBub25jZQ=='
ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

_FIELDS = {b'Host': b'127.0.0.1', b'Upgrade': b'websocket', b'Connection': b'Upgrade',
           b'Sec-WebSocket-Key': KEY, b'Sec-WebSocket-Version': b'13'}
UPGRADE = b'Upgrade', b'Connection', b'Sec-WebSocket-Key', b'Sec-WebSocket-Version'


def head(*lines, first=b'GET /ws HTTP/1.1', without=()):
    """Returns the head of a handshake with the request line FIRST, without the fields WITHOUT, and
    with the additional header LINES."""
    fields = [name + b': ' + value for name, value in _FIELDS.items() if name not in without]
    return b'\r\n'.join([first, *fields, *lines, b'', b''])


def plain(*lines, first=b'GET /nothing HTTP/1.1'):
    """Returns the head of a request that is not a handshake."""
    return head(*lines, first=first, without=UPGRADE)


def head_of(size):
    """Returns the head of a handshake with SIZE bytes."""
    return head(b'X-Pad: ' + b'x' * (size - len(head(b'X-Pad: '))))


class FrontDoorTestCase(RingdownTestCase):
    def refusals(self, server):
        """Returns the numbers of refused connections by reason."""
        samples = prometheus.parse(server.admin('/metrics')[1])
        return {dict(labels)['reason']: int(value) for (name, labels), value in samples.items()
                if name == REFUSED}

    def ask(self, server, data, *, admin=False):
        """Sends DATA to SERVER, and returns the answer, which must end the connection."""
        client = self.tcp(server, admin=admin)
        try:
            client.send(data)
            answer = client.read_answer()
            client.expect_end()
            return answer
        finally:
            client.abandon()

    def enter(self, server, data):
        """Sends the handshake DATA, which must succeed, and disconnects. Returns the answer."""
        client = self.tcp(server)
        client.send(data)
        answer = client.read_answer()
        self.assertEqual(101, answer.status, answer)
        self.assert_is_client(client)
        self.assertEqual(ACCEPT, answer.headers['sec-websocket-accept'])
        client.leave()
        return answer

    def assert_is_client(self, client):
        """Asserts that the server reads the frames of CLIENT, without disturbing other clients."""
        client.send(frame(PING, b'am I in?'))
        self.assertEqual(Frame(PONG, b'am I in?'), client.receive())

    def assert_text(self, answer, cause):
        """Asserts that ANSWER has one line of text, which matches CAUSE."""
        text = answer.body.decode()
        self.assertRegex(text, r'\A[^\n]+\n\Z')
        self.assertTrue(text[:-1].isprintable(), text)
        self.assertRegex(text, re.compile(cause, re.IGNORECASE))
        self.assertEqual('text/plain; charset=utf-8', answer.headers['content-type'])

    def assert_refused(self, server, data, status, reason, cause):
        """Asserts that the answer to DATA has STATUS and a line that matches CAUSE, and that it is
        counted once, by REASON. Returns the answer."""
        before = self.refusals(server)
        answer = self.ask(server, data)
        self.assertEqual(status, answer.status, answer)
        self.assert_text(answer, cause)
        self.assertEqual({**before, reason: before[reason] + 1}, self.refusals(server))
        return answer
