# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The other end of a hand-over, as it should not be, or slower than it could be.

As a module it speaks the packets (src/parcel/rd-parcel-packet.h), and makes scripts that a service
starts in the place of its successor. As a program it is that successor: `successor.py WAY WORD...`.
"""

import array
import contextlib
import os
import select
import shlex
import socket
import struct
import sys
import time

from gi.repository import GLib
from waiting import Deadline

VARIABLE = 'RINGDOWN_HANDOVER'
LAYOUT = 1
(LISTENERS, READY, ERROR, HEADER, SOCKETS, TAKEN, COMMIT, ABORT, SERVING) = range(1, 10)
_HEAD = struct.Struct('=4sHHII')
_TYPES = {LISTENERS: '(a{sv}aa{sv})', READY: '(u)', ERROR: '(s)', HEADER: 'a{sv}', SOCKETS: '(u)',
          TAKEN: '(uu)', COMMIT: '()', ABORT: '(s)', SERVING: '()'}
_PACKET_MAX = 65536
_FDS_MAX = 253


class Packet:
    """What came: its KIND, BODY as plain Python, and descriptors FDS, which are the taker's."""

    def __init__(self, data, fds):
        self.data = data
        self.fds = fds
        magic, self.kind, count, self.layout, size = _HEAD.unpack_from(data)
        assert (magic, count, size) == (b'RdP1', len(fds), len(data) - _HEAD.size), data[:16]

    @property
    def body(self):
        body = GLib.Bytes.new(self.data[_HEAD.size:])
        kind = GLib.VariantType.new(_TYPES[self.kind])
        return GLib.Variant.new_from_bytes(kind, body, False).unpack()

    def close(self):
        for fd in self.fds:
            os.close(fd)


class Conversation:
    """One end of the pair of sockets."""

    def __init__(self, end):
        self.socket = end

    def receive_any(self):
        """The next packet; None at the end."""
        fds = array.array('i')
        data, ancillary, flags, _ = self.socket.recvmsg(
            _PACKET_MAX, socket.CMSG_SPACE(_FDS_MAX * fds.itemsize))
        assert flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC) == 0
        for level, kind, rights in ancillary:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds.frombytes(rights)
        return Packet(data, list(fds)) if data else None

    def receive(self, kind):
        packet = self.receive_any()
        assert packet, 'the other process has hung up'
        assert packet.kind == kind, f'{packet.kind} came, not {kind}: {packet.body}'
        return packet

    def say(self, kind, *values, layout=LAYOUT, fds=()):
        body = GLib.Variant(_TYPES[kind], values).get_data_as_bytes().get_data()
        self._send(_HEAD.pack(b'RdP1', kind, len(fds), layout, len(body)) + body, fds)

    def pass_on(self, packet):
        """Says what was heard elsewhere; its descriptors are closed here."""
        self._send(packet.data, packet.fds)
        packet.close()

    def send_nonsense(self):
        self.socket.send(b'this is no packet of a hand-over')

    def _send(self, data, fds):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        self.socket.sendmsg([data], rights, socket.MSG_NOSIGNAL)

    def hang_up(self):
        self.socket.close()


# What a test does


def script(way, *words):
    """The text of a shell script that is a successor of this WAY."""
    return shlex.join(['exec', sys.executable, os.path.abspath(__file__), way,
                       *map(str, words)])


class Crossing:
    """Stands between a service and its true successor, a program that is at PRISTINE and that the
    script puts to PATH, its place, again; stops the first packet of KIND until it is told what to
    do. DIRECTORY: for a socket."""

    def __init__(self, directory, pristine, path, kind):
        place = os.path.join(directory, f'crossing-{id(self):x}')
        self._listener = socket.create_server(place, family=socket.AF_UNIX)
        self._guard = None
        self.script = script('cross', place, kind, pristine, path) + ' "$@"'

    def wait_stopped(self, seconds=10):
        """Waits until a packet of that kind came."""
        self._listener.settimeout(Deadline(seconds).remaining)
        self._guard, _ = self._listener.accept()

    def go(self):
        """It and all that follow may pass."""
        self._guard.send(b'go')

    def cut(self, after=0):
        """AFTER more packets may pass; then both are cut off from each other."""
        self._guard.send(b'%d' % after)

    def finish(self):
        if self._guard:
            self._guard.close()
        self._listener.close()


