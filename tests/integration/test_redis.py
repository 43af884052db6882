# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Several workers on one Redis: whatever one is told, the clients of all hear, once."""

import itertools
import signal
import subprocess
import threading
import time

import tap
from bus import Bus
from crowd import Member
from fleet import AWAY, CONNECTED, MODES, STREAM, FleetTestCase
from waiting import SLOWNESS, eventually, expect_time
from wire import BINARY, TEXT, Frame, frame

LOCK = 'periodic_broadcast_lock'
NOTIFICATION = '🛰 Test notification'


class TalkTest(FleetTestCase):
    def both(self, *options, mode='stream'):
        """Two workers on one Redis, with one client each."""
        redis = self.redis()
        workers = self.workers(2, redis, f'--redis-mode={mode}', *options)
        return redis, workers, [self.connect(worker) for worker in workers]

    def test_what_a_client_of_one_worker_says_reaches_the_clients_of_both_once(self):
        for mode in MODES:
            with self.subTest(mode):
                workers = self.workers(2, self.redis(), f'--redis-mode={mode}')
                with self.fleet(*workers) as group:
                    group.say(0, 10)
                    group.say(1, 10)

    def test_what_redis_cli_publishes_reaches_all_clients_of_all_workers(self):
        for mode in MODES:
            with self.subTest(mode):
                redis, _, clients = self.both(mode=mode)
                self.assertEqual('2', redis.cli('PUBLISH', 'broadcast', 'hello'))
                for client in clients:
                    client.expect_text('hello')

    def test_it_is_heard_only_by_those_who_were_there(self):
        for mode in MODES:
            with self.subTest(mode):
                redis, _, [early, _] = self.both(mode=mode)
                early.text('missed')
                early.expect_text('missed')
                late = self.connect(self.worker(redis, f'--redis-mode={mode}'))
                early.text('heard')
                late.expect_text('heard')

    def test_text_and_binary_pass_unchanged(self):
        _, _, [ann, bob] = self.both()
        for opcode, payload in ((TEXT, 'ünïcödé \0\r\n 🛰 \U0010ffff'.encode()), (TEXT, b''),
                                (BINARY, bytes(range(256))), (BINARY, b'plain'), (BINARY, b'')):
            ann.send(frame(opcode, payload))
            for client in ann, bob:
                self.assertEqual(Frame(opcode, payload), client.receive())

    def test_bytes_that_are_no_text_pass_as_binary_in_pubsub_mode_too(self):
        _, _, [ann, bob] = self.both(mode='pubsub')
        ann.binary(b'\xff\0\r\n')
        for client in ann, bob:
            self.assertEqual(Frame(BINARY, b'\xff\0\r\n'), client.receive())

    def test_a_message_as_long_as_the_limit_passes(self):
        for mode in MODES:
            with self.subTest(mode):
                _, _, [ann, bob] = self.both(mode=mode)
                ann.text('x' * 65536)
                ann.expect_text('x' * 65536)
                bob.expect_text('x' * 65536)

    def test_two_bursts_at_once_keep_the_order_of_each_sender(self):
        for mode in MODES:
            with self.subTest(mode):
                redis = self.redis()
                workers = self.workers(2, redis, f'--redis-mode={mode}')
                with self.fleet(*workers) as group:
                    threads = [threading.Thread(target=group.say, args=(place, 1000))
                               for place in range(2)]
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join()

    def test_the_metrics_count_what_went_and_what_came(self):
        _, [first, second], [ann, bob] = self.both()
        for number in range(5):
            ann.text(f'{number}')
            bob.expect_text(f'{number}')
        self.wait_metric(first, 'ringdown_redis_sent_total', 5)
        self.wait_metric(first, 'ringdown_redis_pending_messages', 0)
        self.assertEqual(0, first.metric('ringdown_redis_pending_bytes'))
        self.assertEqual(0, first.metric('ringdown_redis_received_total'))
        self.assertEqual(5, second.metric('ringdown_redis_received_total'))
        self.assertEqual(1, second.metric('ringdown_redis_connects_total'))
        for name in ('dropped', 'repeated', 'gaps', 'missed'):
            self.assertEqual(0, second.metric(f'ringdown_redis_{name}_total'), name)

    def test_the_metrics_please_promtool(self):
        worker = self.worker(self.redis())
        judged = subprocess.run(
            ['promtool', 'check', 'metrics'], input=worker.admin('/metrics')[1], text=True,
            capture_output=True, check=False)
        self.assertEqual((0, ''), (judged.returncode, judged.stdout + judged.stderr))

    def test_the_stream_is_kept_as_short_as_it_is_to_be(self):
        redis, _, [ann, bob] = self.both('--redis-history=1000')
        for first in range(0, 3000, 500):  # a reader who is 1000 behind rightly misses some
            for number in range(first, first + 500):
                ann.text(f'{number}')
            for number in range(first, first + 500):
                bob.expect_text(f'{number}')
        self.assertIn(int(redis.cli('XLEN', STREAM)), range(1000, 1500))

    def test_one_worker_shows_that_it_is_connected_in_every_place(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        worker = self.worker(self.redis(), '--bus=session', environment=bus.environment)
        self.assertEqual(CONNECTED, bus.property('BusState'))
        worker.wait_log(r'Redis at \S+: connected$')

    def test_without_redis_nothing_speaks_of_it(self):
        server = self.start()
        self.assertEqual('local', self.bus_state(server))
        self.assertNotIn('redis', server.admin('/metrics')[1])

    def test_five_workers_serve_one_port(self):
        redis = self.redis()
        first = self.worker(redis, '--reuse-port')
        workers = [first, *self.workers(4, redis, '--reuse-port', f'--port={first.port}')]
        members = [Member(first.port) for _ in range(40)]
        for member in members:
            self.addCleanup(member.leave)
        eventually(lambda: sum(worker.ready()[1]['clients'] for worker in workers) == 40,
                   'all clients')
        for number, member in enumerate(members):
            member.say(f'{number}')
        for member in members:
            member.wait_count(40)
            member.settle()
            self.assertEqual({f'{number}' for number in range(40)},
                             {message.text for message in member.messages})
            self.assertEqual(40, len(member.messages))


class ChannelTest(FleetTestCase):
    """What somebody else publishes on the channel."""

    def setUp(self):
        super().setUp()
        self.server = self.redis()

    def publish(self, data, channel='broadcast'):
        self.server.cli('PUBLISH', channel, last=data)

    def test_what_is_no_text_arrives_as_binary(self):
        client = self.connect(self.worker(self.server))
        self.publish(b'\xff\xfe')
        self.assertEqual(Frame(BINARY, b'\xff\xfe'), client.receive())
        self.publish('grüße 🛰\0'.encode())
        client.expect_text('grüße 🛰\0')

    def test_what_is_longer_than_messages_may_be_is_dropped_and_counted(self):
        for mode in MODES:
            with self.subTest(mode):
                worker = self.worker(self.server, '--max-message=1KiB', f'--redis-mode={mode}',
                                     warnings=['A message of 1025 bytes'])
                client = self.connect(worker)
                self.publish(b'x' * 1025)
                self.publish(b'y' * 1024)
                client.expect_text('y' * 1024)
                self.assertEqual(1, worker.metric('ringdown_redis_dropped_total'))

    def test_what_is_enormous_costs_the_connection_not_the_service(self):
        for mode in MODES:
            with self.subTest(mode):
                worker = self.worker(self.server, f'--redis-mode={mode}', warnings=[AWAY])
                client = self.connect(worker)
                self.publish(b'x' * (70 << 20))
                worker.wait_log('connected again')
                self.publish(b'and now')
                client.expect_text('and now')

    def test_another_channel_can_be_chosen(self):
        client = self.connect(self.worker(self.server, '--redis-channel=bell tower'))
        self.publish(b'wrong', 'broadcast')
        self.publish(b'right', 'bell tower')
        client.expect_text('right')

    def test_an_echo_of_our_own_is_told_from_the_same_text_of_somebody_else(self):
        ann, bob = [self.connect(worker)
                    for worker in self.workers(2, self.server, '--redis-mode=pubsub')]
        ann.text('hello')
        bob.expect_text('hello')
        self.publish(b'hello')
        bob.expect_text('hello')
        bob.text('last')
        bob.expect_text('last')
        for message in 'hello', 'hello', 'last':
            ann.expect_text(message)


class StreamTest(FleetTestCase):
    """What somebody else, or a worker gone mad, adds to the stream."""

    def setUp(self):
        super().setUp()
        self.server = self.redis()

    def add(self, *words, last):
        self.server.cli('XADD', STREAM, '*', *words, last=last)

    def test_an_entry_that_is_no_message_is_passed_over(self):
        client = self.connect(self.worker(self.server))
        for words in (('nonsense',), ('node', 'x', 'seq', '1', 'nonsense'),
                      ('node', 'x', 'seq', '0', 'text'), ('node', 'x', 'seq', '-1', 'text'),
                      ('node', 'x', 'seq', '1' * 30, 'text'), ('node', '', 'seq', '1', 'text'),
                      ('node', 'x' * 10_000, 'seq', '1', 'text'), ('seq', '1', 'text'),
                      ('node', 'x', 'text'), ('node', 'x', 'seq'),
                      ('node', 'x', 'seq', '1', 'text', 'one', 'binary')):
            self.add(*words, last=b'not this')
        self.add('node', 'x', 'seq', '1', 'text', last=b'no text: \xff')
        self.add('node', 'x', 'seq', '1', 'text', last=b'this')
        client.expect_text('this')

    def test_of_each_sender_only_what_is_newer_is_taken(self):
        client = self.connect(self.worker(self.server))
        for node, number in ('x', 1), ('x', 2), ('x', 2), ('y', 2), ('x', 1), ('y', 1), ('x', 3):
            self.add('node', node, 'seq', number, 'text', last=f'{node}{number}'.encode())
        for message in 'x1', 'x2', 'y2', 'x3':
            client.expect_text(message)

    def test_what_is_longer_than_messages_may_be_is_dropped_and_counted(self):
        worker = self.worker(self.server, '--max-message=1KiB',
                             warnings=['A message of 1025 bytes'])
        client = self.connect(worker)
        self.add('node', 'x', 'seq', '1', 'text', last=b'x' * 1025)
        self.add('node', 'x', 'seq', '2', 'text', last=b'y' * 1024)
        client.expect_text('y' * 1024)
        self.assertEqual(1, worker.metric('ringdown_redis_dropped_total'))


class NotificationTest(FleetTestCase):
    INTERVAL, TTL = 2, 1  # seconds: as in the ancestor, the lock is one second shorter

    def notified(self, redis, count, *options):
        """Workers with the periodic notification and one client each."""
        workers = self.workers(count, redis, f'--notify-interval={self.INTERVAL}s', *options)
        return workers, [self.connect(worker) for worker in workers]

    def sender(self, redis, workers):
        """The worker that sent this round; waits for a round."""
        node = eventually(lambda: redis.cli('GET', LOCK), 'a round')
        pid = redis.cli('HGET', f'ringdown:node:{node}', 'pid')
        [worker] = [worker for worker in workers if str(worker.pid) == pid]
        return worker

    def test_it_comes_once_a_round_to_all(self):
        workers, _ = self.notified(self.redis(), 3)
        members = [Member(worker.port) for worker in workers]
        for member in members:
            self.addCleanup(member.leave)
        times = []
        for number in range(1, 5):
            for member in members:
                member.wait_count(number)
            times.append(time.monotonic())
        for member in members:
            member.settle()
            self.assertEqual([NOTIFICATION] * 4, [got.text for got in member.messages])
        for earlier, later in itertools.pairwise(times):
            expect_time(later - earlier, over=0.9 * self.TTL, under=2 * self.INTERVAL * SLOWNESS)

    def test_the_lock_ends_one_second_before_the_next_round(self):
        redis = self.redis()
        self.notified(redis, 1, '--notify-interval=5s')
        left = eventually(lambda: max(0, int(redis.cli('PTTL', LOCK))), 'the lock')
        self.assertLessEqual(left, 4000)
        expect_time(left / 1000, over=2)

    def test_another_takes_over_when_the_sender_dies(self):
        redis = self.redis()
        workers, clients = self.notified(redis, 3)
        sender = self.sender(redis, workers)
        sender.signal(signal.SIGKILL)
        sender.wait_exit()
        for worker, client in zip(workers, clients):
            if worker is not sender:
                client.expect_text(NOTIFICATION)
                client.expect_text(NOTIFICATION)

    def test_nobody_sends_while_somebody_else_has_the_lock(self):
        redis = self.redis()
        redis.cli('SET', LOCK, 'somebody else')
        _, [client] = self.notified(redis, 1)
        with self.assertRaises(TimeoutError):
            client.receive(1.5 * self.INTERVAL)
        redis.cli('DEL', LOCK)
        client.expect_text(NOTIFICATION)

    def test_a_lock_that_cannot_be_asked_for_is_no_reason_to_be_silent(self):
        redis = self.redis()
        redis.cli('ACL', 'SETUSER', 'default', '-set')
        _, [client] = self.notified(redis, 1)
        client.expect_text(NOTIFICATION)

    def test_the_text_can_be_chosen(self):
        _, clients = self.notified(self.redis(), 2, '--notify-message=ding 🔔')
        for client in clients:
            client.expect_text('ding 🔔')


class DrainTest(FleetTestCase):
    def test_the_count_of_clients_is_shown_while_it_drains(self):
        redis = self.redis()
        worker = self.worker(redis, '--drain-interval=100ms')
        key = f'shutdown:{worker.pid}'
        ann, bob = self.connect(worker), self.connect(worker)
        worker.wait_clients(2)
        self.assertEqual('0', redis.cli('EXISTS', key))
        worker.signal(signal.SIGTERM)
        eventually(lambda: redis.cli('GET', key) == '2', 'the count of 2')
        self.assertIn(int(redis.cli('TTL', key)), range(50, 61))
        ann.leave()
        eventually(lambda: redis.cli('GET', key) == '1', 'the count of 1')
        bob.leave()
        self.assertEqual(0, worker.wait_exit())
        self.assertEqual('0', redis.cli('EXISTS', key))

    def test_it_is_gone_when_the_drain_is_cancelled(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        redis = self.redis()
        worker = self.worker(redis, '--bus=session', environment=bus.environment)
        self.connect(worker)
        worker.wait_clients(1)
        bus.call('Shutdown')
        key = f'shutdown:{worker.pid}'
        eventually(lambda: redis.cli('GET', key) == '1', 'the count')
        bus.call('CancelDrain')
        eventually(lambda: redis.cli('EXISTS', key) == '0', 'the key to be gone')

    def test_messages_pass_both_ways_while_it_drains(self):
        redis = self.redis()
        leaving, staying = self.workers(2, redis)
        ann, bob = self.connect(leaving), self.connect(staying)
        leaving.wait_clients(1)
        leaving.signal(signal.SIGTERM)
        eventually(lambda: leaving.ready()[0] == 503, 'the drain')
        for speaker in ann, bob:
            speaker.text('still here')
            for client in ann, bob:
                client.expect_text('still here')
        ann.leave()
        self.assertEqual(0, leaving.wait_exit())

    def test_what_was_said_last_still_reaches_the_others(self):
        redis = self.redis()
        leaving, staying = self.workers(2, redis)
        bob = self.connect(staying)
        ann = self.connect(leaving)
        leaving.wait_clients(1)
        leaving.signal(signal.SIGTERM)
        eventually(lambda: leaving.ready()[0] == 503, 'the drain')
        for number in range(500):
            ann.text(f'{number}')
        ann.half_close()
        self.assertEqual(0, leaving.wait_exit())
        for number in range(500):
            bob.expect_text(f'{number}')


if __name__ == '__main__':
    tap.main(jobs=3)
