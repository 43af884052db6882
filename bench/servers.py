# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The servers of a measurement: those under test, and the Redis that joins workers."""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from processes import END_S, START_S, CannotMeasure, Daemon

ADDRESS = re.compile(r"(?:(ws|http)://|listening on )([\w.\[\]:-]+:\d+)(/[\w./-]*)?")
LOOK_S = 0.02
PR_SET_CHILD_SUBREAPER = 36


class Server(Daemon):
    """A server under test. It learns where that is from what it prints."""

    def __init__(self, *arguments):
        self.url = None
        self.admin = None
        super().__init__(*arguments)

    def has_addresses(self):
        return self.url is not None

    def await_ready(self, deadline):
        while not self.has_addresses():
            for scheme, address, path in ADDRESS.findall(self.next_line(deadline)):
                if scheme == "http":
                    self.admin = address
                else:
                    self.url = f"ws://{address}{path or '/ws'}"


class Limit(Server):
    """The bare epoll server."""

    END_STATUS = -signal.SIGTERM  # which it does not handle


class Ringdown(Server):
    """A worker."""

    def has_addresses(self):
        return super().has_addresses() and self.admin is not None

    def get(self, path):
        """Returns what the admin port answers; each time over a new connection."""
        try:
            connection = HTTPConnection(self.admin, timeout=10)
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
            connection.close()
        except (OSError, HTTPException) as error:
            raise CannotMeasure(f"{path} does not answer: {error}") from error
        if response.status != 200:
            raise CannotMeasure(f"{path} answered {response.status} instead of 200")
        return body

    def get_metrics(self):
        """Returns the metrics that have no labels, by their names without the prefix."""
        found = re.findall(r"^ringdown_(\w+) (\S+)$", self.get("/metrics"), re.MULTILINE)
        return {name: float(value) for name, value in found}


class Joined(Ringdown):
    """A worker on a Redis. All that its clients say must get there, or the figures are void."""

    def await_ready(self, deadline):
        super().await_ready(deadline)
        self._await_metric("redis_up", 1, deadline)

    def _await_metric(self, name, value, deadline):
        while (now := self.get_metrics()[name]) != value:
            if time.monotonic() > deadline:
                raise CannotMeasure(f"{self.name}: {name} is {now:g} instead of {value}")
            time.sleep(LOOK_S)

    def __exit__(self, kind, *details):
        try:
            if kind is None:
                self._check_metrics()
        finally:
            super().__exit__(kind, *details)

    def _check_metrics(self):
        self._await_metric("redis_pending_messages", 0, time.monotonic() + START_S)
        metrics = self.get_metrics()
        expected = {"redis_sent_total": metrics["messages_received_total"],
                    "redis_connects_total": 1, "redis_dropped_total": 0,
                    "redis_repeated_total": 0, "redis_gaps_total": 0, "redis_missed_total": 0}
        self.faults += [f"{self.name}: {name} is {metrics[name]:.0f} instead of {value:.0f}"
                        for name, value in expected.items() if metrics[name] != value]


class Upgradable(Ringdown):
    """A worker on a bus, which others go on with: the process changes, the service does not."""

    def __init__(self, name, command, core, faults, bus, ctl):
        # Who loses its parent becomes our child: each process must end well.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._ctl = [ctl, f"--address={bus.address}", "--json"]
        self._new_workers = []
        super().__init__(name, ["env", f"DBUS_SESSION_BUS_ADDRESS={bus.address}", *command,
                                "--bus=session"], core, faults)

    def _ask(self, command):
        done = subprocess.run([*self._ctl, command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CannotMeasure(f"{command}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def look(self):
        return self._ask("status")

    def renew(self):
        """Returns what the new process says of the hand-over."""
        report = self._ask("upgrade")
        self.pid = report["pid"]
        self._new_workers.append(self.pid)
        return report

    def has_ended(self):
        return False if self._new_workers else super().has_ended()

    def end(self):
        if not self._new_workers:
            return super().end()
        os.kill(self.pid, signal.SIGTERM)
        self._lines.join()  # which all of them write to
        statuses = [self._process.wait(END_S), *map(wait_status, self._new_workers)]
        return next(filter(None, statuses), 0)


def wait_status(pid):
    """Returns the exit status of a process that has to have ended."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended == 0:
        raise CannotMeasure(f"process {pid} does not end")
    return os.waitstatus_to_exitcode(status)


class Bus(Daemon):
    """A D-Bus message bus of our own."""

    def __init__(self, core, faults):
        self.address = None
        super().__init__("D-Bus", ["dbus-daemon", "--session", "--nofork", "--print-address"], core,
                         faults)

    def await_ready(self, deadline):
        self.address = self.next_line(deadline).strip()


def find_redis():
    """Returns the server's program. Debian's redis-tools has it under the name of a tool, and
    it is the server when it is started by the server's name."""
    for name in ("redis-server", "redis-check-rdb"):
        found = shutil.which(name)
        if found:
            return found
    raise CannotMeasure("no redis-server in PATH: install it, or choose with --only what does "
                        "without, not redis-…")


def find_free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Redis(Daemon):
    """An empty one on loopback, which writes nothing to the disk."""

    def __init__(self, program, core, faults):
        self._directory = tempfile.TemporaryDirectory(prefix="ringdown-bench-")
        command = Path(self._directory.name, "redis-server")
        command.symlink_to(program)
        port = find_free_port()
        self.url = f"redis://127.0.0.1:{port}"
        super().__init__("Redis", [str(command), "--bind", "127.0.0.1", "--port", str(port),
                                   "--save", "", "--appendonly", "no",
                                   "--dir", self._directory.name], core, faults)

    def await_ready(self, deadline):
        while "eady to accept connections" not in self.next_line(deadline):
            pass

    def end(self):
        status = super().end()
        self._directory.cleanup()
        return status
