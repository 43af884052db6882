# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The servers of a measurement: those under test, and Redis."""

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
POLL_S = 0.02
PR_SET_CHILD_SUBREAPER = 36


class Server(Daemon):
    """A server under test. Its addresses are read from its output."""

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
    """The minimal epoll server."""

    END_STATUS = -signal.SIGTERM  # it does not handle the signal


class Ringdown(Server):
    """A node."""

    def has_addresses(self):
        return super().has_addresses() and self.admin is not None

    def get(self, path):
        """Returns the body of PATH on the admin port, over a new connection."""
        try:
            connection = HTTPConnection(self.admin, timeout=10)
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
            connection.close()
        except (OSError, HTTPException) as error:
            raise CannotMeasure(f"no answer for {path}: {error}") from error
        if response.status != 200:
            raise CannotMeasure(f"{path} was answered with {response.status} instead of 200")
        return body

    def get_metrics(self):
        """Returns the metrics without labels: name without prefix -> value."""
        found = re.findall(r"^ringdown_(\w+) (\S+)$", self.get("/metrics"), re.MULTILINE)
        return {name: float(value) for name, value in found}


class Joined(Ringdown):
    """A node on Redis. Checks that all messages of its clients are stored in Redis."""

    def await_ready(self, deadline):
        super().await_ready(deadline)
        self._await_metric("redis_up", 1, deadline)

    def _await_metric(self, name, value, deadline):
        while (now := self.get_metrics()[name]) != value:
            if time.monotonic() > deadline:
                raise CannotMeasure(f"{self.name}: {name} is {now:g} instead of {value}")
            time.sleep(POLL_S)

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
    """A node on a message bus that can be upgraded; its process id changes each time."""

    def __init__(self, name, command, core, faults, bus, ctl):
        # Orphaned processes become our children, so that their exit status can be checked.
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

    def read_status(self):
        return self._ask("status")

    def renew(self):
        """Upgrades the service; returns the hand-over report of the new process."""
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
        self._lines.join()  # all processes write to this pipe
        statuses = [self._process.wait(END_S), *map(wait_status, self._new_workers)]
        return next(filter(None, statuses), 0)


def wait_status(pid):
    """Returns the exit status of a process that must have ended."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended == 0:
        raise CannotMeasure(f"process {pid} has not ended")
    return os.waitstatus_to_exitcode(status)


class Bus(Daemon):
    """A private D-Bus message bus."""

    def __init__(self, core, faults):
        self.address = None
        super().__init__("D-Bus", ["dbus-daemon", "--session", "--nofork", "--print-address"], core,
                         faults)

    def await_ready(self, deadline):
        self.address = self.next_line(deadline).strip()


def find_redis():
    """Returns the path of the server. In Debian's redis-tools it is called redis-check-rdb, and is
    the server if it is started under the name redis-server."""
    for name in ("redis-server", "redis-check-rdb"):
        found = shutil.which(name)
        if found:
            return found
    raise CannotMeasure("there is no redis-server in PATH; install it, or use --only without "
                        "the measures redis-…")


def find_free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Redis(Daemon):
    """An empty Redis server on loopback that writes nothing to the disk."""

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
