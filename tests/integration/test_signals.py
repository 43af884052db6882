# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Signals as terminals, shells and wrapper programs send them: several at once, or ignored."""

import os
import pty
import re
import signal
import subprocess
import sys
import time

import tap
from ringdown import ADDRESS, SIGNAL_INTERVAL, clean_environment, program
from upgrade_case import UpgradeTestCase
from waiting import SLOWNESS, eventually
from wire import Client

IGNORED = 'Ignoring a signal'
IN_TERMINAL = '; '.join((
    'import os, signal, sys', 'os.setsid()', 'os.open(sys.argv[1], os.O_RDWR)',
    'signal.signal(signal.SIGHUP, signal.SIG_DFL)', 'os.execvp(sys.argv[2], sys.argv[2:])'))


class SignalsTestCase(UpgradeTestCase):
    def assert_served(self, client, seconds=0):
        """Asserts that CLIENT stays connected for at least so many SECONDS."""
        end = time.monotonic() + seconds
        while True:
            client.text('still here')
            client.expect_text('still here')
            if time.monotonic() > end:
                break
            time.sleep(0.01)


class RepeatedTest(SignalsTestCase):
    def test_signals_within_a_second_are_one(self):
        for pair in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM),
                     (signal.SIGINT, signal.SIGINT)):
            with self.subTest(pair):
                server = self.start('--log-level=info')
                client = self.connect(server)
                server.signal(pair[0])
                server.wait_log('Draining: 1 client')
                server.signal(pair[1])
                server.wait_log(IGNORED)
                self.assert_served(client)
                server.signal_again(pair[1])
                client.expect_close(1012)
                self.assertEqual(0, server.wait_exit())

    def test_a_wrapper_that_sends_the_signal_twice_closes_no_client(self):
        # timeout(1) sends it to its child, and then to its process group
        server = self.start('--log-level=info', prefix=['timeout', '1h'])
        client = self.connect(server)
        server.signal(signal.SIGTERM)
        server.wait_log('Draining: 1 client')
        self.assert_served(client, 0.2)
        client.leave()
        self.assertEqual(0, server.wait_exit())


class IgnoredTest(SignalsTestCase):
    def ignored(self, server):
        with open(f'/proc/{server.pid}/status', encoding='ascii') as status:
            mask = int(re.search(r'SigIgn:\s+(\w+)', status.read())[1], 16)
        return {number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1,
                                      signal.SIGUSR2) if mask >> (number - 1) & 1}

    def assert_stays_ignored(self, server, numbers):
        """Asserts that the service and two workers after it ignore exactly NUMBERS."""
        client = self.connect(server)
        for generation in 2, 3, 4:
            self.assertEqual(numbers, self.ignored(server))
            for number in numbers:
                server.signal(number)
            self.assert_served(client, 0.05)
            self.assertEqual(generation - 1, server.generation)
            if generation < 4:
                server.signal(signal.SIGUSR2)
                server.follow()
        self.assertEqual([], server.find_log('Draining'))
        client.leave()
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit())

    def test_nothing_is_ignored_usually(self):
        self.assert_stays_ignored(self.start(), set())

    def test_nohup_lasts_through_upgrades(self):
        self.assert_stays_ignored(self.start(prefix=['nohup']), {signal.SIGHUP})

    def test_what_the_shell_ignores_stays_ignored(self):
        script = 'trap "" INT USR1; exec "$@"'
        self.assert_stays_ignored(self.start(prefix=['sh', '-c', script, 'sh']),
                                  {signal.SIGINT, signal.SIGUSR1})


class TerminalTest(SignalsTestCase):
    """The service as foreground job of an interactive shell."""

    def start_in_terminal(self, command):
        """Runs COMMAND, with "@" for the service, in a terminal. Returns the end of the terminal
        and the shell; the log goes to a file."""
        self.log = f'{self.directory}/log'
        service = (f'{program()} --bus=none --address={ADDRESS} --port=0 --admin-port=-1 '
                   f'--log-level=info 2>{self.log}')
        lead, follow = pty.openpty()
        shell = subprocess.Popen(
            [sys.executable, '-c', IN_TERMINAL, os.ttyname(follow), 'bash', '--norc', '-i'],
            stdin=follow, stdout=follow, stderr=follow, env=clean_environment(self.directory),
            cwd=self.directory)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        os.close(follow)
        os.write(lead, command.replace('@', service).encode() + b'\r')
        line = self.wait_log(r'\[(\d+)\] .*Listening on ws://\S+:(\d+)/')
        self.pidfd = os.pidfd_open(int(line[1]))
        self.addCleanup(os.close, self.pidfd)
        self.addCleanup(self.kill)
        client = Client(int(line[2]))
        self.addCleanup(client.abandon)
        client.open()
        return lead, shell, client

    def kill(self):
        try:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def find_log(self, pattern):
        with open(self.log, encoding='utf-8') as log:
            return re.search(pattern, log.read())

    def wait_log(self, pattern):
        return eventually(lambda: os.path.exists(self.log) and self.find_log(pattern), pattern)

    def test_closing_the_terminal_drains_and_closes_no_client(self):
        lead, shell, client = self.start_in_terminal('@')
        os.close(lead)
        self.wait_log('Draining: 1 client')
        self.assertNotEqual(0, shell.wait(10 * SLOWNESS))  # it has sent SIGHUP to its jobs
        self.assert_served(client, 0.5)
        time.sleep(SIGNAL_INTERVAL)
        signal.pidfd_send_signal(self.pidfd, signal.SIGTERM)
        client.expect_close(1012)
        self.wait_log('Drained in')

    def test_with_nohup_closing_the_terminal_changes_nothing(self):
        lead, shell, client = self.start_in_terminal('nohup @')
        os.close(lead)
        self.assertNotEqual(0, shell.wait(10 * SLOWNESS))
        self.assert_served(client, 0.5)
        self.assertFalse(self.find_log('Draining|Generation'))
        signal.pidfd_send_signal(self.pidfd, signal.SIGTERM)
        self.wait_log('Draining: 1 client')
        client.leave()
        self.wait_log('Drained in')

    def test_ctrl_c_drains(self):
        lead, _, client = self.start_in_terminal('@')
        os.write(lead, b'\x03')
        self.wait_log('Draining: 1 client')
        self.assert_served(client)
        client.leave()
        self.wait_log('Drained in')
        os.close(lead)


if __name__ == '__main__':
    tap.main(jobs=3)
