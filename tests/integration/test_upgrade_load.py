# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A crowd under load, upgraded again and again: nobody is cut off, misses or doubles anything."""

import tap
from verified_clients import verified_clients
from upgrade_case import UpgradeTestCase
from waiting import SLOWNESS, expect_time

CLIENTS = 500
SENDERS = 50
RATE = 50 / SLOWNESS  # messages a second, each of which goes to all
UPGRADES = 20
# Generous: the machine is shared with the clients and others. The benchmark measures it.
PAUSE_MAX = 1.0 * SLOWNESS


class LoadTest(UpgradeTestCase):
    def test_500_clients_and_50_senders_notice_nothing(self):
        server = self.start_on_bus()
        with verified_clients(server, CLIENTS, SENDERS, RATE) as group:
            for generation in range(2, 2 + UPGRADES):
                self.upgrade(server)
                group.wait_received()
                told = self.handover()
                self.assertEqual((CLIENTS, 0, 0), (told['moved'], told['closed'], told['lost']))
                expect_time(told['pause'] / 1e6, under=PAUSE_MAX)
                self.assertEqual(generation, server.generation)
            group.expect_no_silence(PAUSE_MAX + 1 / RATE)
            self.assertEqual(CLIENTS, self.bus.property('TotalConnections'))
        self.assertEqual([(generation, CLIENTS, 0, 0) for generation in range(2, 2 + UPGRADES)],
                         [report[:4] for report in server.reports()])

    def test_so_it_is_when_they_never_pause_for_breath(self):
        server = self.start_on_bus()
        with verified_clients(server, 60, 30, 1500 / SLOWNESS) as group:
            for _ in range(8):
                self.upgrade(server)
                group.wait_received(5000)

    def test_one_upgrade_right_after_the_other(self):
        server = self.start_on_bus()
        with verified_clients(server, 100, 10, 100 / SLOWNESS):
            for _ in range(15):
                self.upgrade(server)


if __name__ == '__main__':
    tap.main()
