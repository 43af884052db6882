# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Clients that are too slow, do not answer or disappear do not affect others."""

import tap
from crowd import undisturbed
from waiting import Deadline, eventually
from ringdown import RingdownTestCase
from wire import CLOSE, PING, PONG, TEXT, frame

TRY_AGAIN_LATER = 1013
MESSAGE = 4096
BATCH = 8  # messages, half of the log


class NeverReadsTest(RingdownTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.start('--log-size=64KiB', f'--max-message={MESSAGE}')

    def slow_closed(self):
        return self.server.metric('ringdown_slow_clients_closed_total')

    def publish_until(self, group, condition):
        """Publishes in batches, received by all of PEOPLE, until CONDITION(); returns the texts."""
        published = []
        while not condition():
            self.assertLess(len(published), 16_000, 'no client falls behind')
            batch = [f'{number:08}'.ljust(MESSAGE, '.')
                     for number in range(len(published), len(published) + BATCH)]
            for message in batch:
                group.expect(message)
            group.members[0].client.send(b''.join(frame(TEXT, text.encode()) for text in batch))
            group.wait_all()
            published += batch
        return published

    def read_up_to_close(self, client):
        """Returns the messages CLIENT got before a close frame with the code for slow clients."""
        return [got.text for got in client.expect_close(TRY_AGAIN_LATER)]

    def test_it_is_closed_and_counted_and_others_get_all_messages(self):
        with undisturbed(self.server) as group:
            self.connect(self.server, receive_buffer=4096)
            self.publish_until(group, lambda: self.slow_closed() == 1)
            self.server.wait_clients(3)

    def test_it_gets_whole_messages_in_order_then_the_close(self):
        with undisturbed(self.server) as group:
            slow = self.connect(self.server, receive_buffer=4096)
            published = self.publish_until(group, lambda: self.slow_closed() == 1)
            received = self.read_up_to_close(slow)
            self.assertGreater(len(received), 0)
            self.assertEqual(published[:len(received)], received)
            self.assertLess(len(received), len(published))

    def test_one_that_reads_in_time_misses_nothing(self):
        with undisturbed(self.server) as group:
            late = self.connect(self.server, receive_buffer=4096)
            published = []
            for number in range(10):
                message = f'{number}'.ljust(MESSAGE, '.')
                published.append(message)
                group.say(message)
            self.assertEqual(published, [late.receive().text for _ in published])
            late.leave()

    def test_many_of_them_use_no_memory(self):
        with undisturbed(self.server) as group:
            before = self.server.memory()
            for _ in range(50):
                self.connect(self.server, receive_buffer=4096)
            self.publish_until(group, lambda: self.slow_closed() == 50)
            self.assertLess(self.server.memory() - before, self.server.memory_tolerance())
            self.server.wait_clients(3)

    def test_each_of_many_gets_whole_messages(self):
        with undisturbed(self.server) as group:
            slow = [self.connect(self.server, receive_buffer=4096) for _ in range(10)]
            published = self.publish_until(group, lambda: self.slow_closed() == len(slow))
            for client in slow:
                received = self.read_up_to_close(client)
                self.assertEqual(published[:len(received)], received)

    def test_one_that_sends_but_never_reads_is_closed(self):
        with undisturbed(self.server) as group:
            mute = self.connect(self.server, receive_buffer=4096)
            sent = 0
            while self.slow_closed() == 0:
                self.assertLess(sent, 16_000, 'the client never falls behind')
                for _ in range(BATCH):
                    message = f'mute {sent}'.ljust(MESSAGE, '.')
                    group.expect(message)
                    mute.text(message)
                    sent += 1
                group.wait_all()
            self.server.wait_clients(3)


class NeverPongsTest(RingdownTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.start('--ping-interval=300ms', '--ping-timeout=2s')

    def wait_ping(self, client):
        eventually(lambda: client.read_frame().opcode == PING, 'a ping')

    def test_it_is_closed_after_the_timeout(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            self.wait_ping(client)
            deadline = Deadline(10)
            with self.assertRaises(EOFError):
                while not deadline.expired:
                    client.read_frame()
            client.abandon()
            self.server.wait_clients(3)

    def test_one_that_neither_reads_nor_answers_is_closed(self):
        with undisturbed(self.server):
            self.connect(self.server)
            self.server.wait_clients(4)
            self.server.wait_clients(3)

    def test_one_that_answers_stays(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            for _ in range(5):
                self.wait_ping(client)
                client.send(frame(PONG, b''))
                ping = client.read_frame()
                self.assertEqual(PING, ping.opcode)
                client.send(frame(PONG, ping.payload))
            group.say('still here')
            client.expect_text('still here')
            client.leave()


class VanishesTest(RingdownTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.start()

    def test_a_reset_frees_it_at_once(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            self.server.wait_clients(4)
            client.reset()
            self.server.wait_clients(3)

    def test_the_end_of_its_stream_without_a_close_frame_ends_it(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            client.half_close()
            self.server.wait_clients(3)
            client.expect_end()

    def test_messages_before_it_vanished_reach_all(self):
        with undisturbed(self.server) as group:
            client = self.connect(self.server)
            client.text('tell them')
            client.half_close()
            group.expect('tell them')
            group.wait_all()

    def test_a_reset_during_delivery_does_not_affect_others(self):
        with undisturbed(self.server) as group:
            for number in range(20):
                client = self.connect(self.server)
                group.members[0].say(f'{number}')
                group.expect(f'{number}')
                client.reset()
            group.wait_all()

    def test_one_that_vanishes_in_its_close_handshake_is_freed(self):
        with undisturbed(self.server):
            client = self.connect(self.server)
            client.send(frame(3, b''))
            self.assertEqual(CLOSE, client.receive().opcode)
            client.reset()
            self.server.wait_clients(3)


if __name__ == '__main__':
    tap.main(jobs=3)
