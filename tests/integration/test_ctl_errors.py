# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Failures of ringdownctl: no bus, no service, no access, no reply, a refusal. Each is reported
within a time limit, in one line, with exit status 1."""

import os
import signal
import socket
import subprocess
import threading
import time

import tap
from bus import INTERFACE, NAME, Caller
from ctl import ConfiguredBus, CtlTestCase, program
from gi.repository import Gio, GLib
from waiting import SLOWNESS, eventually, expect_time

COMMANDS = (('status',), ('status', '--all'), ('clients',), ('publish', 'x'), ('disconnect', '1'),
            ('upgrade',), ('drain',), ('drain', '--wait'), ('cancel-drain',), ('shutdown',),
            ('shutdown', '--wait'), ('monitor',))
TIMEOUT = 10  # time limit of ringdownctl for a reply, in seconds


class NoBusTest(CtlTestCase):
    def test_unreachable_bus_is_named(self):
        nowhere = f'unix:path={self.directory}/nowhere'
        environment = self.environment(DBUS_SESSION_BUS_ADDRESS=nowhere,
                                       DBUS_SYSTEM_BUS_ADDRESS=nowhere)
        for options, name in (((), 'session bus'), (('--system',), 'system bus'),
                              ((f'--address={nowhere}',), f'message bus at {nowhere}')):
            for command in COMMANDS:
                with self.subTest(command=command, options=options):
                    self.assert_fails([f'cannot reach the {name}: '], *command, *options,
                                      environment=environment)

    def test_connection_has_a_time_limit(self):
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(f'{self.directory}/silent')
            silent.listen()
            began = time.monotonic()
            self.assert_fails(['cannot reach', f'within {TIMEOUT} s'], 'status',
                              f'--address=unix:path={self.directory}/silent')
            expect_time(time.monotonic() - began, under=(TIMEOUT + 2) * SLOWNESS)


class SilentBus(threading.Thread):
    """A message bus at ADDRESS that replies to Hello, but to no other call."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.connections = []
        self.context = GLib.MainContext()
        self.loop = GLib.MainLoop.new(self.context, False)
        self.address = address
        self.is_ready = threading.Event()
        self.start()
        assert self.is_ready.wait(20)

    def run(self):
        self.context.push_thread_default()
        server = Gio.DBusServer.new_sync(self.address, Gio.DBusServerFlags.NONE,
                                         Gio.dbus_generate_guid(), None, None)
        server.connect('new-connection', self.accept)
        server.start()
        self.is_ready.set()
        self.loop.run()
        server.stop()
        self.context.pop_thread_default()

    def stop(self):
        self.loop.quit()
        self.join()

    def accept(self, _server, connection):
        self.connections.append(connection)
        connection.add_filter(self.reply_to_hello)
        return True

    @staticmethod
    def reply_to_hello(connection, message, is_incoming):
        if not is_incoming:
            return message
        if message.get_member() == 'Hello':
            reply = message.new_method_reply()
            reply.set_body(GLib.Variant('(s)', (':1.1',)))
            connection.send_message(reply, Gio.DBusSendMessageFlags.NONE)
        return None


class SilentBusTest(CtlTestCase):
    def test_every_command_has_a_time_limit(self):
        bus = SilentBus(f'unix:path={self.directory}/silent')
        self.addCleanup(bus.stop)
        began = time.monotonic()
        running = [self.begin_ctl(*command, f'--address={bus.address}')
                   for command in COMMANDS]
        for process in running:
            status, errors = process.wait_exit(4 * TIMEOUT)
            self.assertEqual(1, status)
            self.assert_error(errors, NAME, f'within {TIMEOUT} s')
        expect_time(time.monotonic() - began, under=(TIMEOUT + 3) * SLOWNESS)


class NoServiceTest(CtlTestCase):
    def test_error_names_the_service_the_bus_and_the_start_command(self):
        for command in COMMANDS:
            with self.subTest(command):
                self.assert_fails([NAME, 'session bus', '“systemctl --user start ringdown”'],
                                  *command)
        self.assert_fails([f'{NAME}.ia', '“systemctl --user start ringdown@a”'], 'status',
                          '--instance=a')
        self.assert_fails([NAME, self.bus.address], 'status', f'--address={self.bus.address}')
        system = self.environment(DBUS_SYSTEM_BUS_ADDRESS=self.bus.address)
        self.assert_fails([NAME, 'system bus', '“systemctl start ringdown”'], 'status', '--system',
                          environment=system)


class ActivatableServiceTest(CtlTestCase):
    def make_bus(self):
        self.started = f'{self.directory}/started'
        with open(f'{self.directory}/{NAME}.service', 'w', encoding='ascii') as file:
            file.write(f'[D-BUS Service]\nName={NAME}\nExec=/usr/bin/touch {self.started}\n')
        return ConfiguredBus(self.directory, f'<servicedir>{self.directory}</servicedir>')

    def test_service_is_not_started(self):
        for command in COMMANDS:
            with self.subTest(command):
                self.assert_fails([f'no service {NAME}'], *command)
        with self.assertRaises(GLib.Error):  # other callers start it
            Caller(self.bus).call('Shutdown', None)
        eventually(lambda: os.path.exists(self.started), 'the service to be activated')
        os.remove(self.started)
        self.run_ctl('status')
        self.assertFalse(os.path.exists(self.started))


