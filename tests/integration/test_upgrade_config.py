# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The new process reads the configuration anew, and those who were connected stay."""

import os
import socket
import time

import tap
from crowd import Member, crowd
from upgrade_case import UpgradeTestCase, numbered
from waiting import SLOWNESS, eventually, expect_time
from ringdown import ADDRESS
from wire import PING, TEXT, Client, frame

SECOND_ADDRESS = '127.0.0.2'


class ConfigTestCase(UpgradeTestCase):
    """Servers that have a key file; nothing is on their command line but the bus."""

    DEFAULTS = {'Server': {'address': ADDRESS, 'port': '0', 'ping-interval': '0'},
                'Admin': {'admin-address': ADDRESS, 'admin-port': '0'},
                'Notify': {'notify-interval': '0'}}

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.directory, 'ringdown.conf')

    def configure(self, **groups):
        """Writes the key file: GROUPS over the defaults; underscores stand for dashes."""
        lines = []
        for group in {**self.DEFAULTS, **groups}:
            keys = {key.replace('_', '-'): value for key, value in groups.get(group, {}).items()}
            lines.append(f'[{group}]')
            lines += [f'{key}={value}'
                      for key, value in {**self.DEFAULTS.get(group, {}), **keys}.items()]
        with open(self.path, 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines) + '\n')

    def start_configured(self, **groups):
        self.configure(**groups)
        return self.start_on_bus(f'--config={self.path}', defaults=())

    def upgrade_to(self, server, **groups):
        """Upgrades to this configuration."""
        self.configure(**groups)
        self.upgrade(server)

    def listens(self, port, address=ADDRESS):
        """Whether somebody lets a client in there."""
        try:
            with socket.create_connection((address, port), 5 * SLOWNESS):
                return True
        except ConnectionRefusedError:
            return False

    def free_port(self):
        """A port that nobody has; hardly anybody will take it in the next second."""
        with socket.socket() as probe:
            probe.bind((ADDRESS, 0))
            return probe.getsockname()[1]


class PortTest(ConfigTestCase):
    def test_a_new_port_is_listened_on_and_the_old_one_closed(self):
        server = self.start_configured()
        with crowd(server) as group:
            old, new = server.port, self.free_port()
            self.upgrade_to(server, Server={'port': new})
            self.assertEqual([f'ws://{ADDRESS}:{new}/ws'], self.bus.property('Addresses'))
            self.assertFalse(self.listens(old))
            newcomer = Client(new)
            self.addCleanup(newcomer.abandon)
            newcomer.open()
            group.say('here and there')
            newcomer.expect_text('here and there')

    def test_an_address_more_is_listened_on_besides(self):
        server = self.start_configured()
        with crowd(server):
            self.assertFalse(self.listens(server.port, SECOND_ADDRESS))
            self.upgrade_to(server, Server={'address': f'{ADDRESS};{SECOND_ADDRESS}',
                                            'port': server.port})
            self.assertEqual([f'ws://{address}:{server.port}/ws'
                              for address in (ADDRESS, SECOND_ADDRESS)],
                             self.bus.property('Addresses'))
            for address in ADDRESS, SECOND_ADDRESS:
                self.assertTrue(self.listens(server.port, address))

    def test_an_address_less_is_closed_and_who_came_by_it_stays(self):
        server = self.start_configured(Server={'address': f'{ADDRESS};{SECOND_ADDRESS}'})
        with crowd(server) as group:
            by_the_second = Client(server.port, address=SECOND_ADDRESS)
            self.addCleanup(by_the_second.abandon)
            by_the_second.open()
            self.upgrade_to(server, Server={'port': server.port})
            self.assertTrue(self.listens(server.port))
            self.assertFalse(self.listens(server.port, SECOND_ADDRESS))
            group.say('still here?')
            by_the_second.expect_text('still here?')

    def test_all_addresses_instead_of_one(self):
        server = self.start_configured()
        with crowd(server):
            self.upgrade_to(server, Server={'address': '0.0.0.0', 'port': server.port})
            for address in ADDRESS, SECOND_ADDRESS:
                self.assertTrue(self.listens(server.port, address))
            self.upgrade_to(server, Server={'port': server.port})
            self.assertTrue(self.listens(server.port))
            self.assertFalse(self.listens(server.port, SECOND_ADDRESS))

    def test_the_admin_port_moves(self):
        server = self.start_configured()
        with crowd(server):
            old, new = server.admin_port, self.free_port()
            self.upgrade_to(server, Admin={'admin_port': new})
            self.assertFalse(self.listens(old))
            server.admin_port = new
            self.assertEqual(200, server.ready()[0])

    def test_the_admin_port_goes_and_comes(self):
        server = self.start_configured()
        with crowd(server):
            self.upgrade_to(server, Admin={'admin_port': '-1'})
            self.assertFalse(self.listens(server.admin_port))
            self.upgrade_to(server, Admin={'admin_port': server.admin_port})
            self.assertEqual(200, server.ready()[0])

    def test_the_ports_change_places(self):
        server = self.start_configured()
        with crowd(server):
            clients, admin = server.port, server.admin_port
            self.upgrade_to(server, Server={'port': admin}, Admin={'admin_port': clients})
            server.port, server.admin_port = admin, clients
            self.assertEqual(200, server.ready()[0])
            self.connect(server).leave()

    def test_another_path(self):
        server = self.start_configured()
        with crowd(server):
            self.upgrade_to(server, Server={'path': '/elsewhere'})
            client = self.tcp(server)
            client.open('/elsewhere')
            stranger = self.tcp(server)
            stranger.send(stranger.request('/ws'))
            self.assertEqual(404, stranger.read_answer().status)
            client.leave()


