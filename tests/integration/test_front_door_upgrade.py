# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Upgrades and drains while connections come, and while others wait for their request."""

import signal
import time

import tap
from crowd import crowd
from front_door import ACCEPT, FrontDoorTestCase, head, plain
from successor import COMMIT, HEADER, TAKEN
from upgrade_case import UpgradeTestCase
from verified_clients import verified_clients
from visitors import visitors
from waiting import SLOWNESS, eventually, expect_time
from wire import TEXT, frame

SERVICE_RESTART = 1012
REQUEST = head()
HALVES = REQUEST[:60], REQUEST[60:]


class HandshakeTestCase(UpgradeTestCase, FrontDoorTestCase):
    def begin(self, server, *parts):
        """Returns a connection that SERVER has accepted for each of PARTS, the first bytes of
        REQUEST, that it sends."""
        begun = []
        for part in parts:
            begun.append((self.tcp(server), part))
            begun[-1][0].send(part)
        self.connect(server).leave()  # was accepted after them
        return begun

    def complete(self, begun, group):
        """Completes the requests of the connections BEGUN. All must become clients that receive
        messages of GROUP."""
        for client, part in begun:
            client.send(REQUEST[len(part):])
        for client, part in begun:
            answer = client.read_answer()
            self.assertEqual((101, ACCEPT), (answer.status, answer.headers['sec-websocket-accept']),
                             f'{len(part)} bytes before')
            self.assert_is_client(client)
        group.say('you are in')
        for client, _ in begun:
            client.expect_text('you are in')
            client.leave()


