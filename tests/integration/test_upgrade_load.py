# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Repeated upgrades under load: no client is disconnected, no message lost or duplicated."""

import tap
from verified_clients import verified_clients
from upgrade_case import UpgradeTestCase
from waiting import SLOWNESS, expect_time

CLIENTS = 500
SENDERS = 50
RATE = 50 / SLOWNESS  # messages per second, each to all clients
UPGRADES = 20
# Generous: the clients run on the same machine. The benchmark measures the pause.
PAUSE_MAX = 1.0 * SLOWNESS


class LoadTest(UpgradeTestCase):
    def test_500_clients_and_50_senders(self):
        server = self.start_on_bus()
        with verified_clients(server, CLIENTS, SENDERS, RATE) as group:
            for generation in range(2, 2 + UPGRADES):
                self.upgrade(server)
                group.wait_received()
                handover = self.handover()
                self.assertEqual((CLIENTS, 0, 0),
                                 (handover['moved'], handover['closed'], handover['lost']))
                expect_time(handover['pause'] / 1e6, under=PAUSE_MAX)
                self.assertEqual(generation, server.generation)
            group.expect_no_silence(PAUSE_MAX + 1 / RATE)
            self.assertEqual(CLIENTS, self.bus.property('TotalConnections'))
        self.assertEqual([(generation, CLIENTS, 0, 0) for generation in range(2, 2 + UPGRADES)],
                         [report[:4] for report in server.reports()])

    def test_senders_without_pauses(self):
        server = self.start_on_bus()
        with verified_clients(server, 60, 30, 1500 / SLOWNESS) as group:
            for _ in range(8):
                self.upgrade(server)
                group.wait_received(5000)

    def test_upgrades_without_pauses(self):
        server = self.start_on_bus()
        with verified_clients(server, 100, 10, 100 / SLOWNESS):
            for _ in range(15):
                self.upgrade(server)


if __name__ == '__main__':
    tap.main()
