# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Waits for conditions, with deadlines."""

import os
import time

# Factor for all time limits, for example 4 under sanitizers.
SLOWNESS = float(os.environ.get('RINGDOWN_TEST_SLOW', '1'))


class TooLate(AssertionError):
    """Something took too long. A busy machine can cause that, so the runner (tap.py) repeats the
    test. Use a plain assertion for anything that load cannot cause: it fails at once."""


def expect_time(took, *, over=0, under=float('inf')):
    """Fails unless TOOK (seconds) is between OVER and UNDER. Give OVER only if TOOK can be measured
    too short, as when its start was noticed late."""
    if not over < took < under:
        raise TooLate(f'took {took:.3f} s, expected more than {over} and less than {under}')


class Deadline:
    """A moment SECONDS from now; RINGDOWN_TEST_SLOW multiplies SECONDS."""

    def __init__(self, seconds):
        self._end = time.monotonic() + seconds * SLOWNESS

    @property
    def remaining(self):
        return max(0.0, self._end - time.monotonic())

    @property
    def expired(self):
        return self.remaining == 0.0


def eventually(condition, what, seconds=10):
    """Waits until CONDITION () is true and returns its value. WHAT is the text of the failure, or a
    function that returns it."""
    deadline = Deadline(seconds)
    while True:
        began = time.monotonic()
        value = condition()
        if value:
            return value
        if deadline.expired:
            raise AssertionError(f'not within {seconds} s: {what() if callable(what) else what}')
        # a costly condition takes at most a quarter of the processor time
        time.sleep(max(0.005, 3 * (time.monotonic() - began)))
