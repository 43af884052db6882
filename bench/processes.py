# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The processes of a measurement, servers and load generator, each on its core.

Faults that do not end the run are appended to the list `faults`.
"""

import json
import os
import queue
import subprocess
import threading
import time

START_S = 10
END_S = 15


class CannotMeasure(Exception):
    """The reason, in one line."""


class Lines:
    """Reads the lines of a pipe in a thread, so that the writer never blocks."""

    def __init__(self, pipe):
        self.seen = []
        self._queue = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        for line in pipe:
            self.seen.append(line.rstrip())
            self._queue.put(line)
        self._queue.put(None)

    def next(self, deadline):
        """Returns the next line, or None at the end of the pipe or at the deadline."""
        try:
            return self._queue.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            return None

    def join(self):
        self._thread.join(END_S)


def start(command, core, **pipes):
    # Leaves out variables that would change the configuration.
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("RINGDOWN_", "REDIS_", "G_MESSAGES_DEBUG"))}
    return subprocess.Popen(["taskset", "-c", str(core), *command], text=True,
                            stdin=subprocess.DEVNULL, env=environment, **pipes)


class Daemon:
    """A context manager that runs a program. Its output is shown if it fails."""

    END_STATUS = 0  # after SIGTERM

    def __init__(self, name, command, core, faults):
        self.name = name
        self.faults = faults
        self._process = start(command, core, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._lines = Lines(self._process.stdout)
        self.pid = self._process.pid

    def __enter__(self):
        try:
            self.await_ready(time.monotonic() + START_S)
        except BaseException:
            self.end()
            raise
        return self

    def await_ready(self, deadline):
        """Waits until the program can be used."""
        raise NotImplementedError

    def next_line(self, deadline):
        line = self._lines.next(deadline)
        if line is None:
            output = " | ".join(self._lines.seen) or "no output"
            raise CannotMeasure(f"{self.name} ended, or was not ready within {START_S} s: "
                                f"{output}")
        return line

    def has_ended(self):
        return self._process.poll() is not None

    def end(self):
        """Ends the program; returns its exit status."""
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._lines.join()
        return self._process.returncode

    def __exit__(self, *_):
        ended_early = self.has_ended()
        status = self.end()
        if ended_early or status != self.END_STATUS:
            self.faults.append(f"{self.name} ended {'early ' if ended_early else ''}with status "
                               f"{status}: {' | '.join(self._lines.seen[-3:])}")


class Client:
    """A run of a client program; finish() waits for its end and returns its report.

    As a context manager, it is terminated at the end of the context.
    """

    def __init__(self, program, server, core, options):
        self._what = f"{server.name} {' '.join(options)}"
        self._process = start([program, f"--url={server.url}", *options], core,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._output = Lines(self._process.stdout)
        self._progress = Lines(self._process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def await_progress(self, start):
        """Waits for a line of progress that starts with START."""
        deadline = time.monotonic() + 60
        line = ""
        while not line.startswith(start):
            line = self._progress.next(deadline)
            if line is None:
                self.finish()
                raise CannotMeasure(f"{self._what}: no line “{start}”: "
                                    + " | ".join(self._progress.seen[-3:]))

    def finish(self):
        status = self._process.wait()
        self._output.join()
        self._progress.join()
        if not self._output.seen:
            raise CannotMeasure(f"{self._what}: status {status}: "
                                + " | ".join(self._progress.seen[-3:]))
        return json.loads(self._output.seen[0])


class Load(Client):
    """A run of the load generator, whose report says whether it was clean."""

    def __init__(self, program, server, core, faults, options):
        self._faults = faults
        super().__init__(program, server, core, ["--json", f"--pid={server.pid}", *options])

    def finish(self):
        report = super().finish()
        if not report["clean"]:
            self._faults.append(f"{self._what}: {describe(report)}")
        return report


def describe(report):
    """Returns the faults in a report."""
    traffic = report["traffic"] or {}
    parts = [f"{traffic[name]} {name}" for name in ("lost", "doubled", "disordered")
             if traffic.get(name)]
    parts += [f"{count} disconnected with {code}" for code, count in report["disconnects"].items()]
    parts += [f"{count} closes answered with {code}" for code, count in report["closes"].items()
              if code != "1000"]
    if report["unanswered_closes"]:
        parts.append(f"{report['unanswered_closes']} closes unanswered")
    return ", ".join(parts)
