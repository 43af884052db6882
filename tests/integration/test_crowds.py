# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Thousands of clients that connect at once, over loopback and over a slow and lossy path, and a
good client among thousands of silent connections."""

import json
import os
import signal
import subprocess
from pathlib import Path

import tap
from crowd import undisturbed
from ringdown import ADDRESS, RingdownTestCase
from waiting import SLOWNESS, eventually, expect_time

BUILD = Path(os.environ['RINGDOWN_BUILD'])
CROWD = 15_000
NEAR, FAR = '10.9.0.1', '10.9.0.2'  # of the lossy path


def end(process):
    process.kill()
    process.wait()
    for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
        pipe.close()


class ConnectingTestCase(RingdownTestCase):
    def begin(self, server, *options, address=ADDRESS, prefix=()):
        """Starts to connect to SERVER with OPTIONS of bench-connect, which does not retry."""
        process = subprocess.Popen(
            [*prefix, BUILD / 'bench' / 'bench-connect', f'--url=ws://{address}:{server.port}/ws',
             *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.addCleanup(end, process)
        return process

    def finish(self, process):
        """Waits for the end of PROCESS, and returns its report."""
        output, _ = process.communicate()
        self.assertEqual(0, process.returncode)
        return json.loads(output)

    def assert_all_are_in(self, report):
        faults = {name: value for name, value in report.items() if value and name in (
            'refused', 'lost', 'closed', 'reset', 'timed_out', 'failed', 'error')}
        self.assertEqual({}, faults, report)
        self.assertEqual(report['started'], report['opened'])


class CrowdTest(ConnectingTestCase):
    def assert_lets_in(self, at_once):
        server = self.start()
        report = self.finish(self.begin(server, f'--connections={CROWD}', f'--at-once={at_once}',
                                        f'--timeout={30 * SLOWNESS}'))
        self.assert_all_are_in(report)
        server.wait_clients(0)

    def test_15000_clients_are_let_in_500_at_a_time(self):
        self.assert_lets_in(500)

    def test_15000_clients_are_let_in_5000_at_a_time(self):
        self.assert_lets_in(5000)


class SilentTest(ConnectingTestCase):
    RATE = 5000 / SLOWNESS  # silent connections a second
    PROCESSES = 2
    SECONDS = 4

    def silence(self, server):
        """Starts to open silent connections, and returns the processes that hold them."""
        return [self.begin(server, '--silent', f'--rate={self.RATE / self.PROCESSES}',
                           f'--duration={self.SECONDS}', '--timeout=30')
                for _ in range(self.PROCESSES)]

    def test_silent_connections_do_not_delay_handshakes(self):
        server = self.start(warnings=['Too many open files'])
        before = server.descriptors()
        self.measure(server)  # the allocator may keep memory
        eventually(lambda: server.descriptors() <= before, 'all to be gone', 20)
        with undisturbed(server, memory=server.memory()):
            report = self.measure(server)
        self.assert_all_are_in(report)
        expect_time(report['handshake_us']['p99'] / 1e6, under=0.05 * SLOWNESS)

    def measure(self, server):
        silent = self.silence(server)
        report = self.finish(self.begin(server, '--leave', f'--rate={100 / SLOWNESS}',
                                        f'--duration={self.SECONDS}'))
        for process in silent:
            process.kill()
        return report


class LossyPathTest(ConnectingTestCase):
    """Each packet takes 100 ms, and 2 of 100 are lost."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('needs root, for a network namespace')
        self.path = subprocess.Popen(
            [BUILD / 'tests' / 'integration' / 'lossy-path', '100', '0.02', '1'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(end, self.path)
        ready = self.path.stdout.readline()
        self.assertEqual('ready\n', ready, '' if ready else self.path.stderr.read())

    def test_10000_clients_connect_at_once(self):
        inside = 'nsenter', f'--net=/proc/{self.path.pid}/ns/net'
        server = self.start(f'--address={NEAR}', prefix=inside)
        report = self.finish(self.begin(
            server, '--connections=10000', '--at-once=10000', f'--timeout={30 * SLOWNESS}',
            address=FAR, prefix=inside))
        self.assert_all_are_in(report)
        self.assertGreater(report['handshake_us']['p50'], 400_000)  # two round trips
        server.signal(signal.SIGINT)
        server.wait_exit(30)  # before the path ends, since the clients are leaving over it
        packets = json.loads(self.path.communicate()[0])
        self.assertEqual(0, packets['overflowed'], packets)
        self.assertAlmostEqual(0.02, packets['lost'] / (packets['lost'] + packets['forwarded']),
                               delta=0.005)


if __name__ == '__main__':
    tap.main()
