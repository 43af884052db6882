# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The units under a real `systemctl --user`: start, activation, drain, watchdog."""

import json
import os
import signal
import socket
import time
import urllib.request

import tap
from bus import NAME
from waiting import SLOWNESS, eventually, expect_time
from ringdown import ADDRESS
from stage import stage
from units import ServiceTestCase, Unit, UnitsTestCase, run, systemctl, units_in_session
from wire import Client

SERVICE_RESTART = 1012


def free_port():
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


class RunningTest(ServiceTestCase):
    def test_the_service_listens_once_started(self):
        port = free_port()
        self.set_options(port=port)
        self.service.start()
        self.join(port).say('at once')
        self.assertEqual(('active', 'running'), (self.service.show('ActiveState'),
                                                 self.service.show('SubState')))

    def test_watchdog_and_timeouts_are_set(self):
        self.start()
        self.assertEqual(('30s', '30s'), (self.service.show('WatchdogUSec'),
                                          self.service.show('TimeoutStopUSec')))

    def test_systemctl_status_shows_the_number_of_clients(self):
        port = self.start()
        self.wait_status(r'^0 clients\b')
        members = [self.join(port) for _ in range(2)]
        self.wait_status(r'^2 clients\b')
        self.assertRegex(self.service.describe(), r'Status: "2 clients\b')
        members[0].leave()
        self.wait_status(r'^1 client\b')

    def test_the_log_is_in_the_journal_and_in_systemctl_status(self):
        port = self.start()
        self.service.wait_log(fr'(?m)^Listening on ws://{ADDRESS}:{port}/ws$')
        self.assertRegex(self.service.describe(), fr'ringdown\[\d+\]: Listening on .*:{port}/ws')

    def test_journal_entries_have_the_right_priority(self):
        self.start()
        lines = run('journalctl', '--user', '--output=json', f'_PID={self.service.pid}').stdout
        priorities = {entry['MESSAGE'][:12]: entry['PRIORITY']
                      for entry in map(json.loads, lines.splitlines())}
        self.assertEqual('5', priorities['Listening on'])  # notice


class StopTest(ServiceTestCase):
    def test_without_clients_it_stops_at_once(self):
        self.start()
        began = time.monotonic()
        systemctl('stop', 'ringdown.service')
        expect_time(time.monotonic() - began, under=1 * SLOWNESS)
        self.assert_ended_well()

    def test_a_drain_may_take_longer_than_the_stop_timeout(self):
        self.configure('ringdown.service', '[Service]\nTimeoutStopSec=3s\n')
        self.set_options(drain_timeout='1h')
        member = self.join(self.start())
        self.service.begin_stop()
        self.wait_status(r'^draining: 1 client, ')
        self.stay(member, 10)
        member.say('still here')
        member.wait_message('still here')
        self.assertEqual('deactivating', self.service.show('ActiveState'))
        member.leave()
        self.assert_ended_well()

    def test_remaining_clients_are_closed_at_the_deadline(self):
        self.configure('ringdown.service', '[Service]\nTimeoutStopSec=1s\n')
        self.set_options(drain_timeout='3s')
        member = self.join(self.start())
        self.service.begin_stop()
        eventually(lambda: member.end, 'the deadline')
        self.assertEqual(f"closed with {SERVICE_RESTART} 'service restart'", member.end)
        member.leave()
        self.assert_ended_well()

    def assert_ended_well(self):
        self.service.wait(ActiveState='inactive', Result='success')
        self.assertEqual('0', self.service.show('ExecMainStatus'))
        self.service.wait_exit_log(r'(?m)^Drained in ')


class FailureTest(ServiceTestCase):
    def test_a_killed_service_is_restarted(self):
        self.start()
        pid = self.service.pid
        os.kill(pid, signal.SIGKILL)
        self.service.wait_restarted(pid)
        self.join(self.bus.port(NAME)).say('here again')

    def test_a_hanging_service_is_restarted(self):
        self.configure('ringdown.service', '[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n')
        self.start()
        pid = self.service.pid
        os.kill(pid, signal.SIGSTOP)
        self.service.wait_restarted(pid)
        self.service.wait_log('Watchdog timeout')
        self.join(self.bus.port(NAME)).say('here again')

    def test_the_watchdog_does_not_kill_a_working_service(self):
        self.configure('ringdown.service', '[Service]\nWatchdogSec=3s\n')
        member = self.join(self.start())
        self.stay(member, 5)
        self.assertEqual('0', self.service.show('NRestarts'))

    def test_invalid_usage_is_not_retried(self):
        self.configure('ringdown.service', f'[Service]\nExecStart=\n'
                       f'ExecStart={stage()}/bin/ringdown --no-such-option\nRestartSec=0\n')
        systemctl('start', 'ringdown.service', check=False)
        self.service.wait(30, ActiveState='failed', Result='exit-code', ExecMainStatus='2')
        self.service.wait(NRestarts='30')
        self.service.wait_exit_log('--no-such-option')

    def test_invalid_configuration_is_not_retried(self):
        self.configure('ringdown.service', '[Service]\nRestartSec=0\n')
        self.set_options(port='http')
        systemctl('start', 'ringdown.service', check=False)
        self.service.wait(30, ActiveState='failed', Result='exit-code', ExecMainStatus='1')
        self.service.wait(NRestarts='30')
        self.service.wait_exit_log('RINGDOWN_PORT')


