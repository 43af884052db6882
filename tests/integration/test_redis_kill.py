# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Redis killed repeatedly under load: every client gets every message once, in order."""

import threading

import tap
from fleet import AWAY, LOST, FleetTestCase
from waiting import SLOWNESS, Deadline, eventually
from wire import CLOSE, PING, PONG, TEXT, Client, frame

MESSAGES = int(100_000 / SLOWNESS)
KILLS = 3
BATCH = 50
WINDOW_HERE = 500  # lead of a sender over the slowest client of its node


class Listener(threading.Thread):
    """A client that receives '<sender> <number>'; the numbers of each sender count from 0."""

    def __init__(self, port, load):
        super().__init__(daemon=True)
        self.client = Client(port)
        self.client.open()
        self._load = load
        self.received = [0] * load.n_senders
        self.fault = None
        self.start()

    def run(self):
        try:
            while self._take(self.client.read_frame(3600)):
                pass
        except (EOFError, OSError, AssertionError, ValueError) as error:
            self.fault = self.fault or repr(error)
        self._load.tell()

    def _take(self, got):
        """Returns whether to continue."""
        if got.opcode == PING:
            self.client.send(frame(PONG, got.payload))
        elif got.opcode == CLOSE:
            self.fault = f'closed with {got.code} {got.reason!r}'
        elif got.opcode == TEXT:
            sender, number = map(int, got.payload.split())
            if number != self.received[sender]:
                self.fault = f'{number} of {sender} instead of {self.received[sender]}'
            self.received[sender] += 1
            if self.received[sender] % BATCH == 0 or self.received[sender] >= self._load.share:
                self._load.tell()
        return self.fault is None

    def leave(self):
        self.client.shut_down()  # wakes the thread
        self.join()
        self.client.abandon()


class Load:
    """Two senders and a listener on each node. Senders receive messages, too."""

    def __init__(self, nodes, messages):
        self._news = threading.Condition()
        self.n_senders = 2 * len(nodes)
        self.share = messages // self.n_senders
        # Lead of a sender over the slowest client with the slowest sender: some messages of each
        # sender wait when Redis is down, and all senders finish at about the same time.
        self.window = self.share // 10
        self._next = [0] * self.n_senders  # next message of each sender
        self._groups = [[Listener(node.port, self) for _ in range(3)] for node in nodes]
        self.listeners = [listener for group in self._groups for listener in group]
        self._senders = [threading.Thread(target=self._send, args=(number,), daemon=True)
                         for number in range(self.n_senders)]

    def start(self):
        for sender in self._senders:
            sender.start()

    def tell(self):
        with self._news:
            self._news.notify_all()

    def _send(self, number):
        """Sends as fast as the clients receive."""
        group = self._groups[number // 2]
        client = group[number % 2].client
        try:
            for first in range(0, self.share, BATCH):
                self._next[number] = first
                self._wait(lambda behind=first: self._has_room(number, group, behind), 'room')
                client.send(b''.join(
                    frame(TEXT, b'%d %d' % (number, message))
                    for message in range(first, min(first + BATCH, self.share))), 60)
        except (AssertionError, OSError) as error:
            group[number % 2].fault = f'while sending: {error!r}'
            self.tell()

    def _has_room(self, number, group, first):
        return (first - min(listener.received[number] for listener in group) < WINDOW_HERE
                and not self._is_far_ahead(first))

    def _is_far_ahead(self, first):
        return first - min(min(listener.received) for listener in self.listeners) >= self.window

    def has_come_to_a_stop(self):
        """Whether each sender waits for the slowest client, or has sent all its messages."""
        return all(self._is_far_ahead(first) or not sender.is_alive()
                   for first, sender in zip(self._next, self._senders))

    def _wait(self, condition, what):
        deadline = Deadline(60)
        with self._news:
            while not condition():
                self.judge()
                assert not deadline.expired, f'no {what}: {self.progress()}'
                self._news.wait(deadline.remaining)

    def describe(self):
        return f'messages to wait: sent {self._next}, received {self.progress()}'

    def progress(self):
        return [listener.received for listener in self.listeners]

    def judge(self):
        faults = [listener.fault for listener in self.listeners if listener.fault]
        assert not faults, faults

    def wait_progress(self, part):
        """Waits until the slowest client has received PART (0 to 1) of all messages."""
        wanted = part * self.share * self.n_senders
        self._wait(lambda: all(sum(listener.received) >= wanted for listener in self.listeners),
                   f'progress to {wanted}')

    def finish(self):
        """Waits until all clients have received all messages. A repeated one would arrive before
        the last ones."""
        self.wait_progress(1)
        for number, sender in enumerate(self._senders):
            sender.join()
            client = self._groups[number // 2][number % 2].client
            client.send(frame(TEXT, b'%d %d' % (number, self.share)))
        self._wait(lambda: all(listener.received == [self.share + 1] * self.n_senders
                               for listener in self.listeners), 'end')
        self.judge()

    def leave(self):
        for listener in self.listeners:
            listener.leave()


class KillTest(FleetTestCase):
    @staticmethod
    def has_enough_waiting(load, nodes):
        load.judge()
        load.tell()  # a client may have stopped between two multiples of BATCH
        return (sum(node.metric('ringdown_redis_pending_messages') for node in nodes)
                > load.window / 2 or load.has_come_to_a_stop())

    def assert_all_arrives(self, messages, persistent, lost_bytes=0):
        redis = self.redis(persistent=persistent)
        nodes = self.nodes(2, redis, warnings=[AWAY, LOST])  # its file may lack the last second
        load = Load(nodes, messages)
        self.addCleanup(load.leave)
        load.start()
        for kill in range(1, KILLS + 1):
            load.wait_progress(kill / (KILLS + 1))
            redis.kill()
            self.wait_down(*nodes)
            # few may be left to send: Redis has the others, but not all clients do
            eventually(lambda: self.has_enough_waiting(load, nodes), load.describe)
            if lost_bytes:
                redis.lose_end(lost_bytes)
            redis.start()
            self.wait_connected(*nodes)
        load.finish()
        for node in nodes:
            self.assertEqual(3, node.ready()[1]['clients'])
            self.assertEqual(0, node.metric('ringdown_redis_gaps_total'))

    def test_all_clients_get_all_messages_once_and_in_order(self):
        self.assert_all_arrives(MESSAGES, persistent=True)

    def test_all_clients_get_all_messages_if_redis_loses_its_last_writes(self):
        self.assert_all_arrives(MESSAGES // 4, persistent=True, lost_bytes=100_000)

    def test_all_clients_get_all_messages_if_redis_loses_its_data(self):
        self.assert_all_arrives(MESSAGES // 4, persistent=False)


if __name__ == '__main__':
    tap.main()
