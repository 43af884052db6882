# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The log: its format and levels, and standard error that blocks or fails."""

import fcntl
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import threading

import tap
from waiting import SLOWNESS, eventually
from ringdown import ADDRESS, RingdownTestCase, clean_environment, program
from wire import Client

START_OF_LINE = r'\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d \[\d+\] '
XOFF, XON = b'\x13', b'\x11'  # Ctrl+S, Ctrl+Q
BUFFER = 64 * 1024


def address_of(client):
    """Returns the address of CLIENT as the service sees it."""
    return '{}:{}'.format(*client.socket.getsockname())


class FormatTest(RingdownTestCase):
    def test_lines_have_date_time_zone_process_and_level(self):
        server = self.start(environment={'TZ': 'XYZ-5:30'})
        [line] = server.find_log('Admin on')
        self.assertRegex(line.string, START_OF_LINE + 'message: Admin on http://')
        self.assertIn(f'+05:30 [{server.pid}] ', line.string)

    def test_text_is_utf8_in_every_locale(self):
        for locale in 'C', 'POSIX', 'C.UTF-8':
            with self.subTest(locale):
                server = self.start('--log-level=debug', environment={'LC_ALL': locale})
                client = self.tcp(server)
                client.send(client.request(headers={'Origin': 'https://elsewhere.example'}))
                client.read_answer()
                server.wait_log('Connection refused: .*“|Connection refused: .*elsewhere')

    def test_an_error_at_start_is_utf8_in_every_locale(self):
        done = subprocess.run([program(), '--bus=🛰'], check=False, capture_output=True, timeout=30,
                              env=clean_environment(self.directory, {'LC_ALL': 'C'}))
        self.assertEqual(2, done.returncode)
        self.assertRegex(done.stderr.decode(), r'\Aringdown: [^\n]*🛰[^\n]*\n\Z')


class LevelTest(RingdownTestCase):
    def refuse(self, server):
        """Sends a request that is refused. Returns the local address of the client."""
        client = self.tcp(server)
        client.send(client.request('/nowhere'))
        client.read_answer()
        return address_of(client)

    def test_debug_shows_each_connect_disconnect_and_refusal(self):
        server = self.start('--log-level=debug')
        client = self.connect(server)
        address = address_of(client)
        server.wait_log(START_OF_LINE + f'debug: Client 1 connected: {address}$')
        client.leave(4321)
        server.wait_log(START_OF_LINE + f'debug: Client 1 disconnected: {address}, code 4321$')
        address = self.refuse(server)
        server.wait_log(START_OF_LINE + f'debug: Connection refused: {address}, (path|Not Found): ')
        client = self.tcp(server)
        client.send(client.request(headers={'Origin': 'https://elsewhere.example'}))
        client.read_answer()
        server.wait_log(f'Connection refused: {address_of(client)}, origin: .*elsewhere')
        client = self.tcp(server, admin=True)
        client.send(client.request('/nowhere'))
        client.read_answer()
        server.wait_log(f'Connection refused: {address_of(client)}, Not Found: ')

    def test_message_shows_no_clients(self):
        server = self.start()
        self.connect(server).leave()
        self.refuse(server)
        server.wait_clients(0)
        self.assertEqual([], server.find_log('Client|refused'))

    def test_libraries_are_not_part_of_debug(self):
        server = self.start('--log-level=debug', '--bus=session')
        self.connect(server)
        self.assertEqual([], server.find_log('GLib|Soup'))

    def test_the_usual_variable_of_glib_still_works(self):
        server = self.start(environment={'G_MESSAGES_DEBUG': 'GLib ringdown'})
        self.connect(server)
        server.wait_log('debug: Client 1 connected')

    def test_warning_shows_no_messages(self):
        with Quiet(self.directory, '--log-level=warning') as server:
            server.connect().leave()
            server.stop()
            self.assertEqual('', server.read_log())

    def test_an_unknown_level_is_refused(self):
        done = subprocess.run([program(), '--log-level=verbose'], check=False, capture_output=True,
                              timeout=30, env=clean_environment(self.directory), text=True)
        self.assertEqual(2, done.returncode)
        self.assertRegex(done.stderr, '--log-level.*verbose.*warning.*message.*info.*debug')