class LimitTest(ConfigTestCase):
    """Limits hold from then on, for those who were connected as well."""

    def test_those_who_are_too_many_are_told_1012_and_counted(self):
        server = self.start_configured()
        clients = [self.connect(server) for _ in range(7)]
        self.upgrade_to(server, Server={'max_clients': 4})
        for client in clients[4:]:
            client.expect_close(1012)
        told = self.handover()
        self.assertEqual((4, 3, 0), (told['moved'], told['closed'], told['lost']))
        self.assertEqual((2, 4, 3, 0), server.reports()[-1][:4])
        self.assertEqual(3, server.metric('ringdown_clients_closed_total', code='1012'))
        server.wait_clients(4)
        clients[0].text('still here')
        for client in clients[:4]:
            client.expect_text('still here')
        refused = self.tcp(server)
        refused.send(refused.request())
        self.assertEqual(503, refused.read_answer().status)

    def test_more_clients_may_come(self):
        server = self.start_configured(Server={'max_clients': 3})
        with crowd(server):
            refused = self.tcp(server)
            refused.send(refused.request())
            self.assertEqual(503, refused.read_answer().status)
            self.upgrade_to(server, Server={'max_clients': 4})
            self.connect(server).leave()

    def test_a_smaller_limit_of_messages(self):
        server = self.start_configured()
        with crowd(server) as group:
            client = self.connect(server)
            group.say('x' * 2000)
            client.expect_text('x' * 2000)
            self.upgrade_to(server, Server={'max_message': 1000})
            group.say('x' * 1000)
            client.expect_text('x' * 1000)
            client.text('x' * 1001)
            client.expect_close(1009)

    def test_half_a_message_that_is_too_large_by_then_is_refused(self):
        server = self.start_configured()
        with crowd(server):
            client = self.connect(server)
            data = frame(TEXT, b'x' * 2000)
            client.send(data[:1500])
            eventually(lambda: max(self.clients().values(), key=lambda each: each['id'])['received']
                       >= 1500, 'the server to have it')
            self.upgrade_to(server, Server={'max_message': 1000})
            client.send(data[1500:])
            client.expect_close(1009)

    def test_a_larger_limit_of_messages(self):
        server = self.start_configured(Server={'max_message': 1000})
        with crowd(server) as group:
            self.upgrade_to(server, Server={'max_message': 2000})
            group.say('x' * 2000)

    def test_origins(self):
        server = self.start_configured()
        with crowd(server):
            self.upgrade_to(server, Server={'allow_origin': 'https://example.org'})
            stranger = self.tcp(server)
            stranger.send(stranger.request(headers={'Origin': 'https://example.com'}))
            self.assertEqual(403, stranger.read_answer().status)

    def test_silent_clients_are_pinged_as_configured_now(self):
        server = self.start_configured()
        with crowd(server):
            client = self.connect(server)
            self.upgrade_to(server, Server={'ping_interval': '200ms'})
            self.assertEqual(PING, client.read_frame().opcode)

    def test_the_drain_takes_as_long_as_configured_now(self):
        server = self.start_configured()
        client = self.connect(server)
        self.upgrade_to(server, Drain={'drain_timeout': '500ms'})
        began = time.monotonic()
        self.bus.call('Shutdown')
        client.expect_close(1012)
        expect_time(time.monotonic() - began, under=3 * SLOWNESS)
        self.assertEqual(0, server.wait_exit())


