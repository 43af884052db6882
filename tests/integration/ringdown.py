# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Starts the program under test on free ports, in its own directory, and reads its log.

A test fails on a warning that it did not announce, on a sanitizer report, and on an exit status
other than 0.
"""

import atexit
import http.client
import json
import os
import re
import select
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from contextlib import suppress
from pathlib import Path

import prometheus
from waiting import SLOWNESS, Deadline, eventually
from wire import Client

ADDRESS = '127.0.0.1'
_DEFAULTS = (f'--address={ADDRESS}', '--port=0', f'--admin-address={ADDRESS}', '--admin-port=0',
             '--bus=none', '--notify-interval=0')
END_OF_LOG = '(end of log)'
_FOREIGN = ('RINGDOWN_', 'REDIS_', 'DBUS_', 'XDG_', 'LANGUAGE', 'LISTEN_', 'NOTIFY_SOCKET',
            'WATCHDOG_')
_ALARMING = re.compile(r'\[\d+\] (warning|critical|error): |Sanitizer|runtime error:')
SIGNAL_INTERVAL = 1  # seconds; two signals to stop within this time are one
_SANITIZED = re.compile(r'/lib(clang_rt\.)?asan')


# A shell ignores SIGINT in background jobs. The programs under test must not inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def program():
    return os.environ['RINGDOWN_BIN']


def clean_environment(directory, extra=None):
    """Returns the environment without the variables that could affect the program."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(_FOREIGN)}
    places = {name: directory for name in ('HOME', 'XDG_CONFIG_HOME', 'XDG_RUNTIME_DIR')}
    # AddressSanitizer quarantines freed memory: keep that below memory_tolerance
    sanitizer = ':'.join(filter(None, [os.environ.get('ASAN_OPTIONS'), 'quarantine_size_mb=16']))
    return {**environment, **places, 'LC_ALL': 'C.UTF-8', 'ASAN_OPTIONS': sanitizer,
            **(extra or {})}


