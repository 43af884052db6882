# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The units as files, and what they keep the service from."""

import json
import os
import re
import sys
import unittest
from pathlib import Path

import tap
from stage import stage
from units import HERE, NAMES, ServiceTestCase, run, units_in_session

EXPOSURE = {'user': 6.5, 'system': 1.5}  # most is not for a user's unit to forbid, and counts still


def managers():
    """Those that units were installed for: see the build option system_service."""
    return [name for name in EXPOSURE if os.path.isdir(f'{stage()}/lib/systemd/{name}')]


def unit_file(manager, name):
    return f'{stage()}/lib/systemd/{manager}/{name}'


class FilesTest(unittest.TestCase):
    def test_systemd_finds_no_fault_with_them(self):
        for manager in managers():
            for name in NAMES:
                with self.subTest(manager=manager, name=name):
                    done = run('env', f'MANPATH={stage()}/share/man',
                               'systemd-analyze', f'--{manager}', 'verify',
                               unit_file(manager, name.replace('@', '@a')))
                    self.assertEqual(('', ''), (done.stdout, done.stderr))

    def test_the_exposure_is_no_more_than_known(self):
        for manager in managers():
            with self.subTest(manager):
                report = run('systemd-analyze', f'--{manager}', 'security', '--no-pager',
                             '--offline=yes', unit_file(manager, 'ringdown.service')).stdout
                told = re.search(r'Overall exposure level for \S+: ([\d.]+) \w+', report)
                print(f'# {manager}: {told[0]}')
                self.assertLessEqual(float(told[1]), EXPOSURE[manager], report)


class HardeningTest(ServiceTestCase):
    def test_the_service_is_confined(self):
        self.start()
        status = Path(f'/proc/{self.service.pid}/status').read_text(encoding='ascii')
        self.assertRegex(status, r'NoNewPrivs:\s1\n')
        self.assertRegex(status, r'Seccomp:\s2\n')  # a filter

    def test_only_what_it_has_use_for_is_allowed(self):
        self.configure('ringdown.service', f'''
[Service]
Type=oneshot
ExecStart=
ExecStart={sys.executable} {HERE}/confined.py
''')
        self.service.start()
        told = json.loads(self.service.wait_log(r'(?m)^\{.*\}$')[0])
        self.assertEqual(['looking up a name'],
                         [attempt for attempt, is_allowed in told.items() if is_allowed])


if __name__ == '__main__':
    with units_in_session():
        tap.main()