class CrowdTest(UpgradeTestCase):
    """Upgrades in the middle of a crowd: no connection hangs, and no client is lost."""

    CLIENTS = 2000

    def assert_all_get_answers(self, requests, pause=0):
        server = self.start()
        with visitors(server, requests, pause) as coming:
            for _ in range(2):
                coming.wait_opened(self.CLIENTS // 3)
                server.signal(signal.SIGHUP)
                server.follow()
            coming.wait_opened(self.CLIENTS // 3)
        self.assertEqual([(0, 0), (0, 0)], [report[2:4] for report in server.reports()])

    def test_handshakes(self):
        self.assert_all_get_answers([(101, [REQUEST])])

    def test_handshakes_in_two_packets(self):
        self.assert_all_get_answers([(101, HALVES), (101, [REQUEST])], 0.05)

    def test_handshakes_with_a_message_and_other_requests(self):
        self.assert_all_get_answers([
            (101, [REQUEST]), (404, [plain()]), (101, HALVES), (400, [b'GET\r\n\r\n']),
            (426, [head(without=[b'Upgrade'])]), (404, [plain()[:-2], b'\r\n'])], 0.02)


class WaitingTest(HandshakeTestCase):
    """Connections that have sent a part of their request before an upgrade."""

    PARTS = [REQUEST[:length] for length in (0, 1, 30, len(REQUEST) - 2, len(REQUEST) - 1)]

    def test_they_complete_it_after_the_upgrade(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            begun = self.begin(server, *self.PARTS)
            self.upgrade(server)
            self.complete(begun, group)

    def test_they_complete_it_after_several_upgrades(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            begun = []
            for length in 10, 20, 30:
                begun += self.begin(server, *self.PARTS[:2])
                self.upgrade(server)
                for number, (client, part) in enumerate(begun):
                    client.send(REQUEST[len(part):length])
                    begun[number] = client, REQUEST[:length]
            self.complete(begun, group)

    def test_they_complete_it_while_no_worker_serves(self):
        server = self.start_on_bus()
        for kind in HEADER, TAKEN, COMMIT:
            with self.subTest(kind), crowd(server) as group:
                begun = self.begin(server, *self.PARTS)
                crossing = self.stop_at(kind)
                upgrading = self.begin_upgrade()
                crossing.wait_stopped()
                begun += [(self.tcp(server), b'') for _ in range(3)]
                for client, part in begun:
                    client.send(REQUEST[len(part):])
                crossing.go()
                upgrading.result()
                server.follow()
                self.complete([(client, REQUEST) for client, _ in begun], group)

    def test_on_the_admin_port_they_get_503_from_a_worker_that_serves_no_longer(self):
        server = self.start_on_bus()
        waits, stays = self.tcp(server, admin=True), self.connect(server, admin=True)
        crossing = self.stop_at(COMMIT)
        upgrading = self.begin_upgrade()
        crossing.wait_stopped()
        waits.send(waits.request())
        self.assertEqual(503, waits.read_answer().status)
        crossing.go()
        upgrading.result()
        server.follow()
        stays.text('moved')
        stays.expect_text('moved')

    def test_they_do_not_delay_the_upgrade(self):
        server = self.start_on_bus()
        with verified_clients(server) as group:
            self.begin(server, *self.PARTS)
            self.answered(server, plain(), b'GET\r\n\r\n', head(without=[b'Upgrade']))
            group.reset_silence()
            began = time.monotonic()
            self.upgrade(server)
            expect_time(time.monotonic() - began, under=0.9 * SLOWNESS)
            group.wait_received()
            group.expect_no_silence(0.7 * SLOWNESS)

    def answered(self, server, *requests):
        """Opens connections that get an answer and stay open."""
        for request in requests:
            client = self.tcp(server)
            client.send(request)
            self.assertIn(client.read_answer().status, (400, 404, 426))

    def test_they_stay_if_the_upgrade_fails(self):
        server = self.start_on_bus(warnings=['Hand-over failed: '])
        with crowd(server) as group:
            begun = self.begin(server, *self.PARTS)
            self.program.replace('exit 7')
            self.assert_refused(server, 'exited with status 7')
            self.complete(begun, group)

    def test_a_thousand_wait(self):
        server = self.start_on_bus()
        with crowd(server) as group:
            begun = self.begin(server, *self.PARTS * 200)
            self.upgrade(server)
            self.complete(begun, group)

    def test_frames_sent_with_the_rest_of_the_request_are_read(self):
        server = self.start_on_bus()
        [(client, part)] = self.begin(server, REQUEST[:40])
        self.upgrade(server)
        client.send(REQUEST[len(part):] + frame(TEXT, b'hello'))
        self.assertEqual(101, client.read_answer().status)
        client.expect_text('hello')


class DrainTest(HandshakeTestCase):
    """Connections that wait for their request during a drain."""

    def drain(self, server):
        server.signal(signal.SIGTERM)
        eventually(lambda: server.ready()[0] == 503, 'readiness to be 503')

    def assert_ends(self, client):
        """Asserts that CLIENT gets nothing but the end, which may be a reset."""
        try:
            client.expect_end()
        except ConnectionError:
            pass

    def test_they_get_503_and_do_not_delay_the_exit(self):
        server = self.start('--drain-interval=1h')
        stays = self.connect(server)
        begun = self.begin(server, *WaitingTest.PARTS * 20)
        self.drain(server)
        for client, part in begun[::2]:
            client.send(REQUEST[len(part):])
        for client, _ in begun[::2]:
            answer = client.read_answer()
            self.assertEqual(503, answer.status)
            self.assert_text(answer, 'draining')
        self.assertEqual(len(begun[::2]), self.refusals(server)['draining'])
        stays.text('still here')
        stays.expect_text('still here')
        began = time.monotonic()
        stays.leave()
        self.assertEqual(0, server.wait_exit())
        expect_time(time.monotonic() - began, under=0.2 * SLOWNESS)
        for client, _ in begun[1::2]:
            self.assert_ends(client)

    def test_without_clients_it_exits_at_once(self):
        server = self.start()
        begun = self.begin(server, *WaitingTest.PARTS * 20)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit())
        expect_time(time.monotonic() - began, under=0.2 * SLOWNESS)
        for client, _ in begun:
            self.assert_ends(client)

    def test_those_in_the_backlog_get_an_answer_or_the_end(self):
        server = self.start('--drain-timeout=1')
        stays = self.connect(server)
        server.signal(signal.SIGSTOP)
        complete = [self.tcp(server) for _ in range(100)]
        silent = [self.tcp(server) for _ in range(100)]
        for client in complete:
            client.send(REQUEST)
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGCONT)
        for client in complete:
            status = client.read_answer().status
            self.assertIn(status, (101, 503))
            if status == 101:
                client.expect_close(SERVICE_RESTART)
        stays.expect_close(SERVICE_RESTART)
        self.assertEqual(0, server.wait_exit())
        for client in silent:
            self.assert_ends(client)


if __name__ == '__main__':
    tap.main()