class Ringdown:
    """A running server. All waits have a deadline."""

    def __init__(self, directory, options, *, environment=None, warnings=(), prefix=(),
                 executable=None, defaults=_DEFAULTS):
        self._warnings = [re.compile(pattern) for pattern in warnings]
        self._lines = []
        self._rest = b''  # an incomplete line
        self._news = threading.Condition()
        self._status = None
        chosen = {option.partition('=')[0] for option in options}
        defaults = [option for option in defaults if option.partition('=')[0] not in chosen]
        self._process = subprocess.Popen(
            [*prefix, executable or program(), *defaults, *options],
            env=clean_environment(directory, environment), cwd=directory,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        atexit.register(self._process.kill)
        os.set_blocking(self._process.stdout.fileno(), False)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self._has_admin = '--admin-port=-1' not in options
        self.port = self.admin_port = None

    def wait_listening(self):
        self.port = int(self.wait_log(r'Listening on ws://\S+:(\d+)/')[1])
        if self._has_admin:
            self.admin_port = int(self.wait_log(r'Admin on http://\S+:(\d+)')[1])

    def _read_log(self):
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        while END_OF_LOG not in self._lines[-1:]:
            poll.poll()
            with self._news:
                self._take_in()

    def _take_in(self):
        """Reads all available output; call with the lock held."""
        try:
            while END_OF_LOG not in self._lines[-1:]:
                data = os.read(self._process.stdout.fileno(), 1 << 16)
                *lines, self._rest = (self._rest + data).split(b'\n')
                self._lines += [line.decode(errors='replace') for line in lines]
                if not data:
                    self._lines += [*filter(None, [self._rest.decode(errors='replace')]),
                                    END_OF_LOG]
                self._news.notify_all()
        except BlockingIOError:
            pass

    @property
    def pid(self):
        return self._process.pid

    @property
    def log(self):
        """The lines of the log so far."""
        with self._news:
            self._take_in()
            return self._lines.copy()

    def find_log(self, pattern):
        """Returns the matches of PATTERN in the log so far."""
        return [match for match in (re.search(pattern, line) for line in self.log) if match]

    def wait_log(self, pattern, seconds=10):
        """Waits for the first line that matches PATTERN and returns the match."""
        deadline = Deadline(seconds)
        seen = 0
        with self._news:
            while True:
                for line in self._lines[seen:]:
                    match = re.search(pattern, line)
                    if match:
                        return match
                    if line == END_OF_LOG:
                        deadline = Deadline(0)
                seen = len(self._lines)
                if deadline.expired:
                    raise AssertionError(f'no line of the log matches {pattern!r}:\n'
                                         + '\n'.join(self._lines))
                self._news.wait(deadline.remaining)

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def open_files(self):
        """Returns the targets of the descriptors, as named in /proc/PID/fd (proc(5))."""
        files = []
        for link in Path(f'/proc/{self.pid}/fd').iterdir():
            with suppress(FileNotFoundError):  # closed since the listing
                files.append(os.readlink(link))
        return files

    def memory(self):
        """Returns the private memory in bytes, without the log and the client table (shared memory
        of fixed size)."""
        with open(f'/proc/{self.pid}/status', encoding='ascii') as status:
            return 1024 * int(re.search(r'RssAnon:\s+(\d+)', status.read())[1])

    def memory_tolerance(self):
        """Returns the tolerance in bytes for allocator caches and a sanitizer's quarantine."""
        with open(f'/proc/{self.pid}/maps', encoding='utf-8') as maps:
            return (64 << 20) if _SANITIZED.search(maps.read()) else (1 << 20)

    def admin(self, path):
        """GETs PATH from the admin listener; returns status and text."""
        connection = http.client.HTTPConnection(ADDRESS, self.admin_port, timeout=10 * SLOWNESS)
        try:
            connection.request('GET', path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ready(self):
        """The status of /readyz and what it says."""
        status, text = self.admin('/readyz')
        return status, json.loads(text)

    def metric(self, name, **labels):
        return prometheus.value(self.admin('/metrics')[1], name, **labels)

    def wait_clients(self, count):
        eventually(lambda: self.ready()[1]['clients'] == count, f'{count} clients')

    def signal(self, number):
        self._process.send_signal(number)

    def signal_again(self, number):
        """Sends the second signal to stop, after the time in which it would be part of the first.
        The program must have handled the first."""
        time.sleep(SIGNAL_INTERVAL)
        self.signal(number)

    def wait_exit(self, seconds=10):
        """Waits until the program has ended, without polling delay; returns its exit status."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        if not poll.poll(seconds * SLOWNESS * 1000):
            raise AssertionError(f'still running after {seconds} s')
        self._status = self._process.wait()
        return self._status

    def finish(self):
        """Stops the program if it runs, kills it if that fails, and checks its status and log."""
        try:
            if self._status is None:
                self._end()
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            self._process.stdout.close()
            os.close(self._pidfd)
            atexit.unregister(self._process.kill)
        self._judge_log()

    def _is_draining(self):
        told = self.find_log('Draining|Drain cancelled')
        return bool(told) and told[-1][0] == 'Draining'

    def _end(self):
        if not self._is_draining():  # a drain ends by itself: the clients are gone
            self.signal(signal.SIGINT)
        try:
            status = self.wait_exit(2)
        except AssertionError:
            self.signal(signal.SIGINT)
            status = self.wait_exit(10)
        if status != 0:
            raise AssertionError(f'exit status {status} at the end of the test')

    def _judge_log(self):
        unexpected = [line for line in self.log if _ALARMING.search(line)
                      and not any(pattern.search(line) for pattern in self._warnings)]
        if unexpected:
            raise AssertionError('unexpected log lines:\n' + '\n'.join(unexpected))


class RingdownTestCase(unittest.TestCase):
    """A test case that closes its clients and then stops its servers."""

    def setUp(self):
        self._servers = []
        directory = tempfile.TemporaryDirectory(prefix='ringdown-test-')
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def start(self, *options, environment=None, warnings=(), prefix=()):
        """Starts a server. WARNINGS: patterns of expected warnings; PREFIX: a command that runs the
        program."""
        server = Ringdown(self.directory, options, environment=environment, warnings=warnings,
                          prefix=prefix)
        self._servers.append(server)
        self.addCleanup(server.finish)
        server.wait_listening()
        return server

    def tcp(self, server, *, admin=False, **options):
        """Connects to SERVER, or to its admin port, without sending anything."""
        client = Client(server.admin_port if admin else server.port, **options)
        self.addCleanup(client.abandon)
        return client

    def connect(self, server, **options):
        """Returns a client of SERVER with its handshake completed."""
        client = self.tcp(server, **options)
        client.open()
        return client

    def describe(self):
        """Returns the last log lines of all servers, for a failure report."""
        return '\n'.join(line for server in self._servers
                         for line in ['', f'Log of {server.pid}:', *server.log[-60:]])