class Quiet:
    """A service whose log nobody reads; STDERR is a descriptor for it, by default a file."""

    def __init__(self, directory, *options, stderr=None, prefix=()):
        self._log = f'{directory}/log'
        with socket.create_server((ADDRESS, 0)) as probe:
            self.port = probe.getsockname()[1]
        with open(self._log, 'ab') as log:
            self.process = subprocess.Popen(
                [*prefix, program(), f'--address={ADDRESS}', f'--port={self.port}',
                 '--admin-port=-1', '--bus=none', '--notify-interval=0', *options],
                env=clean_environment(directory), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log if stderr is None else stderr)
        self._clients = []

    def __enter__(self):
        eventually(self._listens, 'it to listen')
        return self

    def __exit__(self, *_):
        for client in self._clients:
            client.abandon()
        self.process.kill()
        self.process.wait()

    def _listens(self):
        with socket.socket() as client:
            return client.connect_ex((ADDRESS, self.port)) == 0

    def connect(self):
        client = Client(self.port)
        self._clients.append(client)
        client.open()
        return client

    def fill(self):
        """Makes the service log more than its buffer holds."""
        for _ in range(BUFFER // 60):  # two lines each, of more than 60 bytes
            client = Client(self.port)
            client.open()
            client.leave()
            client.abandon()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10 * SLOWNESS) == 0

    def read_log(self):
        with open(self._log, encoding='utf-8') as log:
            return log.read()


class Reader:
    """Reads lines from FD in a thread."""

    def __init__(self, fd):
        self._fd = fd
        self._data = b''
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            while data := os.read(self._fd, 4096):
                self._data += data
        except OSError:
            pass  # the other end of the terminal is closed

    @property
    def lines(self):
        return self._data.decode(errors='replace').splitlines()

    def wait_line(self, pattern):
        return eventually(lambda: next(filter(None, map(re.compile(pattern).search, self.lines)),
                                       None), lambda: f'{pattern} in {self.lines[-20:]}')

    def join(self):
        self._thread.join()


