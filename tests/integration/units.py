# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The installed units in a real user manager.

A test file runs in the current session if that has a user manager, and otherwise in one created by
with-user-manager. The units are linked under their real names during the test: do not run it in a
session that uses the service.
"""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from bus import NAME, Bus
from crowd import Member
from waiting import SLOWNESS, eventually
from ringdown import ADDRESS
from stage import stage

HERE = Path(__file__).resolve().parent
NAMES = ('ringdown.service', 'ringdown@.service', 'ringdown.socket', 'ringdown-admin.socket')
ALL = ('ringdown.service', 'ringdown@*.service', 'ringdown.socket', 'ringdown-admin.socket')
# Free ports, English messages, and not the key file of the user who runs the test.
QUIET = f'''
[Service]
Environment=RINGDOWN_ADDRESS={ADDRESS} RINGDOWN_ADMIN_ADDRESS={ADDRESS}
Environment=RINGDOWN_PORT=0 RINGDOWN_ADMIN_PORT=0 RINGDOWN_NOTIFY_INTERVAL=0
Environment=RINGDOWN_CONFIG=/dev/null LC_ALL=C.UTF-8 LANGUAGE=
'''


def run(*command, check=True):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60 * SLOWNESS, check=False)
    assert not check or done.returncode == 0, f'{command}: {done.stdout}{done.stderr}'
    return done


def systemctl(*words, check=True):
    return run('systemctl', '--user', '--no-pager', *words, check=check).stdout


def _runtime():
    return Path(os.environ['XDG_RUNTIME_DIR'])


# Where to test


def _skip(reason):
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)  # tools/count makes this a failure if CI is set


def _go_into_session():
    """Executes this program again in a session with a user manager, if it has none."""
    if run('systemctl', '--user', 'show', '--property=Version', check=False).returncode == 0:
        return
    enter = HERE / 'with-user-manager'
    trial = run(enter, 'true', check=False)
    if trial.returncode != 0:
        _skip(trial.stderr.strip())
    stage()  # while the directory is writable
    os.execv(enter, [enter, '--show', HERE, '--show', stage(), sys.executable, *sys.argv])


def _link_units():
    """Links the units into the runtime directory; replaces links of a killed test. Yields the
    links, to be removed."""
    units = _runtime() / 'systemd' / 'user'
    services = _runtime() / 'dbus-1' / 'services'
    for directory, source, names in (
            (units, 'lib/systemd/user', NAMES),
            (services, 'share/dbus-1/services', ['org.ringdown.Ringdown.service'])):
        directory.mkdir(parents=True, exist_ok=True)
        for name in names:
            link = directory / name
            if link.is_symlink():
                link.unlink()
            link.symlink_to(Path(stage(), source, name))
            yield link


def _reload():
    systemctl('daemon-reload')
    run('busctl', '--user', 'call', 'org.freedesktop.DBus', '/org/freedesktop/DBus',
        'org.freedesktop.DBus', 'ReloadConfig')


@contextlib.contextmanager
def units_in_session():
    """Runs the tests of a test file under a user manager."""
    _go_into_session()
    with open(_runtime() / 'ringdown-test.lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if systemctl('list-units', '--plain', '--no-legend', *ALL):
            _skip('this session has units of Ringdown in use: stop them to test others')
        links = []
        try:
            for link in _link_units():
                links.append(link)
            _reload()
            yield
        finally:
            for link in links:
                link.unlink()
            _reload()


# What is tested


class Unit:
    """A unit and the log of its service."""

    def __init__(self, name):
        self.name = name
        self._cursor = re.search('-- cursor: (.*)', run(
            'journalctl', '--user', '--lines=0', '--show-cursor').stdout)[1]

    def show(self, prop):
        return systemctl('show', '--value', f'--property={prop}', self.name).strip()

    def start(self):
        systemctl('start', self.name)

    def begin_stop(self):
        self._begin('stop')

    def begin_restart(self):
        self._begin('restart')

    def _begin(self, verb):
        systemctl(verb, '--no-block', self.name)
        self.wait(ActiveState='deactivating')

    def wait(self, seconds=10, **properties):
        """Waits until all PROPERTIES have the given values."""
        for prop, value in properties.items():
            eventually(lambda: self.show(prop) == value,
                       lambda: f'{prop}={value} of {self.name}:\n{self.describe()}', seconds)

    def wait_restarted(self, pid):
        """Waits until the main process is not PID; returns its process id."""
        eventually(lambda: self.show('ActiveState') == 'active' and self.pid not in (0, pid),
                   lambda: f'another process than {pid} in {self.name}:\n{self.describe()}')
        return self.pid

    @property
    def pid(self):
        return int(self.show('MainPID'))

    def log(self):
        """Returns its journal entries since this object was created."""
        return self._journal(f'--unit={self.name}')

    def _journal(self, *filters):
        return run('journalctl', '--user', '--no-pager', '--output=cat', *filters,
                   f'--after-cursor={self._cursor}').stdout

    def wait_exit_log(self, pattern):
        """Waits for a log line of a process that then exits. Such an entry may lack the name of
        the unit, so all entries are searched."""
        return eventually(lambda: re.search(pattern, self._journal()),
                          lambda: f'{pattern} in the journal:\n{self.describe()}')

    def wait_log(self, pattern):
        return eventually(lambda: re.search(pattern, self.log()),
                          lambda: f'{pattern} in the log:\n{self.describe()}')

    def admin_port(self):
        return int(self.wait_log(r'Admin on http://\S+:(\d+)')[1])

    def describe(self):
        return systemctl('status', '--full', '--lines=30', self.name, check=False)


class SessionBus(Bus):
    """The bus of the session."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.environment = {}

    def port(self, name):
        """Returns the client port of the service NAME."""
        [address] = self.property('Addresses', name)
        return int(re.fullmatch(r'ws://\S+:(\d+)/ws', address)[1])


