# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The new worker reads the configuration again, and connected clients stay."""

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
    """Servers with a key file; their command line has only the bus."""

    DEFAULTS = {'Server': {'address': ADDRESS, 'port': '0', 'ping-interval': '0'},
                'Admin': {'admin-address': ADDRESS, 'admin-port': '0'},
                'Notify': {'notify-interval': '0'}}

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.directory, 'ringdown.conf')

    def configure(self, **groups):
        """Writes the key file: the defaults, changed by GROUPS; underscores stand for dashes."""
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
        """Changes the configuration and upgrades."""
        self.configure(**groups)
        self.upgrade(server)

    def listens(self, port, address=ADDRESS):
        """Returns whether a client can connect there."""
        try:
            with socket.create_connection((address, port), 5 * SLOWNESS):
                return True
        except ConnectionRefusedError:
            return False

    def free_port(self):
        """Returns a port that is free now."""
        with socket.socket() as probe:
            probe.bind((ADDRESS, 0))
            return probe.getsockname()[1]


class PortTest(ConfigTestCase):
    def test_a_new_port_is_opened_and_the_old_one_closed(self):
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

    def test_an_additional_address_is_opened(self):
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

    def test_a_removed_address_is_closed_and_its_clients_stay(self):
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

    def test_the_admin_port_is_disabled_and_enabled(self):
        server = self.start_configured()
        with crowd(server):
            self.upgrade_to(server, Admin={'admin_port': '-1'})
            self.assertFalse(self.listens(server.admin_port))
            self.upgrade_to(server, Admin={'admin_port': server.admin_port})
            self.assertEqual(200, server.ready()[0])

    def test_the_ports_are_swapped(self):
        server = self.start_configured()
        with crowd(server):
            clients, admin = server.port, server.admin_port
            self.upgrade_to(server, Server={'port': admin}, Admin={'admin_port': clients})
            server.port, server.admin_port = admin, clients
            self.assertEqual(200, server.ready()[0])
            self.connect(server).leave()

    def test_a_changed_path(self):
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
    """New limits apply to connected clients as well."""

    def test_clients_above_the_new_limit_are_closed_with_1012(self):
        server = self.start_configured()
        clients = [self.connect(server) for _ in range(7)]
        self.upgrade_to(server, Server={'max_clients': 4})
        for client in clients[4:]:
            client.expect_close(1012)
        handover = self.handover()
        self.assertEqual((4, 3, 0), (handover['moved'], handover['closed'], handover['lost']))
        self.assertEqual((2, 4, 3, 0), server.reports()[-1][:4])
        self.assertEqual(3, server.metric('ringdown_clients_closed_total', code='1012'))
        server.wait_clients(4)
        clients[0].text('still here')
        for client in clients[:4]:
            client.expect_text('still here')
        refused = self.tcp(server)
        refused.send(refused.request())
        self.assertEqual(503, refused.read_answer().status)

    def test_a_higher_client_limit(self):
        server = self.start_configured(Server={'max_clients': 3})
        with crowd(server):
            refused = self.tcp(server)
            refused.send(refused.request())
            self.assertEqual(503, refused.read_answer().status)
            self.upgrade_to(server, Server={'max_clients': 4})
            self.connect(server).leave()

    def test_a_smaller_message_limit(self):
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

    def test_a_partial_message_above_the_new_limit_is_refused(self):
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

    def test_a_larger_message_limit(self):
        server = self.start_configured(Server={'max_message': 1000})
        with crowd(server) as group:
            self.upgrade_to(server, Server={'max_message': 2000})
            group.say('x' * 2000)

    def test_changed_origins(self):
        server = self.start_configured()
        with crowd(server):
            self.upgrade_to(server, Server={'allow_origin': 'https://example.org'})
            stranger = self.tcp(server)
            stranger.send(stranger.request(headers={'Origin': 'https://example.com'}))
            self.assertEqual(403, stranger.read_answer().status)
            self.tcp(server).open(headers={'Origin': 'https://example.org'})

    def test_a_changed_ping_interval(self):
        server = self.start_configured()
        with crowd(server):
            client = self.connect(server)
            self.upgrade_to(server, Server={'ping_interval': '200ms'})
            self.assertEqual(PING, client.read_frame().opcode)

    def test_a_changed_drain_timeout(self):
        server = self.start_configured()
        client = self.connect(server)
        self.upgrade_to(server, Drain={'drain_timeout': '500ms'})
        began = time.monotonic()
        self.bus.call('Shutdown')
        client.expect_close(1012)
        expect_time(time.monotonic() - began, under=3 * SLOWNESS)
        self.assertEqual(0, server.wait_exit())


    def test_a_changed_drain_code(self):
        server = self.start_configured()
        client, excess = self.connect(server), self.connect(server)
        self.upgrade_to(server, Server={'max_clients': 1}, Drain={'drain_code': '1001'})
        excess.expect_close(1012)  # the option is for drains only
        self.bus.call('Drain', 'a{sv}', '1', 'timeout', 'u', '0')
        client.expect_close(1001, 'going away')
        self.assertEqual(0, server.wait_exit())


