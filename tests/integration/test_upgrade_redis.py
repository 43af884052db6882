# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Upgrades of nodes on one Redis: no message is lost or duplicated in either direction."""

import signal
import threading
from contextlib import contextmanager

import tap
from fleet import AWAY, STREAM, FleetTestCase
from upgrade_case import Background, UpgradeTestCase
from waiting import SLOWNESS, eventually
from successor import HEADER, READY


class UpgradeFleetTestCase(UpgradeTestCase, FleetTestCase):
    def start_node(self, redis, number, *options, **settings):
        return self.node(redis, '--bus=session', f'--instance={number}', *options,
                           environment=self.bus.environment, **settings)

    def upgrade_node(self, server, number):
        self.bus.call('Upgrade', name=f'org.ringdown.Ringdown.i{number}')
        server.follow()

    @contextmanager
    def talking(self, group):
        """Clients of all nodes exchange messages during the context."""
        is_over = threading.Event()

        def talk():
            while not is_over.wait(0.01 * SLOWNESS):
                group.say_everywhere(3)

        talker = Background(talk)
        try:
            yield
        finally:
            is_over.set()
        talker.result()


class StreamTest(UpgradeFleetTestCase):
    def test_one_of_two_nodes_is_upgraded_under_traffic(self):
        redis = self.redis()
        workers = [self.start_node(redis, number) for number in range(2)]
        with self.fleet(*workers) as group, self.talking(group):
            for _ in range(5):
                self.upgrade_node(workers[0], 0)
                self.wait_connected(workers[0])

    def test_both_are_upgraded_at_the_same_time(self):
        redis = self.redis()
        workers = [self.start_node(redis, number) for number in range(2)]
        with self.fleet(*workers) as group, self.talking(group):
            for _ in range(3):
                upgrading = [Background(self.upgrade_node, worker, number)
                             for number, worker in enumerate(workers)]
                for each in upgrading:
                    each.result()

    def test_messages_of_other_nodes_during_the_pause_arrive_once(self):
        redis = self.redis()
        workers = [self.start_node(redis, number) for number in range(2)]
        with self.fleet(*workers) as group:
            self.during_exchange(workers[0], lambda: group.say(1, 50))
            group.wait_all()

    def during_exchange(self, worker, do):
        """Calls DO during the exchange."""
        crossing = self.stop_at(HEADER)
        upgrading = Background(self.upgrade_node, worker, 0)
        crossing.wait_stopped()
        do()
        crossing.go()
        upgrading.result()

    def test_pending_messages_to_redis_are_sent_by_the_new_worker(self):
        redis = self.redis()
        workers = [self.start_node(redis, number, warnings=[AWAY]) for number in range(2)]
        with self.fleet(*workers) as group:
            redis.stop()
            self.wait_down(*workers)
            said = group.say(0, 30)
            self.assertEqual(30, workers[0].metric('ringdown_redis_pending_messages'))
            self.upgrade_node(workers[0], 0)
            self.assertEqual(30, workers[0].metric('ringdown_redis_pending_messages'))
            said += group.say(0, 5)
            redis.cont()
            self.wait_connected(*workers)
            group.wait_received(said, 1)

    def test_the_node_keeps_its_id(self):
        redis = self.redis()
        workers = [self.start_node(redis, number) for number in range(2)]
        with self.fleet(*workers):
            names = sorted(redis.cli('KEYS', 'ringdown:node:*').split())
            self.assertEqual(2, len(names))
            self.upgrade_node(workers[0], 0)
            self.wait_connected(workers[0])
            self.assertEqual(names, sorted(redis.cli('KEYS', 'ringdown:node:*').split()))
            eventually(lambda: str(workers[0].pid) in [
                redis.cli('HGET', name, 'pid') for name in names], 'the new process id')

    def test_each_message_is_in_the_stream_once(self):
        redis = self.redis()
        workers = [self.start_node(redis, number) for number in range(2)]
        with self.fleet(*workers) as group, self.talking(group):
            for _ in range(3):
                self.upgrade_node(workers[0], 0)
        published = [worker.metric('ringdown_messages_received_total') for worker in workers]
        eventually(lambda: int(redis.cli('XLEN', STREAM)) == sum(published),
                   lambda: f'{published} in the stream, not {redis.cli("XLEN", STREAM)}')


class KilledOldWorkerTest(UpgradeFleetTestCase):
    def test_a_new_worker_without_message_numbers_is_not_ignored(self):
        """The old worker dies before it has sent the numbers of the node's messages."""
        redis = self.redis()
        workers = [self.start_node(redis, number, warnings=['.']) for number in range(2)]
        here = self.connect(workers[0])
        for number in range(50):
            here.text(f'old {number}')
        eventually(lambda: workers[1].metric('ringdown_redis_received_total') == 50, '50 messages')
        crossing = self.stop_at(READY)
        workers[0].signal(signal.SIGUSR2)
        crossing.wait_stopped()
        workers[0].signal(signal.SIGKILL)
        crossing.go()
        workers[0].follow(status=-signal.SIGKILL)
        self.wait_connected(workers[0])
        here, there = (self.connect(worker) for worker in workers)
        for number in range(20):
            here.text(f'new {number}')
        for number in range(20):
            there.expect_text(f'new {number}')


class PubsubTest(UpgradeFleetTestCase):
    def upgrade_under_traffic(self):
        """Returns the node; asserts that its own clients have missed nothing."""
        redis = self.redis()
        workers = [self.start_node(redis, number, '--redis-mode=pubsub') for number in range(2)]
        with self.fleet(*workers, may_miss=True) as group, self.talking(group):
            for _ in range(3):
                self.upgrade_node(workers[0], 0)
                self.wait_connected(workers[0])
        return workers[0]

    def test_own_clients_miss_nothing(self):
        self.upgrade_under_traffic()

    def test_nothing_unrepeatable_is_in_progress_during_the_exchange(self):
        self.assertEqual(0, self.upgrade_under_traffic().metric('ringdown_redis_dropped_total'))


if __name__ == '__main__':
    tap.main(jobs=2)
