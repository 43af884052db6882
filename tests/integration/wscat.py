# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Drives wscat, a common command line client."""

import os
import pathlib
import pty
import re
import subprocess
import threading

from waiting import eventually

PROGRAM = os.environ.get('WSCAT') or str(
    pathlib.Path(__file__).parent / 'node_modules' / '.bin' / 'wscat')


class Wscat:
    """wscat in a pseudo-terminal."""

    def __init__(self, port, *options, path='/ws'):
        self._terminal, far_end = pty.openpty()
        self._shown = ''
        self._process = subprocess.Popen(
            [PROGRAM, '--no-color', *options, '--connect', f'ws://127.0.0.1:{port}{path}'],
            stdin=far_end, stdout=far_end, stderr=far_end, start_new_session=True)
        os.close(far_end)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            while data := os.read(self._terminal, 65536):
                self._shown += data.decode(errors='replace')
        except OSError:
            pass  # the terminal's other end is closed

    def type(self, line):
        os.write(self._terminal, line.encode() + b'\r')

    def wait_shown(self, text):
        eventually(lambda: text in self._shown, f'{text!r} in {self._shown!r}', 30)

    def find_shown(self, pattern):
        return re.findall(pattern, self._shown)

    def times_shown(self, text):
        return self._shown.count(text)

    def stop(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        os.close(self._terminal)