# What a successor does


def _hang():
    """Until the other process kills this one."""
    while True:
        time.sleep(3600)


def _greet(predecessor):
    """Returns how many clients there are."""
    greeting, _ = predecessor.receive(LISTENERS).body
    predecessor.say(READY, os.getpid())
    return greeting['clients']


def _take(predecessor, share):
    """Takes SHARE, 0 to 1, of the clients, a whole number of packets."""
    due = _greet(predecessor) * share
    predecessor.receive(HEADER)
    while due > 0:
        due -= len(predecessor.receive(SOCKETS).fds)


def silent(predecessor):
    predecessor.receive(LISTENERS)
    _hang()


def ready_then_silent(predecessor):
    _greet(predecessor)
    _hang()


def deaf_in_the_middle(predecessor):
    _greet(predecessor)
    predecessor.receive(HEADER)
    _hang()


def gone(predecessor):
    predecessor.receive(LISTENERS)


def gone_when_ready(predecessor):
    _greet(predecessor)


def gone_with_half(predecessor):
    _take(predecessor, 0.5)


def gone_with_all(predecessor):
    _take(predecessor, 1)


def crash_with_half(predecessor):
    gone_with_half(predecessor)
    os.abort()


def silent_with_all(predecessor):
    gone_with_all(predecessor)
    _hang()


def refusing(predecessor):
    predecessor.receive(LISTENERS)
    predecessor.say(ERROR, 'the moon is in the wrong quarter')


def refusing_in_the_middle(predecessor):
    _take(predecessor, 1)
    predecessor.say(ERROR, 'the moon has risen')
    _hang()


def of_another_layout(predecessor):
    predecessor.receive(LISTENERS)
    predecessor.say(READY, os.getpid(), layout=LAYOUT + 1)
    _hang()


def of_nonsense(predecessor):
    predecessor.receive(LISTENERS)
    predecessor.send_nonsense()
    _hang()


def hasty(predecessor):
    """Says what is not due."""
    predecessor.receive(LISTENERS)
    predecessor.say(TAKEN, 0, 0)
    _hang()


def cross(predecessor, place, kind, pristine, program, *arguments):
    """See Crossing."""
    os.unlink(program)
    os.link(pristine, program)
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    there.set_inheritable(True)
    environment = {**os.environ, VARIABLE: str(there.fileno())}
    os.posix_spawn(program, [program, *arguments], environment)
    there.close()
    guard = _Guard(place, int(kind))
    with contextlib.suppress(ConnectionError):
        _relay(predecessor, Conversation(here), guard)


class _Guard:
    """Asks the test what to do with the packet that it waits for."""

    def __init__(self, place, kind):
        self._place = place
        self._kind = kind
        self._left = None  # packets that may pass; None: all

    def lets_pass(self, packet):
        if packet.kind == self._kind:
            self._kind = None
            self._ask()
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0

    def _ask(self):
        with socket.socket(socket.AF_UNIX) as test:
            test.connect(self._place)
            answer = test.recv(16)
        self._left = None if answer == b'go' else int(answer or 0)


def _relay(one, other, guard):
    poll = select.poll()
    ways = {one.socket.fileno(): (one, other), other.socket.fileno(): (other, one)}
    for fd in ways:
        poll.register(fd, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            source, target = ways[fd]
            packet = source.receive_any()
            if not packet or not guard.lets_pass(packet):
                return
            target.pass_on(packet)


WAYS = (silent, ready_then_silent, deaf_in_the_middle, gone, gone_when_ready, gone_with_half,
        gone_with_all, crash_with_half, silent_with_all, refusing, refusing_in_the_middle,
        of_another_layout, of_nonsense, hasty, cross)


def main():
    way, *words = sys.argv[1:]
    end = socket.socket(fileno=int(os.environ.pop(VARIABLE)))
    end.set_inheritable(False)
    predecessor = Conversation(end)
    {each.__name__: each for each in WAYS}[way](predecessor, *words)
    os._exit(0)  # at once: who is hung up on waits for the end, and not for long


if __name__ == '__main__':
    main()
