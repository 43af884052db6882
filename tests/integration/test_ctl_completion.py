# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Completion of ringdownctl in bash: everything in --help, and client IDs."""

import os
import re
import subprocess
from pathlib import Path

import tap
from ctl import CtlTestCase, program

COMPLETION = Path(__file__).resolve().parents[2] / 'data' / 'completions' / 'ringdownctl'
# What bash runs when Tab is pressed after the last word.
COMPLETE = f'''
set -eu
compopt() {{ :; }}
. {COMPLETION}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_ringdownctl
printf '%s\\n' "${{COMPREPLY[@]}}"
'''


class CompletionTest(CtlTestCase):
    def complete(self, *words):
        """Returns the candidates for the last of WORDS, which follow the program name."""
        path = f'{os.path.dirname(program())}:{os.environ["PATH"]}'
        done = subprocess.run(
            ['bash', '-c', COMPLETE, 'bash', 'ringdownctl', *words],
            env=self.environment(PATH=path), capture_output=True, text=True, check=False)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return set(done.stdout.split())

    def listed(self, *command):
        """Returns the options in the help of COMMAND, with "=" if they take a value."""
        return {match[1] for match in re.finditer(r'^ +(?:-\w, )?(--[\w-]+=?)', self.succeed(
            *command, '--help'), re.MULTILINE)}

    def commands(self):
        rows = self.succeed('--help').partition('Commands:\n')[2].partition('\n\n')[0]
        return {row.split()[0] for row in rows.splitlines()}

    def test_commands(self):
        commands = self.commands()
        self.assertIn('cancel-drain', commands)
        for words in ('',), ('help', ''), ('--json', ''), ('--instance', '=', 'a', ''):
            with self.subTest(words):
                self.assertEqual(commands, self.complete(*words))
        self.assertEqual({'drain', 'disconnect'}, self.complete('d'))
        for words in ('status', ''), ('drain', ''), ('help', 'status', ''):
            with self.subTest(words):
                self.assertEqual(set(), self.complete(*words))

    def test_options(self):
        self.assertEqual(self.listed(), self.complete('-'))
        for command in self.commands():
            with self.subTest(command):
                self.assertEqual(self.listed(command), self.complete(command, '-'))
        self.assertEqual({'--timeout='}, self.complete('drain', '--t'))
        self.assertEqual({'--json'}, self.complete('--instance', '=', 'a', 'status', '--j'))

    def test_values_are_not_completed(self):
        for words in (('--instance', ''), ('--instance', '='), ('drain', '--timeout', '=', '5'),
                      ('disconnect', '--code', '=')):
            with self.subTest(words):
                self.assertEqual(set(), self.complete(*words))

    def test_client_ids(self):
        self.assertEqual(set(), self.complete('disconnect', ''))  # no service
        server = self.start_service('--instance=a')
        for _ in range(11):
            self.connect(server)
        self.assertEqual(set(), self.complete('disconnect', ''))
        for words in ('--instance', '=', 'a', 'disconnect'), ('disconnect', '--instance', 'a'):
            with self.subTest(words):
                self.assertEqual({str(number) for number in range(1, 12)},
                                 self.complete(*words, ''))
                self.assertEqual({'1', '10', '11'}, self.complete(*words, '1'))
        self.assertEqual(set(), self.complete('--instance=a', 'disconnect', '1', ''))


if __name__ == '__main__':
    tap.main(jobs=3)
