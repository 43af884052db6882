# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Every language there is a translation for is spoken by what was installed."""

import os
import subprocess
import unicodedata
from pathlib import Path

import tap
from bus import Bus
from waiting import SLOWNESS
from ringdown import RingdownTestCase, clean_environment
from stage import stage

LINGUAS = Path(__file__).resolve().parents[2] / 'po' / 'LINGUAS'
LANGUAGES = [line for line in LINGUAS.read_text(encoding='utf-8').splitlines()
             if not line.startswith('#')]
# How each language begins a page of help, and calls the state “running”.
WORDS = {
    'de': ('Aufruf:', 'läuft'),
    'es': ('Uso:', 'en marcha'),
    'fr': ('Utilisation', 'en service'),
    'uk': ('Використання:', 'працює'),
    'zh_CN': ('用法', '运行中'),
}


def columns(line):
    """How many columns of a terminal LINE takes."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in 'WF')
               for c in line)


class LanguagesTest(RingdownTestCase):
    def run_program(self, language, *command, environment=None, locale='C.UTF-8'):
        program, *arguments = command
        return subprocess.run(
            [os.path.join(stage(), 'bin', program), *arguments],
            env={**clean_environment(self.directory, environment), 'LC_ALL': locale,
                 'LANGUAGE': language},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding='utf-8',
            timeout=20 * SLOWNESS, check=False)

    def test_every_language_is_tested(self):
        self.assertEqual(sorted(WORDS), sorted(LANGUAGES))

    def test_help_is_translated_and_fits_80_columns(self):
        for language in LANGUAGES:
            for program in ('ringdown', 'ringdownctl'):
                with self.subTest(language=language, program=program):
                    done = self.run_program(language, program, '--help')
                    self.assertEqual((0, ''), (done.returncode, done.stderr))
                    self.assertIn(WORDS[language][0], done.stdout.splitlines()[0])
                    for line in done.stdout.splitlines():
                        self.assertLessEqual(columns(line), 80, line)

    def test_errors_are_translated_and_name_the_same_things(self):
        english = self.run_program('en', 'ringdown', '--port=x').stderr
        for language in LANGUAGES:
            with self.subTest(language):
                done = self.run_program(language, 'ringdown', '--port=x')
                self.assertEqual(2, done.returncode)
                self.assertNotEqual(english, done.stderr)
                self.assertRegex(done.stderr, r'\Aringdown: --port: .*x.*65535.*\n\Z')

    def test_ringdownctl_status_speaks_it(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        self.start('--bus=session', environment=bus.environment)
        for language in LANGUAGES:
            with self.subTest(language):
                done = self.run_program(language, 'ringdownctl', 'status',
                                        environment=bus.environment)
                self.assertEqual((0, ''), (done.returncode, done.stderr))
                self.assertIn(WORDS[language][1], done.stdout)
                self.assertNotIn('running', done.stdout)

    def test_language_counts_also_without_a_locale(self):
        for locale in ('', 'C', 'POSIX'):
            with self.subTest(locale):
                done = self.run_program('de', 'ringdownctl', '--help', locale=locale)
                self.assertIn(WORDS['de'][0], done.stdout)

    def test_json_is_for_programs_and_the_same_in_every_language(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        self.start('--bus=session', environment=bus.environment)
        said = {self.run_program(language, 'ringdownctl', 'status', '--json',
                                 environment=bus.environment).stdout
                for language in [*LANGUAGES, 'en']}
        self.assertEqual(1, len(said), said)


if __name__ == '__main__':
    tap.main()
