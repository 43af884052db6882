# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""RFC 6455 for servers: refused input, close codes, and tolerated input.

In each test three other clients exchange messages before and after and must not be affected.
"""

import tap
from crowd import undisturbed
from ringdown import RingdownTestCase
from wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, close_payload, frame

PROTOCOL_ERROR, BAD_PAYLOAD, TOO_BIG = 1002, 1007, 1009


class RfcTestCase(RingdownTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.start()

    def refused(self, code, *variants, answer=True):
        """Sends each of VARIANTS from a new client; expects close CODE and no message to others.
        ANSWER: whether the client answers the close frame; not if it sent one before."""
        with undisturbed(self.server):
            for data in variants:
                with self.subTest(data=data[:24]):
                    client = self.connect(self.server)
                    client.send(data)
                    self.assertEqual([], client.expect_close(code, answer=answer))
                    client.abandon()


class FramingTest(RfcTestCase):
    def test_unmasked_frames_are_refused(self):
        self.refused(PROTOCOL_ERROR, frame(TEXT, b'bare', masked=False),
                     frame(TEXT, b'', masked=False), frame(PING, b'', masked=False),
                     frame(CLOSE, close_payload(1000), masked=False))

    def test_reserved_bits_are_refused(self):
        self.refused(PROTOCOL_ERROR, *(frame(TEXT, b'x', rsv=rsv) for rsv in range(1, 8)),
                     frame(PING, b'', rsv=4), frame(CLOSE, b'', rsv=1))

    def test_reserved_opcodes_are_refused(self):
        self.refused(PROTOCOL_ERROR, *(frame(opcode, b'x')
                                       for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)))

    def test_fragmented_control_frames_are_refused(self):
        self.refused(PROTOCOL_ERROR, *(frame(opcode, b'', fin=False)
                                       for opcode in (PING, PONG, CLOSE)))

    def test_long_control_frames_are_refused(self):
        self.refused(PROTOCOL_ERROR, *(frame(opcode, b'x' * 126) for opcode in (PING, PONG, CLOSE)),
                     frame(PING, length=1 << 40, width=64))

    def test_a_continuation_without_a_message_is_refused(self):
        self.refused(PROTOCOL_ERROR, frame(CONTINUATION, b'x'),
                     frame(CONTINUATION, b'', fin=False))

    def test_a_continuation_of_a_finished_message_is_refused(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            group.expect('whole')
            client.send(frame(TEXT, b'whole') + frame(CONTINUATION, b'more'))
            client.expect_close(PROTOCOL_ERROR)

    def test_a_new_message_within_fragments_is_refused(self):
        self.refused(PROTOCOL_ERROR, frame(TEXT, b'a', fin=False) + frame(TEXT, b'b'),
                     frame(BINARY, b'a', fin=False) + frame(BINARY, b'b', fin=False))

    def test_lengths_that_are_not_minimal_are_refused(self):
        self.refused(PROTOCOL_ERROR, frame(TEXT, b'x' * 125, width=16), frame(TEXT, b'', width=16),
                     frame(TEXT, b'x' * 126, width=64), frame(TEXT, b'x' * 65535, width=64),
                     frame(TEXT, b'', width=64))

    def test_a_length_with_the_top_bit_set_is_refused(self):
        self.refused(PROTOCOL_ERROR, frame(BINARY, length=1 << 63, width=64),
                     frame(BINARY, length=(1 << 64) - 1, width=64))

    def test_the_close_frame_arrives_although_more_was_sent(self):
        self.refused(PROTOCOL_ERROR, frame(TEXT, b'bare', masked=False) + b'\xff' * (1 << 20))

    def test_random_bytes_reach_no_client(self):
        with undisturbed(self.server):
            for seed in range(16):
                client = self.connect(self.server)
                # A reserved opcode, followed by any bytes.
                client.send(bytes([0x83 + seed % 5]) + bytes((seed * 7 + i * i) % 256
                                                             for i in range(300)))
                client.expect_close(PROTOCOL_ERROR)
                client.abandon()


class LengthTest(RfcTestCase):
    def test_an_announced_gigabyte_is_refused_at_once(self):
        self.refused(TOO_BIG, frame(BINARY, length=1 << 30, width=64),
                     frame(TEXT, length=(1 << 63) - 1, width=64), frame(TEXT, length=65537))

    def test_a_message_over_the_limit_is_refused(self):
        self.refused(TOO_BIG, frame(TEXT, b'x' * 65537))

    def test_fragments_over_the_limit_in_total_are_refused(self):
        self.refused(TOO_BIG, frame(TEXT, b'x' * 40000, fin=False)
                     + frame(CONTINUATION, b'x' * 25537),
                     frame(BINARY, b'', fin=False)
                     + frame(CONTINUATION, b'x' * 1000, fin=False) * 66)

    def test_fragments_up_to_the_limit_are_accepted(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            client.send(frame(TEXT, b'x' * 40000, fin=False) + frame(CONTINUATION, b'x' * 25536))
            group.expect('x' * 65536)
            group.wait_all()
            client.reset()

    def test_a_client_that_disconnects_within_a_frame_is_freed(self):
        with undisturbed(self.server):
            for leave in 'reset', 'half_close', 'abandon':
                client = self.connect(self.server)
                client.send(frame(TEXT, b'x' * 10, length=60000))
                self.server.wait_clients(4)
                getattr(client, leave)()
                self.server.wait_clients(3)
                client.abandon()

    def test_many_partial_messages_are_limited_and_freed(self):
        before = self.server.memory()
        peak = self.leave_partial_messages()
        self.assertLess(peak - before, 50 * 4 * 65536)
        self.server.wait_clients(0)
        with undisturbed(self.server, memory=peak):
            self.leave_partial_messages()

    def leave_partial_messages(self):
        """Disconnects fifty clients within their messages; returns the memory used before."""
        clients = [self.connect(self.server) for _ in range(50)]
        for client in clients:
            client.send(frame(BINARY, b'x' * 60000, fin=False) + frame(PING))
        for client in clients:
            self.assertEqual(PONG, client.receive().opcode)
        peak = self.server.memory()
        for client in clients:
            client.reset()
        return peak

    def test_endless_empty_fragments_cost_no_memory(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            before = self.server.memory()
            client.send(frame(TEXT, b'', fin=False)
                        + frame(CONTINUATION, b'', fin=False) * 100_000, 30)
            client.send(frame(PING, b'all read?'))
            self.assertEqual(Frame(PONG, b'all read?'), client.receive(30))
            self.assertLess(self.server.memory() - before, self.server.memory_tolerance())
            client.send(frame(CONTINUATION, b'at last'))
            group.expect('at last')
            group.wait_all()
            client.reset()


class Utf8Test(RfcTestCase):
    def test_bad_bytes_are_refused(self):
        self.refused(BAD_PAYLOAD, *(frame(TEXT, b'good ' + bad + b' good') for bad in (
            b'\xff', b'\xfe', b'\x80', b'\xbf', b'\xc3\x28', b'\xe2\x28\xa1', b'\xf0\x90\x28\xbc')))

    def test_overlong_forms_are_refused(self):
        self.refused(BAD_PAYLOAD, *(frame(TEXT, bad) for bad in (
            b'\xc0\x80', b'\xc1\xbf', b'\xe0\x80\xaf', b'\xe0\x9f\xbf', b'\xf0\x80\x80\xaf',
            b'\xf0\x8f\xbf\xbf')))

    def test_surrogates_are_refused(self):
        self.refused(BAD_PAYLOAD, *(frame(TEXT, bad) for bad in (
            b'\xed\xa0\x80', b'\xed\xbf\xbf', b'\xed\xa0\xbd\xed\xb8\x80')))

    def test_values_beyond_unicode_are_refused(self):
        self.refused(BAD_PAYLOAD, *(frame(TEXT, bad) for bad in (
            b'\xf4\x90\x80\x80', b'\xf5\x80\x80\x80', b'\xf8\x88\x80\x80\x80')))

    def test_an_incomplete_end_is_refused(self):
        self.refused(BAD_PAYLOAD, frame(TEXT, '🛰'.encode()[:3]), frame(TEXT, b'\xe2\x82'),
                     frame(TEXT, b'\xc3'),
                     frame(TEXT, b'\xc3', fin=False) + frame(CONTINUATION, b''))

    def test_bad_bytes_across_fragments_are_refused(self):
        self.refused(BAD_PAYLOAD, frame(TEXT, b'\xe2\x82', fin=False) + frame(CONTINUATION, b'x'),
                     frame(TEXT, b'\xed', fin=False) + frame(CONTINUATION, b'\xa0\x80'))

    def test_bad_bytes_are_refused_before_the_message_is_complete(self):
        self.refused(BAD_PAYLOAD, frame(TEXT, b'\xff', fin=False),
                     frame(TEXT, b'so far \xff so bad', length=60000),
                     frame(TEXT, b'\xf4', fin=False) + frame(CONTINUATION, b'\x90', fin=False))

    def test_a_character_across_fragments_is_accepted(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            first, *rest = '🛰'.encode()
            client.send(frame(TEXT, bytes([first]), fin=False)
                        + b''.join(frame(CONTINUATION, bytes([byte]), fin=False) for byte in rest)
                        + frame(CONTINUATION, b''))
            group.expect('🛰')
            group.wait_all()
            client.leave()

    def test_every_character_is_accepted(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            for start in range(0, 0x110000, 0x2000):
                message = ''.join(map(chr, (code for code in range(start, start + 0x2000)
                                            if not 0xD800 <= code < 0xE000)))
                client.text(message)
                group.expect(message)
            group.wait_all()
            client.reset()

    def test_binary_messages_may_have_any_bytes(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            client.binary(b'\xff\xc0\xed\xa0\x80')
            group.expect(b'\xff\xc0\xed\xa0\x80', BINARY)
            group.wait_all()
            client.reset()


class CloseTest(RfcTestCase):
    def test_a_code_is_echoed(self):
        with undisturbed(self.server):
            for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000,
                         4999):
                with self.subTest(code=code):
                    client = self.connect(self.server)
                    client.send(frame(CLOSE, close_payload(code, b'bye')))
                    client.expect_close(code, answer=False)

    def test_a_close_without_a_code_is_answered_without_one(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            client.send(frame(CLOSE))
            client.expect_close(None, answer=False)

    def test_codes_that_must_not_be_sent_are_refused(self):
        self.refused(PROTOCOL_ERROR, *(frame(CLOSE, close_payload(code)) for code in (
            0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)), answer=False)

    def test_an_incomplete_code_is_refused(self):
        self.refused(PROTOCOL_ERROR, frame(CLOSE, b'\x03'), answer=False)

    def test_a_reason_that_is_not_utf_8_is_refused(self):
        self.refused(BAD_PAYLOAD, frame(CLOSE, close_payload(1000, b'\xff')),
                     frame(CLOSE, close_payload(1000, b'\xe2\x82')), answer=False)

    def test_the_longest_reason_is_accepted(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            client.send(frame(CLOSE, close_payload(1000, b'x' * 123)))
            client.expect_close(1000, answer=False)

    def test_input_after_the_close_is_ignored(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            client.send(frame(CLOSE, close_payload(1000)) + frame(TEXT, b'ghost'))
            client.expect_close(1000, answer=False)

    def test_input_after_a_violation_is_ignored(self):
        self.refused(PROTOCOL_ERROR, frame(3, b'') + frame(TEXT, b'ghost'))

    def test_messages_before_the_close_still_reach_all(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            group.expect('last words')
            client.send(frame(TEXT, b'last words') + frame(CLOSE, close_payload(1000)))
            client.expect_close(1000, answer=False)
            group.wait_all()

    def test_a_close_within_fragments_discards_the_message(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            client.send(frame(TEXT, b'unfin', fin=False) + frame(CLOSE, close_payload(1001)))
            client.expect_close(1001, answer=False)

    def test_a_client_that_never_answers_a_close_is_dropped(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            client.send(frame(TEXT, b'bare', masked=False))
            self.assertEqual(CLOSE, client.receive().opcode)
            client.expect_end(15)

    def test_closes_are_counted_by_code(self):
        with undisturbed(self.server):
            for code, data in ((1002, frame(3)), (1007, frame(TEXT, b'\xff')),
                               (1009, frame(TEXT, length=1 << 20)),
                               (1001, frame(CLOSE, close_payload(1001)))):
                client = self.connect(self.server)
                client.send(data)
                client.expect_close(code, answer=code != 1001)
                client.abandon()
                self.server.wait_clients(3)
                self.assertEqual(1, self.server.metric('ringdown_clients_closed_total',
                                                       code=str(code)), code)


class PingTest(RfcTestCase):
    def test_a_ping_is_answered_with_its_payload(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            for payload in b'', b'ping', b'\xff\x00' * 62, b'x' * 125:
                client.send(frame(PING, payload))
                self.assertEqual(Frame(PONG, payload), client.receive())
            client.leave()

    def test_each_ping_of_a_packet_is_answered(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            for count in 10, 16:
                payloads = [f'payload {number}'.encode() for number in range(count)]
                client.send(b''.join(frame(PING, payload) for payload in payloads))
                self.assertEqual([Frame(PONG, payload) for payload in payloads],
                                 [client.receive() for _ in payloads])
            client.leave()

    def test_pings_between_messages_are_answered(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            packet = b''
            for number in range(10):
                group.expect(f'message {number}')
                packet += frame(PING, b'%d' % number) + frame(TEXT, b'message %d' % number)
            client.send(packet)
            got = [client.receive() for _ in range(20)]
            self.assertEqual([b'%d' % number for number in range(10)],
                             [each.payload for each in got if each.opcode == PONG])
            self.assertEqual([f'message {number}' for number in range(10)],
                             [each.text for each in got if each.opcode == TEXT])
            group.wait_all()
            client.leave()

    def test_the_latest_of_many_pings_is_answered(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            client.send(b''.join(frame(PING, b'%d' % number) for number in range(1000)))
            numbers = [int(client.receive().payload)]
            while numbers[-1] < 999:
                numbers.append(int(client.receive().payload))
            self.assertEqual(list(range(15)), numbers[:15])
            self.assertEqual(sorted(set(numbers)), numbers)
            client.leave()

    def test_an_unsolicited_pong_is_ignored(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            client.send(frame(PONG, b'unasked') + frame(TEXT, b'said', fin=False)
                        + frame(PONG, b'') + frame(CONTINUATION, b' so'))
            group.expect('said so')
            client.expect_text('said so')
            group.wait_all()
            client.leave()

    def test_pings_without_reading_pongs_use_limited_memory(self):
        with undisturbed(self.server):
            client = self.connect(self.server, receive_buffer=4096)
            before = self.server.memory()
            flood = frame(PING, b'x' * 125) * 1000
            try:
                for _ in range(200):
                    client.send(flood, 1)
            except OSError:  # the server does not read, or has closed
                pass
            self.assertLess(self.server.memory() - before, self.server.memory_tolerance())
            client.reset()

    def test_many_pings_do_not_delay_other_clients(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            client.send(frame(PING, b'x') * 50_000, 30)
            group.say('do you hear me?')
            client.reset()


if __name__ == '__main__':
    tap.main(jobs=3)
