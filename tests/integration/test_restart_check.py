# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""What the service, once it runs, learns from its service manager of its next restart."""

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
        self._is_known = threading.Event()  # which process the service is

    def manage(self, *, answer=UNIT, **properties):
        """Has a service manager on the bus whose unit has PROPERTIES, and whose process is the
        service, if they do not say otherwise."""
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

    def assert_nothing_is_said(self, server):
        """Warnings that come later still fail the test."""
        self.assertTrue(self.asked.wait(10 * SLOWNESS))
        self.bus.call('Publish', 'ss', 'broadcast', 'still there')
        self.assertEqual([], server.find_log('WARNING'))

    def test_a_unit_without_a_store_is_warned_of(self):
        self.manage(**STORELESS)
        server = self.start_managed(warnings=[ADVICE])
        server.wait_log(ADVICE)

    def test_a_unit_that_restarts_as_it_stops_is_warned_of(self):
        self.manage(RestartKillSignal=GLib.Variant('i', signal.SIGTERM))
        warning = f'{UNIT} cannot tell a restart from a stop .* set RestartKillSignal=SIGUSR1'
        server = self.start_managed(warnings=[warning])
        server.wait_log(warning)

    def test_a_unit_as_it_should_be_is_not(self):
        self.manage(FileDescriptorStoreMax=GLib.Variant('u', 16),
                    RestartKillSignal=GLib.Variant('i', signal.SIGUSR1))
        self.assert_nothing_is_said(self.start_managed())

    def test_a_unit_that_others_run_is_not_ours(self):
        """As that of the whole session, for who asks the system's manager."""
        self.manage(MainPID=GLib.Variant('u', 1), **STORELESS)
        self.assert_nothing_is_said(self.start_managed())

    def test_answers_of_the_wrong_type_are_not_believed(self):
        self.manage(MainPID=GLib.Variant('s', 'me'), **STORELESS)
        self.assert_nothing_is_said(self.start_managed())

    def test_without_a_unit_nothing_is_said(self):
        def refuse():
            raise Refusal('org.freedesktop.systemd1.NoUnitForPID')
        self.manage(answer=refuse)
        self.assert_nothing_is_said(self.start_managed())

    def test_nobody_waits_for_the_answer(self):
        self.manage(answer=silence)
        server = self.start_managed()
        self.assertTrue(self.asked.wait(10 * SLOWNESS))
        client = self.connect(server)
        client.text('served')
        client.expect_text('served')
        client.leave()
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit())  # while the question is open

    def test_without_a_service_manager_that_listens_nobody_is_asked(self):
        self.manage(**STORELESS)
        self.start('--bus=session', environment=self.bus.environment)
        self.bus.call('Publish', 'ss', 'broadcast', 'long after the start')
        self.assertFalse(self.asked.is_set())


if __name__ == '__main__':
    tap.main(jobs=3)
