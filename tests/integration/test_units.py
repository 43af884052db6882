# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The unit files, their sandbox, and instances that form one service."""

import json
import os
import re
import sys
import tempfile
import unittest
from pathlib import Path

import tap
from bus import NAME
from crowd import Crowd
from waiting import eventually
from redis_server import Port, RedisServer
from ringdown import ADDRESS
from stage import stage
from units import HERE, NAMES, ServiceTestCase, Unit, UnitsTestCase, run, units_in_session

EXPOSURE = {'user': 6.5, 'system': 1.5}  # a user's unit cannot forbid most of what is counted


def managers():
    """The kinds of manager with installed units: see the build option system_service."""
    return [name for name in EXPOSURE if os.path.isdir(f'{stage()}/lib/systemd/{name}')]


def unit_file(manager, name):
    return f'{stage()}/lib/systemd/{manager}/{name}'


class FilesTest(unittest.TestCase):
    def test_systemd_analyze_verify_finds_no_problem(self):
        for manager in managers():
            for name in NAMES:
                with self.subTest(manager=manager, name=name):
                    done = run('env', f'MANPATH={stage()}/share/man',
                               'systemd-analyze', f'--{manager}', 'verify',
                               unit_file(manager, name.replace('@', '@a')))
                    self.assertEqual(('', ''), (done.stdout, done.stderr))

    def test_the_security_exposure_is_within_the_limit(self):
        for manager in managers():
            with self.subTest(manager):
                report = run('systemd-analyze', f'--{manager}', 'security', '--no-pager',
                             '--offline=yes', unit_file(manager, 'ringdown.service')).stdout
                told = re.search(r'Overall exposure level for \S+: ([\d.]+) \w+', report)
                print(f'# {manager}: {told[0]}')
                self.assertLessEqual(float(told[1]), EXPOSURE[manager], report)


class CheckTest(UnitsTestCase):
    """`ringdown --check` of the units under a real manager."""
    BITING = r'(?m)^  - ringdown\.service .*(FileDescriptorStoreMax|RestartKillSignal)='

    def check(self, *options):
        return run('env', 'RINGDOWN_CONFIG=/dev/null', 'RINGDOWN_PORT=0', 'RINGDOWN_ADMIN_PORT=0',
                   f'{stage()}/bin/ringdown', '--check', *options, check=False).stdout

    def test_the_environment_file_of_an_instance_is_read(self):
        self.write_options('blue', 'RINGDOWN_PATH=/blue\nRINGDOWN_NOTIFY_MESSAGE="good morning"\n')
        found = self.check('--instance=blue')
        self.assertRegex(found, r'\n  path +/blue +RINGDOWN_PATH\n')
        self.assertRegex(found, r'\n  notify-message +good morning +RINGDOWN_NOTIFY_MESSAGE\n')
        self.assertRegex(found, r'\n  - ringdown@blue\.service sets:.* RINGDOWN_PATH=/blue')

    def test_ports_of_an_active_socket_unit_are_shown(self):
        port = Port()
        self.addCleanup(port.release)
        self.configure('ringdown.socket', f'''
[Socket]
ListenStream=
ListenStream={ADDRESS}:{port.number}
''')
        shown = f'ringdown.socket is active: its ports ({ADDRESS}:{port.number}) replace'
        self.assertNotIn('ringdown.socket', self.check())
        Unit('ringdown.socket').start()
        self.assertIn(shown, self.check())

    def test_the_units_keep_clients_through_a_restart(self):
        found = self.check()
        self.assertIn('[Drain]', found)
        self.assertNotRegex(found, self.BITING)

    def test_a_unit_that_does_not_is_a_problem(self):
        for line in 'FileDescriptorStoreMax=0', 'RestartKillSignal=SIGTERM':
            with self.subTest(line):
                self.configure('ringdown.service', f'[Service]\n{line}\n')
                self.assertRegex(self.check(), self.BITING)


class HardeningTest(ServiceTestCase):
    def test_the_service_is_sandboxed(self):
        self.start()
        status = Path(f'/proc/{self.service.pid}/status').read_text(encoding='ascii')
        self.assertRegex(status, r'NoNewPrivs:\s1\n')
        self.assertRegex(status, r'Seccomp:\s2\n')  # a filter

    def test_only_necessary_operations_are_allowed(self):
        self.configure('ringdown.service', f'''
[Service]
Type=oneshot
ExecStart=
ExecStart={sys.executable} {HERE}/sandbox_probe.py
''')
        self.service.start()
        told = json.loads(self.service.wait_exit_log(r'(?m)^\{.*\}$')[0])
        self.assertEqual(['looking up a name'],
                         [attempt for attempt, is_allowed in told.items() if is_allowed])


class FleetTest(UnitsTestCase):
    """Two instances with the same client port and Redis server."""
    INSTANCES = 'fleet-a', 'fleet-b'

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory(prefix='ringdown-test-')
        self.addCleanup(directory.cleanup)
        self.redis = RedisServer(f'{directory.name}/redis', password='a b%c')
        self.addCleanup(self.redis.finish)
        self.port = Port()
        self.addCleanup(self.port.release)
        for name in self.INSTANCES:
            self.write_options(name, f'''
RINGDOWN_PORT={self.port.number}
RINGDOWN_REUSE_PORT=true
RINGDOWN_REDIS={self.redis.url}
''')
            Unit(f'ringdown@{name}.service').start()

    def properties(self, prop):
        return [self.bus.property(prop, f'{NAME}.i{name.replace("-", "_")}')
                for name in self.INSTANCES]

    def join_both(self):
        """Connects clients until each instance has some."""
        members = []
        while 0 in self.properties('Connections'):
            self.assertLess(len(members), 100, 'the kernel gives one instance all clients')
            members.append(self.join(self.port.number))
        return Crowd(members)

    def test_instances_form_one_service(self):
        eventually(lambda: self.properties('BusState') == ['redis: connected'] * 2,
                   'both to reach Redis')
        crowd = self.join_both()
        crowd.send_from_each('one port')
        crowd.expect('from elsewhere')
        self.redis.cli('PUBLISH', 'broadcast', 'from elsewhere')
        crowd.wait_all()
        crowd.judge()


if __name__ == '__main__':
    with units_in_session():
        tap.main()
