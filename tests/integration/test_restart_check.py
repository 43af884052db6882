# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The check at start whether the unit keeps clients through a restart."""

import os
import signal
import threading

import tap
from bus import Bus
from gi.repository import GLib
from fake_managers import Refusal, Systemd, service, silence
from notify_receiver import NotifyReceiver
from waiting import SLOWNESS
from ringdown import RingdownTestCase

UNIT = 'ringdown@it.service'
STORELESS = {'FileDescriptorStoreMax': GLib.Variant('u', 0)}
ADVICE = (f'{UNIT} cannot store clients .* set FileDescriptorStoreMax=16 '
          f'.systemctl --user edit {UNIT}')


class RestartCheckTest(RingdownTestCase):
    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)
        self.asked = threading.Event()
        self._is_known = threading.Event()  # set once the process id of the service is known

    def manage(self, *, answer=UNIT, **properties):
        """Runs a fake systemd whose unit has PROPERTIES; its MainPID is the service by default."""
        def unit_of_caller():
            self.asked.set()
            assert self._is_known.wait(10 * SLOWNESS)
            return answer() if callable(answer) else answer
        self._is_process_given = 'MainPID' in properties
        unit = service(stop_us=10_000_000, **{'MainPID': GLib.Variant('u', 0), **properties})
        self.manager = Systemd(self.bus, {UNIT: unit}, unit_of_caller=unit_of_caller)
        self.addCleanup(self.manager.stop)

    def start_managed(self, **more):
        manager = NotifyReceiver(os.path.join(self.directory, 'notify'))
        self.addCleanup(manager.stop)
        server = self.start('--bus=session', environment={
            **self.bus.environment, **manager.environment}, **more)
        if not self._is_process_given:
            self.manager.properties[UNIT]['MainPID'] = GLib.Variant('u', server.pid)
        self._is_known.set()
        return server

    def assert_no_warning(self, server):
        """Later warnings fail the test as well."""
        self.assertTrue(self.asked.wait(10 * SLOWNESS))
        self.bus.call('Publish', 'ss', 'broadcast', 'still there')
        self.assertEqual([], server.find_log('warning: '))

    def test_a_unit_without_a_store_is_warned_of(self):
        self.manage(**STORELESS)
        server = self.start_managed(warnings=[ADVICE])
        server.wait_log(ADVICE)

    def test_a_unit_with_one_signal_for_stop_and_restart_is_warned_of(self):
        self.manage(RestartKillSignal=GLib.Variant('i', signal.SIGTERM))
        warning = f'{UNIT} cannot tell a restart from a stop .* set RestartKillSignal=SIGUSR1'
        server = self.start_managed(warnings=[warning])
        server.wait_log(warning)

    def test_a_correct_unit_causes_no_warning(self):
        self.manage(FileDescriptorStoreMax=GLib.Variant('u', 16),
                    RestartKillSignal=GLib.Variant('i', signal.SIGUSR1))
        self.assert_no_warning(self.start_managed())

    def test_a_unit_with_another_main_process_is_ignored(self):
        """Such as the unit of the user session, in the system manager."""
        self.manage(MainPID=GLib.Variant('u', 1), **STORELESS)
        self.assert_no_warning(self.start_managed())

    def test_replies_of_the_wrong_type_are_ignored(self):
        self.manage(MainPID=GLib.Variant('s', 'me'), **STORELESS)
        self.assert_no_warning(self.start_managed())

    def test_without_a_unit_there_is_no_warning(self):
        def refuse():
            raise Refusal('org.freedesktop.systemd1.NoUnitForPID')
        self.manage(answer=refuse)
        self.assert_no_warning(self.start_managed())

    def test_the_service_does_not_wait_for_the_reply(self):
        self.manage(answer=silence)
        server = self.start_managed()
        self.assertTrue(self.asked.wait(10 * SLOWNESS))
        client = self.connect(server)
        client.text('served')
        client.expect_text('served')
        client.leave()
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit())  # without the reply

    def test_without_notify_socket_systemd_is_not_asked(self):
        self.manage(**STORELESS)
        self.start('--bus=session', environment=self.bus.environment)
        self.bus.call('Publish', 'ss', 'broadcast', 'long after the start')
        self.assertFalse(self.asked.is_set())


if __name__ == '__main__':
    tap.main(jobs=3)
