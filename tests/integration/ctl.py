# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Runs ringdownctl on a terminal and in a pipe."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import unicodedata
from pathlib import Path

from bus import Bus
from waiting import SLOWNESS, Deadline, eventually
from ringdown import RingdownTestCase, clean_environment

EXAMPLES = Path(__file__).parent / 'examples' / 'ctl'
COLUMNS, ROWS = 80, 24
ESCAPE = '\x1b'

# Values that differ between runs, and replacements of the same width.
_VARYING = [(re.compile(pattern), replacement) for pattern, replacement in (
    (r'(?<=127\.0\.0\.1:)\d{5}\b', 'PPPPP'),
    (r'\b\d\d:\d\d:\d\d\b', 'HH:MM:SS'),
    (r'\b\d{13}-\d+\b', 'MESSAGE-ID'),
    (r'\b\d\d?(?=min \d)', 'N'),
    (r'\b\d\d?(?=s(:|  | left))', 'N'),
    (r'(?<=Version: )\S+|(?<=^ringdownctl )\d\S+', 'VERSION'),
)]


def program():
    return os.environ['RINGDOWNCTL_BIN']


def columns_of(line):
    """Returns the width of LINE in terminal columns."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in 'WF'
               else 1 for c in line)


def normalised(text):
    for pattern, replacement in _VARYING:
        text = pattern.sub(replacement, text)
    return text


class Screen:
    """A terminal that accepts only the escape sequences of ringdownctl."""

    _TOKEN = re.compile(r'\r|\n|\x1b\[K|\x1b\[\d*m|[^\x00-\x1f\x7f-\x9f]+')

    def __init__(self):
        self.lines = ['']
        self._column = 0

    def feed(self, text):
        place = 0
        while place < len(text):
            match = self._TOKEN.match(text, place)
            assert match, f'unknown escape sequence: {text[place:place + 20]!r}'
            self._take(match[0])
            place = match.end()

    def _take(self, token):
        line = self.lines[-1]
        if token == '\r':
            self._column = 0
        elif token == '\n':
            self.lines.append('')
        elif token == '\x1b[K':
            self.lines[-1] = line[:self._column]
        elif not token.startswith(ESCAPE):
            end = self._column + len(token)
            self.lines[-1] = line[:self._column] + token + line[end:]
            self._column = end
            assert columns_of(self.lines[-1]) <= COLUMNS, f'too wide: {self.lines[-1]!r}'


class Running:
    """A running ringdownctl. A thread reads its output."""

    def __init__(self, arguments, environment, *, on_terminal):
        ours, theirs = pty.openpty() if on_terminal else os.pipe()
        if on_terminal:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('4H', ROWS, COLUMNS, 0, 0))
        self._output = ours
        self._stop_reader = os.eventfd(0)  # readable: ends the reader
        self._on_terminal = on_terminal
        self._news = threading.Condition()
        self._bytes = b''
        self._has_ended = False
        self._process = subprocess.Popen(
            [program(), *arguments], env=environment, stdout=theirs, stderr=subprocess.PIPE,
            stdin=theirs if on_terminal else subprocess.DEVNULL)
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                wanted = self._output, self._stop_reader
                if self._stop_reader in select.select(wanted, (), ())[0]:
                    return
                data = os.read(self._output, 65536)
            except OSError:  # the other side of the terminal is closed
                data = b''
            with self._news:
                self._bytes += data
                self._has_ended = not data
                self._news.notify_all()
            if not data:
                return

    @property
    def output(self):
        """The whole output."""
        with self._news:
            text = self._bytes.decode(errors='ignore')  # the last character may be incomplete
        return text.replace('\r\n', '\n') if self._on_terminal else text

    @property
    def screen(self):
        """The visible text."""
        screen = Screen()
        screen.feed(self.output)
        return '\n'.join(screen.lines)

    def wait_for(self, pattern, seconds=10):
        """Waits until the visible text matches PATTERN; returns the match."""
        deadline = Deadline(seconds)
        while True:
            shown = self.screen if self._on_terminal else self.output
            match = re.search(pattern, shown, re.MULTILINE)
            if match:
                return match
            with self._news:
                if self._has_ended or deadline.expired:
                    raise AssertionError(f'{pattern!r} is not in the output:\n{shown}')
                self._news.wait(min(deadline.remaining, 0.1))

    def events(self):
        """The lines of JSON printed so far."""
        return [json.loads(line) for line in self.output.split('\n')[:-1]]

    def wait_event(self, name, **fields):
        return eventually(
            lambda: next((event for event in self.events() if event['event'] == name
                          and fields.items() <= event.items()), None),
            lambda: f'{name} {fields} in {self.events()}')

    def signal(self, number):
        self._process.send_signal(number)

    def wait_exit(self, seconds=20):
        """Waits until it has ended; returns its exit status and its standard error."""
        _, errors = self._process.communicate(timeout=seconds * SLOWNESS)
        self._reader.join()
        return self._process.returncode, errors.decode()

    def close_output(self):
        """Closes the reading end, as head(1) does."""
        os.eventfd_write(self._stop_reader, 1)
        self._reader.join()
        os.close(self._output)
        self._output = None

    def finish(self):
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()
        if self._output is not None:
            self.close_output()
        os.close(self._stop_reader)


class ConfiguredBus(Bus):
    """A private dbus-daemon with RULES in its configuration."""

    def __init__(self, directory, rules):
        path = Path(directory, 'bus.conf')
        path.write_text(
            '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"\n'
            ' "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">\n'
            f'<busconfig><type>session</type><listen>unix:path={directory}/test-bus</listen>\n'
            '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
            '<allow eavesdrop="true"/><allow own="*"/></policy>\n'
            f'{rules}</busconfig>\n', encoding='utf-8')
        self._process = subprocess.Popen(
            ['dbus-daemon', '--nofork', '--print-address', f'--config-file={path}'],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        self.address = self._process.stdout.readline().strip()
        self.environment = {'DBUS_SESSION_BUS_ADDRESS': self.address}


class CtlTestCase(RingdownTestCase):
    """A test case with a private bus."""

    def setUp(self):
        super().setUp()
        self.bus = self.make_bus()
        self.addCleanup(self.bus.stop)

    def make_bus(self):
        return Bus(self.directory)

    def start_service(self, *options, **more):
        return self.start('--bus=session', *options, environment=self.bus.environment, **more)

    def environment(self, **more):
        return {**clean_environment(self.directory, self.bus.environment),
                'TERM': 'xterm-256color', **more}

    def run_ctl(self, *arguments, stdin=b'', environment=None):
        """Runs ringdownctl with pipes; returns the result of subprocess.run(). Fails if there is an
        escape sequence in the output."""
        done = subprocess.run(
            [program(), *arguments], env=environment or self.environment(), input=stdin,
            capture_output=True, timeout=60 * SLOWNESS, check=False)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        for text in done.stdout, done.stderr:
            self.assertNotRegex(text, r'[\x00-\x09\x0b-\x1f\x7f-\x9f]')
        return done

    def succeed(self, *arguments, **more):
        """Runs ringdownctl, which must succeed; returns its output."""
        done = self.run_ctl(*arguments, **more)
        self.assertEqual((0, ''), (done.returncode, done.stderr), done.stdout)
        return done.stdout

    def json(self, *arguments, **more):
        """Returns the JSON value that ringdownctl prints. Another program validates it, too."""
        text = self.succeed(*arguments, '--json', **more)
        self.assertEqual(1, text.count('\n'))
        return self.parse_json(text)

    def parse_json(self, text):
        tool = subprocess.run(['/usr/bin/python3', '-m', 'json.tool', '--compact'], input=text,
                              capture_output=True, text=True, check=False)
        self.assertEqual((0, ''), (tool.returncode, tool.stderr), text)
        return json.loads(text)

    def assert_fails(self, names, *arguments, **more):
        """Asserts that ringdownctl fails with one line that contains each of NAMES."""
        done = self.run_ctl(*arguments, **more)
        self.assertEqual((1, ''), (done.returncode, done.stdout), done.stderr)
        self.assert_error(done.stderr, *names)

    def assert_error(self, text, *names):
        self.assertRegex(text, r'\Aringdownctl: [^\n]+\n\Z')
        for name in names:
            self.assertIn(name, text)

    def begin_ctl(self, *arguments, on_terminal=False, **environment):
        """Starts ringdownctl."""
        running = Running(arguments, self.environment(**environment), on_terminal=on_terminal)
        self.addCleanup(running.finish)
        return running

    def on_terminal(self, *arguments, **environment):
        """Runs ringdownctl on a terminal, where it must succeed within 80 columns; returns its
        output."""
        running = self.begin_ctl(*arguments, on_terminal=True, **environment)
        self.assertEqual((0, ''), running.wait_exit(), running.output)
        self.assertTrue(running.screen.endswith('\n'))
        return running.output

    def assert_example(self, name, text):
        """Compares TEXT with the stored example NAME, except values that differ between runs. If
        RINGDOWN_RECORD is set, stores TEXT as the example."""
        path = EXAMPLES / f'{name}.txt'
        text = normalised(text).replace(ESCAPE, '␛')
        if 'RINGDOWN_RECORD' in os.environ:
            path.write_text(text, encoding='utf-8')
            print(f'# recorded {path}', file=sys.stderr)
        self.maxDiff = None
        self.assertEqual(path.read_text(encoding='utf-8'), text)
