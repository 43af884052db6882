# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The start: signals are handled, and no other program that is silent can stop it for long."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import tap
from bus import NAME, Bus
from ringdown import Ringdown, RingdownTestCase
from waiting import SLOWNESS, eventually, expect_time

# Runs the command ARGV[2:] in namespaces of its own, with file ARGV[1] as /etc/resolv.conf, and
# with a name server that receives questions and does not answer.
WITH_SILENT_NAME_SERVER = '''
import ctypes, fcntl, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
uid, gid = os.getuid(), os.getgid()
check(libc.unshare(0x10000000 | 0x00020000 | 0x40000000))  # CLONE_NEWUSER|NEWNS|NEWNET
open('/proc/self/setgroups', 'w').write('deny')
open('/proc/self/uid_map', 'w').write(f'0 {uid} 1')
open('/proc/self/gid_map', 'w').write(f'0 {gid} 1')
check(libc.mount(None, b'/', None, 0x44000, None))  # MS_PRIVATE | MS_REC
place = os.path.realpath('/etc/resolv.conf')
check(libc.mount(sys.argv[1].encode(), place.encode(), None, 4096, None))  # MS_BIND
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(server, 0x8914, struct.pack('16sh', b'lo', 1))  # SIOCSIFFLAGS: IFF_UP
server.bind(('127.0.0.1', 53))
server.set_inheritable(True)
os.execv(sys.argv[2], sys.argv[2:])
'''


class SilentServer:
    """Accepts connections and keeps them open, without a word."""

    def __init__(self, family, address):
        self._socket = socket.socket(family)
        self._socket.bind(address)
        self._socket.listen()
        self.address = self._socket.getsockname()
        self._connections = []
        self._connected = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._connections.append(connection)
                self._connected.set()

    def wait_connected(self):
        assert self._connected.wait(10 * SLOWNESS), 'nothing has connected'

    def peers(self):
        """Returns the ids of the processes that have connected."""
        return {struct.unpack('3i', connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0] for connection in self._connections}

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._connections:
            connection.close()


class StartCase(RingdownTestCase):
    def begin(self, *options, environment=None, prefix=(), warnings=()):
        """Starts a server without waiting for it."""
        server = Ringdown(self.directory, options, environment=environment, prefix=prefix,
                          warnings=warnings)
        self._servers.append(server)
        self.addCleanup(server.finish)
        return server

    def silent_bus(self):
        path = f'{self.directory}/silent'
        server = SilentServer(socket.AF_UNIX, path)
        self.addCleanup(server.close)
        return server, {'DBUS_SESSION_BUS_ADDRESS': f'unix:path={path}'}

    def silent_redis(self):
        server = SilentServer(socket.AF_INET, ('127.0.0.1', 0))
        self.addCleanup(server.close)
        return server, f'--redis=redis://127.0.0.1:{server.address[1]}'

    def assert_stops(self, server, number):
        server.signal(number)
        began = time.monotonic()
        self.assertEqual(0, server.wait_exit())
        expect_time(time.monotonic() - began, under=1 * SLOWNESS)


class SilentBusTest(StartCase):
    def test_the_service_runs_without_the_bus(self):
        bus, environment = self.silent_bus()
        server = self.begin('--bus=session', environment=environment)
        bus.wait_connected()
        server.wait_log('Cannot connect to the message bus, running without it.*no answer', 20)
        server.wait_listening()
        client = self.connect(server)
        client.text('here')
        client.expect_text('here')
        client.leave()

    def test_a_signal_to_stop_ends_the_start(self):
        for number in signal.SIGTERM, signal.SIGINT, signal.SIGUSR1:
            with self.subTest(number):
                bus, environment = self.silent_bus()
                server = self.begin('--bus=session', environment=environment)
                bus.wait_connected()
                self.assert_stops(server, number)
                self.assertEqual([], server.find_log('Listening'))
                os.unlink(f'{self.directory}/silent')

    def test_replace_needs_a_bus_that_answers(self):
        bus, environment = self.silent_bus()
        server = self.begin('--bus=session', '--replace', environment=environment)
        bus.wait_connected()
        server.wait_log('--replace needs a message bus: no answer within', 20)
        self.assertEqual(1, server.wait_exit())

    def test_an_upgrade_waits_for_the_end_of_the_start(self):
        bus, environment = self.silent_bus()
        server = self.begin('--bus=session', environment=environment)
        bus.wait_connected()
        server.signal(signal.SIGHUP)
        server.wait_log('Generation 2 took over', 30)
        self.assertEqual(0, server.wait_exit())
        pid = int(server.wait_log(r'New worker \(process (\d+)\) has taken over')[1])
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not os.path.exists(f'/proc/{pid}'), 'the new worker to exit')

    def test_a_signal_to_a_new_worker_ends_the_upgrade(self):
        bus, environment = self.silent_bus()
        server = self.begin('--bus=session', environment=environment,
                            warnings=['Hand-over failed: .*the new worker exited with status 0'])
        server.wait_listening()
        client = self.connect(server)
        server.signal(signal.SIGHUP)
        [pid] = eventually(lambda: bus.peers() - {server.pid}, 'the new worker to connect')
        os.kill(pid, signal.SIGTERM)
        server.wait_log('Hand-over failed: .*the new worker exited with status 0')
        client.text('still here')
        client.expect_text('still here')
        client.leave()


