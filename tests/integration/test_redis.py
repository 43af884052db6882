# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Several nodes on one Redis: a message to one reaches the clients of all, once."""

import itertools
import signal
import subprocess
import threading
import time

import tap
from bus import Bus
from crowd import Member
from fleet import AWAY, CONNECTED, MODES, REFUSES, STREAM, FleetTestCase
from waiting import SLOWNESS, eventually, expect_time
from wire import BINARY, TEXT, Frame, frame

LOCK = 'periodic_broadcast_lock'
NOTIFICATION = '🛰 Test notification'


class MessageTest(FleetTestCase):
    def both(self, *options, mode='stream'):
        """Two nodes on one Redis, with a client each."""
        redis = self.redis()
        nodes = self.nodes(2, redis, f'--redis-mode={mode}', *options)
        return redis, nodes, [self.connect(node) for node in nodes]

    def test_a_message_reaches_the_clients_of_both_nodes_once(self):
        for mode in MODES:
            with self.subTest(mode):
                nodes = self.nodes(2, self.redis(), f'--redis-mode={mode}')
                with self.fleet(*nodes) as group:
                    group.say(0, 10)
                    group.say(1, 10)

    def test_a_message_of_redis_cli_reaches_all_clients_of_all_nodes(self):
        for mode in MODES:
            with self.subTest(mode):
                redis, _, clients = self.both(mode=mode)
                self.assertEqual('2', redis.cli('PUBLISH', 'broadcast', 'hello'))
                for client in clients:
                    client.expect_text('hello')

    def test_a_new_node_gets_no_earlier_messages(self):
        for mode in MODES:
            with self.subTest(mode):
                redis, _, [early, _] = self.both(mode=mode)
                early.text('early')
                early.expect_text('early')
                late = self.connect(self.node(redis, f'--redis-mode={mode}'))
                early.text('late')
                late.expect_text('late')

    def test_text_and_binary_messages_are_not_changed(self):
        _, _, [ann, bob] = self.both()
        for opcode, payload in ((TEXT, 'ünïcödé \0\r\n 🛰 \U0010ffff'.encode()), (TEXT, b''),
                                (BINARY, bytes(range(256))), (BINARY, b'plain'), (BINARY, b'')):
            ann.send(frame(opcode, payload))
            for client in ann, bob:
                self.assertEqual(Frame(opcode, payload), client.receive())

    def test_in_pubsub_mode_bytes_that_are_not_text_are_binary(self):
        _, _, [ann, bob] = self.both(mode='pubsub')
        ann.binary(b'\xff\0\r\n')
        for client in ann, bob:
            self.assertEqual(Frame(BINARY, b'\xff\0\r\n'), client.receive())

    def test_a_message_at_the_limit_passes(self):
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
                nodes = self.nodes(2, redis, f'--redis-mode={mode}')
                with self.fleet(*nodes) as group:
                    threads = [threading.Thread(target=group.say, args=(place, 1000))
                               for place in range(2)]
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join()

    def test_the_metrics_count_sent_and_received_messages(self):
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

    def test_promtool_accepts_the_metrics(self):
        node = self.node(self.redis())
        judged = subprocess.run(
            ['promtool', 'check', 'metrics'], input=node.admin('/metrics')[1], text=True,
            capture_output=True, check=False)
        self.assertEqual((0, ''), (judged.returncode, judged.stdout + judged.stderr))

    def test_the_stream_is_trimmed(self):
        redis, _, [ann, bob] = self.both('--redis-history=1000')
        for first in range(0, 3000, 500):  # a reader 1000 behind may miss some
            for number in range(first, first + 500):
                ann.text(f'{number}')
            for number in range(first, first + 500):
                bob.expect_text(f'{number}')
        self.assertIn(int(redis.cli('XLEN', STREAM)), range(1000, 1500))

    def test_one_node_reports_that_it_is_connected(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        node = self.node(self.redis(), '--bus=session', environment=bus.environment)
        self.assertEqual(CONNECTED, bus.property('BusState'))
        node.wait_log(r'Redis at \S+: connected$')

    def test_without_redis_the_bus_is_local(self):
        server = self.start()
        self.assertEqual('local', self.bus_state(server))
        self.assertNotIn('redis', server.admin('/metrics')[1])

    def test_five_nodes_serve_one_port(self):
        redis = self.redis()
        first = self.node(redis, '--reuse-port')
        nodes = [first, *self.nodes(4, redis, '--reuse-port', f'--port={first.port}')]
        members = [Member(first.port) for _ in range(40)]
        for member in members:
            self.addCleanup(member.leave)
        eventually(lambda: sum(node.ready()[1]['clients'] for node in nodes) == 40,
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
    """Messages that other programs publish on the channel."""

    def setUp(self):
        super().setUp()
        self.server = self.redis()

    def publish(self, data, channel='broadcast'):
        self.server.cli('PUBLISH', channel, last=data)

    def test_bytes_that_are_not_text_are_binary(self):
        client = self.connect(self.node(self.server))
        self.publish(b'\xff\xfe')
        self.assertEqual(Frame(BINARY, b'\xff\xfe'), client.receive())
        self.publish('grüße 🛰\0'.encode())
        client.expect_text('grüße 🛰\0')

    def test_a_message_over_the_limit_is_dropped_and_counted(self):
        for mode in MODES:
            with self.subTest(mode):
                node = self.node(self.server, '--max-message=1KiB', f'--redis-mode={mode}',
                                     warnings=['Dropped a message of more than 1KiB from Redis'])
                client = self.connect(node)
                self.publish(b'x' * 1025)
                self.publish(b'y' * 1024)
                client.expect_text('y' * 1024)
                self.assertEqual(1, node.metric('ringdown_redis_dropped_total'))

    def test_a_message_over_the_limit_of_redis_closes_only_the_connection_to_redis(self):
        """Redis closes subscribers that would need more than 32 MiB of buffer."""
        for mode in MODES:
            with self.subTest(mode):
                node = self.node(self.server, f'--redis-mode={mode}', warnings=[AWAY])
                client = self.connect(node)
                self.publish(b'x' * (70 << 20))
                node.wait_log('connected again')
                self.publish(b'and now')
                client.expect_text('and now')

    def test_a_message_over_the_limit_of_a_reply_is_dropped_and_counted(self):
        self.server.configure('client-output-buffer-limit', 'pubsub 0 0 0')
        for mode in MODES:
            with self.subTest(mode):
                node = self.node(self.server, f'--redis-mode={mode}',
                                 warnings=['Dropped a message of more than 64MiB from Redis'])
                client = self.connect(node)
                self.publish(b'x' * (70 << 20))
                self.publish(b'and now')
                client.expect_text('and now')
                self.assertEqual(1, node.metric('ringdown_redis_dropped_total'))
                self.assertEqual(1, node.metric('ringdown_redis_connects_total'))

    def test_another_channel_can_be_chosen(self):
        client = self.connect(self.node(self.server, '--redis-channel=bell tower'))
        self.publish(b'wrong', 'broadcast')
        self.publish(b'right', 'bell tower')
        client.expect_text('right')

    def test_an_own_publish_is_told_from_the_same_text_of_another_program(self):
        ann, bob = [self.connect(node)
                    for node in self.nodes(2, self.server, '--redis-mode=pubsub')]
        ann.text('hello')
        bob.expect_text('hello')
        self.publish(b'hello')
        bob.expect_text('hello')
        bob.text('last')
        bob.expect_text('last')
        for message in 'hello', 'hello', 'last':
            ann.expect_text(message)


class StreamTest(FleetTestCase):
    """Entries that other programs, or a faulty node, add to the stream."""

    def setUp(self):
        super().setUp()
        self.server = self.redis()

    def add(self, *words, last):
        self.server.cli('XADD', STREAM, '*', *words, last=last)

    def test_foreign_entries_are_skipped(self):
        client = self.connect(self.node(self.server))
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

    def test_only_newer_messages_of_each_sender_are_delivered(self):
        client = self.connect(self.node(self.server))
        for node, number in ('x', 1), ('x', 2), ('x', 2), ('y', 2), ('x', 1), ('y', 1), ('x', 3):
            self.add('node', node, 'seq', number, 'text', last=f'{node}{number}'.encode())
        for message in 'x1', 'x2', 'y2', 'x3':
            client.expect_text(message)

    def test_a_message_over_the_limit_is_dropped_and_counted(self):
        node = self.node(self.server, '--max-message=1KiB',
                             warnings=['Dropped a message of more than 1KiB from Redis'])
        client = self.connect(node)
        self.add('node', 'x', 'seq', '1', 'text', last=b'x' * 1025)
        self.add('node', 'x', 'seq', '2', 'text', last=b'y' * 1024)
        client.expect_text('y' * 1024)
        self.assertEqual(1, node.metric('ringdown_redis_dropped_total'))


class NotificationTest(FleetTestCase):
    INTERVAL, TTL = 2, 1  # seconds: the lock expires one second before the next message

    def notified(self, redis, count, *options, warnings=()):
        """Nodes with the periodic notification, and a client each."""
        nodes = self.nodes(count, redis, f'--notify-interval={self.INTERVAL}s', *options,
                           warnings=warnings)
        return nodes, [self.connect(node) for node in nodes]

    def sender(self, redis, nodes):
        """Waits for a notification and returns the node that sent it."""
        node = eventually(lambda: redis.cli('GET', LOCK), 'a notification')
        pid = redis.cli('HGET', f'ringdown:node:{node}', 'pid')
        [node] = [node for node in nodes if str(node.pid) == pid]
        return node

    def test_it_comes_once_an_interval_to_all(self):
        nodes, _ = self.notified(self.redis(), 3)
        members = [Member(node.port) for node in nodes]
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

    def test_the_lock_expires_one_second_before_the_next_notification(self):
        redis = self.redis()
        self.notified(redis, 1, '--notify-interval=5s')
        left = eventually(lambda: max(0, int(redis.cli('PTTL', LOCK))), 'the lock')
        self.assertLessEqual(left, 4000)
        expect_time(left / 1000, over=2)

    def test_another_node_takes_over_when_the_sender_is_killed(self):
        redis = self.redis()
        nodes, clients = self.notified(redis, 3)
        sender = self.sender(redis, nodes)
        sender.signal(signal.SIGKILL)
        sender.wait_exit()
        for node, client in zip(nodes, clients):
            if node is not sender:
                client.expect_text(NOTIFICATION)
                client.expect_text(NOTIFICATION)

    def test_no_node_sends_while_another_program_has_the_lock(self):
        redis = self.redis()
        redis.cli('SET', LOCK, 'somebody else')
        _, [client] = self.notified(redis, 1)
        with self.assertRaises(TimeoutError):
            client.receive(1.5 * self.INTERVAL)
        redis.cli('DEL', LOCK)
        client.expect_text(NOTIFICATION)

    def test_without_permission_for_the_lock_each_node_sends(self):
        redis = self.redis()
        redis.cli('ACL', 'SETUSER', 'default', '-set')
        [node], [client] = self.notified(redis, 1, warnings=[REFUSES])
        client.expect_text(NOTIFICATION)
        node.wait_log("refuses commands: .*'set' command; each node sends the periodic message")
        self.wait_state(node, "redis: refuses commands since .*: NOPERM .*'set' command")
        redis.cli('ACL', 'SETUSER', 'default', '+set')
        self.wait_connected(node)

    def test_the_text_can_be_chosen(self):
        _, clients = self.notified(self.redis(), 2, '--notify-message=ding 🔔')
        for client in clients:
            client.expect_text('ding 🔔')


class DrainTest(FleetTestCase):
    def test_the_number_of_clients_is_in_redis_during_a_drain(self):
        redis = self.redis()
        node = self.node(redis, '--drain-interval=100ms')
        key = f'shutdown:{node.pid}'
        ann, bob = self.connect(node), self.connect(node)
        node.wait_clients(2)
        self.assertEqual('0', redis.cli('EXISTS', key))
        node.signal(signal.SIGTERM)
        eventually(lambda: redis.cli('GET', key) == '2', 'the count of 2')
        self.assertIn(int(redis.cli('TTL', key)), range(50, 61))
        ann.leave()
        eventually(lambda: redis.cli('GET', key) == '1', 'the count of 1')
        bob.leave()
        self.assertEqual(0, node.wait_exit())
        self.assertEqual('0', redis.cli('EXISTS', key))

    def test_the_number_of_clients_is_deleted_when_the_drain_is_cancelled(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        redis = self.redis()
        node = self.node(redis, '--bus=session', environment=bus.environment)
        self.connect(node)
        node.wait_clients(1)
        bus.call('Shutdown')
        key = f'shutdown:{node.pid}'
        eventually(lambda: redis.cli('GET', key) == '1', 'the count')
        bus.call('CancelDrain')
        eventually(lambda: redis.cli('EXISTS', key) == '0', 'the key to be gone')

    def test_messages_pass_in_both_directions_during_a_drain(self):
        redis = self.redis()
        leaving, staying = self.nodes(2, redis)
        ann, bob = self.connect(leaving), self.connect(staying)
        leaving.wait_clients(1)
        leaving.signal(signal.SIGTERM)
        eventually(lambda: leaving.ready()[0] == 503, 'the drain')
        for sender in ann, bob:
            sender.text('still here')
            for client in ann, bob:
                client.expect_text('still here')
        ann.leave()
        self.assertEqual(0, leaving.wait_exit())

    def test_the_last_messages_before_the_exit_reach_other_nodes(self):
        redis = self.redis()
        leaving, staying = self.nodes(2, redis)
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
