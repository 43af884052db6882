# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The drain by signals, without D-Bus."""

import signal
import time

import tap
from crowd import Member, crowd
from waiting import SLOWNESS, eventually, expect_time
from ringdown import RingdownTestCase

GOING_AWAY = 1001
SERVICE_RESTART = 1012
AT_ONCE = 0.1 * SLOWNESS


class DrainTestCase(RingdownTestCase):
    def drain(self, server, number=signal.SIGTERM):
        """Sends the signal and waits until /readyz answers 503."""
        server.signal(number)
        eventually(lambda: server.ready()[0] == 503, '/readyz to be 503')

    def assert_refused(self, server):
        """Asserts that the main port refuses connections."""
        with self.assertRaises(ConnectionRefusedError):
            self.tcp(server)

    def assert_exit_at_once(self, server, since):
        """Asserts that the program exits with 0 within 100 ms of SINCE."""
        self.assertEqual(0, server.wait_exit())
        expect_time(time.monotonic() - since, under=AT_ONCE)


class SignalTest(DrainTestCase):
    def test_without_clients_it_exits_at_once(self):
        for number in signal.SIGTERM, signal.SIGINT:
            with self.subTest(number.name):
                server = self.start()
                began = time.monotonic()
                server.signal(number)
                self.assert_exit_at_once(server, began)

    def test_sigterm_with_clients_turns_readiness_to_503(self):
        server = self.start()
        self.connect(server)
        self.connect(server)
        server.wait_clients(2)
        self.drain(server)
        status, said = server.ready()
        self.assertEqual(503, status)
        self.assertEqual('draining', said['state'])
        self.assertEqual(2, said['clients'])
        self.assertEqual(200, server.admin('/healthz')[0])

    def test_sigint_has_the_same_effect_as_sigterm(self):
        server = self.start()
        client = self.connect(server)
        self.drain(server, signal.SIGINT)
        self.assert_refused(server)
        client.text('still here')
        client.expect_text('still here')
        client.leave()
        self.assertEqual(0, server.wait_exit())

    def test_new_handshakes_are_refused_while_messages_flow(self):
        server = self.start()
        one, two = Member(server.port), Member(server.port)
        self.drain(server)
        for number in range(20):
            self.assert_refused(server)
            one.say(f'{number}')
            two.wait_message(f'{number}')
        for member in one, two:
            member.wait_count(20)
            self.assertEqual([f'{number}' for number in range(20)],
                             [got.text for got in member.messages])
            self.assertIsNone(member.end)
            member.leave()
        self.assertEqual(0, server.wait_exit())

    def test_notifications_continue(self):
        server = self.start('--notify-interval=200ms')
        client = self.connect(server)
        self.drain(server)
        for _ in range(4):
            client.expect_text('🛰 Test notification')

    def test_it_exits_within_100_ms_of_the_last_client_leaving(self):
        for leave in 'leave', 'reset', 'half_close':
            with self.subTest(how=leave):
                server = self.start('--drain-interval=1h')
                first, last = self.connect(server), self.connect(server)
                self.drain(server)
                first.leave()
                last.text('one left')
                last.expect_text('one left')
                began = time.monotonic()
                getattr(last, leave)()
                self.assert_exit_at_once(server, began)

    def test_a_connection_without_a_handshake_does_not_delay_the_exit(self):
        server = self.start()
        client = self.connect(server)
        silent = self.tcp(server)
        silent.send(silent.request()[:30])
        self.drain(server)
        began = time.monotonic()
        client.leave()
        self.assert_exit_at_once(server, began)

    def test_progress_and_the_end_are_logged(self):
        server = self.start('--drain-interval=200ms', '--drain-timeout=30min')
        one, two = self.connect(server), self.connect(server)
        server.wait_clients(2)
        self.drain(server)
        server.wait_log(r'(?i)drain.*\b2 clients\b.*\b(29|30) ?min')
        one.leave()
        server.wait_log(r'(?i)drain.*\b1 client\b.*\b29 ?min')
        two.leave()
        self.assertEqual(0, server.wait_exit())
        server.wait_log(r'(?i)drained.*\b2 disconnected.*\b0 closed.*\b0 cut off')


