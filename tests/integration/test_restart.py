# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""`systemctl restart` and `reload` under a real service manager keep clients connected."""

import os
import signal
import socket
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import tap
from bus import NAME
from verified_clients import verified_clients
from crowd import Member
from ctl import Running
from waiting import SLOWNESS, eventually
from redis_server import Port
from ringdown import ADDRESS
from stage import stage
from units import ServiceTestCase, Unit, systemctl, units_in_session

CROWD = 120
SENDERS = 6
RATE = 300  # messages per second, all senders together
MANY = {'size': 500, 'senders': 50, 'rate': 50 / SLOWNESS}
RESTARTS = 10


class HandoverTestCase(ServiceTestCase):
    def setUp(self):
        super().setUp()
        self.set_options(ping_interval=0)

    def sing(self, port, size=CROWD, senders=SENDERS, rate=RATE):
        """Clients at PORT with traffic; fails at the end if they noticed anything."""
        return verified_clients(SimpleNamespace(port=port), size, senders, rate)

    def clients(self):
        """Returns the ids of the clients and their remote ports."""
        [clients] = self.bus.call('ListClients')
        return {client['id']['data']: client['remote']['data'] for client in clients}

    def handover(self):
        return {name: field['data'] for name, field in self.bus.property('Handover').items()}

    def make_key_file(self):
        directory = tempfile.TemporaryDirectory(prefix='ringdown-test-')
        self.addCleanup(directory.cleanup)
        key_file = Path(directory.name, 'ringdown.conf')
        key_file.touch()
        return key_file

    def totals(self):
        return [self.bus.property(name) for name in ('TotalConnections', 'PeakConnections')]

    def restart(self):
        """Returns the process id of the new worker."""
        before = self.service.pid
        systemctl('restart', 'ringdown.service')
        after = self.service.pid
        self.assertNotEqual(before, after)
        return after

    def assert_drains(self, member):
        """Asserts that a stop waits for MEMBER, the only client."""
        self.service.begin_stop()
        self.wait_status(r'^draining: 1 client, ')
        member.say('still here')
        member.wait_message('still here')
        member.leave()
        self.service.wait(ActiveState='inactive', Result='success')
        self.service.wait_exit_log(r'(?m)^Drained in ')

    def assert_all_moved(self, generation, size=CROWD):
        self.assertEqual(generation, self.bus.property('Generation'))
        handover = self.handover()
        self.assertEqual((size, 0, 0), (handover['moved'], handover['closed'], handover['lost']),
                         handover)
        self.service.wait_log(fr'(?m)^Generation {generation} took over {size} clients')


class RestartTest(HandoverTestCase):
    def test_clients_do_not_notice_restarts(self):
        port = self.start()
        with self.sing(port, **MANY) as group:
            clients, totals = self.clients(), self.totals()
            for generation in range(2, 2 + RESTARTS):
                published = self.bus.property('MessagesPublished')
                self.restart()
                group.wait_received()
                self.assert_all_moved(generation, MANY['size'])
                self.assertGreaterEqual(self.bus.property('MessagesPublished'), published)
                print(f'# pause: {self.handover()["pause"]} µs')
            self.assertEqual((clients, totals), (self.clients(), self.totals()))
            self.assertEqual(port, self.bus.port(NAME))
            self.join(port).leave()
        self.assertEqual('0', self.service.show('NFileDescriptorStore'))
        self.assertEqual('0', self.service.show('NRestarts'))  # no restart after a failure
        self.assertNotRegex(self.service.log(), r'(?i)drain|warn|fail')

    def test_a_restart_without_clients(self):
        port = self.start()
        self.restart()
        self.assertEqual(port, self.bus.port(NAME))
        self.assertEqual(2, self.bus.property('Generation'))
        self.join(port).say('the first')

    def test_new_clients_are_accepted_during_a_restart(self):
        port = self.start()
        is_over = threading.Event()

        def come_and_go():
            times = 0
            while not is_over.is_set():
                member = Member(port)
                member.say('hello')
                member.wait_message('hello')
                member.leave()
                times += 1
            return times

        with ThreadPoolExecutor() as pool:
            coming = [pool.submit(come_and_go) for _ in range(4)]
            try:
                for _ in range(5):
                    self.restart()
            finally:
                is_over.set()
            for each in coming:
                self.assertGreater(each.result(), 5)
        self.assertEqual(6, self.bus.property('Generation'))

    def test_sockets_of_a_socket_unit_are_kept(self):
        reserved = Port()
        self.addCleanup(reserved.release)
        self.configure('ringdown.socket', f'''
[Socket]
ListenStream=
ListenStream={ADDRESS}:{reserved.number}
''')
        systemctl('start', 'ringdown.socket')
        with self.sing(reserved.number) as group:
            self.restart()
            group.wait_received()
            self.assert_all_moved(2)
            self.assertEqual(reserved.number, self.bus.port(NAME))
            self.join(reserved.number).leave()

    def test_a_monitor_keeps_running(self):
        port = self.start()
        monitor = Running(['monitor'], os.environ, on_terminal=False)
        self.addCleanup(monitor.finish)
        monitor.wait_for('running')
        self.restart()
        monitor.wait_for('upgraded to generation 2:')
        member = self.join(port)
        monitor.wait_for('client 1 connected')
        self.assert_drains(member)
        monitor.wait_for(': ended')
        self.assertEqual((0, ''), monitor.wait_exit())

    def test_an_instance_is_restarted_alone(self):
        instance = Unit('ringdown@solo.service')
        instance.start()
        name = f'{NAME}.isolo'
        with self.sing(self.bus.port(name), size=20) as group:
            systemctl('restart', instance.name)
            group.wait_received()
            self.assertEqual(2, self.bus.property('Generation', name))

    def test_a_stop_after_a_restart_still_drains(self):
        member = self.join(self.start())
        self.restart()
        self.assert_drains(member)

    def test_a_crash_loses_the_clients(self):
        """The next process starts without clients."""
        port = self.start()
        member = self.join(port)
        pid = self.service.pid
        os.kill(pid, signal.SIGKILL)
        self.service.wait_restarted(pid)
        eventually(lambda: member.end, 'the end of the connection')
        self.assertEqual(1, self.bus.property('Generation'))


