# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""What the tests of `ringdown --check` have in common."""

import subprocess

from waiting import SLOWNESS
from ringdown import RingdownTestCase, clean_environment, program

FINE, BITES, WRONG_USAGE = 0, 1, 2
PORTS = ('--port=0', '--admin-port=0')  # whatever runs on this machine


class CheckTestCase(RingdownTestCase):
    def check(self, *options, environment=None, prefix=(), **more):
        """Runs `ringdown --check`; returns what subprocess.run () does."""
        return subprocess.run(
            [*prefix, program(), '--check', *options], text=True, check=False,
            env=clean_environment(self.directory, environment), stdin=subprocess.DEVNULL,
            timeout=60 * SLOWNESS, **{'capture_output': True, **more})

    def assert_finds(self, status, findings, *options, **more):
        """Checks OPTIONS; the exit is STATUS, and FINDINGS are the findings in full: by heading
        what each line has to have in it."""
        done = self.check(*options, **more)
        self.assertEqual((status, ''), (done.returncode, done.stderr), done)
        found = self.findings(done.stdout)
        self.assertEqual({heading: len(texts) for heading, texts in findings.items()},
                         {heading: len(lines) for heading, lines in found.items()}, found)
        for heading, texts in findings.items():
            for text, line in zip(texts, found[heading]):
                self.assertIn(text, line)
        self.assertEqual('Will bite' not in findings, 'Nothing will bite.\n' in done.stdout)
        return done.stdout

    @staticmethod
    def findings(output):
        """What was found, by heading."""
        found = {}
        heading = None
        for line in output.splitlines():
            if line.startswith('  - '):
                found[heading].append(line)
            elif line in ('Will bite:', 'Will not bite:', 'Not checked:'):
                heading = line.rstrip(':')
                found[heading] = []
        return found
