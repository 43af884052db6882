# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Runs docker-compose.yml as a separate project, on free ports and with its own settings instead of
.env."""

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
# Variables removed from the environment: they would take precedence over the test's settings.
_FOREIGN = re.compile(r'RINGDOWN_|REDIS_|COMPOSE_|(CLIENT_PORT|ADMIN_PORT|LANGUAGE)$')
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
_COMPOSE = shlex.split(os.environ['RINGDOWN_COMPOSE'])
_BUILD_SECONDS = 900
_COMMAND_SECONDS = 120


def run(*command, seconds=_COMMAND_SECONDS):
    """Runs a command, which must succeed. Returns its output."""
    done = subprocess.run(command, env=_ENVIRONMENT, cwd=TREE, text=True, capture_output=True,
                          timeout=seconds * SLOWNESS, check=False)
    assert done.returncode == 0, (
        f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def docker(*words):
    return run('docker', *words)


def inspect(container, path):
    """Returns the value at PATH, such as "State.ExitCode", of `docker inspect`."""
    return json.loads(docker('inspect', '--format', f'{{{{json .{path}}}}}', container))


def _published(container, port):
    """Returns the host port on which PORT of the container is published."""
    return int(docker('port', container, f'{port}/tcp').rpartition(':')[2])


@dataclasses.dataclass(frozen=True)
class Node:
    """A running container of the service."""
    container: str
    port: int
    admin_port: int

    def shell(self, script):
        """Runs SCRIPT in the container. Returns its output."""
        return docker('exec', self.container, 'sh', '-c', script)

    def environment(self):
        """Returns the environment of the container. Compose lists unset variables without "="."""
        lines = inspect(self.container, 'Config.Env')
        return dict(line.split('=', 1) for line in lines if '=' in line)

    def get(self, path):
        """Returns the status and the body of PATH on the admin port."""
        connection = http.client.HTTPConnection('127.0.0.1', self.admin_port,
                                                timeout=Deadline(10).remaining)
        try:
            connection.request('GET', path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ready(self):
        """Returns the status and the JSON body of /readyz."""
        status, body = self.get('/readyz')
        return status, json.loads(body)


class Project:
    """SETTINGS: a dict of variables, in place of .env."""

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
        """Starts a Compose command without waiting for it. Returns the process."""
        return subprocess.Popen(self._command(*words), env=_ENVIRONMENT, cwd=TREE,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def up(self, *words):
        """Builds and starts the project, and waits until all containers are healthy."""
        self.compose('up', '--build', '--detach', *words, seconds=_BUILD_SECONDS)
        self.wait_health('healthy')

    def down(self, *words):
        """Removes the containers and volumes. Keeps the image for the next project."""
        self.last_log = self.log()
        self.compose('down', '--volumes', '--timeout', '0', *words)
        self._env_file.close()

    def containers(self, *services):
        """Returns the ids of the containers, sorted by name, so by number."""
        ids = self.compose('ps', '--quiet', *services).split()
        return sorted(ids, key=lambda container: inspect(container, 'Name'))

    def health(self, *services):
        return [inspect(container, 'State.Health.Status')
                for container in self.containers(*services)]

    def wait_health(self, status, *services):
        eventually(lambda: set(self.health(*services)) == {status},
                   lambda: f'{status}, but: {self.health(*services)}', 60)

    def nodes(self):
        return [Node(container, _published(container, 8000), _published(container, 8001))
                for container in self.containers('app')]

    def redis_cli(self, *words):
        return self.compose('exec', '-T', 'redis', 'redis-cli', *words)

    def log(self):
        return self.compose('logs', '--no-color', '--tail=60')


@atexit.register
def _remove_image():
    Project({}).down('--rmi', 'local')