class InvalidConfigurationTest(HandoverTestCase):
    """The next process would refuse its configuration: the old one goes on until it is valid."""

    def setUp(self):
        super().setUp()
        self.key_file = self.make_key_file()
        self.set_options(ping_interval=0, config=self.key_file)

    def begin_restart(self, reason):
        """Begins a restart, which has to wait because of REASON."""
        pid = self.service.pid
        systemctl('restart', '--no-block', 'ringdown.service')
        self.service.wait_log(f'Cannot restart: .*{reason}')
        self.assertEqual(pid, self.service.pid)

    def break_key_file(self):
        self.key_file.write_text('[Server]\nprot=1\n', encoding='utf-8')

    def test_a_restart_waits_for_a_valid_key_file(self):
        port = self.start()
        with self.sing(port) as group:
            pid = self.service.pid
            self.break_key_file()
            self.begin_restart(f'{self.key_file}: .Server. prot: unknown key')
            group.wait_received()
            self.join(port).leave()
            self.key_file.write_text('', encoding='utf-8')
            self.service.wait_restarted(pid)
            group.wait_received()
            self.assert_all_moved(2)
        self.assertEqual('0', self.service.show('NRestarts'))

    def test_a_restart_waits_for_a_readable_key_file(self):
        with self.sing(self.start()) as group:
            pid = self.service.pid
            self.key_file.rename(self.key_file.with_suffix('.gone'))
            self.begin_restart('No such file')
            self.key_file.with_suffix('.gone').rename(self.key_file)
            self.service.wait_restarted(pid)
            group.wait_received()
            self.assert_all_moved(2)

    def command(self, option):
        """Makes the unit start the service with OPTION."""
        self.configure('ringdown.service', f'''
[Service]
ExecStart=
ExecStart={stage()}/bin/ringdown {option}
''')

    def test_clients_survive_an_invalid_command_line(self):
        with self.sing(self.start()) as group:
            pid = self.service.pid
            self.command('--maxclients=500')
            self.begin_restart('unknown option --maxclients')
            self.command('--max-clients=500')
            self.service.wait_restarted(pid)
            group.wait_received()
            self.assert_all_moved(2)

    def test_variables_of_the_unit_are_those_of_the_new_process(self):
        with self.sing(self.start()) as group:
            pid = self.service.pid
            self.set_options(ping_interval='soon')
            self.begin_restart('RINGDOWN_PING_INTERVAL: “soon”')
            self.set_options(ping_interval=0)
            self.service.wait_restarted(pid)
            group.wait_received()

    def test_a_restart_after_a_reload_waits_for_a_valid_key_file(self):
        with self.sing(self.start()) as group:
            systemctl('reload', 'ringdown.service')
            pid = self.service.pid
            self.break_key_file()
            self.begin_restart('prot')
            self.key_file.write_text('', encoding='utf-8')
            self.service.wait_restarted(pid)
            group.wait_received()
            self.assert_all_moved(3)

    def test_a_changed_unit_is_not_checked_beforehand(self):
        """This process may read other files than the next one, so it restarts at once."""
        with self.sing(self.start()) as group:
            pid = self.service.pid
            self.configure('ringdown.service', '[Service]\nReadOnlyPaths=/\n')
            self.break_key_file()
            systemctl('restart', '--no-block', 'ringdown.service')
            self.service.wait_exit_log('prot: unknown key')
            self.key_file.write_text('', encoding='utf-8')
            self.service.wait_restarted(pid)
            group.wait_received()
            self.assert_all_moved(2)

    def test_a_stop_while_a_restart_waits_drains(self):
        member = self.join(self.start())
        self.break_key_file()
        self.begin_restart('prot')
        self.assert_drains(member)


