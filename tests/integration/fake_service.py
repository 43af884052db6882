# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A stand-in for the service on the bus, with scripted replies."""

import threading

from bus import INTERFACE, NAME, OBJECT
from gi.repository import Gio, GLib

_FLAGS = 1 | 2 | 4  # RequestName: may be replaced, replaces, does not queue


class FakeService(threading.Thread):
    """Owns the service's name on BUS (another FakeService may take it) and answers calls from
    REPLIES and PROPERTIES. A value of REPLIES, by method, is a GVariant, the name and message of an
    error, a function that returns one of these, or None: no answer ever."""

    def __init__(self, bus, properties, replies):
        super().__init__(daemon=True)
        self._bus = bus
        self._properties = {name: GLib.Variant(*value) for name, value in properties.items()}
        self._replies = replies
        self._context = GLib.MainContext()
        self._loop = GLib.MainLoop.new(self._context, False)
        self._is_ready = threading.Event()
        self.got_unanswered_call = threading.Event()
        self.start()
        assert self._is_ready.wait(20)

    def run(self):
        self._context.push_thread_default()
        self._connection = Gio.DBusConnection.new_for_address_sync(
            self._bus.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self._connection.add_filter(self._filter)
        self._connection.call_sync(
            'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'RequestName',
            GLib.Variant('(su)', (NAME, _FLAGS)), None, Gio.DBusCallFlags.NONE, -1, None)
        self._is_ready.set()
        self._loop.run()
        self._connection.close_sync(None)
        self._context.pop_thread_default()

    def _filter(self, _connection, message, is_incoming):
        if not is_incoming or message.get_message_type() != Gio.DBusMessageType.METHOD_CALL:
            return message
        if self._replies.get(message.get_member(), message) is None:
            self.got_unanswered_call.set()
            return None
        if callable(self._replies.get(message.get_member())):
            # this thread serves all GDBus connections
            self._invoke(lambda: self._send_answer(message))
        else:
            self._send_answer(message)
        return None

    def _send_answer(self, message):
        self._connection.send_message(self._answer(message), Gio.DBusSendMessageFlags.NONE)

    def _answer(self, message):
        reply = (GLib.Variant('(a{sv})', (self._properties,)) if message.get_member() == 'GetAll'
                 else self._replies.get(message.get_member(), GLib.Variant('()', ())))
        reply = reply() if callable(reply) else reply
        if isinstance(reply, tuple):
            return message.new_method_error_literal(*reply)
        answer = message.new_method_reply()
        answer.set_body(reply)
        return answer

    def emit(self, member, arguments, interface=INTERFACE):
        self._connection.emit_signal(None, OBJECT, interface, member, arguments)

    def change(self, **properties):
        changed = {name: GLib.Variant(*value) for name, value in properties.items()}
        self.emit('PropertiesChanged', GLib.Variant('(sa{sv}as)', (INTERFACE, changed, [])),
                  'org.freedesktop.DBus.Properties')

    def _invoke(self, function):
        source = GLib.idle_source_new()  # runs in the loop, which may not have started yet
        source.set_callback(lambda _: function())
        source.attach(self._context)

    def leave(self):
        self._invoke(self._loop.quit)
        self.join()
