# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A service that is upgraded, and its program file, which a test may replace.

The test becomes the parent of orphaned workers (PR_SET_CHILD_SUBREAPER), to get their exit status.
"""

import atexit
import ctypes
import os
import secrets
import select
import signal
import subprocess
import threading
from contextlib import contextmanager

from bus import Bus, Caller, Monitor, Owners
from waiting import SLOWNESS, Deadline, eventually
from ringdown import Ringdown, RingdownTestCase, program
from successor import HEADER, Crossing

_PR_SET_CHILD_SUBREAPER = 36
_MARK = 'TEST_SERVICE'  # in the environment of all that are started for a service


class Program:
    """A copy of the program in DIRECTORY."""

    def __init__(self, directory):
        self.path = os.path.join(directory, 'ringdown')
        self.pristine = os.path.join(directory, 'ringdown-pristine')
        # Written by another process: children of this one would inherit the file open for writing,
        # and execve() would fail with ETXTBSY.
        subprocess.run(['cp', program(), self.pristine], check=True)
        os.link(self.pristine, self.path)

    def remove(self):
        os.unlink(self.path)

    def restore(self):
        self.remove()
        os.link(self.pristine, self.path)

    def replace(self, script, mode=0o755):
        """SCRIPT: for the shell; "$@" are the arguments of the program."""
        new = f'{self.path}.new'
        with open(new, 'x', encoding='utf-8') as file:
            file.write(f'#!/bin/sh\n{script}\n')
        os.chmod(new, mode)
        os.rename(new, self.path)


class _NewWorker:
    """A process that becomes our child when its parent exits."""

    def __init__(self, pid):
        self.pid = pid
        self._fd = os.pidfd_open(pid)

    def signal(self, number):
        signal.pidfd_send_signal(self._fd, number)

    def wait_exit(self, seconds):
        """Returns the exit status as subprocess.Popen does: negative for a signal."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        if not poll.poll(seconds * SLOWNESS * 1000):
            raise AssertionError(f'process {self.pid} still runs after {seconds} s')
        ended = os.waitid(os.P_PIDFD, self._fd, os.WEXITED)
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def forget(self):
        os.close(self._fd)