class ActivationTest(ServiceTestCase):
    def listen(self, name):
        """Starts the socket unit NAME on a free port; returns the port."""
        port = free_port()
        self.configure(name, f'[Socket]\nListenStream=\nListenStream={ADDRESS}:{port}\n')
        systemctl('start', name)
        self.assertEqual('inactive', self.service.show('ActiveState'))
        return port

    def test_the_first_client_starts_the_service(self):
        port = self.listen('ringdown.socket')
        member = self.join(port)
        member.say('good morning')
        member.wait_message('good morning')
        self.service.wait(ActiveState='active')
        self.assertEqual(port, self.bus.port(NAME))

    def test_a_request_to_the_admin_port_starts_the_service(self):
        port = self.listen('ringdown-admin.socket')
        with urllib.request.urlopen(f'http://{ADDRESS}:{port}/readyz', timeout=10) as answer:
            self.assertEqual('running', json.load(answer)['state'])
        self.join(self.bus.port(NAME)).say('hello')

    def test_both_sockets_are_used_for_the_right_port(self):
        port, admin_port = map(self.listen, ['ringdown.socket', 'ringdown-admin.socket'])
        self.join(port)
        self.assertEqual(admin_port, self.service.admin_port())
        with urllib.request.urlopen(f'http://{ADDRESS}:{admin_port}/readyz', timeout=10) as answer:
            self.assertEqual(1, json.load(answer)['clients'])

    def test_socket_units_use_the_default_ports_on_loopback(self):
        for name, port in ('ringdown.socket', 8000), ('ringdown-admin.socket', 8001):
            self.assertEqual(f'127.0.0.1:{port} (Stream)\n[::1]:{port} (Stream)',
                             Unit(name).show('Listen'))

    def test_after_a_stop_the_next_client_starts_it_again(self):
        port = self.listen('ringdown.socket')
        self.join(port).leave()
        pid = self.service.pid
        systemctl('stop', 'ringdown.service')
        self.assertEqual(0, self.service.pid)
        member = self.join(port)
        member.say('good evening')
        member.wait_message('good evening')
        self.assertNotIn(self.service.pid, (0, pid))

    def test_clients_are_refused_during_a_drain_and_served_after_it(self):
        port = self.listen('ringdown.socket')
        member = self.join(port)
        pid = self.service.pid
        self.service.begin_stop()
        self.wait_status('^draining: 1 client, ')
        early = Client(port)
        self.addCleanup(early.abandon)
        early.send(early.request())
        self.assertEqual(503, early.read_answer().status)
        member.leave()
        self.service.wait(ActiveState='inactive', Result='success')
        self.join(port).say('good evening')
        self.assertNotIn(self.service.pid, (0, pid))

    def test_a_call_on_the_bus_starts_the_service(self):
        self.assertFalse(self.bus.owns(NAME))
        self.assertEqual('running', self.bus.property('State'))
        self.service.wait(ActiveState='active')


class InstancesTest(UnitsTestCase):
    def test_instances_run_side_by_side_on_their_own_ports(self):
        ports = set()
        for name in 'a', 'b':
            Unit(f'ringdown@{name}.service').start()
            self.assertEqual(name, self.bus.property('Instance', f'{NAME}.i{name}'))
            ports.add(self.bus.port(f'{NAME}.i{name}'))
        self.assertEqual(2, len(ports))
        for port in ports:
            self.join(port).say('hello')

    def test_an_instance_uses_the_ports_of_its_file(self):
        ports = free_port(), free_port()
        self.write_options('test-1', f'RINGDOWN_PORT={ports[0]}\nRINGDOWN_ADMIN_PORT={ports[1]}\n')
        unit = Unit('ringdown@test-1.service')
        unit.start()
        self.assertEqual(ports, (self.bus.port(f'{NAME}.itest_1'), unit.admin_port()))


if __name__ == '__main__':
    with units_in_session():
        tap.main()
