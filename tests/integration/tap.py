# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Runs the unittest cases of the main module and reports in the Test Anything Protocol.

Arguments select tests by a part of the name. With CI set, a skipped test is a failure: a missing
program would otherwise leave its tests unrun without notice.
"""

import concurrent.futures
import faulthandler
import os
import signal
import sys
import time
import unittest

from waiting import TooLate

ATTEMPTS = 3  # for a test that fails only because something was late


def _flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flatten(item)
        else:
            yield item


class _Result(unittest.TestResult):
    """Also records whether every failure was a TooLate."""

    def __init__(self):
        super().__init__()
        self._causes = []

    @property
    def was_only_late(self):
        return bool(self._causes) and all(issubclass(each, TooLate) for each in self._causes)

    def addError(self, test, err):
        self._causes.append(err[0])
        super().addError(test, err)

    def addFailure(self, test, err):
        self._causes.append(err[0])
        super().addFailure(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._causes.append(err[0])
        super().addSubTest(test, subtest, err)


def _diagnostics(text):
    return ''.join(f'# {line}\n' for line in text.splitlines())


def _run(test):
    """Runs one test; returns whether it passed, and the lines to print."""
    started = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        result = _Result()
        test.run(result)
        if not result.was_only_late:
            break
    took = _diagnostics(f'{test.id()}: {time.monotonic() - started:.1f} s'
                        + f', attempt {attempt}' * (attempt > 1))

    name = test.id().partition('.')[2]
    if result.skipped:
        reason = result.skipped[0][1]
        if 'CI' in os.environ:
            return False, f'- {name}\n' + _diagnostics(f'skipped, not allowed in CI: {reason}')
        return True, f'- {name} # SKIP {reason}\n'

    if result.wasSuccessful():
        return True, f'- {name}\n{took}'

    report = '\n'.join(trace for _, trace in result.errors + result.failures)
    report += getattr(test, 'describe', lambda: '')()
    return False, f'- {name}\n{took}' + _diagnostics(report)


def main(jobs=1):
    """Runs the tests, JOBS at a time. More than one job suits tests that have their own server and
    mostly wait."""
    faulthandler.register(signal.SIGTERM, all_threads=True)  # stacks of a hanging test

    loaded = unittest.defaultTestLoader.loadTestsFromModule(sys.modules['__main__'])
    wanted = sys.argv[1:] or ['']
    tests = [test for test in _flatten(loaded) if any(word in test.id() for word in wanted)]

    print(f'1..{len(tests)}', flush=True)
    good = True
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for number, (fine, lines) in enumerate(pool.map(_run, tests), 1):
            print(f'{"ok" if fine else "not ok"} {number} {lines}', end='', flush=True)
            good = good and fine
    sys.exit(0 if good else 1)