class Service(Ringdown):
    """A running service: one worker after the other, with one log."""

    def __init__(self, directory, options, *, environment=None, **settings):
        self._mark = secrets.token_hex(8)
        self._new_worker = None  # None: the first process serves
        self._is_finished = False
        self.generation = 1
        super().__init__(directory, options, environment={**(environment or {}), _MARK: self._mark},
                         **settings)
        atexit.register(self._kill_all)

    @property
    def pid(self):
        """The process id of the serving worker."""
        return self._new_worker.pid if self._new_worker else super().pid

    def signal(self, number):
        if self._new_worker:
            self._new_worker.signal(number)
        else:
            super().signal(number)

    def wait_exit(self, seconds=10):
        if not self._new_worker:
            return super().wait_exit(seconds)
        self._status = self._new_worker.wait_exit(seconds)
        return self._status

    def processes(self):
        """Returns the ids of all live processes of this service."""
        mark = f'{_MARK}={self._mark}'.encode()
        return [int(pid) for pid in os.listdir('/proc')
                if pid.isdigit() and mark in _environment(pid)]

    def wait_alone(self, seconds=10):
        """Waits until only one process of the service is left; returns its id."""
        eventually(lambda: len(self.processes()) == 1,
                   lambda: f'one process only: {self.processes()}', seconds)
        return self.processes()[0]

    def follow(self, status=0):
        """Waits until the old worker has exited with STATUS and the new one serves."""
        before = self.pid
        ended = self.wait_exit()
        assert ended == status, f'the process that handed over ended with {ended}, not {status}'
        new = self.wait_alone()
        assert new != before
        self._forget_new_worker()
        self._new_worker = _NewWorker(new)
        self._status = None
        self.generation += 1
        self.wait_log(rf'Generation {self.generation}\b')

    def _forget_new_worker(self):
        if self._new_worker:
            self._new_worker.forget()
            self._new_worker = None

    def _kill_all(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # has just ended

    def finish(self):
        if self._is_finished:
            return
        self._is_finished = True
        try:
            if self._status is None:
                self._end()
            eventually(lambda: not self.processes(),
                       lambda: f'processes are left: {self.processes()}', 5)
        finally:
            self._kill_all()
            self._forget_new_worker()
            atexit.unregister(self._kill_all)
            self._status = 0  # already checked
            super().finish()

    def reports(self):
        """Returns (generation, moved, closed, lost, pause in ms) of each hand-over in the log."""
        return [tuple(map(int, match.groups())) for match in self.find_log(
            r'Generation (\d+) .*: (\d+) moved, (\d+) closed, (\d+) lost; pause (\d+) ms')]


def _environment(pid):
    try:
        with open(f'/proc/{pid}/environ', 'rb') as file:
            return file.read().split(b'\0')
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def numbered(number, size):
    """Returns a message with a NUMBER, of at most SIZE bytes, in which no two parts are equal."""
    start = f'{number} '
    return start + ''.join(f'{place:08x}' for place in range((size - len(start)) // 8))


class Background(threading.Thread):
    """Calls FUNCTION in a thread."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)
        self._function = lambda: function(*arguments)
        self._result = self._error = None
        self.start()

    def run(self):
        try:
            self._result = self._function()
        except BaseException as error:  # for result()
            self._error = error

    def result(self, seconds=30):
        """Waits for the function; returns its result or raises its exception."""
        self.join(Deadline(seconds).remaining)
        assert not self.is_alive(), f'still running after {seconds} s'
        if self._error:
            raise self._error
        return self._result


class UpgradeTestCase(RingdownTestCase):
    """All servers run from self.program.path."""

    def setUp(self):
        super().setUp()
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.program = Program(self.directory)
        self._bus = None

    @property
    def bus(self):
        if not self._bus:
            self._bus = Bus(self.directory)
            self.addCleanup(self._bus.stop)
        return self._bus

    def start(self, *options, **settings):
        """Like RingdownTestCase, without pings, so that all clients get the same bytes. The setting
        DEFAULTS replaces the usual default options."""
        if 'defaults' not in settings and not any('--ping-interval' in each for each in options):
            options = (*options, '--ping-interval=0')
        server = Service(self.directory, options, executable=self.program.path, **settings)
        self._servers.append(server)
        self.addCleanup(server.finish)
        server.wait_listening()
        return server

    def start_on_bus(self, *options, environment=None, **settings):
        return self.start('--bus=session', *options,
                          environment={**self.bus.environment, **(environment or {})}, **settings)

    def upgrade(self, server, **follow):
        """Upgrades SERVER by a D-Bus call."""
        self.bus.call('Upgrade')
        server.follow(**follow)
        self.assertEqual(server.generation, self.bus.property('Generation'))

    def handover(self):
        """Returns the property Handover as a plain dictionary."""
        return {name: field['data'] for name, field in self.bus.property('Handover').items()}

    def clients(self):
        """Returns the result of ListClients by client id."""
        [clients] = self.bus.call('ListClients')
        plain = [{name: field['data'] for name, field in client.items()} for client in clients]
        return {client['id']: client for client in plain}

    def assert_refused(self, server, why, *, error='HandoverFailed'):
        """Asserts that Upgrade fails with ERROR, that message and log match WHY, and that the same
        worker serves. Returns the message."""
        before = server.pid
        name, text = self.bus.error_of('Upgrade')
        self.assertEqual(f'org.ringdown.Error.{error}', name, text)
        self.assertRegex(text, why)
        self.assertEqual(before, server.wait_alone())
        self.assertEqual(server.generation, self.bus.property('Generation'))
        return text

    def caller(self):
        caller = Caller(self.bus)
        self.addCleanup(caller.leave)
        return caller

    def monitor(self):
        monitor = Monitor(self.bus)
        self.addCleanup(monitor.stop)
        return monitor

    def owners(self):
        owners = Owners(self.bus)
        self.addCleanup(owners.stop)
        return owners

    def begin_upgrade(self):
        """Calls Upgrade in a thread, which is returned."""
        return Background(self.bus.call, 'Upgrade')

    def stop_at(self, kind):
        """Stops the next new worker when a packet of KIND is in flight."""
        crossing = Crossing(self.directory, self.program.pristine, self.program.path, kind)
        self.addCleanup(crossing.finish)
        self.program.replace(crossing.script)
        return crossing

    @contextmanager
    def exchange(self, server):
        """Runs the context while no worker serves; then completes the hand-over."""
        crossing = self.stop_at(HEADER)
        upgrading = self.begin_upgrade()
        crossing.wait_stopped()
        yield
        crossing.go()
        upgrading.result()
        server.follow()

    @contextmanager
    def upgraded_beside(self, server):
        """Runs an upgrade and the context at the same time."""
        upgrading = self.begin_upgrade()
        yield
        upgrading.result()
        server.follow()

    @contextmanager
    def asked_throughout(self, server):
        """Requests /healthz repeatedly during the context; every request has to succeed."""
        is_over = threading.Event()

        def ask():
            times = 0
            while not is_over.is_set():
                assert server.admin('/healthz')[0] == 200
                times += 1
            return times

        asking = Background(ask)
        try:
            yield
        finally:
            is_over.set()
        self.assertGreater(asking.result(), 0)
