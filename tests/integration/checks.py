# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Helpers for tests of `ringdown --check`."""

import subprocess

from waiting import SLOWNESS
from ringdown import RingdownTestCase, clean_environment, program

FINE, PROBLEMS, WRONG_USAGE = 0, 1, 2
PORTS = ('--port=0', '--admin-port=0')  # free ports


class CheckTestCase(RingdownTestCase):
    def check(self, *options, environment=None, prefix=(), **more):
        """Runs `ringdown --check`, and returns the result of subprocess.run ()."""
        return subprocess.run(
            [*prefix, program(), '--check', *options], text=True, check=False,
            env=clean_environment(self.directory, environment), stdin=subprocess.DEVNULL,
            timeout=60 * SLOWNESS, **{'capture_output': True, **more})

    def assert_finds(self, status, findings, *options, **more):
        """Checks OPTIONS: expects the exit status STATUS, and under each heading one line for each
        text in FINDINGS, which contains that text."""
        done = self.check(*options, **more)
        self.assertEqual((status, ''), (done.returncode, done.stderr), done)
        found = self.findings(done.stdout)
        self.assertEqual({heading: len(texts) for heading, texts in findings.items()},
                         {heading: len(lines) for heading, lines in found.items()}, found)
        for heading, texts in findings.items():
            for text, line in zip(texts, found[heading]):
                self.assertIn(text, line)
        self.assertEqual('Problems' not in findings, 'Problems: none\n' in done.stdout)
        return done.stdout

    @staticmethod
    def findings(output):
        """The lines under each heading."""
        found = {}
        heading = None
        for line in output.splitlines():
            if line.startswith('  - '):
                found[heading].append(line)
            elif line in ('Problems:', 'Notes:', 'Not checked:'):
                heading = line.rstrip(':')
                found[heading] = []
        return found
