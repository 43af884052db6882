# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The list of nodes in Redis: nodes that run, drain or were killed; and the number of clients of a
node that drains."""

import signal

import tap
from bus import NAME, Caller, Monitor
from ctl import CtlTestCase
from fleet import AWAY, MODES, REFUSES, FleetTestCase
from waiting import eventually

INTERVAL = 5  # seconds between announcements
LIFETIME = 15  # seconds until an announcement expires
TIMEOUT = 2 * INTERVAL + 5
INDEX = 'ringdown:nodes'
TYPES = {'id': 's', 'host': 's', 'pid': 'u', 'instance': 's', 'state': 's', 'clients': 'u',
         'version': 's', 'self': 'b'}


def nodes_in(signals):
    """The values of Nodes in SIGNALS, in order."""
    return [changed['Nodes']['data'] for _, (_, changed, *_) in signals if 'Nodes' in changed]


class NodesTestCase(FleetTestCase, CtlTestCase):
    """Nodes on a D-Bus bus, as the instances 1, 2, 3, …"""

    def members(self, count, redis, *options, **settings):
        return [self.node(redis, '--bus=session', f'--instance={number}', *options,
                            environment=self.bus.environment, **settings)
                for number in range(1, count + 1)]

    def nodes(self, instance):
        """The nodes that INSTANCE lists."""
        listed = self.bus.property('Nodes', f'{NAME}.i{instance}')
        return [{name: value['data'] for name, value in node.items()} for node in listed]

    def wait_nodes(self, instance, condition, what, seconds=TIMEOUT):
        """Waits until CONDITION holds for the nodes that INSTANCE lists, by instance; returns
        them."""
        def wanted():
            nodes = {node['instance']: node for node in self.nodes(instance)}
            return nodes if condition(nodes) else None
        return eventually(wanted, lambda: f'{what}, but {self.nodes(instance)}', seconds)

    def wait_listed(self, instance, *instances, seconds=TIMEOUT):
        return self.wait_nodes(instance, lambda nodes: list(nodes) == sorted(instances),
                               f'{instance} to list {instances}', seconds)

    def id_of(self, instance):
        [own] = [node for node in self.nodes(instance) if node['self']]
        return own['id']

    def key_of(self, instance):
        return f'ringdown:node:{self.id_of(instance)}'

    def read(self, redis, key):
        """The hash at KEY."""
        words = redis.cli('HGETALL', key).split('\n')
        return dict(zip(words[::2], words[1::2]))

    def wait_intervals(self, redis, count):
        """Waits until nodes have read the list COUNT more times."""
        def passes():
            lines = redis.cli('INFO', 'commandstats').splitlines()
            [line] = [line for line in lines if line.startswith('cmdstat_srandmember:')]
            return int(line.partition('calls=')[2].partition(',')[0])
        begin = passes()
        eventually(lambda: passes() >= begin + count, f'{count} intervals', (count + 1) * INTERVAL)


class AloneTest(NodesTestCase):
    def start_alone(self):
        return self.start('--bus=session', environment=self.bus.environment)

    def test_a_node_without_redis_lists_itself(self):
        server = self.start_alone()
        [node] = self.bus.property('Nodes')
        self.assertEqual(TYPES, {name: value['type'] for name, value in node.items()})
        own = {name: value['data'] for name, value in node.items()}
        self.assertEqual((server.pid, '', 'running', 0, self.bus.property('Version'), True),
                         tuple(own[name] for name in ('pid', 'instance', 'state', 'clients',
                                                      'version', 'self')))
        self.assertTrue(own['id'] and own['host'])

    def test_the_answer_is_current(self):
        server = self.start_alone()
        caller = Caller(self.bus)
        for count in range(1, 11):  # faster than changes are signalled
            client = self.connect(server)
            self.assertEqual(count, caller.property('Nodes')[0]['clients'])
            self.assertEqual(count, caller.properties()['Nodes'][0]['clients'])
        self.bus.call('Shutdown')
        self.assertEqual('draining', caller.property('Nodes')[0]['state'])
        client.leave()

    def test_changes_are_signalled(self):
        server = self.start_alone()
        monitor = Monitor(self.bus)
        self.addCleanup(monitor.stop)
        client = self.connect(server)
        for field, value in (('clients', 1), ('state', 'draining')):
            monitor.wait_signal('PropertiesChanged', lambda _, changed, *_rest: any(
                node[field]['data'] == value for node in changed.get('Nodes', {}).get('data', [])))
            if field == 'clients':
                self.bus.call('Shutdown')
        client.leave()


class ListTest(NodesTestCase):
    def test_three_nodes_list_each_other(self):
        redis = self.redis()
        members = self.members(3, redis)
        for place, member in enumerate(members):
            for _ in range(place):
                self.connect(member)
        for place in range(1, 4):
            nodes = self.wait_nodes(
                place, lambda nodes: [node['clients'] for node in nodes.values()] == [0, 1, 2],
                'all clients to be listed')
            self.assertEqual(['1', '2', '3'], list(nodes))
            self.assertEqual([member.pid for member in members],
                             [node['pid'] for node in nodes.values()])
            self.assertEqual([str(place)], [name for name, node in nodes.items() if node['self']])
            self.assertEqual({'running'}, {node['state'] for node in nodes.values()})
            self.assertEqual(1, len({node['host'] for node in nodes.values()}))
            self.assertEqual(3, len({node['id'] for node in nodes.values()}))

    def test_the_keys_in_redis(self):
        redis = self.redis()
        [member] = self.members(1, redis)
        [own] = self.nodes(1)
        key = self.key_of(1)
        eventually(lambda: redis.cli('EXISTS', key) == '1', 'the node to be announced')
        self.assertEqual({'host': own['host'], 'pid': str(member.pid), 'instance': '1',
                          'state': 'running', 'clients': '0', 'version': own['version']},
                         self.read(redis, key))
        self.assertEqual(own['id'], redis.cli('SMEMBERS', INDEX))
        redis.cli('EXPIRE', key, 8)
        eventually(lambda: 8 < int(redis.cli('TTL', key)) <= LIFETIME, 'the new expiry time',
                   TIMEOUT)

    def test_a_killed_node_is_removed_after_its_lifetime(self):
        redis = self.redis()
        members = self.members(3, redis)
        for place in range(1, 4):
            self.wait_listed(place, '1', '2', '3')
        lost = self.id_of(2)
        members[1].signal(signal.SIGKILL)
        members[1].wait_exit()
        for place in 1, 3:
            self.wait_listed(place, '1', '3', seconds=LIFETIME + TIMEOUT)
        eventually(lambda: lost not in redis.cli('SMEMBERS', INDEX), 'its id to be removed')

    def test_a_node_that_exits_is_removed_at_once(self):
        redis = self.redis()
        members = self.members(2, redis)
        self.wait_listed(1, '1', '2')
        gone, key = self.id_of(2), self.key_of(2)
        members[1].signal(signal.SIGTERM)
        self.assertEqual(0, members[1].wait_exit())
        self.assertEqual('0', redis.cli('EXISTS', key, f'shutdown:{members[1].pid}'))
        self.assertNotIn(gone, redis.cli('SMEMBERS', INDEX))
        self.wait_listed(1, '1')

    def test_only_changes_are_signalled(self):
        redis = self.redis()
        members = self.members(2, redis)
        for place in 1, 2:
            self.wait_listed(place, '1', '2')
        monitor = Monitor(self.bus)
        self.addCleanup(monitor.stop)
        self.wait_intervals(redis, 4)
        self.assertEqual([], nodes_in(monitor.signals('PropertiesChanged')))
        self.connect(members[0])  # which both signal
        eventually(lambda: len(nodes_in(monitor.signals('PropertiesChanged'))) == 2,
                   'the change to be signalled', TIMEOUT)

    def test_pubsub_mode_has_the_list(self):
        redis = self.redis()
        self.members(2, redis, '--redis-mode=pubsub')
        for place in 1, 2:
            self.wait_listed(place, '1', '2')


class DrainTest(NodesTestCase):
    def test_the_state_is_announced_at_once(self):
        redis = self.redis()
        member = self.members(1, redis)[0]
        client = self.connect(member)
        key = self.key_of(1)
        self.wait_intervals(redis, 1)  # the next one is about 5 s later
        for method, state in ('Shutdown', 'draining'), ('CancelDrain', 'running'):
            self.bus.call(method, name=f'{NAME}.i1')
            eventually(lambda s=state: redis.cli('HGET', key, 'state') == s, f'it to be {state}',
                       INTERVAL - 2)
        client.leave()

    def test_the_others_list_a_draining_node_and_ringdownctl_adds_up(self):
        redis = self.redis()
        members = self.members(3, redis)
        clients = [self.connect(member) for member in members for _ in range(2)]
        self.bus.call('Shutdown', name=f'{NAME}.i2')
        for place in 1, 3:
            self.wait_nodes(place, lambda nodes: len(nodes) == 3 and all(
                node['clients'] == 2 for node in nodes.values())
                and nodes['2']['state'] == 'draining', '2 to drain')
        status = self.json('status', '--all', '--instance=1')
        self.assertEqual((3, 6, 1, 'redis: connected'), tuple(
            status[name] for name in ('workers', 'clients', 'draining', 'bus_state')))
        self.assertEqual(self.nodes(1), status['nodes'])
        self.assertIn('\nNodes: 3 (1 draining), clients: 6\nBus: redis: connected\n',
                      self.succeed('status', '--all', '--instance=3'))
        for client in clients[2:4]:
            client.leave()
        self.assertEqual(0, members[1].wait_exit())
        for place in 1, 3:
            self.wait_listed(place, '1', '3')

    def test_the_number_of_clients_is_in_redis_until_the_drain_ends(self):
        redis = self.redis()
        member = self.members(1, redis, '--drain-interval=200ms')[0]
        key = f'shutdown:{member.pid}'
        one, two = self.connect(member), self.connect(member)
        self.assertEqual('0', redis.cli('EXISTS', key))
        for _ in range(2):
            self.bus.call('Shutdown', name=f'{NAME}.i1')
            eventually(lambda: redis.cli('GET', key) == '2', 'the number of clients')
            self.assertTrue(50 < int(redis.cli('TTL', key)) <= 60)
            self.bus.call('CancelDrain', name=f'{NAME}.i1')
            eventually(lambda: redis.cli('EXISTS', key) == '0', 'the key to be deleted')
        self.bus.call('Shutdown', name=f'{NAME}.i1')
        one.leave()
        eventually(lambda: redis.cli('GET', key) == '1', 'one client fewer')
        two.leave()
        self.assertEqual(0, member.wait_exit())
        self.assertEqual('0', redis.cli('EXISTS', key))

    def test_the_number_is_refreshed_between_rare_reports(self):
        redis = self.redis()
        member = self.members(1, redis, '--drain-interval=1h')[0]
        client = self.connect(member)
        key = f'shutdown:{member.pid}'
        self.bus.call('Shutdown', name=f'{NAME}.i1')
        eventually(lambda: redis.cli('GET', key) == '1', 'the number of clients')
        redis.cli('EXPIRE', key, 20)
        eventually(lambda: int(redis.cli('TTL', key)) > 50, 'the new expiry time', TIMEOUT)
        client.leave()


class ForeignKeyTest(NodesTestCase):
    """The key shutdown:PID of another process with the same process id, as in containers."""

    def draining(self, redis):
        member = self.members(1, redis, '--drain-interval=200ms')[0]
        client = self.connect(member)
        key = f'shutdown:{member.pid}'
        return member, client, key

    def test_a_key_that_was_there_first_is_kept(self):
        redis = self.redis()
        node, client, key = self.draining(redis)
        redis.cli('SET', key, 7)
        self.bus.call('Shutdown', name=f'{NAME}.i1')
        self.wait_intervals(redis, 2)
        self.assertEqual('7', redis.cli('GET', key))
        client.leave()
        self.assertEqual(0, node.wait_exit())
        self.assertEqual('7', redis.cli('GET', key))

    def test_a_key_that_was_overwritten_is_kept(self):
        redis = self.redis()
        node, client, key = self.draining(redis)
        self.bus.call('Shutdown', name=f'{NAME}.i1')
        eventually(lambda: redis.cli('GET', key) == '1', 'the number of clients')
        redis.cli('SET', key, 7)
        self.bus.call('CancelDrain', name=f'{NAME}.i1')
        self.wait_intervals(redis, 1)
        self.assertEqual('7', redis.cli('GET', key))
        self.bus.call('Shutdown', name=f'{NAME}.i1')
        client.leave()
        self.assertEqual(0, node.wait_exit())
        self.assertEqual('7', redis.cli('GET', key))

    def test_the_key_is_set_when_the_other_process_has_deleted_it(self):
        redis = self.redis()
        node, client, key = self.draining(redis)
        redis.cli('SET', key, 7)
        self.bus.call('Shutdown', name=f'{NAME}.i1')
        self.wait_intervals(redis, 1)
        redis.cli('DEL', key)
        eventually(lambda: redis.cli('GET', key) == '1', 'the number of clients', TIMEOUT)
        client.leave()
        self.assertEqual(0, node.wait_exit())
        self.assertEqual('0', redis.cli('EXISTS', key))


class FaultTest(NodesTestCase):
    def test_a_node_lists_only_itself_while_redis_is_down(self):
        redis = self.redis()
        self.members(2, redis, warnings=[AWAY])
        for place in 1, 2:
            self.wait_listed(place, '1', '2')
        redis.kill()
        for place in 1, 2:
            self.wait_listed(place, str(place))
        status = self.json('status', '--all', '--instance=1')
        self.assertEqual((1, 1), (status['workers'], len(status['nodes'])))
        self.assertRegex(status['bus_state'], '^redis: down since ')
        redis.start()  # without data
        for place in 1, 2:
            self.wait_listed(place, '1', '2', seconds=2 * TIMEOUT)

    def test_a_drain_is_announced_when_redis_is_back(self):
        redis = self.redis()
        member = self.members(1, redis, '--drain-interval=1h', warnings=[AWAY])[0]
        client = self.connect(member)
        key = self.key_of(1)
        redis.kill()
        self.wait_down(member)
        self.bus.call('Shutdown', name=f'{NAME}.i1')
        redis.start()
        eventually(lambda: redis.cli('GET', f'shutdown:{member.pid}') == '1',
                   'the number of clients', TIMEOUT)
        self.assertEqual('draining', redis.cli('HGET', key, 'state'))
        client.leave()

    def test_a_node_stays_listed_when_redis_is_out_of_memory(self):
        redis = self.redis()
        self.members(1, redis, warnings=[REFUSES])
        key = self.key_of(1)
        eventually(lambda: redis.cli('EXISTS', key) == '1', 'the node to be announced')
        redis.configure('maxmemory', 1)
        redis.cli('EXPIRE', key, 8)
        eventually(lambda: int(redis.cli('TTL', key)) > 8, 'the new expiry time', TIMEOUT)

    def test_keys_of_other_programs_do_no_harm(self):
        redis = self.redis()
        redis.cli('SADD', INDEX, 'no id', '', 'x' * 1000, 'gone', 'text', 'half', 'liar', 'evil')
        redis.cli('SET', 'ringdown:node:text', 'x')
        redis.cli('HSET', 'ringdown:node:half', 'host', 'x')
        fields = ('host', '\x1b[31mevil', 'instance', 'x' * 10000, 'state', 'running', 'version',
                  '1\n2')
        redis.cli('HSET', 'ringdown:node:liar', 'pid', 'one', 'clients', '5', *fields)
        redis.cli('HSET', 'ringdown:node:evil', 'pid', '1', 'clients', '5', *fields)
        self.members(1, redis)
        nodes = self.wait_nodes(1, lambda nodes: len(nodes) == 2, 'two nodes')
        [evil] = [node for node in nodes.values() if not node['self']]
        self.assertEqual(('evil', r'\u001b[31mevil', 1, 'x' * 255 + '…', 'running', 5,
                          r'1\u000a2'),
                         tuple(evil[name] for name in ('id', 'host', 'pid', 'instance', 'state',
                                                       'clients', 'version')))
        eventually(lambda: redis.cli('SISMEMBER', INDEX, 'gone') == '0', 'it to be removed')
        self.assertEqual('1', redis.cli('SISMEMBER', INDEX, 'no id'))  # not ours

    def test_of_too_many_nodes_a_thousand_are_listed(self):
        redis = self.redis()
        redis.cli('EVAL', f'''
            for i = 1, 1200 do
              redis.call('HSET', 'ringdown:node:' .. i, 'host', 'h', 'pid', i, 'instance', i,
                         'state', 'running', 'clients', 1, 'version', '1')
              redis.call('SADD', '{INDEX}', i)
            end''', 0)
        [member] = self.members(1, redis, warnings=['More than 1000 nodes'])
        self.wait_nodes(1, lambda nodes: 999 <= len(nodes) <= 1001, 'a thousand nodes', 20)
        member.wait_log('More than 1000 nodes')
        self.wait_intervals(redis, 2)
        self.assertEqual(1, len(member.find_log('More than 1000 nodes')))

    def assert_is_reported_once(self, redis, node, reason):
        """Checks that the state and one line of the log of NODE have the REASON for which its list
        is incomplete."""
        warning = f'refuses commands: {reason}.*; the list of nodes is incomplete'
        node.wait_log(warning)
        self.wait_state(node, f'redis: refuses commands since .*: {reason}.*')
        self.wait_intervals(redis, 2)
        self.assertEqual(1, len(node.find_log(warning)))

    def test_a_list_that_cannot_be_read_is_reported_once(self):
        redis = self.redis()
        redis.cli('SET', INDEX, 'no set')
        node = self.start(f'--redis={redis.url}', warnings=[REFUSES])
        self.assert_is_reported_once(redis, node, 'WRONGTYPE')
        redis.cli('DEL', INDEX)
        self.wait_connected(node)
        self.assertEqual('1', redis.cli('SCARD', INDEX))

    def test_each_command_for_the_list_is_needed(self):
        for command in 'hset', 'sadd', 'srandmember', 'expire', 'exec':
            for mode in MODES:
                with self.subTest(command=command, mode=mode):
                    redis = self.redis()
                    redis.cli('ACL', 'SETUSER', 'default', f'-{command}')
                    node = self.start(f'--redis={redis.url}', f'--redis-mode={mode}',
                                      warnings=[REFUSES])
                    self.wait_state(node, f"redis: refuses commands since .*'{command}' command.*")
                    redis.cli('ACL', 'SETUSER', 'default', f'+{command}')
                    self.wait_connected(node)
                    node.wait_log('accepts commands again')

    def test_without_permission_for_multi_a_node_is_listed(self):
        redis = self.redis()
        redis.cli('ACL', 'SETUSER', 'default', '-multi')
        self.node(redis)
        self.wait_intervals(redis, 2)
        self.assertEqual('1', redis.cli('SCARD', INDEX))


if __name__ == '__main__':
    tap.main(jobs=6)
