# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""What befalls Redis and the way to it. Whatever it is: clients stay and are served at once, what
they say follows when it is over, nothing is doubled or disordered, and the state tells the truth.

What `fleet ()` and `wait_down ()` check is not repeated in each test.
"""

import re
import signal
import time

import tap
from bus import Bus
from fleet import AWAY, CONNECTED, LOST, MODES, REFUSES, STREAM, UNSENT, FleetTestCase
from waiting import SLOWNESS, Deadline, eventually, expect_time
from relay import Relay

NOTIFICATION = '🛰 Test notification'
REFUSED = r'redis: refuses messages since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: '
NOTICED_WITHIN = 10  # seconds


class FaultTestCase(FleetTestCase):
    def setUp(self):
        super().setUp()
        self.warnings = [AWAY]

    def pair(self, redis, *options, mode='stream'):
        return self.workers(2, redis, f'--redis-mode={mode}', *options, warnings=self.warnings)

    def wait_pending(self, worker, count):
        self.wait_metric(worker, 'ringdown_redis_pending_messages', count)

    def wait_sent(self, *workers):
        """Until Redis has taken all: what is under way at a cut waits, too."""
        for worker in workers:
            self.wait_pending(worker, 0)


class KilledTest(FaultTestCase):
    def test_restarted_with_its_data(self):
        self.warnings.append(LOST)  # its file may lag behind
        redis = self.redis(persistent=True)
        workers = self.pair(redis)
        with self.fleet(*workers) as group:
            for _ in range(3):
                self.wait_sent(*workers)
                redis.kill()
                self.wait_down(*workers)
                group.say_everywhere(20)
                for worker in workers:
                    self.wait_pending(worker, 20)
                redis.start()
                group.wait_all()
                self.wait_sent(*workers)
        for worker in workers:
            self.assertEqual(4, worker.metric('ringdown_redis_connects_total'))
            self.assertEqual(0, worker.metric('ringdown_redis_gaps_total'))

    def test_restarted_without_its_data(self):
        self.warnings.append(LOST)
        redis = self.redis()
        workers = self.pair(redis)
        with self.fleet(*workers) as group:
            for _ in range(3):
                group.say_everywhere(20)
                redis.kill()
                self.wait_down(*workers)
                group.say_everywhere(20)
                redis.start()
                group.wait_all()

    def test_in_pubsub_mode_what_waits_follows_if_somebody_is_there_to_hear_it(self):
        redis = self.redis()
        relay = self.relay(redis)
        workers = [self.worker(place, '--redis-mode=pubsub', warnings=self.warnings)
                   for place in (relay, redis)]
        with self.fleet(*workers) as group:
            self.wait_sent(*workers)
            relay.refuse()
            self.wait_down(workers[0])
            messages = group.say(0, 20)
            self.wait_pending(workers[0], 20)
            relay.accept()
            group.wait_received(messages, 1)

    def test_in_pubsub_mode_nothing_is_doubled_and_all_goes_on(self):
        redis = self.redis()
        workers = self.pair(redis, mode='pubsub')
        with self.fleet(*workers, may_miss=True) as group:
            for _ in range(3):
                group.say_everywhere(100)
                redis.kill()
                self.wait_down(*workers)
                group.say_everywhere(20)
                redis.start()
                self.wait_connected(*workers)

    def test_the_log_says_that_it_went_and_that_it_came_back(self):
        redis = self.redis()
        worker = self.worker(redis, warnings=[AWAY, LOST])
        redis.kill()
        self.wait_down(worker)
        redis.start()
        worker.wait_log(r'Redis at \S+: connected again after \S+')
        self.assertEqual(1, len(worker.find_log(AWAY)))

    def test_d_bus_tells_the_truth(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        redis = self.redis()
        worker = self.worker(redis, '--bus=session', environment=bus.environment,
                             warnings=[AWAY, LOST])
        redis.kill()
        self.wait_state(worker, 'redis: down since .*Connection refused')
        eventually(lambda: bus.property('BusState') == self.bus_state(worker), 'the same state')
        redis.start()
        eventually(lambda: bus.property('BusState') == CONNECTED, 'connected', 15)

    def test_each_worker_notifies_its_own_clients_while_it_is_away(self):
        redis = self.redis()
        workers = self.pair(redis, '--notify-interval=1s')
        clients = [self.connect(worker) for worker in workers]
        redis.kill()
        self.wait_down(*workers)
        for client in clients:
            for _ in range(3):
                client.expect_text(NOTIFICATION)
        for worker in workers:
            self.assertEqual(0, worker.metric('ringdown_redis_pending_messages'))

    def test_a_drain_ends_while_it_is_away_and_says_what_was_not_sent(self):
        redis = self.redis()
        worker = self.worker(redis, warnings=[AWAY, LOST, UNSENT])
        client = self.connect(worker)
        redis.kill()
        self.wait_down(worker)
        client.text('to be lost')
        client.expect_text('to be lost')
        client.leave()
        began = time.monotonic()
        worker.signal(signal.SIGINT)
        self.assertEqual(0, worker.wait_exit())
        expect_time(time.monotonic() - began, under=3 * SLOWNESS)
        worker.wait_log('Messages not sent to Redis before the end: 1;')


class SilentTest(FaultTestCase):
    """Connected, but nothing comes."""

    def assert_noticed(self, *workers):
        self.wait_down(*workers, seconds=NOTICED_WITHIN)

    def test_a_stopped_server_is_noticed_and_what_was_said_follows(self):
        redis = self.redis()
        workers = self.pair(redis)
        with self.fleet(*workers) as group:
            redis.stop()
            group.say_everywhere(20)
            self.assert_noticed(*workers)
            group.say_everywhere(20)
            redis.cont()
            group.wait_all(20)

    def test_in_pubsub_mode_it_is_noticed_too_and_nothing_is_doubled(self):
        redis = self.redis()
        workers = self.pair(redis, mode='pubsub')
        with self.fleet(*workers, may_miss=True) as group:
            redis.stop()
            group.say_everywhere(20)
            self.assert_noticed(*workers)
            group.say_everywhere(20)
            redis.cont()
            self.wait_connected(*workers)

    def assert_one_connection_is_noticed(self, command):
        """As long as nothing comes back on the connection on which COMMAND is said."""
        redis = self.redis()
        relay = self.relay(redis)
        workers = [self.worker(place, warnings=self.warnings) for place in (relay, redis)]
        with self.fleet(*workers) as group:
            relay.silence(command)
            group.say_everywhere(5)
            workers[0].wait_log(AWAY, NOTICED_WITHIN)
            relay.silence(None)
            group.wait_all(20)

    def test_that_only_commands_are_not_answered_is_noticed(self):
        self.assert_one_connection_is_noticed(b'EXEC')

    def test_that_only_the_subscriber_hears_nothing_is_noticed(self):
        self.assert_one_connection_is_noticed(b'SUBSCRIBE')

    def test_that_only_the_stream_is_silent_is_noticed(self):
        self.assert_one_connection_is_noticed(b'XREAD')

    def test_a_server_that_is_busy_for_a_while_is_not_taken_for_dead(self):
        redis = self.redis()
        workers = self.pair(redis)
        with self.fleet(*workers) as group:
            with redis.begin_cli('DEBUG', 'SLEEP', '4'):
                eventually(lambda: group.say_everywhere()
                           or workers[0].metric('ringdown_redis_pending_messages') > 5,
                           'Redis to be busy')
                group.wait_all()
        for worker in workers:
            self.assertEqual([], worker.find_log(AWAY))

    def assert_slow_network_is_endured(self, mode):
        redis = self.redis()
        relay = self.relay(redis)
        workers = self.pair(relay, mode=mode)
        with self.fleet(*workers) as group:
            relay.delay = 1
            for _ in range(2):
                group.say_everywhere(5)
                group.wait_all(20)
            relay.delay = 0
        for worker in workers:
            self.assertEqual([], worker.find_log(AWAY))

    def test_a_slow_network_is_not_taken_for_a_dead_one(self):
        self.assert_slow_network_is_endured('stream')

    def test_in_pubsub_mode_a_slow_network_is_not_taken_for_a_dead_one(self):
        self.assert_slow_network_is_endured('pubsub')


class RefusedTest(FaultTestCase):
    """Redis is there, and does not take messages."""

    def assert_waits(self, refuse, allow, reason):
        self.warnings.append(REFUSES)
        redis = self.redis()
        workers = self.pair(redis)
        with self.fleet(*workers) as group:
            redis.cli(*refuse)
            group.say_everywhere(20)
            for worker in workers:
                self.wait_state(worker, f'{REFUSED}{reason}.*')
                self.wait_pending(worker, 20)
            group.say_everywhere(20)
            redis.cli(*allow)
            group.wait_all()
            for worker in workers:
                self.wait_pending(worker, 0)
        return workers

    def test_out_of_memory(self):
        workers = self.assert_waits(('CONFIG', 'SET', 'maxmemory', '1'),
                                    ('CONFIG', 'SET', 'maxmemory', '0'), 'OOM')
        for worker in workers:
            self.assertEqual([], worker.find_log(AWAY))
            worker.wait_log(r'Redis at \S+ takes messages again')

    def test_too_few_replicas(self):
        self.assert_waits(('CONFIG', 'SET', 'min-replicas-to-write', '1'),
                          ('CONFIG', 'SET', 'min-replicas-to-write', '0'), 'NOREPLICAS')

    def test_no_permission(self):
        self.assert_waits(('ACL', 'SETUSER', 'default', '-xadd'),
                          ('ACL', 'SETUSER', 'default', '+xadd'), 'NOPERM')

    def test_a_replica_that_cannot_be_written_to(self):
        self.assert_waits(('REPLICAOF', '127.0.0.1', '1'), ('REPLICAOF', 'NO', 'ONE'), 'READONLY')

    def test_a_drain_ends_while_messages_are_refused(self):
        self.warnings.append(UNSENT)
        self.warnings.append(REFUSES)
        redis = self.redis()
        worker = self.worker(redis, warnings=self.warnings)
        client = self.connect(worker)
        redis.configure('maxmemory', '1')
        client.text('to be lost')
        self.wait_state(worker, f'{REFUSED}OOM.*')
        client.leave()
        began = time.monotonic()
        worker.signal(signal.SIGTERM)
        self.assertEqual(0, worker.wait_exit())
        expect_time(time.monotonic() - began, under=3 * SLOWNESS)

    def test_a_batch_that_was_refused_is_not_stored_in_part(self):
        self.warnings.append(REFUSES)
        redis = self.redis()
        worker = self.worker(redis, warnings=self.warnings)
        client = self.connect(worker)
        redis.configure('maxmemory', '1')
        for number in range(20):
            client.text(f'{number}')
        self.wait_state(worker, f'{REFUSED}OOM.*')
        self.assertEqual('0', redis.cli('XLEN', STREAM))
        redis.configure('maxmemory', '0')
        eventually(lambda: redis.cli('XLEN', STREAM) == '20', 'all of it')
        stored = re.findall(r'(?m)^text\n(\d+)$', redis.cli('XRANGE', STREAM, '-', '+'))
        self.assertEqual([f'{number}' for number in range(20)], stored)

    def test_a_key_of_another_kind_in_the_place_of_the_stream(self):
        self.warnings += [REFUSES, LOST]
        redis = self.redis()
        workers = self.pair(redis)
        with self.fleet(*workers) as group:
            redis.cli('SET', STREAM, 'nonsense')
            group.say_everywhere(20)
            for worker in workers:
                self.wait_state(worker, 'redis: .*WRONGTYPE.*')
            redis.cli('DEL', STREAM)
            group.wait_all()

    def test_one_that_wavers_does_not_fill_the_log(self):
        self.warnings.append(REFUSES)
        redis = self.redis()
        worker = self.worker(redis, warnings=self.warnings)
        client = self.connect(worker)
        seconds = 4 * SLOWNESS
        deadline = Deadline(4)
        times = 0
        while not deadline.expired:
            redis.configure('maxmemory', '1')
            client.text(f'{times}')
            self.wait_state(worker, f'{REFUSED}OOM.*')
            redis.configure('maxmemory', '0')
            self.wait_state(worker, CONNECTED)
            times += 1
        # each is waited for longer than the last: 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.5, 2.5 … seconds
        self.assertLess(len(worker.find_log(REFUSES)), 8 + seconds / 2)

    def test_what_may_not_be_read_is_named_and_since_when(self):
        redis = self.redis()
        redis.cli('ACL', 'SETUSER', 'default', '-xinfo')
        worker = self.start(f'--redis={redis.url}', warnings=self.warnings)
        state = self.wait_state(worker, r'redis: down since .*: the stream .*NOPERM.*')[0]
        connects = worker.metric('ringdown_redis_connects_total')
        eventually(lambda: worker.metric('ringdown_redis_connects_total') >= connects + 6,
                   'more attempts', 20)
        self.wait_state(worker, re.escape(state))
        worker.wait_log(AWAY)
        self.assertEqual(1, len(worker.find_log(AWAY)))

    def test_in_pubsub_mode_no_permission_on_the_channel(self):
        self.warnings.append(REFUSES)
        redis = self.redis()
        workers = self.pair(redis, mode='pubsub')
        with self.fleet(*workers) as group:
            redis.cli('ACL', 'SETUSER', 'default', '-publish')
            group.say_everywhere(20)
            for worker in workers:
                self.wait_state(worker, f'{REFUSED}NOPERM.*')
            redis.cli('ACL', 'SETUSER', 'default', '+publish')
            group.wait_all()


class LoadingTest(FaultTestCase):
    def test_it_is_waited_for(self):
        redis = self.redis()
        workers = self.pair(redis)
        with self.fleet(*workers) as group:
            redis.begin_loading()
            for worker in workers:
                self.wait_state(worker, 'redis: down since .*LOADING.*')
            group.say_everywhere(20)
            group.wait_all(20)


class LaggingRelay(Relay):
    """What comes to subscribers comes late, a little at a time."""

    def is_silenced(self, connection):
        time.sleep(0.1 if b'SUBSCRIBE' in connection.said else 0)
        return False


class CutTest(FaultTestCase):
    def test_killed_by_redis(self):
        for mode in MODES:
            for kind in 'pubsub', 'normal':
                with self.subTest(mode=mode, kind=kind):
                    redis = self.redis()
                    workers = self.pair(redis, mode=mode)
                    with self.fleet(*workers, may_miss=mode == 'pubsub') as group:
                        for times in range(1, 4):
                            group.say_everywhere(20)
                            redis.cli('CLIENT', 'KILL', 'TYPE', kind)
                            group.say_everywhere(20)
                            for worker in workers:
                                self.wait_metric(worker, 'ringdown_redis_connects_total', 1 + times)
                            self.wait_connected(*workers)
                        redis.cli('PUBLISH', 'broadcast', 'and now')
                        for place in range(2):
                            group.wait_received(['and now'], place)

    def test_cut_before_the_answer_what_was_stored_is_not_doubled(self):
        redis = self.redis()
        relay = self.relay(redis)
        workers = [self.worker(place, warnings=self.warnings) for place in (relay, redis)]
        with self.fleet(*workers) as group:
            for _ in range(3):
                stored = int(redis.cli('XLEN', STREAM))
                relay.swallow_answer()
                messages = group.say(0, 20)
                self.assertTrue(relay.answer_swallowed.wait(10 * SLOWNESS))
                group.wait_received(messages, 1)
                self.wait_pending(workers[0], 0)
                self.assertEqual(stored + 20, int(redis.cli('XLEN', STREAM)))

    def test_in_pubsub_mode_what_was_under_way_is_not_sent_again(self):
        redis = self.redis()
        relay = self.relay(redis)
        workers = [self.worker(place, '--redis-mode=pubsub', warnings=self.warnings)
                   for place in (relay, redis)]
        with self.fleet(*workers, may_miss=True) as group:
            for times in range(1, 4):
                relay.swallow_answer()
                group.say(0)
                self.assertTrue(relay.answer_swallowed.wait(10 * SLOWNESS))
                self.wait_metric(workers[0], 'ringdown_redis_connects_total', 1 + times)
                self.wait_connected(workers[0])

    def test_in_pubsub_mode_more_echoes_than_the_buffer_holds_messages_double_nothing(self):
        redis = self.redis()
        relay = LaggingRelay(redis)
        self.addCleanup(relay.finish)
        options = ('--redis-mode=pubsub', '--redis-buffer=512KiB')
        workers = [self.worker(place, *options, warnings=self.warnings)
                   for place in (relay, redis)]
        with self.fleet(*workers) as group:
            for _ in range(30):
                group.say(0, padding=' '.ljust(60_000, '.'))
                self.wait_pending(workers[0], 0)

    def test_in_pubsub_mode_an_echo_that_never_came_hides_nobody_elses_message(self):
        redis = self.redis()
        relay = self.relay(redis)
        workers = [self.worker(place, '--redis-mode=pubsub', warnings=self.warnings)
                   for place in (relay, redis)]
        ann, bob = map(self.connect, workers)
        relay.silence(b'SUBSCRIBE')
        ann.text('hello')
        bob.expect_text('hello')
        self.wait_metric(workers[0], 'ringdown_redis_sent_total', 1)
        eventually(lambda: b'hello' in relay.lost, 'the echo to be lost')
        relay.silence(None)
        relay.cut()
        workers[0].wait_log('connected again')
        redis.cli('PUBLISH', 'broadcast', 'hello')
        redis.cli('PUBLISH', 'broadcast', 'last')
        for message in 'hello', 'hello', 'last':
            ann.expect_text(message)

    def test_again_and_again_while_messages_pass(self):
        redis = self.redis()
        relay = self.relay(redis)
        workers = self.pair(relay)
        with self.fleet(*workers) as group:
            descriptors = [worker.descriptors() for worker in workers]
            for _ in range(20):
                group.say_everywhere(20)
                relay.cut()
            group.wait_all(20)
            self.wait_connected(*workers)
            eventually(lambda: all(worker.descriptors() <= before
                                   for worker, before in zip(workers, descriptors)),
                       'descriptors as before')


class CatchUpTest(FaultTestCase):
    def test_a_drain_that_ends_meanwhile_leaves_no_message_behind(self):
        redis = self.redis()
        relay = self.relay(redis)
        worker = self.worker(relay, warnings=self.warnings)
        client = self.connect(worker)
        relay.refuse()
        self.wait_down(worker)
        client.text('the last one')
        client.expect_text('the last one')
        relay.delay = 0.3
        relay.accept()
        self.wait_state(worker, 'redis: catching up')
        client.leave()
        worker.signal(signal.SIGTERM)
        worker.wait_log('Drained in ')
        relay.delay = 0  # for all that is left it has a second
        self.assertEqual(0, worker.wait_exit())
        self.assertEqual('1', redis.cli('XLEN', STREAM))

    def test_much_that_was_missed_reaches_all_who_read(self):
        """Several times the log of the clients, which those who are slow fall off."""
        redis = self.redis()
        relay = self.relay(redis)
        workers = [self.worker(place, warnings=self.warnings) for place in (relay, redis)]
        with self.fleet(*workers) as group:
            relay.refuse()
            self.wait_down(workers[0])
            messages = group.say(1, 400, padding=' '.ljust(60_000, '.'))
            self.wait_pending(workers[1], 0)
            relay.accept()
            group.wait_received(messages, 0, 30)
        self.assertEqual(0, workers[0].metric('ringdown_slow_clients_closed_total'))


    def test_large_ones_after_many_small_ones_reach_all_who_read(self):
        """So many that the last of the small ones are asked for together with hundreds of large
        ones, which are too much for the log of the clients."""
        redis = self.redis()
        relay = self.relay(redis)
        workers = [self.worker(place, warnings=self.warnings) for place in (relay, redis)]
        with self.fleet(*workers) as group:
            relay.refuse()
            self.wait_down(workers[0])
            group.say(1, 2530)
            messages = group.say(1, 400, padding=' '.ljust(60_000, '.'))
            self.wait_pending(workers[1], 0)
            relay.accept()
            group.wait_received(messages, 0, 30)
        self.assertEqual(0, workers[0].metric('ringdown_slow_clients_closed_total'))

    def test_large_entries_that_are_no_messages_are_not_asked_for_all_at_once(self):
        redis = self.redis()
        relay = self.relay(redis)
        worker = self.worker(relay, warnings=self.warnings)
        relay.refuse()
        self.wait_down(worker)
        redis.cli('EVAL', 'for i = 1, 300 do redis.call("XADD", KEYS[1], "*", "a",'
                  ' string.rep("x", 1000000)) end', '1', STREAM)
        relay.accept()
        self.wait_connected(worker, seconds=30)
        self.assertEqual(2, worker.metric('ringdown_redis_connects_total'))

    def test_a_stream_that_never_rests(self):
        """Whenever it is read there is more: who waits for its end waits for ever."""
        redis = self.redis()
        relay = self.relay(redis)
        relay.delay = 0.05
        writer = redis.begin_cli('-r', '-1', '-i', '0.005', 'XADD', STREAM, '*', 'a', 'b')
        self.addCleanup(writer.communicate)
        self.addCleanup(writer.kill)
        self.worker(relay, warnings=self.warnings)

    def test_a_stream_whose_ids_begin_anew_further_back(self):
        self.warnings.append(LOST)
        redis = self.redis()
        workers = self.pair(redis)
        with self.fleet(*workers) as group:
            in_an_hour = int(time.time() + 3600) * 1000
            redis.cli('XADD', STREAM, f'{in_an_hour}-0', 'a', 'b')
            group.say_everywhere()
            group.wait_all()
            redis.cli('DEL', STREAM)
            group.say_everywhere()
            group.wait_all(30)


class GapTest(FaultTestCase):
    GAP = r'(\d+) messages? (was|were) cut off the stream'

    def setUp(self):
        super().setUp()
        self.warnings += [self.GAP, LOST]
        self.server = self.redis()
        self.way = self.relay(self.server)
        self.there = self.worker(self.server, warnings=self.warnings)
        self.away = self.worker(self.way, warnings=self.warnings)

    def send_away(self, group):
        """One worker has read all that there is, and loses Redis."""
        group.wait_received(group.say(0), 1)
        self.way.refuse()
        self.wait_down(self.away)

    def test_what_was_cut_off_while_a_worker_was_away_is_counted(self):
        with self.fleet(self.there, self.away, may_miss=True) as group:
            self.send_away(group)
            before = len(group.at(1)[0].messages)
            messages = group.say(0, 50)
            self.wait_pending(self.there, 0)
            self.server.cli('XTRIM', STREAM, 'MAXLEN', '20')
            self.way.accept()
            group.wait_received(messages, 1)
            heard = [got.text for got in group.at(1)[0].messages[before:]]
            self.assertEqual(messages[30:], heard)
            self.assertEqual(30, self.away.metric('ringdown_redis_missed_total'))
            self.assertEqual(1, self.away.metric('ringdown_redis_gaps_total'))
            self.assertEqual('30', self.away.wait_log(self.GAP)[1])
        self.assertEqual(0, self.there.metric('ringdown_redis_gaps_total'))

    def test_what_was_cut_off_before_a_worker_that_stays_came_to_read_it_is_counted(self):
        with self.fleet(self.there, self.away, may_miss=True) as group:
            group.wait_received(group.say(0), 1)
            self.away.signal(signal.SIGSTOP)
            for count in 1, 50:  # the first is what it was waiting for
                messages = group.say(0, count)
                self.wait_pending(self.there, 0)
            self.server.cli('XTRIM', STREAM, 'MAXLEN', '20')
            self.away.signal(signal.SIGCONT)
            group.wait_received(messages, 1)
            eventually(lambda: self.away.metric('ringdown_redis_missed_total') >= 30,
                       'it to be noticed', 20)
        self.assertEqual([], self.away.find_log(AWAY))

    def test_all_that_was_cut_off_is_counted_when_nothing_is_left(self):
        with self.fleet(self.there, self.away, may_miss=True) as group:
            self.send_away(group)
            group.say(0, 50)
            self.wait_pending(self.there, 0)
            self.server.cli('XTRIM', STREAM, 'MAXLEN', '0')
            self.way.accept()
            self.wait_metric(self.away, 'ringdown_redis_missed_total', 50)

    def test_what_had_been_read_before_it_was_cut_off_is_no_gap(self):
        with self.fleet(self.there, self.away) as group:
            group.say(0, 50)
            self.send_away(group)
            self.server.cli('XTRIM', STREAM, 'MAXLEN', '0')
            self.way.accept()
        self.assertEqual(0, self.away.metric('ringdown_redis_gaps_total'))
        self.assertEqual(0, self.away.metric('ringdown_redis_missed_total'))

    def test_after_flushall_all_goes_on(self):
        with self.fleet(self.there, self.away) as group:
            for _ in range(3):
                group.say_everywhere(20)
                group.wait_all()
                self.server.cli('FLUSHALL')
                group.say_everywhere(20)
                group.wait_all()

    def test_after_flushall_while_a_worker_was_away_all_goes_on(self):
        with self.fleet(self.there, self.away, may_miss=True) as group:
            self.send_away(group)
            group.say_everywhere(20)
            self.wait_pending(self.there, 0)
            self.server.cli('FLUSHALL')
            self.way.accept()
            self.wait_connected(self.away)


class BufferTest(FaultTestCase):
    def test_past_its_bound_the_oldest_are_dropped_and_counted(self):
        self.warnings.append('More than 64')
        redis = self.redis()
        relay = self.relay(redis)
        options = ('--redis-buffer=64KiB', '--max-message=1KiB')
        workers = [self.worker(place, *options, warnings=self.warnings)
                   for place in (relay, redis)]
        with self.fleet(*workers, may_miss=True) as group:
            before = len(group.at(1)[0].messages)
            self.wait_sent(*workers)
            relay.refuse()
            self.wait_down(workers[0])
            messages = group.say(0, 1000, padding=' '.ljust(100, '.'))
            dropped = int(workers[0].metric('ringdown_redis_dropped_total'))
            self.assertIn(dropped, range(1, 999))
            self.wait_pending(workers[0], 1000 - dropped)
            self.assertLessEqual(workers[0].metric('ringdown_redis_pending_bytes'), 64 << 10)
            relay.accept()
            group.wait_received(messages, 1)
            heard = [got.text for got in group.at(1)[0].messages[before:]]
            self.assertEqual(messages[dropped:], heard)
        workers[0].wait_log('More than 64')
        self.assertEqual(1, len(workers[0].find_log('More than 64')))

    def test_memory_stays_bounded_while_it_is_away(self):
        self.warnings += ['More than 1', LOST, UNSENT]
        redis = self.redis()
        worker = self.worker(redis, '--redis-buffer=1MiB', warnings=self.warnings)
        client = self.connect(worker)
        redis.kill()
        self.wait_down(worker)
        self.pour(client, worker, 4 << 20)
        before = worker.memory()
        self.pour(client, worker, 16 << 20)
        self.assertLess(worker.memory() - before, worker.memory_tolerance())

    def pour(self, client, worker, size):
        """CLIENT says messages of SIZE bytes in all, and hears them."""
        message = 'x' * 16384
        deadline = Deadline(30)
        for _ in range(size // len(message)):
            self.assertFalse(deadline.expired)
            client.text(message)
            client.expect_text(message)
        self.assertEqual(1, worker.ready()[1]['clients'])


if __name__ == '__main__':
    tap.main(jobs=4)