class NotificationTest(ConfigTestCase):
    def test_another_text(self):
        server = self.start_configured(Notify={'notify_interval': '1s', 'notify_message': 'before'})
        client = self.connect(server)
        client.expect_text('before')
        self.upgrade_to(server, Notify={'notify_interval': '1s', 'notify_message': 'after 🛰'})
        client.expect_text('after 🛰')

    def test_another_rhythm(self):
        server = self.start_configured(Notify={'notify_interval': '1h'})
        client = self.connect(server)
        self.upgrade_to(server, Notify={'notify_interval': '300ms'})
        for _ in range(3):
            client.expect_text('🛰 Test notification')

    def test_none_any_more(self):
        server = self.start_configured(Notify={'notify_interval': '200ms'})
        client = self.connect(server)
        client.expect_text('🛰 Test notification')
        self.upgrade_to(server)
        self.bus.call('Publish', 'ss', 'broadcast', 'mark')
        while client.receive().text != 'mark':
            pass  # those of the old process
        with self.assertRaises(TimeoutError):
            client.receive(0.6)


class LogSizeTest(ConfigTestCase):
    """Slow readers, when the log becomes another."""

    MESSAGES = [numbered(number, 60_000) for number in range(40)]

    def start_with_slow_reader(self, **server):
        service = self.start_configured(Server=server)
        talker = Member(service.port)
        self.addCleanup(talker.leave)
        slow = self.connect(service, receive_buffer=4096)
        for number, message in enumerate(self.MESSAGES, 1):
            talker.say(message)
            talker.wait_count(number)
        return service, talker, slow

    def test_a_larger_log_has_all_that_the_smaller_one_had(self):
        server, talker, slow = self.start_with_slow_reader(log_size='4MiB')
        self.upgrade_to(server, Server={'log_size': '16MiB'})
        talker.say('and on')
        self.assertEqual([*self.MESSAGES, 'and on'],
                         [slow.receive().text for _ in range(len(self.MESSAGES) + 1)])
        self.assertIsNone(talker.end)

    def test_a_smaller_log_that_is_large_enough_does_as_well(self):
        server, talker, slow = self.start_with_slow_reader(log_size='16MiB')
        self.upgrade_to(server, Server={'log_size': '4MiB'})
        talker.say('and on')
        self.assertEqual([*self.MESSAGES, 'and on'],
                         [slow.receive().text for _ in range(len(self.MESSAGES) + 1)])

    def test_who_is_too_far_behind_for_a_smaller_log_is_closed_as_slow(self):
        server, talker, slow = self.start_with_slow_reader(log_size='4MiB')
        self.upgrade_to(server, Server={'log_size': '512KiB'})
        before = [got.text for got in slow.expect_close(1013)]
        self.assertEqual(self.MESSAGES[:len(before)], before)
        told = self.handover()
        self.assertEqual((1, 1, 0), (told['moved'], told['closed'], told['lost']))
        talker.say('and on')
        talker.wait_message('and on')
        self.assertIsNone(talker.end)


if __name__ == '__main__':
    tap.main(jobs=2)
