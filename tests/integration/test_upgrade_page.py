# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Upgrades with the page open in a real browser and wscat in a terminal: both stay connected."""

import os
import re
import signal

import tap
import wscat
from browser import DESKTOP, Page
from upgrade_case import UpgradeTestCase
from waiting import eventually

UPGRADES = 3


class OpenTest(UpgradeTestCase):
    def look(self, server):
        """Renumbers the connected page; it records every later change of its connection status."""
        page = Page(DESKTOP)
        self.addCleanup(page.close)
        status, _ = page.visit(f'http://127.0.0.1:{server.admin_port}/')
        self.assertEqual(200, status)
        page.wait_text('#connection', 'Connected to')
        page.evaluate('''
            window.changes = [];
            new MutationObserver(() => window.changes.push(
                document.querySelector("#connection").innerText))
              .observe(document.querySelector("#connection"),
                       { childList: true, subtree: true, characterData: true });
            0''')
        return page

    def wscat(self, server):
        if not os.path.exists(wscat.PROGRAM):
            self.skipTest('wscat is missing: npm ci --prefix tests/integration')
        client = wscat.Wscat(server.port)
        self.addCleanup(client.stop)
        client.wait_shown('Connected')
        return client

    def test_the_page_and_wscat_stay_connected_and_exchange_messages(self):
        server = self.start_on_bus()
        page, terminal = self.look(server), self.wscat(server)
        server.wait_clients(2)
        for number in range(UPGRADES + 1):
            terminal.type(f'terminal {number}')
            page.wait_text('#feed', f'terminal {number}')
            page.focus('#field')
            page.type(f'page {number}')
            page.press('Enter')
            terminal.wait_shown(f'< page {number}')
            if number < UPGRADES:
                with self.exchange(server) if number == 1 else self.upgraded_beside(server):
                    terminal.type(f'meanwhile {number}')
                page.wait_text('#feed', f'meanwhile {number}')
                terminal.wait_shown(f'< meanwhile {number}')

        for number in range(UPGRADES + 1):
            self.assertEqual(1, terminal.times_shown(f'< page {number}'))
            self.assertEqual(1, page.evaluate(
                f'''[...document.querySelectorAll("#feed li")]
                      .filter((e) => e.innerText.includes("terminal {number}")).length'''))
        self.assertEqual(0, terminal.times_shown('Disconnected'))
        self.assertEqual([], page.evaluate('window.changes'))
        self.assertEqual([], page.complaints)
        self.assertEqual(2, self.bus.property('TotalConnections'))
        server.wait_clients(2)

    def test_they_stay_connected_when_signals_start_the_upgrade(self):
        server = self.start()
        page, terminal = self.look(server), self.wscat(server)
        for number in signal.SIGHUP, signal.SIGUSR2:
            server.signal(number)
            server.follow()
            terminal.type(f'after {number.name}')
            page.wait_text('#feed', f'after {number.name}')
        self.assertEqual([], page.evaluate('window.changes'))
        self.assertEqual(0, terminal.times_shown('Disconnected'))

    def uptime(self, page):
        """Returns the shown seconds; -1 if there are none."""
        shown = re.search(r'(\d+) sec$', page.text('#uptime'))
        return int(shown[1]) if shown else -1

    def test_the_page_shows_the_upgrade_and_the_uptime_goes_on(self):
        server = self.start_on_bus()
        page = self.look(server)
        eventually(lambda: self.uptime(page) >= 2, 'two seconds')
        self.upgrade(server)
        page.wait_text('#upgrade', 'ago; clients kept: 1, lost: 0')
        self.assertGreaterEqual(self.uptime(page), 2)
        self.assertFalse(page.is_visible('#instance-box'))

    def test_the_page_shows_the_figures_of_the_new_worker(self):
        server = self.start_on_bus()
        page = self.look(server)
        client = self.connect(server)
        self.upgrade(server)
        client.leave()
        page.eventually('document.querySelector("#clients").innerText === "1"')
        self.assertEqual('2', page.text('#total'))
        page.wait_text('#state', 'Running')


if __name__ == '__main__':
    tap.main()
