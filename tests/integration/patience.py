# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Waiting: always for a condition, always with a deadline, never for luck."""

import os
import time

# How much longer than usual everything may take, e.g. 5 under sanitizers.
SLOWNESS = float(os.environ.get('RINGDOWN_TEST_SLOW', '1'))


class Untimely(AssertionError):
    """Something took its time. A machine that does something else can cause that, so the runner
    gives the test another chance (tap.py). What no machine can cause is asserted as all else is, so
    that it fails the first time."""


def expect_time(took, *, over=0, under=float('inf')):
    """Fails unless TOOK, in seconds, is between the two. OVER is for what seems shorter where its
    beginning was noticed late; a time taken before the beginning can only be too long."""
    if not over < took < under:
        raise Untimely(f'{took:.3f} s are not over {over} and under {under}')


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
        began = time.monotonic()
        value = condition()
        if value:
            return value
        if deadline.expired:
            raise AssertionError(f'not within {seconds} s: {what() if callable(what) else what}')
        # a look that costs a process is not to keep others from what is waited for
        time.sleep(max(0.005, 3 * (time.monotonic() - began)))