class FailedStartTest(HandoverTestCase):
    """The next process cannot start, because its port is in use: the stored clients are kept."""

    def setUp(self):
        super().setUp()
        port = Port()
        self.addCleanup(port.release)
        self.other = socket.create_server((ADDRESS, port.number))
        self.addCleanup(self.other.close)
        self.port = port.number

    def restart_broken(self):
        self.set_options(ping_interval=0, port=self.port)
        systemctl('restart', '--no-block', 'ringdown.service')
        self.service.wait_exit_log(f':{self.port}')

    def test_clients_survive_a_failed_start(self):
        with self.sing(self.start()) as group:
            self.restart_broken()
            eventually(lambda: self.service.show('NRestarts') not in ('', '0'), 'another start')
            self.other.close()
            self.service.wait(ActiveState='active')
            group.wait_received()
            self.assert_all_moved(2)

    def test_clients_are_disconnected_after_the_last_failed_start(self):
        """They can then connect to another node instead of waiting."""
        self.configure('ringdown.service', '[Unit]\nStartLimitBurst=3\n')
        member = self.join(self.start())
        self.restart_broken()
        self.service.wait(30, ActiveState='failed')
        eventually(lambda: member.end, 'the end of the connection')


class WithoutStoreTest(HandoverTestCase):
    def without(self, line):
        self.configure('ringdown.service', f'[Service]\n{line}\n')
        self.set_options(ping_interval=0, drain_timeout='1h')

    def assert_restart_drains(self):
        member = self.join(self.start())
        pid = self.service.pid
        systemctl('restart', '--no-block', 'ringdown.service')
        self.wait_status(r'^draining: 1 client, ')
        member.say('still here')
        member.wait_message('still here')
        self.assertEqual(pid, self.service.pid)
        member.leave()
        self.service.wait_restarted(pid)
        self.assertEqual(1, self.bus.property('Generation'))

    def test_a_unit_without_store_is_warned_of_and_drains(self):
        self.without('FileDescriptorStoreMax=0')
        self.assert_restart_drains()
        self.service.wait_log(
            '(?m)^ringdown.service cannot store clients .*FileDescriptorStoreMax=16')

    def test_a_unit_without_the_signal_is_warned_of_and_drains(self):
        self.without('RestartKillSignal=SIGTERM')
        self.assert_restart_drains()
        self.service.wait_log('(?m)^ringdown.service cannot tell a restart from a stop')


class ReloadTest(HandoverTestCase):
    def test_clients_do_not_notice_reloads(self):
        with self.sing(self.start()) as group:
            clients = self.clients()
            for generation in 2, 3, 4:
                pid = self.service.pid
                systemctl('reload', 'ringdown.service')
                group.wait_received()
                self.assertNotEqual(pid, self.service.wait_restarted(pid))
                self.assert_all_moved(generation)
            self.assertEqual(clients, self.clients())
        self.service.wait(SubState='running', Result='success')

    def test_clients_do_not_notice_a_restart_after_a_reload(self):
        """systemd waits for the end of its main process only if that is its child."""
        with self.sing(self.start()) as group:
            for generation in 2, 4:
                pid = self.service.pid
                systemctl('reload', 'ringdown.service')
                self.service.wait_restarted(pid)
                self.assert_all_moved(generation)
                self.restart()
                group.wait_received()
                self.assert_all_moved(generation + 1)
        self.assertNotIn('not our child', self.service.describe())

    def test_a_stop_after_a_reload_still_drains(self):
        member = self.join(self.start())
        pid = self.service.pid
        systemctl('reload', 'ringdown.service')
        self.service.wait_restarted(pid)
        self.assert_drains(member)

    def test_a_failed_reload_changes_nothing(self):
        key_file = self.make_key_file()
        self.set_options(ping_interval=0, config=key_file)
        with self.sing(self.start(), size=20) as group:
            pid = self.service.pid
            key_file.unlink()
            systemctl('reload', 'ringdown.service', check=False)
            group.wait_received()
            self.assertEqual(('active', pid), (self.service.show('ActiveState'), self.service.pid))
            self.assertEqual(1, self.bus.property('Generation'))
        self.service.wait_log(r'Hand-over failed: ')

    def test_the_watchdog_watches_the_new_worker(self):
        """The watchdog expects pings of the new worker."""
        self.configure('ringdown.service', '[Service]\nWatchdogSec=3s\n')
        member = self.join(self.start())
        pid = self.service.pid
        systemctl('reload', 'ringdown.service')
        successor = self.service.wait_restarted(pid)
        self.stay(member, 5)
        self.assertEqual(successor, self.service.pid)
        os.kill(successor, signal.SIGSTOP)
        self.service.wait_log('Watchdog timeout')
        self.service.wait_restarted(successor)


if __name__ == '__main__':
    with units_in_session():
        tap.main()
