# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The image and docker-compose.yml: all that is set up, who reaches whom, what a stop does."""

import re
import time
import unittest

import tap
from compose import TREE, Project, docker, inspect
from waiting import SLOWNESS, eventually
from wire import Client

SERVICE_RESTART = 1012
DOCKERS_OWN_GRACE = 10  # seconds, where nothing else is said
NOTIFICATION = '🛰 Test notification'


class ContainerTestCase(unittest.TestCase):
    """Tests of a project that is cleared away at the end."""

    def start(self, *words, quiet=True, **settings):
        """Starts a project and waits until it is healthy. QUIET: without periodic notifications.
        Returns its workers."""
        silence = {'RINGDOWN_NOTIFY_INTERVAL': '0'} if quiet else {}
        self.project = Project({**silence, **settings})
        self.addCleanup(self.project.down)
        self.project.up(*words)
        return self.project.workers()

    def connect(self, worker, path='/ws'):
        client = Client(worker.port)
        self.addCleanup(client.abandon)
        client.open(path)
        return client

    def wait_bus(self, worker, text):
        eventually(lambda: re.match(text, worker.ready()[1]['bus']),
                   lambda: f'{text}, but: {worker.ready()}', 20)

    def settings_of(self, worker):
        """What --check tells, which minds that the ports are taken."""
        return worker.shell('ringdown --check || true')

    def describe(self):
        return f'\n{self.project.last_log}'


class SetUpTest(ContainerTestCase):
    def test_up_is_the_whole_set_up(self):
        [worker] = self.start(quiet=False)
        self.wait_bus(worker, 'redis: connected')
        one, two = self.connect(worker), self.connect(worker)
        status, said = worker.ready()
        self.assertEqual((200, 'running', 2), (status, said['state'], said['clients']))
        one.expect_text(NOTIFICATION)
        two.expect_text(NOTIFICATION)
        one.text('hello')
        one.expect_text('hello')
        two.expect_text('hello')
        self.assertRegex(self.settings_of(worker), r'max-message +64KiB +default')

    def test_every_line_of_the_example_reaches_the_service(self):
        example = (TREE / '.env.example').read_text(encoding='utf-8')
        settings = dict(re.findall(r'^#([A-Z_]+)=(.*)$', example, re.MULTILINE))
        for name in 'CLIENT_PORT', 'ADMIN_PORT':
            self.assertRegex(settings.pop(name), r'^127\.0\.0\.1:\d+$')
        settings.update(LANGUAGE='de', RINGDOWN_PATH='/elsewhere')

        [worker] = self.start(quiet=False, **settings)
        self.assertEqual(settings, {name: worker.environment().get(name) for name in settings})
        self.connect(worker, '/elsewhere').expect_text(NOTIFICATION)
        self.assertRegex(self.project.log(), r'Lauscht auf ws://0\.0\.0\.0:8000/elsewhere')


class ImageTest(ContainerTestCase):
    def test_it_holds_the_service_and_not_what_built_it(self):
        [worker] = self.start()
        tools = worker.shell('for tool in cc gcc clang make meson ninja pkg-config; '
                             'do command -v $tool; done; true')
        self.assertEqual('', tools)
        self.assertEqual('', worker.shell('ls /var/lib/apt/lists'))
        self.assertEqual('/usr/local/bin/ringdown', worker.shell('command -v ringdown'))
        self.assertEqual('', worker.shell('grep -l debug_info /usr/local/bin/ringdown || true'))

    def test_it_is_not_root_and_can_change_nothing(self):
        [worker] = self.start()
        changed = worker.shell('for place in / /tmp /run /var/tmp /usr/local/bin; '
                               'do touch $place/new 2>/dev/null && echo $place; done; true')
        self.assertEqual('', changed)
        service = worker.shell('cat "/proc/$(pidof ringdown)/status"')
        self.assertRegex(service, r'Uid:(\s+980){4}\n')
        self.assertRegex(service, r'Gid:(\s+980){4}\n')
        self.assertRegex(service, r'CapBnd:\s+0+\n')
        self.assertRegex(service, r'NoNewPrivs:\s+1\n')

    def test_it_is_unhealthy_while_the_admin_port_does_not_answer(self):
        [worker] = self.start()
        sick = docker('run', '--detach', '--env', 'RINGDOWN_ADMIN_PORT=-1',
                      '--health-interval=1s', '--health-start-period=1ms',
                      inspect(worker.container, 'Image'))
        self.addCleanup(docker, 'rm', '--force', sick)
        eventually(lambda: inspect(sick, 'State.Health.Status') == 'unhealthy', 'ill health', 30)
        self.assertTrue(inspect(sick, 'State.Running'))


