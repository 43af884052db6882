# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Stand-ins for org.freedesktop.systemd1 and org.freedesktop.login1 on a test bus, with scripted
properties."""

import threading

from gi.repository import Gio, GLib

SYSTEMD = 'org.freedesktop.systemd1'
LOGIND = 'org.freedesktop.login1'
INFINITY = 2 ** 64 - 1


class Refusal(Exception):
    """Raised by a method to return the D-Bus error of this name."""


def silence(*_arguments):
    """A method that never answers."""
    return None


class _Fake:
    """Owns NAME on a bus. OBJECTS: path -> interface -> (properties, methods). Properties: name ->
    Variant; methods: name -> (signature of the argument, function that returns an object path)."""

    def __init__(self, bus, name, objects):
        self._address = bus.address
        self._name = name
        self._objects = objects
        self._context = GLib.MainContext.new()
        self._loop = GLib.MainLoop.new(self._context, False)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10), f'{name} is not on the bus'

    def stop(self):
        source = GLib.idle_source_new()  # runs in the loop, which may not have started yet
        source.set_callback(lambda _: self._loop.quit())
        source.attach(self._context)
        self._thread.join()

    def _run(self):
        self._context.push_thread_default()
        connection = Gio.DBusConnection.new_for_address_sync(
            self._address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        for path, interfaces in self._objects.items():
            for interface, (properties, methods) in interfaces.items():
                self._register(connection, path, interface, properties, methods)
        connection.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus',
                             'org.freedesktop.DBus', 'RequestName',
                             GLib.Variant('(su)', (self._name, 0)), None,
                             Gio.DBusCallFlags.NONE, -1, None)
        self._ready.set()
        self._loop.run()
        connection.close_sync(None)
        self._context.pop_thread_default()

    @staticmethod
    def _register(connection, path, interface, properties, methods):
        xml = ''.join(f'<property name="{name}" type="{value.get_type_string()}" access="read"/>'
                      for name, value in properties.items())
        xml += ''.join(f'<method name="{name}"><arg type="{signature}" direction="in"/>'
                       '<arg type="o" direction="out"/></method>'
                       for name, (signature, _) in methods.items())
        info = Gio.DBusNodeInfo.new_for_xml(f'<node><interface name="{interface}">{xml}'
                                            '</interface></node>')

        def on_call(_connection, _sender, _path, _interface, method, arguments, invocation):
            try:
                answer = methods[method][1](*arguments.unpack())
            except Refusal as refusal:
                invocation.return_dbus_error(str(refusal), 'no')
                return
            if answer is not None:
                invocation.return_value(GLib.Variant('(o)', (answer,)))

        def on_get(_connection, _sender, _path, _interface, name):
            return properties[name]

        connection.register_object(path, info.interfaces[0], on_call, on_get, None)


class Systemd(_Fake):
    """A service manager. UNITS: unit name -> properties. UNIT_OF_CALLER: returns the name of the
    calling process's unit. STATE: state of the whole system; tests may change it."""

    def __init__(self, bus, units, load_unit=None, unit_of_caller=silence, state='running'):
        self.manager = {'SystemState': GLib.Variant('s', state)}
        self.asked = []  # unit names, in order
        self.properties = {}  # unit name -> properties of its type; tests may change them
        paths = {name: f'/org/freedesktop/systemd1/unit/u{i}' for i, name in enumerate(units)}
        missing = '/org/freedesktop/systemd1/unit/missing'

        def find(name):
            self.asked.append(name)
            return paths.get(name, missing)

        def find_by_pid(pid):
            assert pid == 0, pid
            name = unit_of_caller()
            return name and paths[name]

        def interfaces(unit):
            state = {'Id': GLib.Variant('s', unit), 'LoadState': GLib.Variant('s', 'loaded'),
                     'ActiveState': GLib.Variant('s', 'active'), **units[unit]}
            own = {key: state.pop(key) for key in units[unit]
                   if not key.endswith('State') and key != 'TriggeredBy'}
            self.properties[unit] = own
            kind = unit.rpartition('.')[2].capitalize()
            return {f'{SYSTEMD}.Unit': (state, {}), f'{SYSTEMD}.{kind}': (own, {})}

        super().__init__(bus, SYSTEMD, {
            '/org/freedesktop/systemd1': {
                f'{SYSTEMD}.Manager': (self.manager, {
                    'LoadUnit': ('s', load_unit or find), 'GetUnitByPID': ('u', find_by_pid)})},
            missing: {f'{SYSTEMD}.Unit': ({'LoadState': GLib.Variant('s', 'not-found')}, {})},
            **{path: interfaces(name) for name, path in paths.items()}})


def service(*, stop_us, kind='notify', access='main', **more):
    """Returns the properties of a service unit; MORE: further Variants."""
    return {**more, 'TimeoutStopUSec': GLib.Variant('t', stop_us), 'Type': GLib.Variant('s', kind),
            'NotifyAccess': GLib.Variant('s', access)}


class Logind(_Fake):
    """A logind with one user. LINGERS: its property Linger; None: the user is not logged in."""

    def __init__(self, bus, lingers):
        self.asked = []

        def find(uid):
            self.asked.append(uid)
            if lingers is None:
                raise Refusal(f'{LOGIND}.NoSuchUser')
            return '/org/freedesktop/login1/user/self'

        super().__init__(bus, LOGIND, {
            '/org/freedesktop/login1': {f'{LOGIND}.Manager': ({}, {'GetUser': ('u', find)})},
            '/org/freedesktop/login1/user/self': {
                f'{LOGIND}.User': ({'Linger': lingers} if lingers is not None else {}, {})}})
