# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Clients in the middle of an operation during an upgrade."""

import time

import tap
from verified_clients import verified_clients
from crowd import crowd
from upgrade_case import UpgradeTestCase, numbered
from waiting import SLOWNESS, Deadline, eventually, expect_time
from wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, close_payload, frame

MESSAGE = 'half of it came before, and half of it after 🛰'


class InputTest(UpgradeTestCase):
    """Input received before the pause, and input during it."""

    def test_a_frame_may_be_split_anywhere(self):
        server = self.start_on_bus()
        data = frame(TEXT, MESSAGE.encode())
        long = frame(TEXT, b'x' * 70_000)
        cuts = [*((data, at) for at in (1, 2, 5, 6, 7, len(data) - 1)),
                *((long, at) for at in (3, 9, 13, 14, 66_000, len(long) - 1))]
        with crowd(server) as group:
            clients = [(self.connect(server), whole, at) for whole, at in cuts]
            for client, whole, at in clients:
                client.send(whole[:at])
            self.wait_received(sum(at for _, _, at in clients))
            self.upgrade(server)
            for client, whole, at in clients:
                group.expect(MESSAGE if whole is data else 'x' * 70_000)
                client.send(whole[at:])
                group.wait_all()

    def start_on_bus(self, *options, **settings):
        return super().start_on_bus('--max-message=128KiB', *options, **settings)

    def wait_received(self, size):
        """Waits until the server has read at least SIZE bytes from its clients."""
        eventually(lambda: sum(client['received'] for client in self.clients().values()) >= size,
                   f'{size} bytes to be read')

    def test_a_frame_may_span_several_workers(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            client = self.connect(server)
            data = frame(BINARY, bytes(range(256)) * 3)
            group.expect(bytes(range(256)) * 3, BINARY)
            parts = [data[:3], data[3:50], data[50:300], data[300:]]
            for part in parts[:-1]:
                client.send(part)
                self.upgrade(server)
            client.send(parts[-1])
            group.wait_all()

    def test_a_fragmented_message_is_completed(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            client = self.connect(server)
            whole = 'größer 🛰'.encode()
            cut = whole.index('🛰'.encode()) + 2  # inside a character
            client.send(frame(TEXT, whole[:3], fin=False))
            self.upgrade(server)
            client.send(frame(CONTINUATION, whole[3:cut], fin=False) + frame(PING, b'still there?'))
            self.assertEqual(Frame(PONG, b'still there?'), client.receive())
            self.upgrade(server)
            group.expect('größer 🛰')
            client.send(frame(CONTINUATION, whole[cut:]))
            group.wait_all()

    def test_invalid_utf_8_is_detected(self):
        server = self.start_on_bus()
        with crowd(server):
            client = self.connect(server)
            client.send(frame(TEXT, b'\xf0\x9f', fin=False))
            self.upgrade(server)
            client.send(frame(CONTINUATION, b'\xff'))
            client.expect_close(1007)

    def test_a_message_sent_during_the_pause_arrives(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            client = self.connect(server)
            with self.exchange(server):
                for number in range(50):
                    group.expect(f'{number}')
                    client.text(f'{number}')
            group.wait_all()

    def test_a_frame_sent_partly_during_the_pause_arrives(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            client = self.connect(server)
            data = frame(TEXT, MESSAGE.encode())
            client.send(data[:4])
            with self.exchange(server):
                client.send(data[4:20])
            group.expect(MESSAGE)
            client.send(data[20:])
            group.wait_all()

    def test_a_client_that_connects_during_the_pause_is_accepted(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            with self.exchange(server):
                newcomers = [self.tcp(server) for _ in range(20)]
                for newcomer in newcomers:
                    newcomer.send(newcomer.request())
            for newcomer in newcomers:
                newcomer.expect_opened()
            server.wait_clients(23)
            group.say('welcome')
            for newcomer in newcomers:
                newcomer.expect_text('welcome')


class ControlTest(UpgradeTestCase):
    """Pings and closes."""

    def test_a_ping_during_the_pause_is_answered_after_it(self):
        server = self.start_on_bus()
        with crowd(server):
            client = self.connect(server)
            with self.exchange(server):
                client.send(frame(PING, b'anybody?'))
            self.assertEqual(Frame(PONG, b'anybody?'), client.receive())

    def test_a_close_during_the_pause_is_answered_after_it(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            client = self.connect(server)
            with self.exchange(server):
                client.text('last words')
                client.send(frame(CLOSE, close_payload(4001, b'enough')))
            group.expect('last words')
            client.expect_close(4001, answer=False)
            server.wait_clients(3)
            group.wait_all()
            self.assertEqual(1, server.metric('ringdown_clients_closed_total', code='4xxx'))

    def test_the_new_worker_completes_a_close_by_the_server(self):
        server = self.start_on_bus()
        with crowd(server):
            client = self.connect(server)
            number = max(self.clients())
            self.bus.call('DisconnectClient', 'tqs', number, 4002, 'go')
            self.assertEqual(4002, client.receive().code)
            self.upgrade(server)
            client.send(frame(CLOSE, close_payload(4002)))
            client.expect_end()
            server.wait_clients(3)

    def test_an_unanswered_close_times_out(self):
        server = self.start_on_bus()
        with crowd(server):
            client = self.connect(server)
            number = max(self.clients())
            began = time.monotonic()
            self.bus.call('DisconnectClient', 'tqs', number, 4002, 'go')
            self.assertEqual(4002, client.receive().code)
            self.upgrade(server)
            client.expect_end()
            took = time.monotonic() - began
            self.assertGreater(took, 4)
            expect_time(took, under=5 + 1.5 * SLOWNESS)

    def test_a_pong_for_the_old_worker_is_accepted_by_the_new_one(self):
        server = self.start_on_bus('--ping-interval=400ms', '--ping-timeout=5s')
        with crowd(server) as group:
            client = self.connect(server)
            deadline = Deadline(20)
            while not deadline.expired and server.generation < 4:
                ping = client.read_frame()
                self.assertEqual(PING, ping.opcode)
                self.upgrade(server)
                client.send(frame(PONG, ping.payload))
            group.say('still here')
            server.wait_clients(4)

    def test_a_client_that_answers_no_ping_is_closed(self):
        server = self.start_on_bus('--ping-interval=400ms', '--ping-timeout=3s')
        with crowd(server):
            client = self.connect(server)
            self.assertEqual(PING, client.read_frame().opcode)
            self.upgrade(server)
            client.expect_close(1011, answer=False)
            server.wait_clients(3)


class OutputTest(UpgradeTestCase):
    """Clients with pending output."""

    def test_a_slow_reader_gets_the_rest_of_its_frame_and_all_later_ones(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            slow = [self.connect(server, receive_buffer=4096) for _ in range(5)]
            messages = [numbered(number, 60_000 + number) for number in range(40)]
            for number, each in enumerate(messages):
                group.say(each)
                if number in (10, 20, 39):
                    self.assertGreater(min(client['behind'] for client in
                                           list(self.clients().values())[3:]), 0)
                    self.upgrade(server)
            for client in slow:
                self.assertEqual(messages, [client.receive().text for _ in messages])
                client.leave()
            self.assertEqual(len(messages), self.bus.property('MessagesPublished') - 3)

    def test_a_client_that_reads_during_the_pause_gets_every_byte(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            slow = self.connect(server, receive_buffer=4096)
            messages = [numbered(number, 50_000) for number in range(30)]
            for each in messages:
                group.say(each)
            for number, each in enumerate(messages):
                slow.expect_text(each)
                if number % 8 == 1:
                    self.upgrade(server)
            slow.leave()

    def test_pongs_for_a_slow_reader_are_sent_after_its_current_message(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            slow = self.connect(server, receive_buffer=4096)
            number = max(self.clients())
            messages = [numbered(number, 60_000) for number in range(40)]
            for each in messages:
                group.say(each)
            pings = [frame(PING, b'%d' % number) for number in range(10)]
            slow.send(b''.join(pings))
            eventually(lambda: self.clients()[number]['received'] == sum(map(len, pings)),
                       'the pings to be read')
            self.assertGreater(self.clients()[number]['behind'], 0)
            self.upgrade(server)
            got = [slow.receive() for _ in range(len(messages) + len(pings))]
            self.assertEqual(messages, [each.text for each in got if each.opcode == TEXT])
            first = [each.opcode for each in got].index(PONG)
            self.assertLess(first, len(messages))
            self.assertEqual([Frame(PONG, b'%d' % number) for number in range(10)],
                             got[first:first + len(pings)])
            slow.leave()

    def test_a_close_is_sent_after_pending_messages(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            slow = self.connect(server, receive_buffer=4096)
            number = max(self.clients())
            messages = [numbered(number, 60_000) for number in range(10)]
            for each in messages:
                group.say(each)
            self.bus.call('DisconnectClient', 'tqs', number, 4003, 'after that')
            self.upgrade(server)
            before = slow.expect_close(4003, 'after that')
            self.assertEqual(messages, [got.text for got in before])

    def test_a_moved_client_that_falls_behind_is_closed(self):
        server = self.start_on_bus('--log-size=1MiB')
        with crowd(server) as group:
            slow = self.connect(server, receive_buffer=4096)
            messages = [numbered(number, 60_000) for number in range(40)]
            for each in messages[:5]:
                group.say(each)
            self.upgrade(server)
            for each in messages[5:]:
                group.say(each)
            eventually(lambda: server.metric('ringdown_slow_clients_closed_total') == 1,
                       'it to be closed')
            before = [got.text for got in slow.expect_close(1013)]
            self.assertEqual(messages[:len(before)], before)


class VanishTest(UpgradeTestCase):
    def test_clients_that_disconnect_during_the_pause_are_removed(self):
        server = self.start_on_bus()
        with crowd(server):
            for how in 'reset', 'half_close', 'shut_down':
                leavers = [self.connect(server) for _ in range(5)]
                server.wait_clients(8)
                with self.exchange(server):
                    for client in leavers:
                        getattr(client, how)()
                server.wait_clients(3)

    def test_their_last_messages_arrive(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            client = self.connect(server)
            with self.exchange(server):
                client.text('tell them')
                client.half_close()
            group.expect('tell them')
            group.wait_all()
            server.wait_clients(3)

    def test_disconnecting_at_any_moment_is_harmless(self):
        server = self.start_on_bus()
        with verified_clients(server):
            for _ in range(5):
                upgrading = self.begin_upgrade()
                while upgrading.is_alive():
                    client = self.tcp(server)
                    client.send(client.request())
                    client.reset()
                upgrading.result()
                server.follow()
            server.wait_clients(20)


class AdminTest(UpgradeTestCase):
    def assert_disconnected(self, client):
        """Asserts that the connection ends in any way."""
        client.socket.settimeout(Deadline(5).remaining)
        try:
            while client.socket.recv(4096):
                pass
        except ConnectionResetError:
            pass

    def test_an_idle_connection_does_not_delay_the_upgrade(self):
        server = self.start_on_bus()
        with verified_clients(server) as group:
            idle = self.tcp(server, admin=True)
            group.reset_silence()
            began = time.monotonic()
            self.upgrade(server)
            expect_time(time.monotonic() - began, under=0.9 * SLOWNESS)
            group.wait_received()
            group.expect_no_silence(0.7 * SLOWNESS)
            self.assert_disconnected(idle)


if __name__ == '__main__':
    tap.main(jobs=2)