class FleetTest(ContainerTestCase):
    def test_a_message_reaches_the_clients_of_two_workers_once(self):
        workers = self.start('--scale', 'app=2')
        for worker in workers:
            self.wait_bus(worker, 'redis: connected')
        clients = one, two = [self.connect(worker) for worker in workers]
        for client, word in (one, 'from one'), (two, 'from two'):
            client.text(word)
            for each in clients:
                each.expect_text(word)

        self.assertEqual('2', self.project.redis_cli('PUBLISH', 'broadcast', 'hello'))
        for client in clients:
            client.expect_text('hello')

    def test_it_starts_without_redis_and_joins_later(self):
        self.start()
        self.project.compose('stop', 'redis')
        self.project.compose('up', '--detach', '--no-deps', '--force-recreate', 'app')
        self.project.wait_health('healthy', 'app')
        [worker] = self.project.workers()
        self.wait_bus(worker, 'redis: down since ')
        client = self.connect(worker)
        client.text('alone')
        client.expect_text('alone')

        self.project.compose('start', 'redis')
        self.wait_bus(worker, 'redis: connected')
        self.project.redis_cli('PUBLISH', 'broadcast', 'welcome back')
        client.expect_text('welcome back')

    def test_what_redis_has_outlives_its_container(self):
        self.start()
        self.project.redis_cli('SET', 'word', 'kept')
        self.project.compose('rm', '--stop', '--force', 'redis')
        self.project.up()
        self.assertEqual('kept', self.project.redis_cli('GET', 'word'))


class StopTest(ContainerTestCase):
    def begin_stop(self, worker, *services):
        """Begins to stop the services, and waits until the worker drains."""
        stop = self.project.begin('stop', *services)
        self.addCleanup(stop.kill)
        eventually(lambda: worker.ready()[0] == 503, 'readiness to be 503')
        return stop

    def assert_ends_at_once(self, stop, worker):
        """The stop is over in less than any grace period, and the service ended well."""
        self.assertEqual(0, stop.wait(5 * SLOWNESS))
        self.assertEqual(0, inspect(worker.container, 'State.ExitCode'))

    def test_without_clients_it_is_over_at_once(self):
        [worker] = self.start()
        self.assert_ends_at_once(self.project.begin('stop', 'app'), worker)

    def test_a_signal_for_an_upgrade_does_not_end_it(self):
        """The container would end with its first process, and cut everybody off."""
        [worker] = self.start()
        client = self.connect(worker)
        docker('kill', '--signal=HUP', worker.container)
        eventually(lambda: 'a container ends with its first process' in self.project.log(),
                   'the service to refuse')
        client.text('still here')
        client.expect_text('still here')

    def test_its_grace_period_is_longer_than_the_drain(self):
        [worker] = self.start()
        self.assertEqual('SIGINT', inspect(worker.container, 'Config.StopSignal'))
        self.assertEqual(30 * 60, inspect(worker.container, 'Config.StopTimeout'))
        self.assertRegex(self.settings_of(worker), r'drain-timeout +29min 50s ')

    def test_it_serves_its_clients_until_they_leave(self):
        [worker] = self.start()
        client, other = self.connect(worker), self.connect(worker)
        stop = self.begin_stop(worker, 'app')
        began = time.monotonic()
        while time.monotonic() < began + DOCKERS_OWN_GRACE + 2:
            client.text('still here')
            for each in client, other:
                each.expect_text('still here')
            self.assertIsNone(stop.poll())
            time.sleep(0.5)
        with self.assertRaises((OSError, EOFError)):
            self.connect(worker)

        client.leave()
        other.text('alone now')
        other.expect_text('alone now')
        other.leave()
        self.assert_ends_at_once(stop, worker)

    def test_at_the_deadline_it_tells_its_clients_to_go(self):
        [worker] = self.start(RINGDOWN_DRAIN_TIMEOUT='2s')
        client = self.connect(worker)
        stop = self.begin_stop(worker, 'app')
        client.expect_close(SERVICE_RESTART)
        self.assert_ends_at_once(stop, worker)

    def test_of_all_it_ends_redis_last(self):
        [worker] = self.start()
        self.wait_bus(worker, 'redis: connected')
        client = self.connect(worker)
        stop = self.begin_stop(worker)
        self.project.redis_cli('PUBLISH', 'broadcast', 'before you go')
        client.expect_text('before you go')
        client.leave()
        self.assertEqual(0, stop.wait(20 * SLOWNESS))
        self.assertEqual(0, inspect(worker.container, 'State.ExitCode'))


if __name__ == '__main__':
    tap.main()
