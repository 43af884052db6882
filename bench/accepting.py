# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The cost of accepting clients, many silent connections, and crowds that connect at once."""

import os
import re
import resource
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from processes import CannotMeasure

STEP = 1000
HELD = 14_000
CROWD = 15_000
SILENT_RATE = 5000  # connections/s
SILENT_S = 12  # the server has to close a silent connection within this time
HANDSHAKE_RATE = 200  # handshakes/s of the good client
WARM_UP_S = 4


def steps(load):
    """Returns the medians over the rounds of a run that connects STEP clients in each."""
    rounds = [report["steps"][0] for report in load.finish()["rounds"]]
    return {"cpu_us": median(step["server_cpu_us_per_client"] for step in rounds),
            "per_second": median(step["added"] / step["seconds"] for step in rounds)}


def accept(bench, name):
    """Connects STEP clients repeatedly to a new server, first alone, then with HELD others."""
    rounds = f"--clients={STEP}", f"--rounds={bench.rounds}"
    with bench.servers(name) as [server]:
        bench.load(server, f"--clients={STEP}", "--connect-only").finish()  # warm-up
        few = steps(bench.load(server, *rounds))
        with bench.load(server, f"--clients={HELD}", "--hold=600") as held:
            held.await_progress("holding")
            return {"few": few, "many": steps(bench.load(server, *rounds))}


def read_rss(server):
    rollup = Path(f"/proc/{server.pid}/smaps_rollup").read_text(encoding="ascii")
    return 1024 * int(re.search(r"^Rss:\s+(\d+) kB", rollup, re.MULTILINE)[1])


def count_descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def await_descriptors(server, count):
    """Waits until the server has closed all but COUNT descriptors."""
    deadline = time.monotonic() + SILENT_S
    while (now := count_descriptors(server)) > count:
        if time.monotonic() > deadline:
            raise CannotMeasure(f"{server.name} has {now} descriptors {SILENT_S} s after all "
                                f"clients have left, but had {count} at first")
        time.sleep(0.05)


def faults(what, report):
    """Returns a list of one line if connections in REPORT have not got a 101, or have lost it."""
    parts = [f"{count} answered with {status}" for status, count in report["refused"].items()]
    parts += [f"{report[name]} {name.replace('_', ' ')}"
              for name in ("closed", "reset", "timed_out", "failed", "lost") if report[name]]
    return [f"{what}: {', '.join(parts)} {report['error']}".rstrip()] if parts else []


@contextmanager
def start_silent(bench, server, seconds):
    """Runs as many processes as are needed to hold all connections until the server closes
    them."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = 1 if limit == resource.RLIM_INFINITY else SILENT_RATE * SILENT_S // limit + 1
    with ExitStack() as stack:
        yield [stack.enter_context(bench.connect(
                   server, "--silent", f"--rate={SILENT_RATE / count}", f"--duration={seconds}",
                   f"--timeout={SILENT_S}"))
               for _ in range(count)]


def finish_silent(processes, seconds):
    """Waits until the server has closed all connections of PROCESSES; returns the reports."""
    reports = [process.finish() for process in processes]
    if any(report["start_s"] > seconds + 1 or report["failed"] for report in reports):
        raise CannotMeasure(f"the load generator cannot open {SILENT_RATE} connections/s: "
                            + reports[0]["error"])
    return reports


def shake_hands(bench, server, seconds):
    return bench.connect(server, "--leave", f"--rate={HANDSHAKE_RATE}",
                         f"--duration={seconds}").finish()


def silent(bench):
    """Compares the handshakes of a good client without and with silent connections, and the memory
    of the server before, during and after these. Their first seconds are a warm-up."""
    with bench.servers("ringdown") as [server]:
        descriptors = count_descriptors(server)
        alone = shake_hands(bench, server, bench.seconds)
        with start_silent(bench, server, WARM_UP_S):
            time.sleep(WARM_UP_S)
        await_descriptors(server, descriptors)
        before = read_rss(server)
        with start_silent(bench, server, bench.silent_s) as processes:
            time.sleep(1)
            loaded = shake_hands(bench, server, bench.silent_s - 1)
            during = read_rss(server)
            reports = finish_silent(processes, bench.silent_s)
        await_descriptors(server, descriptors)
        late = sum(report["timed_out"] for report in reports)
        return {"alone": alone, "loaded": loaded, "silent": reports,
                "rss_bytes": {"before": before, "during": during, "after": read_rss(server)},
                "faults": faults("handshakes with silent connections", loaded)
                + ([f"{late} silent connections open after {SILENT_S} s"] if late else [])}


def crowd(bench, at_once):
    """Connects CROWD clients, AT_ONCE at a time, to a new server."""
    with bench.servers("ringdown") as [server]:
        return bench.connect(server, f"--connections={CROWD}", f"--at-once={at_once}",
                             "--timeout=30").finish()
