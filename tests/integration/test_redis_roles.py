# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Redis servers that are not, or no longer, the master, and servers in cluster mode."""

import re
import socket

import tap
from fleet import AWAY, FleetTestCase, LOST, MODES
from redis_server import ADDRESS
from test_redis_start import StartTestCase, WRONG_START
from waiting import eventually

AT_ONCE = '--repl-diskless-sync-delay', '0'
CLUSTER = 'in cluster mode, which is not supported'


class RoleTest(FleetTestCase):
    """A master whose place another server takes."""

    def setUp(self):
        super().setUp()
        self.old = self.redis(*AT_ONCE)
        self.new = self.redis(*AT_ONCE, '--replicaof', ADDRESS, str(self.old.port))
        self.wait_replicates(self.new)
        self.service = self.relay(self.old)  # like an address that moves to the new master

    def wait_replicates(self, replica):
        eventually(lambda: 'master_link_status:up' in replica.cli('INFO', 'replication'),
                   'the replication')

    def swap(self):
        self.new.cli('REPLICAOF', 'NO', 'ONE')
        self.old.cli('REPLICAOF', ADDRESS, self.new.port)
        self.wait_replicates(self.old)

    def pair(self, mode, redis=None):
        return self.nodes(2, redis or self.service, f'--redis-mode={mode}',
                          warnings=[AWAY, LOST])

    def wait_looking(self, *nodes, redis=None):
        name = re.escape((redis or self.service).name)
        for node in nodes:
            self.wait_state(node, fr'redis: down since \S+: {name} is a replica; '
                            'looking for the master')
        self.wait_down(*nodes)

    def wait_idle(self, *nodes):
        for node in nodes:
            self.wait_metric(node, 'ringdown_redis_pending_messages', 0)

    def assert_changes(self, mode):
        nodes = self.pair(mode)
        # in pubsub mode the first node that is connected may publish before the other subscribes
        with self.fleet(*nodes, may_miss=mode == 'pubsub') as group:
            self.wait_idle(*nodes)
            self.swap()
            self.wait_looking(*nodes)
            group.say_everywhere(20)
            for node in nodes:
                self.wait_metric(node, 'ringdown_redis_pending_messages', 20)
                self.assertEqual(1, len(node.find_log('is a replica; looking for the master')))
            self.service.redirect(self.new)
            self.wait_connected(*nodes)
            self.wait_idle(*nodes)

    def test_the_address_moves_to_the_new_master(self):
        self.assert_changes('stream')

    def test_in_pubsub_mode_the_address_moves_to_the_new_master(self):
        self.assert_changes('pubsub')

    def test_nodes_find_the_new_master_at_once_if_the_address_has_moved(self):
        for mode in MODES:
            with self.subTest(mode):
                nodes = self.pair(mode)
                with self.fleet(*nodes):
                    self.wait_idle(*nodes)
                    self.service.redirect(self.new)
                    self.swap()
                    self.old, self.new = self.new, self.old
                    for node in nodes:
                        eventually(lambda node=node:
                                   node.metric('ringdown_redis_connects_total') == 2,
                                   'the connection to the new master')

    def test_the_master_is_back(self):
        for mode in MODES:
            with self.subTest(mode):
                nodes = self.pair(mode, self.old)
                with self.fleet(*nodes):
                    self.wait_idle(*nodes)
                    self.old.cli('REPLICAOF', ADDRESS, '1')
                    self.wait_looking(*nodes, redis=self.old)
                    self.old.cli('REPLICAOF', 'NO', 'ONE')

    def assert_is_noticed(self, *commands):
        for command in commands:
            self.old.cli(*command)
        nodes = self.pair('pubsub', self.old)
        with self.fleet(*nodes):
            self.wait_idle(*nodes)
            self.old.cli('REPLICAOF', ADDRESS, '1')
            self.wait_looking(*nodes, redis=self.old)
            self.old.cli('REPLICAOF', 'NO', 'ONE')

    def test_without_permission_for_role_a_refused_write_tells(self):
        self.old.cli('ACL', 'SETUSER', 'default', '-role')
        [node, _] = nodes = self.pair('pubsub', self.old)
        with self.fleet(*nodes):
            self.wait_idle(*nodes)
            self.old.cli('REPLICAOF', ADDRESS, '1')
            node.wait_log('is a replica; looking for the master')
            self.old.cli('REPLICAOF', 'NO', 'ONE')

    def test_a_replica_that_accepts_writes_is_a_replica(self):
        self.assert_is_noticed(('CONFIG', 'SET', 'replica-read-only', 'no'))

    def test_a_node_starts_with_a_replica_and_waits(self):
        for mode in MODES:
            with self.subTest(mode):
                node = self.start(f'--redis={self.new.url}', f'--redis-mode={mode}',
                                  warnings=[AWAY])
                self.wait_looking(node, redis=self.new)
                self.new.cli('REPLICAOF', 'NO', 'ONE')
                self.wait_connected(node)
                self.new.cli('REPLICAOF', ADDRESS, self.old.port)
                self.wait_looking(node, redis=self.new)


class ClusterTest(StartTestCase):
    def cluster(self):
        with socket.create_server((ADDRESS, 0)) as reserved:
            port = reserved.getsockname()[1]  # the default is port + 10 000
        server = self.redis('--cluster-enabled', 'yes', '--cluster-port', str(port))
        server.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
        eventually(lambda: 'cluster_state:ok' in server.cli('CLUSTER', 'INFO'), 'the cluster')
        return server

    def test_a_cluster_is_refused_at_start(self):
        server = self.cluster()
        for mode in MODES:
            with self.subTest(mode):
                self.assert_fails(WRONG_START, [server.name, CLUSTER], f'--redis={server.url}',
                                  f'--redis-mode={mode}')

    def test_without_permission_for_info_a_cluster_is_recognized_by_its_replies(self):
        server = self.cluster()
        server.cli('ACL', 'SETUSER', 'default', '-info')
        for mode in MODES:
            with self.subTest(mode):
                node = self.start(f'--redis={server.url}', f'--redis-mode={mode}', warnings=[AWAY])
                self.wait_state(node, fr'redis: down since \S+: {server.name} is {CLUSTER}')
                self.assertEqual(1, len(node.find_log(re.escape(CLUSTER))))


if __name__ == '__main__':
    tap.main(jobs=3)
