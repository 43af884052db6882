# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A Redis server for one test: it can be killed, stopped, restarted and queried."""

import atexit
import glob
import os
import random
import shutil
import signal
import socket
import subprocess
from urllib.parse import quote

from waiting import SLOWNESS, eventually

ADDRESS = '127.0.0.1'
_DEFAULTS = ('--bind', ADDRESS, '--save', '', '--enable-debug-command', 'local')
_APPEND_ONLY = ('--appendonly', 'yes', '--appendfsync', 'everysec')


class Port:
    """A TCP port that stays reserved while no server listens on it: outside the kernel's range of
    ephemeral ports, and locked against other runs of these tests."""

    def __init__(self):
        with open('/proc/sys/net/ipv4/ip_local_port_range', encoding='ascii') as limits:
            first = int(limits.read().split()[0])
        while True:
            self.number = random.randrange(10_000, max(first, 20_000))
            self._reservation = socket.socket(socket.AF_UNIX)
            try:
                self._reservation.bind(f'\0ringdown-test-port-{self.number}')
                with socket.create_server((ADDRESS, self.number)):
                    return
            except OSError:
                self._reservation.close()

    def release(self):
        self._reservation.close()


def _program(directory):
    """The path of the server; Debian's redis-tools has it as redis-check-rdb, and the program looks
    at the name it was started as."""
    installed = shutil.which('redis-server')
    if installed:
        return installed
    link = os.path.join(directory, 'redis-server')
    if not os.path.lexists(link):
        os.symlink(shutil.which('redis-check-rdb'), link)
    return link


class RedisServer:
    """A running server with its files in the new DIRECTORY. OPTIONS: of its command line. UNIX: it
    listens on a socket in DIRECTORY instead of a port. PERSISTENT: it keeps its data when it is
    restarted. PASSWORD: of the default user."""

    def __init__(self, directory, *options, unix=False, persistent=False, password=None):
        os.makedirs(directory)
        self._directory = directory
        self._log_path = os.path.join(directory, 'redis.log')
        with open(self._log_path, 'xb'):
            pass
        self._port = None if unix else Port()
        self.path = os.path.join(directory, 'redis.sock') if unix else None
        self.password = password
        self._arguments = [
            _program(directory), *_DEFAULTS, '--dir', directory,
            *(('--port', '0', '--unixsocket', self.path) if unix else ('--port', str(self.port))),
            *(_APPEND_ONLY if persistent else ()),
            *(('--requirepass', password) if password else ()), *options]
        self._process = None
        self._final_log = None  # outlives the directory
        self.start()

    @property
    def port(self):
        return self._port and self._port.number

    @property
    def name(self):
        """Its address, as in the log of the service."""
        return self.path or f'{ADDRESS}:{self.port}'

    @property
    def url(self):
        secret = f':{quote(self.password, safe="")}@' if self.password else ''
        return f'unix://{secret}{self.path}' if self.path else f'redis://{secret}{self.name}'

    @property
    def log(self):
        return self._final_log if self._final_log is not None else self._read_log()

    def _read_log(self):
        with open(self._log_path, encoding='utf-8', errors='replace') as file:
            return file.read().splitlines()

    def begin(self, *options):
        """Starts it with additional OPTIONS, and does not wait until it is ready."""
        with open(self._log_path, 'ab') as log:
            self._process = subprocess.Popen(
                [*self._arguments, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self._directory)
        atexit.register(self._process.kill)

    def start(self, *options):
        before = self._count_ready()
        self.begin(*options)
        eventually(lambda: self._count_ready() > before or self._process.poll() is not None,
                   'Redis to be ready', 20)
        if self._process.poll() is not None:
            raise AssertionError(f'Redis did not start:\n{self.describe()}')

    def _count_ready(self):
        return sum('eady to accept connections' in line for line in self.log)

    def kill(self):
        """Kills it without a shutdown."""
        self._process.kill()
        self._process.wait()
        atexit.unregister(self._process.kill)

    def lose_end(self, size):
        """Cuts SIZE bytes off its append-only file, as a crash does. It must have been killed."""
        [path] = glob.glob(os.path.join(self._directory, 'appendonlydir', '*.incr.aof'))
        os.truncate(path, os.path.getsize(path) - size)

    def restart(self, *options):
        self.kill()
        self.start(*options)

    def begin_loading(self):
        """Restarts it with its data. It answers LOADING for the two seconds that it needs to load
        them."""
        self.cli('EVAL', 'for i = 1, 2000 do redis.call("SET", i, i) end', '0')
        self.cli('SAVE')
        self.kill()
        self.begin('--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024')
        eventually(self._is_loading, 'Redis to load')

    def _is_loading(self):
        try:
            return 'loading:1' in self.cli('INFO', 'persistence')
        except AssertionError:
            return False  # it does not listen yet

    def stop(self):
        """Suspends it: it answers nothing, but the kernel still accepts connections for it."""
        self._process.send_signal(signal.SIGSTOP)

    def cont(self):
        self._process.send_signal(signal.SIGCONT)

    def cli(self, *words, last=None):
        """Runs redis-cli WORDS and returns its output without the last newline; an error reply is a
        failure. LAST: one more word, of any bytes."""
        with self.begin_cli(*words, reads=last is not None) as process:
            try:
                output, errors = process.communicate(last, timeout=20 * SLOWNESS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert process.returncode == 0, f'redis-cli {words}: {output.decode()}{errors.decode()}'
        return output.decode().removesuffix('\n')

    def begin_cli(self, *words, reads=False):
        """Starts redis-cli WORDS and returns the process. READS: stdin has one more word."""
        secret = {'REDISCLI_AUTH': self.password} if self.password else {}
        place = ['-s', self.path] if self.path else ['-h', ADDRESS, '-p', str(self.port)]
        return subprocess.Popen(
            ['redis-cli', '-e', *place, *(['-x'] if reads else []), *map(str, words)],
            env={**os.environ, **secret}, stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def configure(self, name, value):
        self.cli('CONFIG', 'SET', name, value)

    def finish(self):
        if self._process.poll() is None:
            self.kill()
        self._final_log = self._read_log()
        if self._port:
            self._port.release()

    def describe(self):
        """The end of its log, for the report of a failure."""
        return '\n'.join(['', f'Log of Redis at {self.name}:', *self.log[-40:]])