class DeadlineTest(DrainTestCase):
    def test_at_the_deadline_the_rest_get_1012(self):
        server = self.start('--drain-timeout=2', '--drain-interval=500ms')
        clients = [self.connect(server) for _ in range(3)]
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        for client in clients:
            client.expect_close(SERVICE_RESTART, 'service restart')
        self.assertEqual(0, server.wait_exit())
        took = time.monotonic() - began
        self.assertGreater(took, 1.9)
        expect_time(took, under=2 + 0.5 * SLOWNESS)
        server.wait_log(r'(?i)drained.*\b0 disconnected.*\b3 closed.*\b0 cut off')

    def test_clients_that_left_before_the_deadline_are_counted_separately(self):
        server = self.start()
        early, late = self.connect(server), self.connect(server)
        server.wait_clients(2)
        self.drain(server)
        early.leave()
        server.wait_clients(1)
        server.signal_again(signal.SIGTERM)  # closes all clients
        late.expect_close(SERVICE_RESTART)
        self.assertEqual(0, server.wait_exit())
        server.wait_log(r'(?i)drained.*\b1 disconnected.*\b1 closed.*\b0 cut off')

    def test_pending_messages_come_before_the_1012(self):
        server = self.start('--drain-timeout=1', '--max-message=64KiB')
        slow = self.connect(server, receive_buffer=4096)
        sender = Member(server.port)
        messages = [f'{number}'.ljust(60_000, '.') for number in range(40)]
        for message in messages:
            sender.say(message)
        sender.wait_count(len(messages))
        self.drain(server)
        eventually(lambda: sender.end, 'the deadline')
        self.assertEqual(messages, [got.text for got in slow.expect_close(SERVICE_RESTART)])
        sender.leave()
        self.assertEqual(0, server.wait_exit())

    def test_a_client_that_does_not_answer_the_1012_is_cut_off_within_five_seconds(self):
        server = self.start('--drain-timeout=1')
        deaf, polite = self.connect(server), self.connect(server)
        server.wait_clients(2)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        polite.expect_close(SERVICE_RESTART)
        self.assertEqual(0, server.wait_exit(15))
        took = time.monotonic() - began
        self.assertGreater(took, 5.5)
        expect_time(took, under=6 + 1 * SLOWNESS)
        server.wait_log(r'(?i)drained.*\b0 disconnected.*\b1 closed.*\b1 cut off')
        self.assertEqual(SERVICE_RESTART, deaf.receive().code)

    def test_a_second_signal_closes_the_rest(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT),
                              (signal.SIGTERM, signal.SIGINT)):
            with self.subTest(first=first.name, second=second.name):
                server = self.start()
                clients = [self.connect(server) for _ in range(3)]
                self.drain(server, first)
                server.signal_again(second)
                began = time.monotonic()
                for client in clients:
                    client.expect_close(SERVICE_RESTART, 'service restart')
                self.assertEqual(0, server.wait_exit())
                expect_time(time.monotonic() - began, under=1 * SLOWNESS)

    def test_each_of_many_clients_gets_the_1012(self):
        server = self.start('--drain-timeout=2')
        clients = [self.connect(server) for _ in range(300)]
        server.signal(signal.SIGTERM)
        for client in clients:
            client.expect_close(SERVICE_RESTART)
        self.assertEqual(0, server.wait_exit())
        server.wait_log(r'(?i)drained.*\b300 closed.*\b0 cut off')


class CodeTest(DrainTestCase):
    def assert_closed_with_1001(self, server, clients):
        for client in clients:
            client.expect_close(GOING_AWAY, 'going away')
        self.assertEqual(0, server.wait_exit())
        server.wait_log('Closing 2 clients with close code 1001')
        server.wait_log(r'(?i)drained.*\b0 disconnected.*\b2 closed.*\b0 cut off')

    def test_at_the_deadline_the_rest_get_the_configured_code(self):
        server = self.start('--drain-code=1001', '--drain-timeout=1')
        clients = [self.connect(server) for _ in range(2)]
        server.wait_clients(2)
        server.signal(signal.SIGTERM)
        self.assert_closed_with_1001(server, clients)

    def test_a_second_signal_closes_with_the_configured_code(self):
        server = self.start('--drain-code=1001')
        clients = [self.connect(server) for _ in range(2)]
        server.wait_clients(2)
        self.drain(server)
        server.signal_again(signal.SIGTERM)
        self.assert_closed_with_1001(server, clients)

    def test_the_code_is_counted(self):
        server = self.start('--drain-code=1001', '--drain-timeout=0')
        answering, deaf = self.connect(server), self.connect(server)
        server.wait_clients(2)
        server.signal(signal.SIGTERM)
        answering.expect_close(GOING_AWAY)
        eventually(lambda: server.metric('ringdown_clients_closed_total', code='1001') == 1,
                   'the client to be counted')
        deaf.expect_close(GOING_AWAY)
        self.assertEqual(0, server.wait_exit())

    def test_other_closes_keep_their_codes(self):
        server = self.start('--drain-code=1001', '--max-message=125')
        client = self.connect(server)
        client.text('x' * 126)
        client.expect_close(1009)


class GraceTest(DrainTestCase):
    def test_new_clients_are_accepted_during_the_grace_period(self):
        server = self.start('--drain-grace=3s')
        with_us = self.connect(server)
        self.drain(server)
        newcomer = self.connect(server)
        newcomer.text('just in time')
        with_us.expect_text('just in time')
        eventually(lambda: self.refuses(server), 'the listener to close after the grace')
        with_us.text('and go on')
        newcomer.expect_text('just in time')
        newcomer.expect_text('and go on')
        with_us.leave()
        newcomer.leave()
        self.assertEqual(0, server.wait_exit())

    def refuses(self, server):
        try:
            self.tcp(server).abandon()
        except ConnectionRefusedError:
            return True
        return False

    def test_without_a_grace_period_the_listener_closes_at_once(self):
        server = self.start()
        with crowd(server):
            self.drain(server)
            self.assert_refused(server)


if __name__ == '__main__':
    tap.main()
