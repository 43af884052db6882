# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A WebSocket client (RFC 6455) with control over each byte, also to violate the protocol.

It checks what the server sends: unmasked frames, minimal lengths, no reserved bits, short and
unfragmented control frames.
"""

import base64
import dataclasses
import hashlib
import os
import re
import socket
import struct

from waiting import Deadline

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


@dataclasses.dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes

    @property
    def text(self):
        return self.payload.decode()

    @property
    def code(self):
        """The close code; None if the close frame is empty."""
        return struct.unpack('!H', self.payload[:2])[0] if self.payload else None

    @property
    def reason(self):
        return self.payload[2:].decode()


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP response; header names are in lower case."""
    status: int
    headers: dict
    body: bytes


def _masked(payload, mask):
    if not payload:
        return b''
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], 'big')
    return (int.from_bytes(payload, 'big') ^ key).to_bytes(len(payload), 'big')


def frame(opcode, payload=b'', *, fin=True, rsv=0, masked=True, length=None, width=None):
    """Returns a client's frame. LENGTH overrides the payload length in the header; WIDTH overrides
    the bits of the length field (7, 16 or 64; default: the minimum)."""
    length = len(payload) if length is None else length
    width = width or (7 if length < 126 else 16 if length < 1 << 16 else 64)
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    flag = 0x80 if masked else 0
    head = {7: lambda: struct.pack('!BB', first, flag | length),
            16: lambda: struct.pack('!BBH', first, flag | 126, length),
            64: lambda: struct.pack('!BBQ', first, flag | 127, length)}[width]()
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + _masked(payload, mask)


def close_payload(code, reason=b''):
    return struct.pack('!H', code) + reason