class SilentRedisTest(StartCase):
    def test_a_signal_to_stop_ends_the_start(self):
        for number in signal.SIGTERM, signal.SIGINT:
            with self.subTest(number):
                redis, option = self.silent_redis()
                server = self.begin(option)
                redis.wait_connected()
                self.assert_stops(server, number)

    def test_the_service_runs_without_redis(self):
        _, option = self.silent_redis()
        server = self.begin(option, warnings=['Redis'])
        server.wait_listening()
        self.connect(server).leave()


class SilentNameServerTest(StartCase):
    def setUp(self):
        super().setUp()
        path = Path(self.directory, 'resolv.conf')
        path.write_text('nameserver 127.0.0.1\noptions timeout:30 attempts:5\n', encoding='utf-8')
        self._prefix = [sys.executable, '-c', WITH_SILENT_NAME_SERVER, str(path)]
        done = subprocess.run([*self._prefix, '/bin/true'], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest(f'no namespaces: {done.stderr}')

    def test_the_start_fails_with_the_name(self):
        server = self.begin('--address=somewhere.example', prefix=self._prefix)
        server.wait_log('ringdown: cannot listen on somewhere.example: '
                        'no answer from the name server', 20)
        self.assertEqual(1, server.wait_exit())

    def test_a_signal_to_stop_ends_the_start(self):
        server = self.begin('--address=somewhere.example', prefix=self._prefix)
        eventually(lambda: any('pool' in name for name in threads(server.pid)),
                   'a thread that looks up the name')
        self.assert_stops(server, signal.SIGTERM)


def threads(pid):
    """Returns the names of the threads of process PID."""
    names = []
    for path in Path(f'/proc/{pid}/task').glob('*/comm'):
        with suppress(OSError):
            names.append(path.read_text(encoding='utf-8').strip())
    return names


class FirstProcessTest(StartCase):
    """The kernel discards a signal to process 1 of a container that has no handler for it."""

    def test_a_signal_to_stop_ends_the_start(self):
        prefix = ['unshare', '--user', '--pid', '--fork', '--kill-child']
        done = subprocess.run([*prefix, 'true'], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest(f'no namespaces: {done.stderr}')
        bus, environment = self.silent_bus()
        server = self.begin('--bus=session', environment=environment, prefix=prefix)
        bus.wait_connected()
        [children] = [path.read_text(encoding='ascii')
                      for path in Path(f'/proc/{server.pid}/task').glob('*/children')]
        os.kill(int(children), signal.SIGTERM)
        self.assertEqual(0, server.wait_exit())


class CheckTest(StartCase):
    def test_a_signal_is_no_success_of_a_check(self):
        redis, option = self.silent_redis()
        server = self.begin('--check', option)
        redis.wait_connected()
        server.signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, server.wait_exit())


class BusReturnsTest(StartCase):
    """The message bus ends and comes back."""

    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(lambda: self.bus.stop())

    def restart_bus(self):
        self.bus.stop()
        Path(self.directory, 'test-bus').unlink(missing_ok=True)
        self.bus = Bus(self.directory)

    def start_on_bus(self):
        # the address contains the id of the first bus
        return self.start('--bus=session', environment=self.bus.environment,
                          warnings=['The message bus has closed the connection'])

    def test_the_service_takes_its_name_again(self):
        server = self.start_on_bus()
        client = self.connect(server)
        for count in 1, 2:
            self.restart_bus()
            eventually(lambda: self.bus.owns(NAME), 'the name to be owned')
            self.assertEqual('running', self.bus.property('State'))
            eventually(lambda n=count: len(server.find_log('Connected to the message bus')) == n,
                       'the log to say so')
            self.assertEqual(count, len(server.find_log('has closed the connection')))
        client.text('still here')
        client.expect_text('still here')
        client.leave()

    def test_a_bus_that_was_missing_at_the_start_is_used_later(self):
        self.bus.stop()
        Path(self.directory, 'test-bus').unlink(missing_ok=True)
        server = self.start_on_bus()
        server.wait_log('Cannot connect to the message bus')
        self.bus = Bus(self.directory)
        eventually(lambda: self.bus.owns(NAME), 'the name to be owned')
        self.assertEqual('running', self.bus.property('State'))


if __name__ == '__main__':
    tap.main(jobs=3)
