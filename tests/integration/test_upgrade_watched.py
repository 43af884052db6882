# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Upgrades with a watchdog, with a message bus that does not answer, and on a terminal."""

import os
import pty
import signal
import sys

import tap
from upgrade_case import UpgradeTestCase
from fd_store import FdStore
from successor import COMMIT, script


class WatchdogTest(UpgradeTestCase):
    """The watchdog gets pings in time, however old the last one is."""

    def begin(self, limit_s, *options, **settings):
        self.store = FdStore(f'@{self.directory}')
        self.addCleanup(self.store.stop)
        return self.start_on_bus(*options, **settings, environment={
            **self.store.environment, 'WATCHDOG_USEC': str(limit_s * 1000000)})

    def test_pings_are_always_recent(self):
        server = self.begin(600)  # longer than the test: no periodic pings
        self.store.wait('WATCHDOG')
        crossing = self.stop_at(COMMIT)
        server.signal(signal.SIGHUP)
        crossing.wait_stopped()
        self.store.wait('MAINPID')
        signs = self.store.told('WATCHDOG')
        self.assertEqual(3, len(signs), signs)  # at the start, before the exchange, after it
        self.assertIn('MAINPID', signs[-1])
        crossing.go()
        self.store.wait('WATCHDOG', 4)
        server.follow()

    def test_the_old_worker_keeps_within_the_watchdog_timeout(self):
        server = self.begin(3, '--handover-timeout=5min', warnings=['Hand-over'])
        client = self.connect(server)
        self.program.replace(script('deaf_in_the_middle'))
        server.signal(signal.SIGHUP)
        server.wait_log('Hand-over failed: .*TAKEN in time')
        client.text('still here')
        client.expect_text('still here')
        client.leave()


class SilentBusTest(UpgradeTestCase):
    """The bus stops answering after the takeover: clients do not wait for it."""

    def test_clients_are_served(self):
        server = self.start_on_bus(warnings=['Cannot acquire the bus name'])
        client = self.connect(server)
        crossing = self.stop_at(COMMIT)
        server.signal(signal.SIGHUP)
        crossing.wait_stopped()
        with self.bus.suspended():
            crossing.go()
            client.text('still here')
            client.expect_text('still here')
            server.follow()
        server.wait_log('Cannot acquire the bus name .* running without it')
        client.leave()


class TerminalTest(UpgradeTestCase):
    """A terminal sends SIGHUP, too, when it is closed."""

    IN_TERMINAL = '; '.join((
        'import os, signal, sys', 'os.setsid()', 'os.open(sys.argv[1], os.O_RDWR)',
        'signal.signal(signal.SIGHUP, signal.SIG_DFL)', 'os.execv(sys.argv[2], sys.argv[2:])'))

    def test_closing_the_terminal_drains_the_service(self):
        lead, follow = pty.openpty()
        server = self.start(
            prefix=[sys.executable, '-c', self.IN_TERMINAL, os.ttyname(follow)])
        client = self.connect(server)
        os.close(follow)
        os.close(lead)
        server.wait_log('Draining')
        client.text('still here')
        client.expect_text('still here')
        client.leave()
        self.assertEqual(0, server.wait_exit())
        self.assertEqual([], server.reports())


if __name__ == '__main__':
    tap.main(jobs=2)