class UnitsTestCase(unittest.TestCase):
    """A test with freshly installed units on free ports."""

    def setUp(self):
        self._drop_ins = []
        self.addCleanup(self._clear_away)
        self.bus = SessionBus()
        self.service = Unit('ringdown.service')
        for name in 'ringdown.service', 'ringdown@.service':
            self.configure(name, QUIET, '10-quiet')

    def configure(self, name, text, drop_in='20-test'):
        """Sets TEXT as drop-in of the unit NAME; replaces that of an earlier call."""
        directory = _runtime() / 'systemd' / 'user' / f'{name}.d'
        self._drop_ins.append(directory)
        directory.mkdir(exist_ok=True)
        (directory / f'{drop_in}.conf').write_text(text, encoding='utf-8')
        systemctl('daemon-reload')

    def write_options(self, instance, text):
        """Writes TEXT as the environment file of INSTANCE."""
        home = Path(os.environ.get('XDG_CONFIG_HOME', Path.home() / '.config'))
        file = home / 'ringdown' / f'{instance}.env'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding='ascii')
        self.addCleanup(file.unlink)

    def _clear_away(self):
        systemctl('stop', 'ringdown.socket', 'ringdown-admin.socket')
        for unit in 'ringdown.service', 'ringdown@*.service':
            systemctl('kill', '--signal=KILL', unit, check=False)
        systemctl('stop', *ALL)
        systemctl('reset-failed', *ALL, check=False)
        for directory in self._drop_ins:
            shutil.rmtree(directory, ignore_errors=True)
        systemctl('daemon-reload')

    def describe(self):
        """Returns details for the report of a failure."""
        return f'\nLog of {self.service.name}:\n{self.service.log()}'

    def join(self, port):
        """Connects a client to PORT that reads everything it gets."""
        member = Member(port)
        self.addCleanup(member.client.abandon)
        return member

    def stay(self, member, seconds):
        """Asserts that MEMBER stays connected, without messages, for SECONDS."""
        with self.assertRaisesRegex(AssertionError, 'waiting for message 1,'):
            member.wait_count(len(member.messages) + 1, seconds / SLOWNESS)


class ServiceTestCase(UnitsTestCase):
    """A test of ringdown.service."""

    def set_options(self, **options):
        self.configure('ringdown.service', '[Service]\nEnvironment=' + ' '.join(
            f'RINGDOWN_{name.upper()}={value}' for name, value in options.items()), '30-options')

    def start(self):
        """Starts the service; returns its port for clients."""
        self.service.start()
        return self.bus.port(NAME)

    def wait_status(self, pattern):
        return eventually(lambda: re.search(pattern, self.service.show('StatusText')),
                          lambda: f'{pattern} as status:\n{self.service.describe()}')
