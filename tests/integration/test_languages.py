# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Translations: help pages and ringdownctl, as installed. The service itself is not translated."""

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
# The first word of a help page, and the state “running”.
WORDS = {
    'de': ('Aufruf:', 'läuft'),
    'es': ('Uso:', 'en marcha'),
    'fr': ('Utilisation', 'en marche'),
    'uk': ('Використання:', 'працює'),
    'zh_CN': ('用法', '运行中'),
}


def columns(line):
    """The width of LINE on a terminal."""
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

    def test_errors_of_ringdownctl_are_translated_and_name_the_same_things(self):
        command = ('ringdownctl', '--address=unix:path=/nowhere', 'status')
        english = self.run_program('en', *command).stderr
        for language in LANGUAGES:
            with self.subTest(language):
                done = self.run_program(language, *command)
                self.assertEqual(1, done.returncode)
                self.assertNotEqual(english, done.stderr)
                self.assertRegex(done.stderr, r'\Aringdownctl: .*unix:path=/nowhere.*\n\Z')

    def test_the_service_logs_and_checks_in_english(self):
        for arguments in (['--port=x'], ['--check', '--bus=none', '--admin-port=0', '--port=0']):
            english = self.run_program('en', 'ringdown', *arguments)
            for language in LANGUAGES:
                with self.subTest(language=language, arguments=arguments):
                    done = self.run_program(language, 'ringdown', *arguments)
                    self.assertEqual((english.returncode, english.stdout, english.stderr),
                                     (done.returncode, done.stdout, done.stderr))

    def test_ringdownctl_status_is_translated(self):
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
