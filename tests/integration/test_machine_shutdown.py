# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A drain while the machine shuts down: --shutdown-timeout."""

import signal

import tap
from bus import Bus
from fake_managers import Systemd
from gi.repository import GLib
from ringdown import RingdownTestCase
from waiting import eventually

STOPPING = GLib.Variant('s', 'stopping')
SHORTENED = 'The machine is shutting down: the drain ends within'


class ShutdownTest(RingdownTestCase):
    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)
        self.systemd = Systemd(self.bus, {})
        self.addCleanup(self.systemd.stop)

    def start_with_client(self, *options):
        """Returns a server that asks the fake systemd, and a client of it."""
        server = self.start(*options, environment={'DBUS_SYSTEM_BUS_ADDRESS': self.bus.address})
        return server, self.connect(server)

    def assert_time_left(self, server, at_least, at_most):
        left = server.find_log(r'Draining: 1 client, (?:(\d+)min )?(\d+)s left')[-1]
        seconds = 60 * int(left[1] or 0) + int(left[2])
        self.assertTrue(at_least <= seconds <= at_most, left[0])

    def test_a_drain_takes_at_most_90_seconds(self):
        self.systemd.manager['SystemState'] = STOPPING
        server, client = self.start_with_client()
        server.signal(signal.SIGTERM)
        server.wait_log(SHORTENED + ' 1min 30s')
        eventually(lambda: len(server.find_log('Draining:')) == 2, 'the new time limit')
        self.assert_time_left(server, 85, 90)
        client.text('still here')
        client.expect_text('still here')
        client.leave()
        self.assertEqual(0, server.wait_exit())

    def test_the_option_changes_the_limit(self):
        self.systemd.manager['SystemState'] = STOPPING
        server, client = self.start_with_client('--shutdown-timeout=100ms',
                                                '--drain-interval=100ms')
        server.signal(signal.SIGTERM)
        client.expect_close(1012)
        self.assertEqual(0, server.wait_exit())
        self.assertEqual(1, len(server.find_log(SHORTENED)))

    def test_a_drain_that_began_before_is_shortened_too(self):
        server, client = self.start_with_client('--drain-interval=100ms')
        server.signal(signal.SIGTERM)
        eventually(lambda: len(server.find_log('Draining:')) > 5, 'an answer of systemd')
        self.assertEqual([], server.find_log(SHORTENED))
        self.systemd.manager['SystemState'] = STOPPING
        server.wait_log(SHORTENED)
        client.leave()
        self.assertEqual(0, server.wait_exit())

    def test_a_shorter_drain_is_not_prolonged(self):
        self.systemd.manager['SystemState'] = STOPPING
        server, client = self.start_with_client('--drain-timeout=1s', '--drain-interval=100ms')
        server.signal(signal.SIGTERM)
        client.expect_close(1012)
        self.assertEqual(0, server.wait_exit())
        self.assertEqual([], server.find_log(SHORTENED))

    def test_a_stop_of_the_service_alone_takes_its_time(self):
        server, client = self.start_with_client('--drain-interval=100ms')
        server.signal(signal.SIGTERM)
        eventually(lambda: len(server.find_log('Draining:')) > 30, 'several questions')
        self.assert_time_left(server, 29 * 60, 30 * 60)
        client.leave()
        self.assertEqual(0, server.wait_exit())

    def test_a_silent_bus_changes_nothing(self):
        server, client = self.start_with_client('--drain-interval=100ms')
        with self.bus.suspended():
            server.signal(signal.SIGTERM)
            eventually(lambda: len(server.find_log('Draining:')) > 30, 'progress')
            client.text('still here')
            client.expect_text('still here')
            client.leave()
            self.assertEqual(0, server.wait_exit())


if __name__ == '__main__':
    tap.main(jobs=3)