class BlockedTest(RingdownTestCase):
    def assert_serves(self, server):
        client = server.connect()
        client.text('still here')
        client.expect_text('still here')
        client.leave()

    def assert_goes_on(self, server, reader):
        """Asserts that a note comes after whole lines, and that other lines follow it."""
        reader.wait_line(START_OF_LINE + r'warning: \d+ lines were dropped: ')
        self.assert_serves(server)
        eventually(lambda: re.search('connected', reader.lines[-1]), 'more lines')
        for line in reader.lines:
            if not line.startswith('x'):
                self.assertRegex(line, START_OF_LINE)
        dropped = sum(int(match[1]) for match in (re.search(r': (\d+) lines? w.* dropped', line)
                                                  for line in reader.lines) if match)
        connects = sum(' connected' in line for line in reader.lines)
        self.assertGreater(dropped + 2 * connects, 2 * (BUFFER // 60))

    def full_pipe(self):
        read_fd, write_fd = os.pipe()
        fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, 4096)
        os.write(write_fd, b'x' * 4095 + b'\n')
        return read_fd, write_fd

    def start_with(self, stderr, *options, **settings):
        """Starts a service with the descriptor STDERR, which is closed here."""
        server = Quiet(self.directory, '--log-level=debug', *options, stderr=stderr, **settings)
        self.addCleanup(server.__exit__)
        os.close(stderr)
        return server.__enter__()

    def test_a_full_pipe_stops_neither_service_nor_exit(self):
        read_fd, write_fd = self.full_pipe()
        server = self.start_with(write_fd)
        server.fill()
        self.assert_serves(server)
        server.stop()
        os.close(read_fd)

    def test_a_pipe_that_is_read_again_says_how_many_lines_are_missing(self):
        read_fd, write_fd = self.full_pipe()
        server = self.start_with(write_fd)
        server.fill()
        reader = Reader(read_fd)
        self.assert_goes_on(server, reader)
        server.stop()
        reader.wait_line('Drained in')
        reader.join()
        os.close(read_fd)

    def test_the_flags_of_the_pipe_do_not_change(self):
        read_fd, write_fd = self.full_pipe()
        theirs = os.dup(write_fd)
        server = self.start_with(write_fd)
        self.assertEqual(0, fcntl.fcntl(theirs, fcntl.F_GETFL) & os.O_NONBLOCK)
        server.stop()
        os.close(theirs)
        os.close(read_fd)

    def test_a_pipe_without_reader_does_not_matter(self):
        read_fd, write_fd = self.full_pipe()
        os.close(read_fd)
        server = self.start_with(write_fd)
        self.assert_serves(server)
        server.stop()

    def test_a_full_socket_stops_neither_service_nor_exit(self):
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        try:
            while True:
                theirs.send(b'x' * 1000)
        except BlockingIOError:
            theirs.setblocking(True)
        server = self.start_with(theirs.detach())
        server.fill()
        self.assert_serves(server)
        server.stop()
        ours.close()

    def test_a_stopped_terminal_stops_neither_service_nor_exit(self):
        lead, follow = pty.openpty()
        server = self.start_with(follow)
        os.write(lead, XOFF)
        reader = Reader(lead)
        server.fill()
        self.assert_serves(server)
        self.assertNotIn('dropped', '\n'.join(reader.lines))
        os.write(lead, XON)
        self.assert_goes_on(server, reader)
        os.write(lead, XOFF)
        server.stop()
        os.close(lead)

    def test_an_error_at_start_does_not_block(self):
        read_fd, write_fd = self.full_pipe()
        done = subprocess.run([program(), '--no-such-option'], check=False, stderr=write_fd,
                              env=clean_environment(self.directory), timeout=10 * SLOWNESS)
        self.assertEqual(2, done.returncode)
        os.close(write_fd)
        os.close(read_fd)


class JournalTest(RingdownTestCase):
    """A journal of our own in a mount namespace."""

    NAMESPACE = ['unshare', '--map-root-user', '--mount', 'sh', '-c',
                 'mount -t tmpfs none /run && mkdir -p /run/systemd/journal && exec "$@"', 'sh']

    # Starts the program with the journal as standard error. A child receives the messages after
    # the file "go" is opened, and ends with the program.
    JOURNAL = r'''
import ctypes, os, socket, sys
directory, *command = sys.argv[1:]
messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
messages.bind('/run/systemd/journal/socket')
streams = socket.socket(socket.AF_UNIX)
streams.bind('/run/systemd/journal/stdout')
streams.listen()
stream = socket.socket(socket.AF_UNIX)
stream.connect('/run/systemd/journal/stdout')
if os.fork() == 0:
    ctypes.CDLL(None).prctl(1, 9)
    with open(f'{directory}/go'), open(f'{directory}/journal', 'wb', 0) as journal:
        while True:
            journal.write(messages.recv(65536) + b'\n')
os.dup2(stream.fileno(), 2)
os.execv(command[0], command)
'''

    def setUp(self):
        super().setUp()
        trial = subprocess.run([*self.NAMESPACE, 'true'], check=False, capture_output=True)
        if trial.returncode != 0:
            self.skipTest('no mount namespaces for this user')
        os.mkfifo(f'{self.directory}/go')
        with open(f'{self.directory}/journal', 'xb'):
            pass

    def read_journal(self):
        with open(f'{self.directory}/journal', encoding='utf-8') as journal:
            return journal.read()

    def test_a_journal_that_hangs_stops_neither_service_nor_exit(self):
        with Quiet(self.directory, '--log-level=debug', prefix=[
                *self.NAMESPACE, sys.executable, '-c', self.JOURNAL, self.directory]) as server:
            server.fill()
            client = server.connect()
            client.text('still here')
            client.expect_text('still here')
            with open(f'{self.directory}/go', 'w', encoding='utf-8'):
                eventually(lambda: 'Listening on' in self.read_journal(), 'the first messages')
            client.leave()
            eventually(lambda: server.connect().leave() or 'dropped' in self.read_journal(),
                       'the journal to go on')
            text = self.read_journal()
            self.assertRegex(text, r'PRIORITY=4\n.*\n.*\nMESSAGE=\d+ lines were dropped: the j')
            self.assertRegex(text, r'PRIORITY=5\nSYSLOG_IDENTIFIER=ringdown\nGLIB_DOMAIN=ringdown\n'
                                   r'MESSAGE=Listening on ws://')
            self.assertRegex(text, r'PRIORITY=7\n.*\n.*\nMESSAGE=Client \d+ disconnected')
            server.stop()
            self.assertEqual('', server.read_log())


class FileSizeTest(RingdownTestCase):
    """RLIMIT_FSIZE, as of ulimit -f."""

    LIMIT = 32 << 20  # enough for the shared memory

    def test_a_start_with_a_small_limit_is_an_error(self):
        done = subprocess.run(['sh', '-c', 'ulimit -f 10; exec "$@"', 'sh', program(),
                               '--bus=none', '--port=0', '--admin-port=-1'], check=False,
                              env=clean_environment(self.directory), capture_output=True,
                              text=True, timeout=30)
        self.assertEqual(1, done.returncode, done)
        self.assertRegex(done.stderr, r'\Aringdown: cannot create .*LimitFSIZE=, ulimit -f\)\n\Z')

    def test_a_log_file_at_the_limit_stops_nothing(self):
        path = f'{self.directory}/log'
        with open(path, 'wb') as log:
            log.truncate(self.LIMIT - 10)
        limit = f'ulimit -f {self.LIMIT // 512}; exec "$@"'
        with Quiet(self.directory, '--log-level=debug', prefix=['sh', '-c', limit, 'sh']) as server:
            server.connect().leave()
            self.assertEqual(self.LIMIT, os.path.getsize(path))
            os.truncate(path, 0)
            server.connect().leave()
            eventually(lambda: 'disconnected' in server.read_log(), 'the log to go on')
            self.assertRegex(server.read_log(), r'\d+ lines were dropped: File too large')
            server.stop()

    def test_an_upgrade_beyond_the_limit_is_refused(self):
        server = self.start(warnings=['Hand-over failed'])
        client = self.connect(server)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (4096, 4096))
        server.signal(signal.SIGUSR2)
        server.wait_log('Hand-over failed: ')
        client.text('still here')
        client.expect_text('still here')
        client.leave()


if __name__ == '__main__':
    tap.main(jobs=3)
