# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The effect of upgrades on clients: their silences in each window of a run of the load generator.

In every other window the service is upgraded or restarted. In the windows between, its status is
read, which starts a process as well. In the last windows it is stopped for a moment, as a control:
if that were not visible in the silences, no pause would be.
"""

import os
import signal
import time
from collections import Counter
from statistics import median

from processes import CannotMeasure

WINDOW_S = 2
SETTLE_S = 0.5  # from the beginning of a window to the action in it
STOPS = 5
STOP_MS = 50
UNQUIET = 1.5  # times the median of the longest silences without an upgrade


class Silence:
    """The longest silence of each client in each of some windows: in whole ms, and the maximum."""

    def __init__(self, windows):
        self._clients = Counter()
        for window in windows:
            self._clients.update({int(ms): n for ms, n in window["clients_by_ms"].items()})
        self.count = self._clients.total()
        self.max = max(window["max_us"] for window in windows) / 1e3

    def quantile(self, fraction):
        return sorted(self._clients.elements())[min(int(self.count * fraction), self.count - 1)]

    def figures(self):
        return {"p50": self.quantile(0.5), "p99": self.quantile(0.99), "max": self.max}


def stop(server):
    os.kill(server.pid, signal.SIGSTOP)
    time.sleep(STOP_MS / 1e3)
    os.kill(server.pid, signal.SIGCONT)


def run(bench, server, clients, times):
    """Returns all figures of one run, see summarize()."""
    actions = [server.read_status, server.renew] * times + [lambda: stop(server)] * STOPS
    results = []
    with bench.load(server, f"--clients={clients}", "--rate=50", "--senders=50", "--pid=0",
                    f"--windows={len(actions)}", f"--duration={len(actions) * WINDOW_S}") as load:
        for number, action in enumerate(actions, 1):
            load.await_progress(f"window {number} ")
            begin = time.monotonic()
            time.sleep(SETTLE_S)
            results.append(action())
            if time.monotonic() - begin > WINDOW_S:
                raise CannotMeasure(f"window {number}: the action in it took longer than "
                                    f"{WINDOW_S} s")
        windows = load.finish()["traffic"]["silences"]
    reports = results[1:2 * times:2]
    renewed, quiet, stopped = (windows[1:2 * times:2], windows[:2 * times:2], windows[2 * times:])
    check_stops(stopped)
    check_reports(reports, clients, bench.faults)
    return summarize(renewed, quiet, stopped, reports)


def check_stops(windows):
    """Checks that no client got a message while the service was stopped. Tolerates 1 ms for
    rounding and 1 ms for messages in transit."""
    shortest = Silence(windows).quantile(0)
    if shortest < STOP_MS - 2:
        raise CannotMeasure(f"the service was stopped for {STOP_MS} ms, but the longest silence "
                            f"of a client was {shortest} ms")


def check_reports(reports, clients, faults):
    expected = {"moved": clients, "closed": 0, "lost": 0}
    faults += [f"generation {report['generation']}: {name} {report[name]} instead of {value}"
               for report in reports for name, value in expected.items() if report[name] != value]


def added(windows, quiet):
    """Returns p50, p99 and the longest silence in WINDOWS, less those in the windows QUIET."""
    without = Silence(quiet).figures()
    return {name: value - without[name] for name, value in Silence(windows).figures().items()}


def summarize(renewed, quiet, stopped, reports):
    """Returns all figures of one run, in ms; `pause`: what upgrades add to the silences."""
    own = [report["pause"] / 1e3 for report in reports]
    return {
        "pause": added(renewed, quiet),
        "stopped": added(stopped, quiet),
        "own": {"p50": median(own), "max": max(own)},
        "each": [{"own": pause, **Silence([window]).figures()}
                 for pause, window in zip(own, renewed)],
        "each_without": [Silence([window]).figures() for window in quiet],
    }


def medians(runs, name):
    """Returns the medians over the runs of the figures called NAME."""
    return {figure: median(run[name][figure] for run in runs) for figure in runs[0][name]}


def notes(runs):
    """Returns reasons why the figures may be inexact."""
    each = [window["max"] for run in runs for window in run["each_without"]]
    if max(each) <= UNQUIET * median(each):
        return []
    return [f"another program uses the CPU: without an upgrade, silences were "
            f"{min(each):.0f} to {max(each):.0f} ms"]
