# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A private D-Bus message bus, and command line tools that call the service on it."""

import json
import os
import signal
import subprocess
import threading
from contextlib import contextmanager

from gi.repository import Gio, GLib
from waiting import SLOWNESS, eventually

NAME = 'org.ringdown.Ringdown'
OBJECT = '/org/ringdown/Server1'
INTERFACE = 'org.ringdown.Server1'
PROPERTIES = 'org.freedesktop.DBus.Properties'


class Bus:
    """A private dbus-daemon with its socket in DIRECTORY."""

    def __init__(self, directory):
        self._process = subprocess.Popen(
            ['dbus-daemon', '--session', '--nofork', '--print-address',
             f'--address=unix:path={directory}/test-bus'],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        self.address = self._process.stdout.readline().strip()
        self.environment = {'DBUS_SESSION_BUS_ADDRESS': self.address}

    def stop(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    @contextmanager
    def suspended(self):
        """The bus answers nothing during the context."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def run(self, *command):
        """Runs a tool on this bus; returns the result of subprocess.run()."""
        return subprocess.run(command, env={**os.environ, **self.environment}, text=True,
                              capture_output=True, timeout=30 * SLOWNESS, check=False)

    def busctl(self, *words):
        """Runs busctl --user WORDS; returns the printed data, if any."""
        done = self.run('busctl', '--user', '--json=short', *words)
        assert done.returncode == 0, f'busctl {words}: {done.stderr}'
        return json.loads(done.stdout)['data'] if done.stdout.strip() else None

    def call(self, method, *arguments, name=NAME):
        """Calls METHOD with ARGUMENTS in the form of busctl: signature, values."""
        return self.busctl('call', name, OBJECT, INTERFACE, method, *map(str, arguments))

    def property(self, prop, name=NAME):
        return self.busctl('get-property', name, OBJECT, INTERFACE, prop)

    def gdbus(self, method, *arguments):
        """Calls METHOD by gdbus; returns exit status, output and errors."""
        done = self.run('gdbus', 'call', '--session', '--dest', NAME, '--object-path', OBJECT,
                        '--method', f'{INTERFACE}.{method}', *map(str, arguments))
        return done.returncode, done.stdout, done.stderr

    def error_of(self, method, *arguments):
        """Calls METHOD, which has to fail; returns the name and the message of the D-Bus error."""
        status, output, errors = self.gdbus(method, *arguments)
        assert status != 0, f'{method} {arguments} was not refused: {output}'
        _, _, rest = errors.partition('GDBus.Error:')
        name, _, message = rest.partition(': ')
        return name, message.strip()

    def owns(self, name):
        return name in [entry['name'] for entry in json.loads(
            self.run('busctl', '--user', '--json=short', 'list', '--acquired', '--unique').stdout)]


class Caller:
    """A caller with a bus connection of its own that stays open between calls."""

    def __init__(self, bus):
        self._bus = bus
        self._connection = Gio.DBusConnection.new_for_address_sync(
            bus.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)

    def call(self, method, arguments, interface=INTERFACE):
        return self._connection.call_sync(NAME, OBJECT, interface, method, arguments, None,
                                          Gio.DBusCallFlags.NONE, int(10_000 * SLOWNESS), None)

    def begin(self, method):
        """Calls METHOD without waiting for the reply."""
        message = Gio.DBusMessage.new_method_call(NAME, OBJECT, INTERFACE, method)
        self._connection.send_message(message, Gio.DBusSendMessageFlags.NONE)
        self._connection.flush_sync(None)

    def properties(self):
        [properties] = self.call('GetAll', GLib.Variant('(s)', (INTERFACE,)), PROPERTIES)
        return properties

    def property(self, prop):
        [value] = self.call('Get', GLib.Variant('(ss)', (INTERFACE, prop)), PROPERTIES)
        return value

    def set_client_signals(self, enabled):
        self.call('SetClientSignals', GLib.Variant('(b)', (enabled,)))

    def leave(self):
        name = self._connection.get_unique_name()
        self._connection.close_sync(None)
        eventually(lambda: not self._bus.owns(name), f'{name} to leave the bus')


class Owners:
    """Records the owners of NAME on BUS: unique names; '': no owner."""

    def __init__(self, bus, name=NAME):
        self._name = name
        self._changes = []  # (from, to)
        self._connection = Gio.DBusConnection.new_for_address_sync(
            bus.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self._connection.add_filter(self._filter)
        self._ask('AddMatch', "type='signal',sender='org.freedesktop.DBus',"
                              f"member='NameOwnerChanged',arg0='{name}'")
        [self._first] = self._ask('GetNameOwner', name)

    def _ask(self, method, argument):
        return self._connection.call_sync(
            'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', method,
            GLib.Variant('(s)', (argument,)), None, Gio.DBusCallFlags.NONE,
            int(10_000 * SLOWNESS), None)

    def _filter(self, _connection, message, is_incoming):
        if is_incoming and message.get_member() == 'NameOwnerChanged':
            _, old, new = message.get_body().unpack()
            self._changes.append((old, new))
        return message

    def stop(self):
        self._connection.close_sync(None)

    @property
    def told(self):
        """Returns all owners so far, including the first one."""
        self._ask('GetNameOwner', self._name)  # earlier signals have arrived by then
        changes = list(self._changes)
        assert [old for old, _ in changes] == [self._first, *(new for _, new in changes)][:-1]
        return [self._first, *(new for _, new in changes)]


class Monitor:
    """Records the signals of the service, with their time in seconds."""

    def __init__(self, bus):
        self._process = subprocess.Popen(
            ['busctl', '--user', '--json=short', 'monitor',
             f'--match=type=signal,path={OBJECT}'],
            env={**os.environ, **bus.environment}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert 'Monitoring' in self._process.stderr.readline()
        self._signals = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self._signals.append(json.loads(line))

    def stop(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._process.stderr.close()

    def signals(self, member):
        """Returns (seconds, arguments) of each signal MEMBER so far."""
        return [(signal['timestamp-realtime'] / 1e6, signal['payload']['data'])
                for signal in list(self._signals) if signal.get('member') == member]

    def wait_signal(self, member, accept=lambda *arguments: True):
        """Waits for a signal MEMBER for whose arguments ACCEPT returns True; returns these."""
        return eventually(
            lambda: next((data for _, data in self.signals(member) if accept(*data)), None),
            f'signal {member}')
