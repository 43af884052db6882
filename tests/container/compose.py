# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""A Compose project of the tree's docker-compose.yml: as its users have it, but on free ports and
with settings of its own in place of .env."""

import atexit
import dataclasses
import http.client
import json
import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from waiting import SLOWNESS, Deadline, eventually

TREE = Path(__file__).resolve().parents[2]
NAME = f'ringdown-test-{os.getpid()}'
FREE_PORTS = {'CLIENT_PORT': '127.0.0.1:', 'ADMIN_PORT': '127.0.0.1:'}
# What the caller's shell must not set behind our back: it would win over the settings.
_FOREIGN = re.compile(r'RINGDOWN_|REDIS_|COMPOSE_|(CLIENT_PORT|ADMIN_PORT|LANGUAGE)$')
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
_COMPOSE = shlex.split(os.environ['RINGDOWN_COMPOSE'])
_BUILD_SECONDS = 900
_COMMAND_SECONDS = 120


def run(*command, seconds=_COMMAND_SECONDS):
    """Runs a command, which must succeed; returns what it printed."""
    done = subprocess.run(command, env=_ENVIRONMENT, cwd=TREE, text=True, capture_output=True,
                          timeout=seconds * SLOWNESS, check=False)
    assert done.returncode == 0, (
        f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def docker(*words):
    return run('docker', *words)


def inspect(container, path):
    """What the engine knows at PATH, such as "State.ExitCode", of a container."""
    return json.loads(docker('inspect', '--format', f'{{{{json .{path}}}}}', container))


def _published(container, port):
    """The port of this machine that is PORT of the container."""
    return int(docker('port', container, f'{port}/tcp').rpartition(':')[2])


@dataclasses.dataclass(frozen=True)
class Worker:
    """A container of the service that runs."""
    container: str
    port: int
    admin_port: int

    def shell(self, script):
        """Runs SCRIPT in the container; returns what it printed."""
        return docker('exec', self.container, 'sh', '-c', script)

    def environment(self):
        """The variables it was started with; one with a name alone is not set."""
        lines = inspect(self.container, 'Config.Env')
        return dict(line.split('=', 1) for line in lines if '=' in line)

    def ready(self):
        """The status of /readyz and what it says."""
        connection = http.client.HTTPConnection('127.0.0.1', self.admin_port,
                                                timeout=Deadline(10).remaining)
        try:
            connection.request('GET', '/readyz')
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


class Project:
    """SETTINGS: a dict of what .env would have."""

    def __init__(self, settings):
        self._env_file = tempfile.NamedTemporaryFile('w', prefix='ringdown-test-', suffix='.env')
        for name, value in {**FREE_PORTS, **settings}.items():
            print(f'{name}={value}', file=self._env_file)
        self._env_file.flush()
        self.last_log = ''

    def _command(self, *words):
        return [*_COMPOSE, '--project-name', NAME, '--env-file', self._env_file.name,
                '--file', str(TREE / 'docker-compose.yml'), *words]

    def compose(self, *words, seconds=_COMMAND_SECONDS):
        return run(*self._command(*words), seconds=seconds)

    def begin(self, *words):
        """Starts a command of Compose that takes its time."""
        return subprocess.Popen(self._command(*words), env=_ENVIRONMENT, cwd=TREE,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def up(self, *words):
        """Builds and starts it and waits until all of it is healthy."""
        self.compose('up', '--build', '--detach', *words, seconds=_BUILD_SECONDS)
        self.wait_health('healthy')

    def down(self, *words):
        """Removes all of it but the image, which the next project begins with."""
        self.last_log = self.log()
        self.compose('down', '--volumes', '--timeout', '0', *words)
        self._env_file.close()

    def containers(self, *services):
        """Ids by the names of the containers, which end in their numbers."""
        ids = self.compose('ps', '--quiet', *services).split()
        return sorted(ids, key=lambda container: inspect(container, 'Name'))

    def health(self, *services):
        return [inspect(container, 'State.Health.Status')
                for container in self.containers(*services)]

    def wait_health(self, status, *services):
        eventually(lambda: set(self.health(*services)) == {status},
                   lambda: f'{status}, but: {self.health(*services)}', 60)

    def workers(self):
        return [Worker(container, _published(container, 8000), _published(container, 8001))
                for container in self.containers('app')]

    def redis_cli(self, *words):
        return self.compose('exec', '-T', 'redis', 'redis-cli', *words)

    def log(self):
        return self.compose('logs', '--no-color', '--tail=60')


@atexit.register
def _remove_image():
    Project({}).down('--rmi', 'local')
