# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A message from any client reaches all clients."""

import asyncio
import os
import re
import subprocess
import threading
import time

import tap
import websockets
import wscat
from crowd import Member, crowd
from waiting import SLOWNESS, expect_time
from ringdown import RingdownTestCase
from wire import BINARY, CONTINUATION, PING, PONG, TEXT, Frame, frame

class TalkTest(RingdownTestCase):
    def setUp(self):
        super().setUp()
        if self._testMethodName.startswith('test_wscat') and not os.path.exists(wscat.PROGRAM):
            self.skipTest('wscat is missing: npm ci --prefix tests/integration')

    def wscat(self, server, *options):
        client = wscat.Wscat(server.port, *options)
        self.addCleanup(client.stop)
        client.wait_shown('Connected')
        return client

    def test_wscat_clients_exchange_messages(self):
        server = self.start()
        ann, bob = self.wscat(server), self.wscat(server)
        ann.type('hello from ann')
        ann.wait_shown('< hello from ann')
        bob.wait_shown('< hello from ann')
        bob.type('grüße von bob 🛰')
        ann.wait_shown('< grüße von bob 🛰')
        bob.wait_shown('< grüße von bob 🛰')
        self.assertEqual(1, bob.times_shown('< hello from ann'))

    def test_wscat_shows_the_notification(self):
        server = self.start('--notify-interval=200ms')
        self.wscat(server).wait_shown('< 🛰 Test notification')

    def test_wscat_gets_a_pong_for_each_ping(self):
        client = self.wscat(self.start(), '--slash', '--show-ping-pong')
        payloads = [f'p{number}' for number in range(10)]
        client.type('\r'.join(f'/ping {payload}' for payload in payloads))
        client.wait_shown(f'Received pong (data: "{payloads[-1]}")')
        self.assertEqual(payloads, client.find_shown(r'Received pong \(data: "(\w+)"\)'))

    def test_python_websockets_clients_exchange_messages(self):
        server = self.start()

        async def talk():
            url = f'ws://127.0.0.1:{server.port}/ws'
            async with websockets.connect(url) as ann, websockets.connect(url) as bob:
                for sender, message in (ann, 'to bob'), (bob, 'to ann'), (ann, b'\0\xff\x80'):
                    await sender.send(message)
                    for listener in ann, bob:
                        got = await asyncio.wait_for(listener.recv(), 10 * SLOWNESS)
                        self.assertEqual(message, got)
                await asyncio.wait_for(await ann.ping(), 10 * SLOWNESS)

        asyncio.run(talk())

    def test_the_sender_gets_its_own_message(self):
        alone = self.connect(self.start())
        alone.text('is anybody here?')
        alone.expect_text('is anybody here?')

    def test_text_and_binary_pass_unchanged(self):
        server = self.start()
        every_byte = bytes(range(256))
        with crowd(server) as group:
            client = self.connect(server)
            for opcode, payload in ((TEXT, 'ünïcödé \0 🛰 \U0010ffff \ufffe'.encode()),
                                    (BINARY, every_byte), (TEXT, b''), (BINARY, b'')):
                client.send(frame(opcode, payload))
                group.expect(payload, opcode)
            group.wait_all()

    def test_messages_at_the_limits_of_length_forms_pass(self):
        server = self.start('--max-message=128KiB')
        with crowd(server) as group:
            for length in 1, 125, 126, 127, 65535, 65536, 65537, 131072:
                group.say('x' * length)

    def test_a_message_as_long_as_the_default_limit_passes(self):
        server = self.start()
        with crowd(server) as group:
            group.say('x' * 65536)

    def test_fragments_are_joined(self):
        server = self.start()
        with crowd(server) as group:
            client = self.connect(server)
            client.send(frame(TEXT, b'one ', fin=False) + frame(CONTINUATION, b'', fin=False)
                        + frame(CONTINUATION, b'two ', fin=False) + frame(CONTINUATION, b'three'))
            group.expect('one two three')
            client.send(frame(BINARY, b'\xff', fin=False) + frame(CONTINUATION, b''))
            group.expect(b'\xff', BINARY)
            group.wait_all()

    def test_a_ping_between_fragments_is_answered_at_once(self):
        client = self.connect(self.start())
        client.send(frame(TEXT, b'half', fin=False) + frame(PING, b'still there?'))
        self.assertEqual(Frame(PONG, b'still there?'), client.receive())
        client.send(frame(CONTINUATION, b' and half'))
        client.expect_text('half and half')

    def test_a_message_sent_byte_by_byte_passes(self):
        server = self.start()
        with crowd(server) as group:
            client = self.connect(server)
            for byte in frame(TEXT, 'drop by drop 🛰'.encode() + b'.' * 120):
                client.send(bytes([byte]))
            group.expect('drop by drop 🛰' + '.' * 120)
            group.wait_all()

    def test_messages_sent_with_the_handshake_are_not_lost(self):
        server = self.start()
        with crowd(server) as group:
            hasty = self.tcp(server)
            hasty.open(behind=frame(TEXT, b'first') + frame(TEXT, b'second'))
            group.expect('first')
            group.expect('second')
            hasty.expect_text('first')
            hasty.expect_text('second')
            group.wait_all()

    def test_many_messages_sent_with_the_handshake_are_not_lost(self):
        server = self.start()
        with crowd(server) as group:
            hasty = self.tcp(server)
            messages = [f'{number}'.ljust(60_000, '.') for number in range(20)]
            hasty.open(behind=b''.join(frame(TEXT, message.encode()) for message in messages))
            for message in messages:
                group.expect(message)
            group.wait_all()

    def test_a_partial_frame_sent_with_the_handshake_is_completed(self):
        client = self.tcp(self.start())
        message = frame(TEXT, b'in two parts')
        client.open(behind=message[:5])
        client.send(message[5:])
        client.expect_text('in two parts')

    def test_a_burst_arrives_in_order_exactly_once(self):
        server = self.start()
        burst = [f'message {number}' for number in range(10_000)]
        with crowd(server) as group:
            for message in burst:
                group.expect(message)
            sender = Member(server.port)
            self.addCleanup(sender.leave)
            sender.client.send(b''.join(frame(TEXT, message.encode()) for message in burst), 60)
            group.wait_all(60)

    def test_two_bursts_at_once_arrive_in_the_same_order(self):
        server = self.start()
        members = [Member(server.port) for _ in range(4)]
        for member in members:
            self.addCleanup(member.leave)

        def shout(member, name):
            for start in range(0, 2000, 50):
                member.client.send(b''.join(frame(TEXT, f'{name} {number}'.encode())
                                            for number in range(start, start + 50)), 60)

        threads = [threading.Thread(target=shout, args=(member, name))
                   for member, name in zip(members, 'ab')]
        for thread in threads:
            thread.start()
        for member in members:
            member.wait_count(4000, 60)
        for thread in threads:
            thread.join()
        for member in members:
            member.settle()
            self.assertEqual(members[0].messages, member.messages)
        for name in 'ab':
            self.assertEqual([f'{name} {number}' for number in range(2000)],
                             [got.text for got in members[0].messages if got.text[0] == name])

    def test_a_new_client_gets_later_messages_only(self):
        server = self.start()
        early = self.connect(server)
        early.text('missed')
        early.expect_text('missed')
        late = self.connect(server)
        early.text('heard')
        late.expect_text('heard')

    def test_a_query_and_the_headers_of_browsers_do_not_matter(self):
        server = self.start()
        client = self.tcp(server)
        client.open('/ws?from=here', headers={
            'Connection': 'keep-alive, Upgrade', 'Upgrade': 'WebSocket', 'Pragma': 'no-cache',
            'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits'})
        client.text('plain')
        client.expect_text('plain')

    def test_the_path_is_configurable(self):
        client = self.tcp(self.start('--path=/bell'))
        client.open('/bell')


class NotificationTest(RingdownTestCase):
    def test_it_comes_at_the_interval(self):
        client = self.connect(self.start('--notify-interval=200ms'))
        client.expect_text('🛰 Test notification')
        first = time.monotonic()
        client.expect_text('🛰 Test notification')
        client.expect_text('🛰 Test notification')
        expect_time(time.monotonic() - first, over=0.3)

    def test_its_text_is_configurable(self):
        client = self.connect(self.start('--notify-interval=100ms', '--notify-message=ding 🔔'))
        client.expect_text('ding 🔔')

    def test_interval_zero_switches_it_off(self):
        client = self.connect(self.start('--notify-interval=0'))
        with self.assertRaises(TimeoutError):
            client.receive(1)

    def test_the_default_is_ten_seconds(self):
        status = re.search(r'--notify-interval\S*.*', subprocess.run(
            [os.environ['RINGDOWN_BIN'], '--help'], capture_output=True, text=True,
            check=True).stdout)
        self.assertRegex(status[0], r'\b10\s?s\b')


if __name__ == '__main__':
    tap.main(jobs=3)
