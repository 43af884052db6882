# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Headless Chromium and its pages, driven by page/driver.mjs and playwright-core."""

import atexit
import functools
import json
import pathlib
import shutil
import subprocess
import threading
import unittest

from waiting import SLOWNESS, eventually

_starting = threading.Lock()
_DRIVER = pathlib.Path(__file__).parent / 'page' / 'driver.mjs'
DESKTOP = {'width': 1280, 'height': 800}
PHONE = {'width': 390, 'height': 844}
NARROW = {'width': 360, 'height': 740}


class Browser:
    """A Chromium that can connect to this machine only."""

    def __init__(self):
        self._process = subprocess.Popen(
            ['node', _DRIVER, shutil.which('chromium')],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()
        atexit.register(self.quit)

    def ask(self, *command):
        with self._lock:
            self._process.stdin.write(json.dumps(command) + '\n')
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        if 'error' in answer:
            raise AssertionError(f'{command}: {answer["error"]}')
        return answer['result']

    def quit(self):
        self._process.stdin.close()
        try:
            self._process.wait(10 * SLOWNESS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def missing():
    """Returns which program or package is missing; None: nothing."""
    if not shutil.which('chromium'):
        return 'chromium'
    found = subprocess.run(['node', '-e', 'require.resolve("playwright-core")'], cwd=_DRIVER.parent,
                           capture_output=True, check=False)
    return None if found.returncode == 0 else 'playwright-core: npm ci --prefix tests/integration'


@functools.cache
def _start():
    lacking = missing()
    return None if lacking else Browser(), lacking


def browser():
    """Returns the browser that all tests share, since it takes a second to start. Each page has its
    own profile."""
    with _starting:
        started, lacking = _start()
    if lacking:
        raise unittest.SkipTest(f'missing: {lacking}')
    return started


class Page:
    """A tab. SIZE: of its viewport; CLOCK: whether forward() can be used; OPTIONS: for playwright's
    Browser.newContext()."""

    def __init__(self, size, *, motion='no-preference', clock=False, **options):
        self._ask = browser().ask
        self._number = self._ask('open', {
            'viewport': size, 'reducedMotion': motion, 'locale': 'en', **options}, clock)

    def close(self):
        self._ask('close', self._number)

    def visit(self, url):
        """Loads URL; returns its status and headers."""
        answer = self._ask('visit', self._number, url)
        return answer['status'], answer['headers']

    def dress(self, size, scheme):
        """Sets the size of the viewport and the colour scheme, light or dark."""
        self._ask('dress', self._number, size, scheme)

    def evaluate(self, expression):
        return self._ask('evaluate', self._number, expression)

    def eventually(self, expression, seconds=10):
        """Waits until EXPRESSION is true in the page, and returns its value."""
        return eventually(lambda: self.evaluate(expression),
                          lambda: f'{expression}, but the page is\n{self.tree()}', seconds)

    def _of(self, selector, expression):
        """Evaluates EXPRESSION of the first element that matches SELECTOR."""
        return self.evaluate(f'document.querySelector({json.dumps(selector)}){expression}')

    def text(self, selector):
        """Returns the visible text of the element; empty if there is no such element."""
        return self._of(selector, '?.innerText ?? ""')

    def value(self, selector):
        return self._of(selector, '.value')

    def attribute(self, selector, name):
        return self._of(selector, f'.getAttribute({json.dumps(name)})')

    def style(self, selector, name):
        return self._of(selector, f'.computedStyleMap().get({json.dumps(name)}).toString()')

    def is_visible(self, selector):
        return self._of(selector, '.checkVisibility()')

    def focus(self, selector):
        self._of(selector, '.focus()')

    def wait_text(self, selector, text, seconds=10):
        eventually(lambda: text in self.text(selector),
                   lambda: f'{text!r} in {selector}, not {self.text(selector)!r}', seconds)

    def press(self, key):
        self._ask('press', self._number, key)

    def type(self, text):
        self._ask('type', self._number, text)

    def forward(self, seconds):
        """Advances the page's clock by SECONDS."""
        self._ask('forward', self._number, seconds * 1000)

    def hide(self, hidden=True):
        """Hides or shows the page, as if another tab was selected."""
        self.evaluate(f'''Object.defineProperty(document, "hidden",
                            {{ configurable: true, value: {json.dumps(hidden)} }});
                          document.dispatchEvent(new Event("visibilitychange"))''')

    def tree(self):
        """Returns the accessibility tree: a line for each role, name and text."""
        return self._ask('tree', self._number)

    def pale(self):
        """Returns the texts whose contrast is too low."""
        return self._ask('pale', self._number)

    def shoot(self, path):
        return self._ask('shoot', self._number, str(path))

    @property
    def urls(self):
        """The URLs of all requests and WebSockets of the page."""
        return self._ask('seen', self._number)['urls']

    @property
    def complaints(self):
        """Console messages and uncaught errors of the page's script."""
        return self._ask('seen', self._number)['complaints']
