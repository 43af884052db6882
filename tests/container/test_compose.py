# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Tests the image and docker-compose.yml: settings, confinement, Redis, and stopping."""

import re
import time
import unittest

import tap
from compose import TREE, Project, docker, inspect
from waiting import SLOWNESS, eventually
from wire import Client

SERVICE_RESTART = 1012
DOCKER_STOP_TIMEOUT_S = 10  # the default of Docker
NOTIFICATION = '🛰 Test notification'


class ContainerTestCase(unittest.TestCase):
    """Starts a Compose project, and removes it after the test."""

    def start(self, *words, quiet=True, **settings):
        """Starts a project and waits until it is healthy. QUIET: no periodic notification.
        Returns the nodes."""
        silence = {'RINGDOWN_NOTIFY_INTERVAL': '0'} if quiet else {}
        self.project = Project({**silence, **settings})
        self.addCleanup(self.project.down)
        self.project.up(*words)
        return self.project.nodes()

    def connect(self, node, path='/ws'):
        client = Client(node.port)
        self.addCleanup(client.abandon)
        client.open(path)
        return client

    def wait_bus(self, node, text):
        eventually(lambda: re.match(text, node.ready()[1]['bus']),
                   lambda: f'{text}, but: {node.ready()}', 20)

    def settings_of(self, node):
        """Returns the output of --check."""
        return node.shell('ringdown --check || true')

    def describe(self):
        return f'\n{self.project.last_log}'


class SetUpTest(ContainerTestCase):
    def test_up_needs_no_preparation(self):
        [node] = self.start(quiet=False)
        self.wait_bus(node, 'redis: connected')
        one, two = self.connect(node), self.connect(node)
        status, answer = node.ready()
        self.assertEqual((200, 'running', 2), (status, answer['state'], answer['clients']))
        one.expect_text(NOTIFICATION)
        two.expect_text(NOTIFICATION)
        one.text('hello')
        one.expect_text('hello')
        two.expect_text('hello')
        self.assertRegex(self.settings_of(node), r'max-message +64KiB +default')

    def test_every_setting_of_the_example_reaches_the_service(self):
        example = (TREE / '.env.example').read_text(encoding='utf-8')
        settings = dict(re.findall(r'^#([A-Z_]+)=(.*)$', example, re.MULTILINE))
        for name in 'CLIENT_PORT', 'ADMIN_PORT':
            self.assertRegex(settings.pop(name), r'^127\.0\.0\.1:\d+$')
        settings.update(LANGUAGE='de', RINGDOWN_PATH='/elsewhere')

        [node] = self.start(quiet=False, **settings)
        self.assertEqual(settings, {name: node.environment().get(name) for name in settings})
        self.connect(node, '/elsewhere').expect_text(NOTIFICATION)
        self.assertRegex(self.project.log(), r'Listening on ws://0\.0\.0\.0:8000/elsewhere')
        self.assertIn('<html lang="de">', node.get('/')[1])


class ImageTest(ContainerTestCase):
    def test_image_contains_the_service_and_no_build_tools(self):
        [node] = self.start()
        tools = node.shell('for tool in cc gcc clang make meson ninja pkg-config; '
                             'do command -v $tool; done; true')
        self.assertEqual('', tools)
        self.assertEqual('', node.shell('ls /var/lib/apt/lists'))
        self.assertEqual('/usr/local/bin/ringdown', node.shell('command -v ringdown'))
        self.assertEqual('', node.shell('grep -l debug_info /usr/local/bin/ringdown || true'))

    def test_service_is_not_root_and_cannot_write_files(self):
        [node] = self.start()
        changed = node.shell('for place in / /tmp /run /var/tmp /usr/local/bin; '
                               'do touch $place/new 2>/dev/null && echo $place; done; true')
        self.assertEqual('', changed)
        service = node.shell('cat "/proc/$(pidof ringdown)/status"')
        self.assertRegex(service, r'Uid:(\s+980){4}\n')
        self.assertRegex(service, r'Gid:(\s+980){4}\n')
        self.assertRegex(service, r'CapBnd:\s+0+\n')
        self.assertRegex(service, r'NoNewPrivs:\s+1\n')

    def test_container_is_unhealthy_without_an_answer_of_the_admin_port(self):
        [node] = self.start()
        sick = docker('run', '--detach', '--env', 'RINGDOWN_ADMIN_PORT=-1',
                      '--health-interval=1s', '--health-start-period=1ms',
                      inspect(node.container, 'Image'))
        self.addCleanup(docker, 'rm', '--force', sick)
        eventually(lambda: inspect(sick, 'State.Health.Status') == 'unhealthy', 'unhealthy', 30)
        self.assertTrue(inspect(sick, 'State.Running'))