class NotificationTest(ConfigTestCase):
    def test_a_changed_text(self):
        server = self.start_configured(Notify={'notify_interval': '1s', 'notify_message': 'before'})
        client = self.connect(server)
        client.expect_text('before')
        self.upgrade_to(server, Notify={'notify_interval': '1s', 'notify_message': 'after 🛰'})
        client.expect_text('after 🛰')

    def test_a_changed_interval(self):
        server = self.start_configured(Notify={'notify_interval': '1h'})
        client = self.connect(server)
        self.upgrade_to(server, Notify={'notify_interval': '300ms'})
        for _ in range(3):
            client.expect_text('🛰 Test notification')

    def test_notifications_are_disabled(self):
        server = self.start_configured(Notify={'notify_interval': '200ms'})
        client = self.connect(server)
        client.expect_text('🛰 Test notification')
        self.upgrade_to(server)
        self.bus.call('Publish', 'ss', 'broadcast', 'mark')
        while client.receive().text != 'mark':
            pass  # sent by the old worker
        with self.assertRaises(TimeoutError):
            client.receive(0.6)


class LogSizeTest(ConfigTestCase):
    """Slow readers when the log size changes."""

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

    def test_a_larger_log_keeps_all_messages(self):
        server, talker, slow = self.start_with_slow_reader(log_size='4MiB')
        self.upgrade_to(server, Server={'log_size': '16MiB'})
        talker.say('and on')
        self.assertEqual([*self.MESSAGES, 'and on'],
                         [slow.receive().text for _ in range(len(self.MESSAGES) + 1)])
        self.assertIsNone(talker.end)

    def test_a_smaller_log_keeps_all_messages_if_they_fit(self):
        server, talker, slow = self.start_with_slow_reader(log_size='16MiB')
        self.upgrade_to(server, Server={'log_size': '4MiB'})
        talker.say('and on')
        self.assertEqual([*self.MESSAGES, 'and on'],
                         [slow.receive().text for _ in range(len(self.MESSAGES) + 1)])

    def test_clients_too_far_behind_for_a_smaller_log_are_closed(self):
        server, talker, slow = self.start_with_slow_reader(log_size='4MiB')
        self.upgrade_to(server, Server={'log_size': '512KiB'})
        before = [got.text for got in slow.expect_close(1013)]
        self.assertEqual(self.MESSAGES[:len(before)], before)
        handover = self.handover()
        self.assertEqual((1, 1, 0), (handover['moved'], handover['closed'], handover['lost']))
        talker.say('and on')
        talker.wait_message('and on')
        self.assertIsNone(talker.end)


if __name__ == '__main__':
    tap.main(jobs=2)