class Client:
    """A connection to ADDRESS:PORT that sends only on request. RECEIVE_BUFFER: SO_RCVBUF in bytes,
    which makes the server's socket block early."""

    def __init__(self, port, *, address='127.0.0.1', receive_buffer=None):
        self._buffer = bytearray()
        self._key = base64.b64encode(os.urandom(16)).decode()
        self.port = port
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(Deadline(10).remaining)
        try:
            self.socket.connect((address, port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Sending

    def send(self, data, seconds=10):
        self.socket.settimeout(Deadline(seconds).remaining)
        self.socket.sendall(data)

    def request(self, path='/ws', *, method='GET', headers=None):
        """Returns a handshake request. HEADERS replaces headers by name; None omits one."""
        fields = {
            'Host': f'127.0.0.1:{self.port}', 'Upgrade': 'websocket', 'Connection': 'Upgrade',
            'Sec-WebSocket-Key': self._key, 'Sec-WebSocket-Version': '13', **(headers or {})}
        lines = [f'{name}: {value}' for name, value in fields.items() if value is not None]
        return '\r\n'.join([f'{method} {path} HTTP/1.1', *lines, '', '']).encode()

    def open(self, path='/ws', *, headers=None, behind=b''):
        """Performs the handshake, which must succeed. BEHIND: bytes to send in the same packet."""
        self.send(self.request(path, headers=headers) + behind)
        self.expect_opened()

    def text(self, message):
        self.send(frame(TEXT, message.encode()))

    def binary(self, message):
        self.send(frame(BINARY, message))

    def leave(self, code=1000):
        """Starts the close handshake and waits for its end."""
        self.send(frame(CLOSE, close_payload(code)))
        self.expect_close(code, answer=False)

    def half_close(self):
        self._shut(socket.SHUT_WR)

    def shut_down(self):
        self._shut(socket.SHUT_RDWR)

    def _shut(self, how):
        try:
            self.socket.shutdown(how)
        except OSError:
            pass  # the server has closed already

    def reset(self):
        """Closes the connection with an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.socket.close()

    def abandon(self):
        self.socket.close()

    # Receiving

    def _fill(self, deadline):
        """Reads available data; returns False at the end of the stream."""
        if deadline.expired:
            raise TimeoutError('no data received')
        self.socket.settimeout(max(deadline.remaining, 0.001))  # 0 would mean non-blocking
        data = self.socket.recv(1 << 18)
        self._buffer += data
        return bool(data)

    def _take(self, count):
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def read_answer(self, seconds=10):
        """Reads an HTTP response, with its body if Content-Length is set."""
        deadline = Deadline(seconds)
        while b'\r\n\r\n' not in self._buffer:
            if not self._fill(deadline):
                raise EOFError(f'stream ended within the response: {self._buffer!r}')
        head = self._take(self._buffer.index(b'\r\n\r\n') + 4).decode('latin-1')
        status, *fields = head.split('\r\n')[:-2]
        headers = {name.lower(): value.strip()
                   for name, _, value in (field.partition(':') for field in fields)}
        length = int(headers.get('content-length', 0))
        while len(self._buffer) < length:
            if not self._fill(deadline):
                raise EOFError('stream ended within the body')
        return Answer(int(re.match(r'HTTP/1\.[01] (\d{3}) ', status)[1]), headers,
                      self._take(length))

    def expect_opened(self):
        answer = self.read_answer()
        accept = hashlib.sha1((self._key + _GUID).encode()).digest()
        assert answer.status == 101, answer
        assert answer.headers['sec-websocket-accept'] == base64.b64encode(accept).decode(), answer
        assert 'sec-websocket-extensions' not in answer.headers, answer

    def _header(self):
        """Returns the header and payload sizes of the first frame in the buffer; None if they are
        not known yet."""
        if len(self._buffer) < 2:
            return None
        first, second = self._buffer[:2]
        opcode = first & 0xF
        assert first & 0xF0 == 0x80, f'fragment or reserved bits: {self._buffer[:10]!r}'
        assert opcode in (TEXT, BINARY, CLOSE, PING, PONG), f'opcode {opcode}'
        assert second & 0x80 == 0, 'a server must not mask'
        assert second < 126 or opcode in (TEXT, BINARY), 'a long control frame'
        if second < 126:
            return 2, second
        size = 4 if second == 126 else 10
        if len(self._buffer) < size:
            return None
        length = int.from_bytes(self._buffer[2:size], 'big')
        assert length >= (126 if second == 126 else 1 << 16), 'the length is not minimal'
        return size, length

    def read_frame(self, seconds=10):
        """Reads one frame. Raises EOFError if the stream ends between frames; an end within a frame
        is a failure."""
        return self._read_frame(Deadline(seconds))

    def _read_frame(self, deadline):
        while True:
            header = self._header()
            if header and len(self._buffer) >= sum(header):
                opcode = self._buffer[0] & 0xF
                return Frame(opcode, self._take(sum(header))[header[0]:])
            if not self._fill(deadline):
                assert not self._buffer, f'stream ended within a frame: {self._buffer[:20]!r}'
                raise EOFError

    def receive(self, seconds=10):
        """Reads the next frame other than a ping; answers pings."""
        return self._receive(Deadline(seconds))

    def _receive(self, deadline):
        while True:
            got = self._read_frame(deadline)
            if got.opcode != PING:
                return got
            self.send(frame(PONG, got.payload))

    def expect_text(self, message):
        got = self.receive()
        assert got == Frame(TEXT, message.encode()), f'{got}, expected {message!r}'

    def expect_end(self, seconds=10):
        """Expects the end of the stream, without a reset."""
        try:
            got = self.receive(seconds)
        except EOFError:
            return
        raise AssertionError(f'{got}, expected the end of the stream')

    def expect_close(self, code, reason=None, *, answer=True):
        """Reads up to a close frame, which must have CODE (None: no payload), answers it if ANSWER
        and expects the end. Returns the frames before it."""
        before = []
        deadline = Deadline(10)
        while (got := self._receive(deadline)).opcode != CLOSE:
            before.append(got)
        assert got.code == code, f'close code {got.code} ({got.payload!r}), expected {code}'
        assert reason is None or got.reason == reason, f'reason {got.reason!r}'
        if answer:
            self._answer_close(got)
        self.expect_end()
        return before

    def _answer_close(self, got):
        try:
            self.send(frame(CLOSE, got.payload))
        except OSError:
            pass  # the server may close without waiting for the answer