class NodesTest(ContainerTestCase):
    def test_a_message_reaches_the_clients_of_two_nodes_once(self):
        nodes = self.start('--scale', 'app=2')
        for node in nodes:
            self.wait_bus(node, 'redis: connected')
        clients = one, two = [self.connect(node) for node in nodes]
        for client, word in (one, 'from one'), (two, 'from two'):
            client.text(word)
            for each in clients:
                each.expect_text(word)

        self.assertEqual('2', self.project.redis_cli('PUBLISH', 'broadcast', 'hello'))
        for client in clients:
            client.expect_text('hello')

    def test_node_starts_without_redis_and_connects_later(self):
        self.start()
        self.project.compose('stop', 'redis')
        self.project.compose('up', '--detach', '--no-deps', '--force-recreate', 'app')
        self.project.wait_health('healthy', 'app')
        [node] = self.project.nodes()
        self.wait_bus(node, 'redis: down since ')
        client = self.connect(node)
        client.text('alone')
        client.expect_text('alone')

        self.project.compose('start', 'redis')
        self.wait_bus(node, 'redis: connected')
        self.project.redis_cli('PUBLISH', 'broadcast', 'welcome back')
        client.expect_text('welcome back')

    def test_redis_data_survives_a_new_container(self):
        self.start()
        self.project.redis_cli('SET', 'word', 'kept')
        self.project.compose('rm', '--stop', '--force', 'redis')
        self.project.up()
        self.assertEqual('kept', self.project.redis_cli('GET', 'word'))


class StopTest(ContainerTestCase):
    def begin_stop(self, node, *services):
        """Begins to stop the services, and waits until the node drains."""
        stop = self.project.begin('stop', *services)
        self.addCleanup(stop.kill)
        eventually(lambda: node.ready()[0] == 503, 'readiness to be 503')
        return stop

    def assert_ends_at_once(self, stop, node):
        """Asserts that the stop ends within 5 seconds and the service exited with status 0."""
        self.assertEqual(0, stop.wait(5 * SLOWNESS))
        self.assertEqual(0, inspect(node.container, 'State.ExitCode'))

    def test_stop_without_clients_ends_at_once(self):
        [node] = self.start()
        self.assert_ends_at_once(self.project.begin('stop', 'app'), node)

    def test_an_upgrade_signal_is_refused(self):
        """The container would end with its first process, and disconnect all clients."""
        [node] = self.start()
        client = self.connect(node)
        docker('kill', '--signal=HUP', node.container)
        eventually(lambda: 'the container ends with its first process' in self.project.log(),
                   'the service to refuse')
        client.text('still here')
        client.expect_text('still here')

    def test_grace_period_is_longer_than_the_drain_timeout(self):
        [node] = self.start()
        self.assertEqual('SIGINT', inspect(node.container, 'Config.StopSignal'))
        self.assertEqual(30 * 60, inspect(node.container, 'Config.StopTimeout'))
        self.assertRegex(self.settings_of(node), r'drain-timeout +29min 50s ')

    def test_stop_serves_clients_until_they_leave(self):
        [node] = self.start()
        client, other = self.connect(node), self.connect(node)
        stop = self.begin_stop(node, 'app')
        began = time.monotonic()
        while time.monotonic() < began + DOCKER_STOP_TIMEOUT_S + 2:
            client.text('still here')
            for each in client, other:
                each.expect_text('still here')
            self.assertIsNone(stop.poll())
            time.sleep(0.5)
        with self.assertRaises((OSError, EOFError)):
            self.connect(node)

        client.leave()
        other.text('alone now')
        other.expect_text('alone now')
        other.leave()
        self.assert_ends_at_once(stop, node)

    def test_clients_are_closed_at_the_drain_deadline(self):
        [node] = self.start(RINGDOWN_DRAIN_TIMEOUT='2s')
        client = self.connect(node)
        stop = self.begin_stop(node, 'app')
        client.expect_close(SERVICE_RESTART)
        self.assert_ends_at_once(stop, node)

    def test_redis_stops_last(self):
        [node] = self.start()
        self.wait_bus(node, 'redis: connected')
        client = self.connect(node)
        stop = self.begin_stop(node)
        self.project.redis_cli('PUBLISH', 'broadcast', 'before you go')
        client.expect_text('before you go')
        client.leave()
        self.assertEqual(0, stop.wait(20 * SLOWNESS))
        self.assertEqual(0, inspect(node.container, 'State.ExitCode'))


if __name__ == '__main__':
    tap.main()
