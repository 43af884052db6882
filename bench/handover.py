# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""What clients notice of an upgrade: silences, by windows of one run of the load generator.

In every other window the service is upgraded, or restarted; in those between its state is asked
for, which costs the machine a process as well. In the last ones it is stopped for a while: if that
did not show, no pause would.
"""

import os
import signal
import time
from collections import Counter
from statistics import median

from processes import CannotMeasure

WINDOW_S = 2
SETTLE_S = 0.5  # of a window, before anything is done in it
STOPS = 5
STOP_MS = 50
UNQUIET = 1.5  # times the longest silence of an ordinary window


class Silence:
    """How long clients went without a message at most, over some windows: whole ms, and a max."""

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
    """Returns all figures of one run, see summarize ()."""
    actions = [server.look, server.renew] * times + [lambda: stop(server)] * STOPS
    told = []
    with bench.load(server, f"--clients={clients}", "--rate=50", "--senders=50", "--pid=0",
                    f"--windows={len(actions)}", f"--duration={len(actions) * WINDOW_S}") as load:
        for number, action in enumerate(actions, 1):
            load.await_progress(f"window {number} ")
            begin = time.monotonic()
            time.sleep(SETTLE_S)
            told.append(action())
            if time.monotonic() - begin > WINDOW_S:
                raise CannotMeasure(f"window {number}: what was done in it outlasted its "
                                    f"{WINDOW_S} s")
        windows = load.finish()["traffic"]["silences"]
    reports = told[1:2 * times:2]
    renewed, quiet, stopped = (windows[1:2 * times:2], windows[:2 * times:2], windows[2 * times:])
    check_stops(stopped)
    check_reports(reports, clients, bench.faults)
    return summarize(renewed, quiet, stopped, reports)


def check_stops(windows):
    """Nobody can have got a message while the service did not run; a ms is lost to rounding, and
    one to those that were on their way."""
    shortest = Silence(windows).quantile(0)
    if shortest < STOP_MS - 2:
        raise CannotMeasure(f"the service was stopped for {STOP_MS} ms, and a client's longest "
                            f"silence was {shortest} ms")


def check_reports(reports, clients, faults):
    expected = {"moved": clients, "closed": 0, "lost": 0}
    faults += [f"generation {report['generation']}: {name} {report[name]} instead of {value}"
               for report in reports for name, value in expected.items() if report[name] != value]


def added(windows, quiet):
    """Returns what the silences of @windows have more than those of quiet ones: p50, p99 and the
    longest, each less the same of the others."""
    without = Silence(quiet).figures()
    return {name: value - without[name] for name, value in Silence(windows).figures().items()}


def summarize(renewed, quiet, stopped, reports):
    """Returns all figures of one run, in ms; `pause` is what the renewals add to the silences."""
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
    """Returns the figures that have this name, each the median over the runs."""
    return {figure: median(run[name][figure] for run in runs) for figure in runs[0][name]}


def notes(runs):
    """Returns what makes the figures worth less."""
    each = [window["max"] for run in runs for window in run["each_without"]]
    if max(each) <= UNQUIET * median(each):
        return []
    return [f"something else runs on this machine: without an upgrade, silences were "
            f"{min(each):.0f} to {max(each):.0f} ms"]