class AccessDeniedTest(CtlTestCase):
    def make_bus(self):
        return ConfiguredBus(self.directory, '<policy context="mandatory">'
                             f'<deny send_destination="{NAME}"/></policy>')

    def test_denied_access_is_reported(self):
        self.start_service()
        for command in COMMANDS:
            with self.subTest(command):
                self.assert_fails([f'access to {NAME}', 'denied'], *command)


class PartlyDeniedTest(CtlTestCase):
    def make_bus(self):
        denied = ''.join(f'<deny send_interface="{INTERFACE}" send_member="{method}"/>'
                         for method in ('Drain', 'Shutdown'))
        return ConfiguredBus(self.directory,
                             f'<policy context="mandatory">{denied}</policy>')

    def test_denied_methods_are_reported(self):
        client = self.connect(self.start_service())
        self.succeed('status')
        for command in ('drain',), ('drain', '--wait'), ('shutdown',), ('shutdown', '--wait'):
            with self.subTest(command):
                self.assert_fails([f'access to {NAME}', 'denied'], *command)
        self.assertEqual('running', self.json('status')['state'])
        client.leave()


class SilentServiceTest(CtlTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.start_service()

    def test_suspended_service(self):
        self.connect(self.server)
        os.kill(self.server.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.server.pid, signal.SIGCONT)
        began = time.monotonic()
        waiting = [(command, subprocess.Popen(
            [program(), *command], env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)) for command in COMMANDS]
        for command, process in waiting:
            with self.subTest(command):
                output, errors = process.communicate(timeout=30 * SLOWNESS)
                self.assertEqual((1, ''), (process.returncode, output))
                self.assert_error(errors, NAME, f'within {TIMEOUT} s')
        took = time.monotonic() - began
        self.assertGreater(took, TIMEOUT - 1)
        expect_time(took, under=(TIMEOUT + 3) * SLOWNESS)

    def test_service_suspended_while_followed(self):
        self.connect(self.server)
        followers = [self.begin_ctl('monitor'), self.begin_ctl('drain', '--wait'),
                     self.begin_ctl('monitor', on_terminal=True)]
        followers[0].wait_for('draining')
        followers[1].wait_for('waiting for 1 client')
        followers[2].wait_for('waiting for 1 client')
        os.kill(self.server.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.server.pid, signal.SIGCONT)
        for follower in followers:
            status, errors = follower.wait_exit(2 * TIMEOUT)
            self.assertEqual(1, status)
            self.assert_error(errors, NAME, f'within {TIMEOUT} s')

    def test_service_that_ends_before_its_reply(self):
        os.kill(self.server.pid, signal.SIGSTOP)
        killer = threading.Timer(1, lambda: os.kill(self.server.pid, signal.SIGTERM))
        with self.subTest():
            done = subprocess.Popen([program(), 'publish', 'x'], env=self.environment(),
                                    stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
            killer.start()
            _, errors = done.communicate(timeout=30 * SLOWNESS)
        os.kill(self.server.pid, signal.SIGCONT)
        self.assertEqual(1, done.returncode)
        self.assert_error(errors, NAME)


class RefusalTest(CtlTestCase):
    def test_refusal_is_printed_without_the_name_of_the_error(self):
        server = self.start_service('--max-message=1KiB')
        self.connect(server)
        for names, command in ((['1025', '1024'], ('publish', 'x' * 1025)),
                               (['123'], ('disconnect', '1', f'--reason={"x" * 124}')),
                               (['1005'], ('disconnect', '1', '--code=1005')),
                               (['no drain'], ('cancel-drain',)),
                               (['no client 99'], ('disconnect', '99'))):
            with self.subTest(command):
                self.assert_fails(names, *command)
                self.assertNotIn('Error', self.run_ctl(*command).stderr)

    def test_too_late_to_cancel(self):
        server = self.start_service()
        client = self.connect(server)
        self.succeed('drain', '--timeout=0')
        self.assert_fails(['too late'], 'cancel-drain')
        client.expect_close(1012)
        self.assertEqual(0, server.wait_exit())


class OutputTest(CtlTestCase):
    """Standard output that cannot be written."""

    def run_into(self, output, *arguments):
        done = subprocess.run([program(), *arguments], env=self.environment(), stdout=output,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                              timeout=30 * SLOWNESS, check=False)
        return done.returncode, done.stderr

    def test_full_device_is_an_error(self):
        server = self.start_service()
        self.connect(server)
        for command in (('status',), ('clients',), ('publish', 'x'), ('--help',),
                        ('status', '--json'), ('monitor',), ('monitor', '--json')):
            with self.subTest(command), open('/dev/full', 'wb') as full:
                status, errors = self.run_into(full, *command)
                self.assertEqual(1, status)
                self.assert_error(errors, 'standard output', 'No space left')

    def test_closed_pipe_is_no_error(self):
        self.start_service()
        for command in ('status',), ('clients',), ('--help',), ('status', '--json'):
            with self.subTest(command):
                ours, theirs = os.pipe()
                os.close(ours)
                self.assertEqual((0, ''), self.run_into(theirs, *command))
                os.close(theirs)

    def test_closed_output_is_not_reused_for_the_bus(self):
        server = self.start_service()
        client = self.connect(server)
        command = f'exec {program()} publish x >&- 2>&- <&-'
        done = subprocess.run(['sh', '-c', command], env=self.environment(), check=False,
                              timeout=30 * SLOWNESS)
        self.assertEqual(1, done.returncode)  # the id is lost, but not the message
        client.expect_text('x')


if __name__ == '__main__':
    tap.main(jobs=3)
