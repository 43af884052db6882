# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Faults of Redis and of the connection to it. In all of them clients stay connected and get
messages of the same node at once; messages to other nodes follow later, once and in order; and the
state of the bus is correct.

Checks of `fleet ()` and `wait_down ()` are not repeated in each test.
"""

import re
import signal
import time

import tap
from bus import Bus
from fleet import AWAY, CONNECTED, LOST, MODES, REFUSES, STREAM, UNSENT, FleetTestCase
from waiting import SLOWNESS, Deadline, eventually, expect_time
from relay import Relay
from wire import Client

NOTIFICATION = '🛰 Test notification'
REFUSED = r'redis: refuses (?:messages|commands) since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: '
ONE_AT_A_TIME = r'Redis at \S+ does not allow transactions \('
DETECTED_WITHIN = 10  # seconds


class FaultTestCase(FleetTestCase):
    def setUp(self):
        super().setUp()
        self.warnings = [AWAY]

    def pair(self, redis, *options, mode='stream'):
        return self.nodes(2, redis, f'--redis-mode={mode}', *options, warnings=self.warnings)

    def relayed_pair(self):
        """Returns a Redis server, a relay, and two nodes, the first connected through the relay."""
        redis = self.redis()
        relay = self.relay(redis)
        return redis, relay, [self.node(place, warnings=self.warnings) for place in (relay, redis)]

    def wait_pending(self, node, count):
        self.wait_metric(node, 'ringdown_redis_pending_messages', count)

    def wait_sent(self, *nodes):
        """Waits until Redis has all messages: those in flight wait after a disconnect, too."""
        for node in nodes:
            self.wait_pending(node, 0)


class KillTest(FaultTestCase):
    def test_restart_with_data(self):
        self.warnings.append(LOST)  # its file may lack the last second
        redis = self.redis(persistent=True)
        nodes = self.pair(redis)
        with self.fleet(*nodes) as group:
            for _ in range(3):
                self.wait_sent(*nodes)
                redis.kill()
                self.wait_down(*nodes)
                group.say_everywhere(20)
                for node in nodes:
                    self.wait_pending(node, 20)
                redis.start()
                group.wait_all()
                self.wait_sent(*nodes)
        for node in nodes:
            self.assertEqual(4, node.metric('ringdown_redis_connects_total'))
            self.assertEqual(0, node.metric('ringdown_redis_gaps_total'))

    def test_restart_without_data(self):
        self.warnings.append(LOST)
        redis = self.redis()
        nodes = self.pair(redis)
        with self.fleet(*nodes) as group:
            for _ in range(3):
                group.say_everywhere(20)
                redis.kill()
                self.wait_down(*nodes)
                group.say_everywhere(20)
                redis.start()
                group.wait_all()

    def test_in_pubsub_mode_queued_messages_reach_connected_nodes(self):
        redis = self.redis()
        relay = self.relay(redis)
        nodes = [self.node(place, '--redis-mode=pubsub', warnings=self.warnings)
                   for place in (relay, redis)]
        with self.fleet(*nodes) as group:
            self.wait_sent(*nodes)
            relay.refuse()
            self.wait_down(nodes[0])
            messages = group.say(0, 20)
            self.wait_pending(nodes[0], 20)
            relay.accept()
            group.wait_received(messages, 1)

    def test_in_pubsub_mode_no_message_is_repeated(self):
        redis = self.redis()
        nodes = self.pair(redis, mode='pubsub')
        with self.fleet(*nodes, may_miss=True) as group:
            for _ in range(3):
                group.say_everywhere(100)
                redis.kill()
                self.wait_down(*nodes)
                group.say_everywhere(20)
                redis.start()
                self.wait_connected(*nodes)

    def test_an_outage_is_logged_once_with_its_end(self):
        redis = self.redis()
        node = self.node(redis, warnings=[AWAY, LOST])
        redis.kill()
        self.wait_down(node)
        redis.start()
        node.wait_log(r'Redis at \S+: connected again after \S+')
        self.assertEqual(1, len(node.find_log(AWAY)))

    def test_the_state_is_on_d_bus(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        redis = self.redis()
        node = self.node(redis, '--bus=session', environment=bus.environment,
                             warnings=[AWAY, LOST])
        redis.kill()
        self.wait_state(node, 'redis: down since .*Connection refused')
        eventually(lambda: bus.property('BusState') == self.bus_state(node), 'the same state')
        redis.start()
        eventually(lambda: bus.property('BusState') == CONNECTED, 'connected', 15)

    def test_each_node_sends_the_notification_during_an_outage(self):
        redis = self.redis()
        nodes = self.pair(redis, '--notify-interval=1s')
        clients = [self.connect(node) for node in nodes]
        redis.kill()
        self.wait_down(*nodes)
        for client in clients:
            for _ in range(3):
                client.expect_text(NOTIFICATION)
        for node in nodes:
            self.assertEqual(0, node.metric('ringdown_redis_pending_messages'))

    def test_a_drain_ends_during_an_outage_and_logs_unsent_messages(self):
        redis = self.redis()
        node = self.node(redis, warnings=[AWAY, LOST, UNSENT])
        client = self.connect(node)
        redis.kill()
        self.wait_down(node)
        client.text('to be lost')
        client.expect_text('to be lost')
        client.leave()
        began = time.monotonic()
        node.signal(signal.SIGINT)
        self.assertEqual(0, node.wait_exit())
        expect_time(time.monotonic() - began, under=3 * SLOWNESS)
        node.wait_log('Messages not sent to Redis before the exit: 1;')


class SilenceTest(FaultTestCase):
    """The connection is open, but nothing arrives."""

    def assert_detected(self, *nodes):
        self.wait_down(*nodes, seconds=DETECTED_WITHIN)

    def test_a_stopped_server_is_detected_and_messages_follow(self):
        redis = self.redis()
        nodes = self.pair(redis)
        with self.fleet(*nodes) as group:
            redis.stop()
            group.say_everywhere(20)
            self.assert_detected(*nodes)
            group.say_everywhere(20)
            redis.cont()
            group.wait_all(20)

    def test_in_pubsub_mode_a_stopped_server_is_detected(self):
        redis = self.redis()
        nodes = self.pair(redis, mode='pubsub')
        with self.fleet(*nodes, may_miss=True) as group:
            redis.stop()
            group.say_everywhere(20)
            self.assert_detected(*nodes)
            group.say_everywhere(20)
            redis.cont()
            self.wait_connected(*nodes)

    def assert_silent_connection_is_detected(self, command):
        """Silences the connection on which COMMAND is sent."""
        _, relay, nodes = self.relayed_pair()
        with self.fleet(*nodes) as group:
            relay.silence(command)
            group.say_everywhere(5)
            nodes[0].wait_log(AWAY, DETECTED_WITHIN)
            relay.silence(None)
            group.wait_all(20)

    def test_silence_on_the_command_connection_is_detected(self):
        self.assert_silent_connection_is_detected(b'EXEC')

    def test_silence_on_the_subscriber_connection_is_detected(self):
        self.assert_silent_connection_is_detected(b'SUBSCRIBE')

    def test_silence_on_the_consumer_connection_is_detected(self):
        self.assert_silent_connection_is_detected(b'XREAD')

    def test_a_busy_server_is_not_down(self):
        redis = self.redis()
        nodes = self.pair(redis)
        with self.fleet(*nodes) as group:
            with redis.begin_cli('DEBUG', 'SLEEP', '4'):
                eventually(lambda: group.say_everywhere()
                           or nodes[0].metric('ringdown_redis_pending_messages') > 5,
                           'Redis to be busy')
                group.wait_all()
        for node in nodes:
            self.assertEqual([], node.find_log(AWAY))

    def assert_slow_network_works(self, mode):
        redis = self.redis()
        relay = self.relay(redis)
        nodes = self.pair(relay, mode=mode)
        with self.fleet(*nodes) as group:
            relay.delay = 1
            for _ in range(2):
                group.say_everywhere(5)
                group.wait_all(20)
            relay.delay = 0
        for node in nodes:
            self.assertEqual([], node.find_log(AWAY))

    def test_a_slow_network_works(self):
        self.assert_slow_network_works('stream')

    def test_in_pubsub_mode_a_slow_network_works(self):
        self.assert_slow_network_works('pubsub')


class RefusalTest(FaultTestCase):
    """Redis is up and refuses messages."""

    def assert_waits(self, refuse, allow, reason):
        self.warnings.append(REFUSES)
        redis = self.redis()
        nodes = self.pair(redis)
        with self.fleet(*nodes) as group:
            redis.cli(*refuse)
            group.say_everywhere(20)
            for node in nodes:
                self.wait_state(node, f'{REFUSED}{reason}.*')
                self.wait_pending(node, 20)
            group.say_everywhere(20)
            redis.cli(*allow)
            group.wait_all()
            for node in nodes:
                self.wait_pending(node, 0)
        return nodes

    def test_out_of_memory(self):
        nodes = self.assert_waits(('CONFIG', 'SET', 'maxmemory', '1'),
                                    ('CONFIG', 'SET', 'maxmemory', '0'), 'OOM')
        for node in nodes:
            self.assertEqual([], node.find_log(AWAY))
            node.wait_log(r'Redis at \S+ accepts messages again')

    def test_too_few_replicas(self):
        self.assert_waits(('CONFIG', 'SET', 'min-replicas-to-write', '1'),
                          ('CONFIG', 'SET', 'min-replicas-to-write', '0'), 'NOREPLICAS')

    def test_no_permission(self):
        self.assert_waits(('ACL', 'SETUSER', 'default', '-xadd'),
                          ('ACL', 'SETUSER', 'default', '+xadd'), 'NOPERM')

    def test_a_refusal_is_known_before_the_first_message(self):
        self.warnings.append(REFUSES)
        redis = self.redis()
        redis.cli('ACL', 'SETUSER', 'default', '-xadd')
        node = self.start(f'--redis={redis.url}', warnings=self.warnings)
        self.wait_state(node, "redis: refuses messages since .*: NOPERM .*'xadd' command")
        self.assertEqual(0, node.metric('ringdown_redis_pending_messages'))
        redis.cli('ACL', 'SETUSER', 'default', '+xadd')
        self.wait_connected(node)
        self.assertEqual('0', redis.cli('EXISTS', STREAM))

    def test_a_drain_ends_while_messages_are_refused(self):
        self.warnings.append(UNSENT)
        self.warnings.append(REFUSES)
        redis = self.redis()
        node = self.node(redis, warnings=self.warnings)
        client = self.connect(node)
        redis.configure('maxmemory', '1')
        client.text('to be lost')
        self.wait_state(node, f'{REFUSED}OOM.*')
        client.leave()
        began = time.monotonic()
        node.signal(signal.SIGTERM)
        self.assertEqual(0, node.wait_exit())
        expect_time(time.monotonic() - began, under=3 * SLOWNESS)

    def test_a_refused_batch_is_not_stored_in_part(self):
        self.warnings.append(REFUSES)
        redis = self.redis()
        node = self.node(redis, warnings=self.warnings)
        client = self.connect(node)
        redis.configure('maxmemory', '1')
        for number in range(20):
            client.text(f'{number}')
        self.wait_state(node, f'{REFUSED}OOM.*')
        self.assertEqual('0', redis.cli('XLEN', STREAM))
        redis.configure('maxmemory', '0')
        eventually(lambda: redis.cli('XLEN', STREAM) == '20', 'all of it')
        stored = re.findall(r'(?m)^text\n(\d+)$', redis.cli('XRANGE', STREAM, '-', '+'))
        self.assertEqual([f'{number}' for number in range(20)], stored)

    def test_the_key_of_the_stream_has_another_type(self):
        self.warnings += [REFUSES, LOST]
        redis = self.redis()
        nodes = self.pair(redis)
        with self.fleet(*nodes) as group:
            redis.cli('SET', STREAM, 'nonsense')
            group.say_everywhere(20)
            for node in nodes:
                self.wait_state(node, 'redis: .*WRONGTYPE.*')
            redis.cli('DEL', STREAM)
            group.wait_all()

    def test_alternating_refusals_do_not_fill_the_log(self):
        self.warnings.append(REFUSES)
        redis = self.redis()
        node = self.node(redis, warnings=self.warnings)
        client = self.connect(node)
        seconds = 4 * SLOWNESS
        deadline = Deadline(4)
        times = 0
        while not deadline.expired:
            redis.configure('maxmemory', '1')
            client.text(f'{times}')
            self.wait_state(node, f'{REFUSED}OOM.*')
            redis.configure('maxmemory', '0')
            self.wait_state(node, CONNECTED)
            times += 1
        # growing intervals: 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.5, 2.5 … seconds
        self.assertLess(len(node.find_log(REFUSES)), 8 + seconds / 2)

    def test_no_permission_to_read_is_in_the_state(self):
        redis = self.redis()
        redis.cli('ACL', 'SETUSER', 'default', '-xinfo')
        node = self.start(f'--redis={redis.url}', warnings=self.warnings)
        state = self.wait_state(node, r'redis: down since .*: cannot read the stream .*NOPERM.*')[0]
        connects = node.metric('ringdown_redis_connects_total')
        eventually(lambda: node.metric('ringdown_redis_connects_total') >= connects + 6,
                   'more attempts', 20)
        self.wait_state(node, re.escape(state))
        node.wait_log(AWAY)
        self.assertEqual(1, len(node.find_log(AWAY)))

    def assert_one_at_a_time(self, redis, refuse, mode):
        self.warnings += [ONE_AT_A_TIME, AWAY]
        nodes = self.pair(redis, mode=mode)
        with self.fleet(*nodes) as group:
            if refuse:
                redis.cli(*refuse)
            group.say_everywhere(20)
            group.wait_all()
            self.wait_sent(*nodes)
            group.say_everywhere(20)
            group.wait_all()
            self.wait_sent(*nodes)
            if mode == 'stream':
                self.assertEqual(2 * (1 + 20 + 20), int(redis.cli('XLEN', STREAM)))
        for node in nodes:
            node.wait_log(ONE_AT_A_TIME)
            self.assertEqual(0, node.metric('ringdown_redis_dropped_total'))
            self.assertEqual(0, node.metric('ringdown_redis_repeated_total'))

    def test_messages_are_stored_once_without_permission_for_multi(self):
        for mode in MODES:
            with self.subTest(mode):
                self.assert_one_at_a_time(self.redis(), ('ACL', 'SETUSER', 'default', '-multi'),
                                          mode)

    def test_messages_are_stored_once_if_multi_is_an_unknown_command(self):
        for mode in MODES:
            with self.subTest(mode):
                redis = self.redis('--rename-command', 'MULTI', '')
                self.assert_one_at_a_time(redis, (), mode)

    def test_no_permission_for_exec(self):
        self.assert_waits(('ACL', 'SETUSER', 'default', '-exec'),
                          ('ACL', 'SETUSER', 'default', '+exec'), 'EXECABORT .*NOPERM')

    def test_in_pubsub_mode_no_permission_on_the_channel(self):
        self.warnings.append(REFUSES)
        redis = self.redis()
        nodes = self.pair(redis, mode='pubsub')
        with self.fleet(*nodes) as group:
            redis.cli('ACL', 'SETUSER', 'default', '-publish')
            group.say_everywhere(20)
            for node in nodes:
                self.wait_state(node, f'{REFUSED}NOPERM.*')
            redis.cli('ACL', 'SETUSER', 'default', '+publish')
            group.wait_all()


class LoadingTest(FaultTestCase):
    def test_nodes_wait_until_the_data_is_loaded(self):
        redis = self.redis()
        nodes = self.pair(redis)
        with self.fleet(*nodes) as group:
            redis.begin_loading()
            for node in nodes:
                self.wait_state(node, 'redis: down since .*LOADING.*')
            group.say_everywhere(20)
            group.wait_all(20)


class LaggingRelay(Relay):
    """Delays what is sent to subscribers."""

    def is_silenced(self, connection):
        time.sleep(0.1 if b'SUBSCRIBE' in connection.said else 0)
        return False


class DisconnectTest(FaultTestCase):
    def test_connections_closed_by_redis(self):
        for mode in MODES:
            for kind in 'pubsub', 'normal':
                with self.subTest(mode=mode, kind=kind):
                    redis = self.redis()
                    nodes = self.pair(redis, mode=mode)
                    with self.fleet(*nodes, may_miss=mode == 'pubsub') as group:
                        for times in range(1, 4):
                            group.say_everywhere(20)
                            redis.cli('CLIENT', 'KILL', 'TYPE', kind)
                            group.say_everywhere(20)
                            for node in nodes:
                                self.wait_metric(node, 'ringdown_redis_connects_total', 1 + times)
                            self.wait_connected(*nodes)
                        redis.cli('PUBLISH', 'broadcast', 'and now')
                        for place in range(2):
                            group.wait_received(['and now'], place)

    def assert_stored_once(self, *replacements):
        """One of REPLACEMENTS after the other is sent instead of the reply to EXEC; None: the
        connection is closed."""
        redis, relay, nodes = self.relayed_pair()
        with self.fleet(*nodes) as group:
            for replacement in replacements:
                self.wait_sent(*nodes)
                stored = int(redis.cli('XLEN', STREAM))
                relay.swallow_answer(replacement)
                messages = group.say(0, 20)
                self.assertTrue(relay.answer_swallowed.wait(10 * SLOWNESS))
                group.wait_received(messages, 1)
                self.wait_pending(nodes[0], 0)
                self.assertEqual(stored + 20, int(redis.cli('XLEN', STREAM)))

    def test_messages_stored_before_a_disconnect_are_not_stored_again(self):
        self.assert_stored_once(None, None, None)

    def test_messages_stored_with_an_unexpected_reply_are_not_stored_again(self):
        for replacement in b'*0\r\n', b'+OK\r\n', b'$-1\r\n', b'-ERR upstream failure\r\n':
            with self.subTest(replacement):
                self.warnings.append(ONE_AT_A_TIME)
                self.assert_stored_once(replacement)

    def test_in_pubsub_mode_messages_in_flight_are_not_sent_again(self):
        redis = self.redis()
        relay = self.relay(redis)
        nodes = [self.node(place, '--redis-mode=pubsub', warnings=self.warnings)
                   for place in (relay, redis)]
        with self.fleet(*nodes, may_miss=True) as group:
            for times in range(1, 4):
                relay.swallow_answer()
                group.say(0)
                self.assertTrue(relay.answer_swallowed.wait(10 * SLOWNESS))
                self.wait_metric(nodes[0], 'ringdown_redis_connects_total', 1 + times)
                self.wait_connected(nodes[0])

    def test_in_pubsub_mode_more_own_publishes_than_the_buffer_holds_are_recognized(self):
        redis = self.redis()
        relay = LaggingRelay(redis)
        self.addCleanup(relay.finish)
        options = ('--redis-mode=pubsub', '--redis-buffer=512KiB')
        nodes = [self.node(place, *options, warnings=self.warnings)
                   for place in (relay, redis)]
        with self.fleet(*nodes) as group:
            for _ in range(30):
                group.say(0, padding=' '.ljust(60_000, '.'))
                self.wait_pending(nodes[0], 0)

    def test_in_pubsub_mode_a_lost_own_publish_hides_no_other_message(self):
        redis = self.redis()
        relay = self.relay(redis)
        nodes = [self.node(place, '--redis-mode=pubsub', warnings=self.warnings)
                   for place in (relay, redis)]
        ann, bob = map(self.connect, nodes)
        relay.silence(b'SUBSCRIBE')
        ann.text('hello')
        bob.expect_text('hello')
        self.wait_metric(nodes[0], 'ringdown_redis_sent_total', 1)
        eventually(lambda: b'hello' in relay.lost, 'the own publish to be lost')
        relay.silence(None)
        relay.cut()
        nodes[0].wait_log('connected again')
        redis.cli('PUBLISH', 'broadcast', 'hello')
        redis.cli('PUBLISH', 'broadcast', 'last')
        for message in 'hello', 'hello', 'last':
            ann.expect_text(message)

    def test_repeated_disconnects_under_load(self):
        redis = self.redis()
        relay = self.relay(redis)
        nodes = self.pair(relay)
        with self.fleet(*nodes) as group:
            descriptors = [node.descriptors() for node in nodes]
            for _ in range(20):
                group.say_everywhere(20)
                relay.cut()
            group.wait_all(20)
            self.wait_connected(*nodes)
            eventually(lambda: all(node.descriptors() <= before
                                   for node, before in zip(nodes, descriptors)),
                       'descriptors as before')


class CatchUpTest(FaultTestCase):
    def test_a_drain_that_ends_during_a_catch_up_sends_all_messages(self):
        redis = self.redis()
        relay = self.relay(redis)
        node = self.node(relay, warnings=self.warnings)
        client = self.connect(node)
        relay.refuse()
        self.wait_down(node)
        client.text('the last one')
        client.expect_text('the last one')
        relay.delay = 0.3
        relay.accept()
        self.wait_state(node, 'redis: catching up')
        client.leave()
        node.signal(signal.SIGTERM)
        node.wait_log('Drained in ')
        relay.delay = 0  # what is left has to be done within a second
        self.assertEqual(0, node.wait_exit())
        self.assertEqual('1', redis.cli('XLEN', STREAM))

    def test_many_missed_messages_reach_all_clients(self):
        """Several times as much as the log holds."""
        _, relay, nodes = self.relayed_pair()
        with self.fleet(*nodes) as group:
            relay.refuse()
            self.wait_down(nodes[0])
            messages = group.say(1, 400, padding=' '.ljust(60_000, '.'))
            self.wait_pending(nodes[1], 0)
            relay.accept()
            group.wait_received(messages, 0, 30)
        self.assertEqual(0, nodes[0].metric('ringdown_slow_clients_closed_total'))

    def test_large_messages_after_many_small_ones_reach_all_clients(self):
        """The last small messages are requested together with hundreds of large ones, more than the
        log holds."""
        _, relay, nodes = self.relayed_pair()
        with self.fleet(*nodes) as group:
            relay.refuse()
            self.wait_down(nodes[0])
            group.say(1, 2530)
            messages = group.say(1, 400, padding=' '.ljust(60_000, '.'))
            self.wait_pending(nodes[1], 0)
            relay.accept()
            group.wait_received(messages, 0, 30)
        self.assertEqual(0, nodes[0].metric('ringdown_slow_clients_closed_total'))

    def test_large_foreign_entries_are_not_requested_all_at_once(self):
        redis = self.redis()
        relay = self.relay(redis)
        node = self.node(relay, warnings=self.warnings)
        relay.refuse()
        self.wait_down(node)
        redis.cli('EVAL', 'local large = string.rep("x", 1000000); for i = 1, 300 do'
                  ' redis.call("XADD", KEYS[1], "*", "a", large) end', '1', STREAM)
        relay.accept()
        self.wait_connected(node, seconds=30)
        self.assertEqual(2, node.metric('ringdown_redis_connects_total'))

    def test_a_slow_client_gets_all_of_many_tiny_messages(self):
        """They fill the index of the log, but few of its bytes."""
        redis = self.redis()
        relay = self.relay(redis)
        node = self.node(relay, '--log-size=1MiB', warnings=self.warnings)
        client = Client(node.port, receive_buffer=65536)
        self.addCleanup(client.abandon)
        client.open()
        relay.refuse()
        self.wait_down(node)
        redis.cli('EVAL', 'for i = 1, 300000 do redis.call("XADD", KEYS[1], "*", "node", "x",'
                  ' "seq", i, "text", string.rep("x", 20)) end', '1', STREAM)
        relay.accept()
        eventually(lambda: node.metric('ringdown_redis_received_total') > 0, 'the catch-up')
        time.sleep(1)  # less than Ringdown waits for slow clients
        for _ in range(300_000):
            client.expect_text('x' * 20)
        self.assertEqual(0, node.metric('ringdown_slow_clients_closed_total'))

    def add_large(self, redis, size):
        redis.cli('XADD', STREAM, '*', 'a', last=b'x' * size)

    def assert_catch_up(self, add, dropped):
        """Nodes skip or read what ADD stores in the stream, and get the messages after it."""
        self.warnings.append('Dropped a message of more than 64MiB from Redis')
        redis, relay, nodes = self.relayed_pair()
        with self.fleet(*nodes) as group:
            relay.refuse()
            self.wait_down(nodes[0])
            group.say(1, 5)
            add(redis)
            messages = group.say(1, 5)
            self.wait_pending(nodes[1], 0)
            relay.accept()
            for place in range(2):
                group.wait_received(messages, place, 60)
        for node in nodes:
            self.wait_metric(node, 'ringdown_redis_dropped_total', dropped)
            self.assertLess(node.metric('ringdown_redis_connects_total'), 5)

    def test_entries_over_the_limit_of_a_reply_are_skipped_and_counted(self):
        def add(redis):
            for _ in range(2):
                self.add_large(redis, 65 << 20)
        self.assert_catch_up(add, 2)

    def test_large_entries_that_exceed_the_limit_of_a_reply_together_are_read_one_by_one(self):
        def add(redis):
            for _ in range(2):
                self.add_large(redis, 40 << 20)
        self.assert_catch_up(add, 0)

    def test_a_first_entry_over_the_limit_of_a_reply_does_not_stop_a_new_node(self):
        """XINFO returns it, too."""
        redis = self.redis()
        self.add_large(redis, 65 << 20)
        node = self.node(redis)
        client = self.connect(node)
        redis.cli('XADD', STREAM, '*', 'node', 'x', 'seq', '1', 'text', 'hello')
        client.expect_text('hello')

    def test_a_catch_up_ends_although_the_stream_grows(self):
        """The stream has new entries whenever it is read."""
        redis = self.redis()
        relay = self.relay(redis)
        relay.delay = 0.05
        writer = redis.begin_cli('-r', '-1', '-i', '0.005', 'XADD', STREAM, '*', 'a', 'b')
        self.addCleanup(writer.communicate)
        self.addCleanup(writer.kill)
        self.node(relay, warnings=self.warnings)

    def test_a_new_stream_with_smaller_ids(self):
        self.warnings.append(LOST)
        redis = self.redis()
        nodes = self.pair(redis)
        with self.fleet(*nodes) as group:
            in_an_hour = int(time.time() + 3600) * 1000
            redis.cli('XADD', STREAM, f'{in_an_hour}-0', 'a', 'b')
            group.say_everywhere()
            group.wait_all()
            redis.cli('DEL', STREAM)
            group.say_everywhere()
            group.wait_all(30)


class GapTest(FaultTestCase):
    GAP = r'This node missed messages \((\d+)\):'

    def setUp(self):
        super().setUp()
        self.warnings += [self.GAP, LOST]
        self.server = self.redis()
        self.relayed = self.relay(self.server)
        self.connected = self.node(self.server, warnings=self.warnings)
        self.disconnected = self.node(self.relayed, warnings=self.warnings)

    def disconnect(self, group):
        """Disconnects one node, which has read all entries."""
        group.wait_received(group.say(0), 1)
        self.relayed.refuse()
        self.wait_down(self.disconnected)

    def test_entries_trimmed_during_a_disconnect_are_counted(self):
        with self.fleet(self.connected, self.disconnected, may_miss=True) as group:
            self.disconnect(group)
            before = len(group.at(1)[0].messages)
            messages = group.say(0, 50)
            self.wait_pending(self.connected, 0)
            self.server.cli('XTRIM', STREAM, 'MAXLEN', '20')
            self.relayed.accept()
            group.wait_received(messages, 1)
            received = [got.text for got in group.at(1)[0].messages[before:]]
            self.assertEqual(messages[30:], received)
            self.assertEqual(30, self.disconnected.metric('ringdown_redis_missed_total'))
            self.assertEqual(1, self.disconnected.metric('ringdown_redis_gaps_total'))
            self.assertEqual('30', self.disconnected.wait_log(self.GAP)[1])
        self.assertEqual(0, self.connected.metric('ringdown_redis_gaps_total'))

    def test_entries_trimmed_while_a_connected_node_is_slow_are_counted(self):
        with self.fleet(self.connected, self.disconnected, may_miss=True) as group:
            group.wait_received(group.say(0), 1)
            self.disconnected.signal(signal.SIGSTOP)
            for count in 1, 50:  # the first one ends its XREAD
                messages = group.say(0, count)
                self.wait_pending(self.connected, 0)
            self.server.cli('XTRIM', STREAM, 'MAXLEN', '20')
            self.disconnected.signal(signal.SIGCONT)
            group.wait_received(messages, 1)
            eventually(lambda: self.disconnected.metric('ringdown_redis_missed_total') >= 30,
                       'the gap to be counted', 20)
        self.assertEqual([], self.disconnected.find_log(AWAY))

    def test_trimmed_entries_are_counted_if_none_is_left(self):
        with self.fleet(self.connected, self.disconnected, may_miss=True) as group:
            self.disconnect(group)
            group.say(0, 50)
            self.wait_pending(self.connected, 0)
            self.server.cli('XTRIM', STREAM, 'MAXLEN', '0')
            self.relayed.accept()
            self.wait_metric(self.disconnected, 'ringdown_redis_missed_total', 50)

    def test_entries_trimmed_after_they_were_read_are_no_gap(self):
        with self.fleet(self.connected, self.disconnected) as group:
            group.say(0, 50)
            self.disconnect(group)
            self.server.cli('XTRIM', STREAM, 'MAXLEN', '0')
            self.relayed.accept()
        self.assertEqual(0, self.disconnected.metric('ringdown_redis_gaps_total'))
        self.assertEqual(0, self.disconnected.metric('ringdown_redis_missed_total'))

    def test_flushall(self):
        with self.fleet(self.connected, self.disconnected) as group:
            for _ in range(3):
                group.say_everywhere(20)
                group.wait_all()
                self.server.cli('FLUSHALL')
                group.say_everywhere(20)
                group.wait_all()

    def test_flushall_during_a_disconnect(self):
        with self.fleet(self.connected, self.disconnected, may_miss=True) as group:
            self.disconnect(group)
            group.say_everywhere(20)
            self.wait_pending(self.connected, 0)
            self.server.cli('FLUSHALL')
            self.relayed.accept()
            self.wait_connected(self.disconnected)


class BufferTest(FaultTestCase):
    def test_beyond_the_limit_the_oldest_are_dropped_and_counted(self):
        self.warnings.append('More than 64')
        redis = self.redis()
        relay = self.relay(redis)
        options = ('--redis-buffer=64KiB', '--max-message=1KiB')
        nodes = [self.node(place, *options, warnings=self.warnings)
                   for place in (relay, redis)]
        with self.fleet(*nodes, may_miss=True) as group:
            before = len(group.at(1)[0].messages)
            self.wait_sent(*nodes)
            relay.refuse()
            self.wait_down(nodes[0])
            messages = group.say(0, 1000, padding=' '.ljust(100, '.'))
            dropped = int(nodes[0].metric('ringdown_redis_dropped_total'))
            self.assertIn(dropped, range(1, 999))
            self.wait_pending(nodes[0], 1000 - dropped)
            self.assertLessEqual(nodes[0].metric('ringdown_redis_pending_bytes'), 64 << 10)
            relay.accept()
            group.wait_received(messages, 1)
            received = [got.text for got in group.at(1)[0].messages[before:]]
            self.assertEqual(messages[dropped:], received)
        nodes[0].wait_log('More than 64')
        self.assertEqual(1, len(nodes[0].find_log('More than 64')))

    def test_memory_is_limited_during_an_outage(self):
        self.warnings += ['More than 1', LOST, UNSENT]
        redis = self.redis()
        node = self.node(redis, '--redis-buffer=1MiB', warnings=self.warnings)
        client = self.connect(node)
        redis.kill()
        self.wait_down(node)
        self.pour(client, node, 4 << 20)
        before = node.memory()
        self.pour(client, node, 16 << 20)
        self.assertLess(node.memory() - before, node.memory_tolerance())

    def pour(self, client, node, size):
        """CLIENT sends messages of SIZE bytes in all, and receives them."""
        message = 'x' * 16384
        deadline = Deadline(30)
        for _ in range(size // len(message)):
            self.assertFalse(deadline.expired)
            client.text(message)
            client.expect_text(message)
        self.assertEqual(1, node.ready()[1]['clients'])


if __name__ == '__main__':
    tap.main(jobs=4)
