# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A node run by the user service manager, with the unit file of the build."""

import json
import os
import subprocess
from pathlib import Path

from processes import CannotMeasure
from servers import find_free_port

UNIT = "ringdown-bench.service"
INSTANCE = "bench"  # a bus name of its own, beside other services of the user


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMeasure(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def systemctl(*words):
    return run("systemctl", "--user", *words)


class Managed:
    """A context manager with the interface of servers.Upgradable; renew() restarts the unit."""

    def __init__(self, name, unit, command, core, faults, ctl):
        self.name = name
        self.faults = faults
        self._ctl = [ctl, f"--instance={INSTANCE}", "--json", "status"]
        self._unit = unit
        self._port = find_free_port()
        program, *options = command
        self._drop_in = (f"[Service]\nCPUAffinity={core}\nExecStart=\n"
                         f"ExecStart={Path(program).resolve()} {' '.join(options)} "
                         f"--config=/dev/null "
                         f"--instance={INSTANCE} --bus=session --port={self._port}\n")
        self.url = f"ws://127.0.0.1:{self._port}/ws"
        self._files = []

    def __enter__(self):
        try:
            self._install()
            systemctl("start", UNIT)
        except BaseException:
            self._remove()
            raise
        return self

    def _install(self):
        if "XDG_RUNTIME_DIR" not in os.environ:
            raise CannotMeasure("there is no user service manager; measure “restart” in a "
                                "session with one")
        directory = Path(os.environ["XDG_RUNTIME_DIR"], "systemd", "user")
        for path, text in ((directory / UNIT, self._unit.read_text(encoding="utf-8")),
                           (directory / f"{UNIT}.d" / "bench.conf", self._drop_in)):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files.append(path)
            path.write_text(text, encoding="utf-8")
        systemctl("daemon-reload")

    def _remove(self):
        for path in self._files:
            path.unlink(missing_ok=True)
        systemctl("daemon-reload")

    def _show(self, name):
        return systemctl("show", f"--property={name}", "--value", UNIT).strip()

    @property
    def pid(self):
        return int(self._show("MainPID"))

    def read_status(self):
        return json.loads(run(*self._ctl))

    def renew(self):
        """Restarts the unit; returns the hand-over report of the new process."""
        systemctl("restart", UNIT)
        status = self.read_status()
        return {"generation": status["generation"], **status["handover"]}

    def __exit__(self, *_):
        systemctl("stop", UNIT)
        if self._show("Result") != "success":
            self.faults.append(f"{UNIT} ended with {self._show('Result')}")
        self._remove()
