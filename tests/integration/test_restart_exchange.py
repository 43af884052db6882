# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A real service manager that stops the unit during a hand-over, or gets no notifications."""

import os
import signal
import tempfile

import tap
from upgrade_case import Program
from waiting import eventually
from successor import TAKEN, Crossing
from units import ServiceTestCase, units_in_session


class ExchangeTest(ServiceTestCase):
    """The unit is stopped after the old worker has handed over and before the new one serves.
    From then on systemd accepts no other main process."""

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory(prefix='ringdown-test-')
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.program = Program(self.directory)
        self.configure('ringdown.service',
                       f'[Service]\nExecStart=\nExecStart={self.program.path}\n'
                       'TimeoutStopSec=5s\n')
        self.set_options(ping_interval=0, drain_timeout='1h')

    def begin_exchange(self):
        """Returns the object that holds up the hand-over."""
        crossing = Crossing(self.directory, self.program.pristine, self.program.path, TAKEN)
        self.addCleanup(crossing.finish)
        self.program.replace(crossing.script)
        os.kill(self.service.pid, signal.SIGHUP)
        crossing.wait_stopped()
        return crossing

    def assert_drains_in_exchange(self, begin):
        member = self.join(self.start())
        pid = self.service.pid
        crossing = self.begin_exchange()
        begin()
        crossing.go()
        self.service.wait_log('(?m)^Generation 2 took over 1 client: 1 moved')
        self.service.wait_log('(?m)^Draining')
        self.stay(member, 6)  # by then the old worker would have exited and systemd killed the unit
        self.assertTrue(os.path.exists(f'/proc/{pid}'))
        member.say('still here')
        member.wait_message('still here')
        member.leave()
        self.service.wait_exit_log('(?m)^Drained in ')
        eventually(lambda: not os.path.exists(f'/proc/{pid}'), 'the old worker to exit')

    def test_a_stop_drains(self):
        self.assert_drains_in_exchange(self.service.begin_stop)
        self.service.wait(ActiveState='inactive', Result='success')

    def test_a_restart_drains(self):
        self.assert_drains_in_exchange(self.service.begin_restart)
        self.service.wait(ActiveState='active')
        self.assertEqual(1, self.bus.property('Generation'))


class UnnotifiedUnitTest(ServiceTestCase):
    """A unit without Type=notify: systemd cannot be told of a new main process."""

    def setUp(self):
        super().setUp()
        self.configure('ringdown.service', '[Service]\nType=exec\nNotifyAccess=none\n'
                                           'FileDescriptorStoreMax=0\nWatchdogSec=0\n')

    def begin(self):
        """Returns a client and the id of the main process."""
        self.service.start()
        port = eventually(self.port, 'the service on the bus')
        return self.join(port), self.service.pid

    def test_a_restart_drains_instead(self):
        member, pid = self.begin()
        self.service.begin_restart()
        self.service.wait_log('(?m)^Draining')
        member.say('still here')
        member.wait_message('still here')
        member.leave()
        self.service.wait_restarted(pid)

    def test_upgrades_are_refused(self):
        member, pid = self.begin()
        self.service.wait_log('(?m)^Upgrades are not possible: .* set Type=notify ')
        name, text = self.bus.error_of('Upgrade')
        self.assertEqual('org.ringdown.Error.HandoverFailed', name)
        self.assertIn('set Type=notify', text)
        self.assertEqual(pid, self.service.pid)
        member.say('still here')
        member.wait_message('still here')

    def port(self):
        return self.bus.owns('org.ringdown.Ringdown') and self.bus.port('org.ringdown.Ringdown')


if __name__ == '__main__':
    with units_in_session():
        tap.main()
