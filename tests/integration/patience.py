# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Waiting: always for a condition, always with a deadline, never for luck."""

import os
import time

# How much longer than usual everything may take, e.g. 5 under sanitizers.
SLOWNESS = float(os.environ.get('RINGDOWN_TEST_SLOW', '1'))


class Deadline:
    """A moment in the future; SECONDS are stretched by RINGDOWN_TEST_SLOW."""

    def __init__(self, seconds):
        self._end = time.monotonic() + seconds * SLOWNESS

    @property
    def remaining(self):
        return max(0.0, self._end - time.monotonic())

    @property
    def expired(self):
        return self.remaining == 0.0


def eventually(condition, what, seconds=10):
    """Waits until CONDITION () is true and returns its value; fails naming WHAT was awaited, which
    may be a function that says so in the end."""
    deadline = Deadline(seconds)
    while True:
        value = condition()
        if value:
            return value
        if deadline.expired:
            raise AssertionError(f'not within {seconds} s: {what() if callable(what) else what}')
        time.sleep(0.005)
