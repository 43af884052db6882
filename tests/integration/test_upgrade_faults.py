# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Failed hand-overs: the old worker keeps all clients and reports why."""

import math
import os
import signal
import socket
import subprocess
from contextlib import contextmanager

import successor
import tap
from bus import Caller
from verified_clients import verified_clients
from crowd import crowd
from upgrade_case import UpgradeTestCase
from waiting import SLOWNESS, eventually
from ringdown import ADDRESS, clean_environment
from successor import COMMIT, HEADER, READY, SERVING, SOCKETS, TAKEN, Conversation

FAILED = r'(?i:hand-over|upgrade)'  # in the log
IN_A_PACKET = 253
TIMEOUT = f'--handover-timeout={3 * SLOWNESS:g}s'  # for each stage


class FaultTestCase(UpgradeTestCase):
    def start_on_bus(self, *options, warnings=(FAILED,), **settings):
        return super().start_on_bus(*options, warnings=warnings, **settings)

    @contextmanager
    def survived(self, server, size=20):
        """Clients exchange messages during the context, in which an upgrade fails; after it an
        upgrade to the real program succeeds."""
        with verified_clients(server, size) as group:
            before = server.pid
            yield group
            self.assertEqual(before, server.wait_alone())
            self.connect(server).leave()
            group.wait_received()
            self.program.restore()
            self.upgrade(server)
            group.wait_received()
        self.assertEqual([(2, size, 0, 0)], [report[:4] for report in server.reports()])
        self.assertEqual(1, server.metric('ringdown_handovers_failed_total'))

    def assert_fails(self, server, why):
        """Asserts that Upgrade fails with a message that matches WHY, which is logged once."""
        text = self.assert_refused(server, why)
        self.assertNotIn('\n', text)
        self.assertEqual(1, len(server.find_log(r'warning: .*' + why)), server.log)
        self.assertEqual(200, server.ready()[0])
        self.assertEqual('running', self.bus.property('State'))


class ProgramTest(FaultTestCase):
    """The program was replaced by something else."""

    def assert_survived(self, script, why, *, mode=0o755, options=()):
        server = self.start_on_bus(*options)
        with self.survived(server):
            if script is None:
                self.program.remove()
                with self.gone():
                    self.assert_fails(server, why)
            else:
                self.program.replace(script, mode)
                self.assert_fails(server, why)

    @contextmanager
    def gone(self):
        """Removes the program; tests restore it afterwards."""
        yield
        self.program.replace('exit 1')

    def test_it_is_missing(self):
        self.assert_survived(None, r'No such file')

    def test_it_is_not_executable(self):
        self.assert_survived('exit 0', r'Permission denied', mode=0o644)

    def test_it_is_not_a_program(self):
        server = self.start_on_bus()
        with self.survived(server):
            self.program.replace('\0\1\2')
            with open(self.program.path, 'wb') as file:
                file.write(b'\x7fELF and nothing more')
            self.assert_fails(server, r'exited with status 127')

    def test_it_ends_at_once(self):
        self.assert_survived('exit 3', r'exited with status 3')

    def test_it_exits_at_once_with_success(self):
        self.assert_survived('exit 0', r'exited with status 0')

    def test_it_crashes_at_once(self):
        self.assert_survived('kill -SEGV $$', r'killed by a signal: Segmentation fault')

    def test_it_sends_nothing(self):
        self.assert_survived('exec sleep 600', r'did not send READY in time',
                             options=['--handover-timeout=1s'])

    def test_it_has_too_few_descriptors(self):
        server = self.start_on_bus()
        with self.survived(server, 300):
            self.program.replace(f'ulimit -n 200\nexec {self.program.pristine} "$@"')
            self.assert_fails(server, r'descriptor limit')

    def test_it_does_not_know_an_option(self):
        server = self.start_on_bus()
        with self.survived(server):
            self.program.replace(f'exec {self.program.pristine} --no-such-option "$@"')
            self.assert_fails(server, r'(?i:no-such-option|\b2\b)')


class FaultyWorkerTest(FaultTestCase):
    """New workers that break the hand-over protocol."""

    def assert_survived(self, way, why, *, size=20, options=(), silence=math.inf):
        server = self.start_on_bus(*options)
        with self.survived(server, size) as group:
            self.program.replace(successor.script(way))
            group.reset_silence()
            self.assert_fails(server, why)
            group.wait_received()
            group.expect_no_silence(silence)

    def test_it_hangs_before_it_is_ready(self):
        self.assert_survived('silent', r'did not send READY in time', silence=0.7 * SLOWNESS,
                             options=['--handover-timeout=1s'])  # clients are served meanwhile

    def test_it_hangs_when_it_is_ready(self):
        self.assert_survived('ready_then_silent', r'did not send TAKEN in time',
                             options=[TIMEOUT])

    def test_it_hangs_in_the_middle(self):
        self.assert_survived('deaf_in_the_middle', r'did not send TAKEN in time',
                             options=[TIMEOUT])

    def test_it_hangs_with_all_clients(self):
        self.assert_survived('silent_with_all', r'did not send TAKEN in time',
                             options=[TIMEOUT])

    def test_it_exits_before_it_is_ready(self):
        self.assert_survived('gone', r'exited with status 0')

    def test_it_exits_when_it_is_ready(self):
        self.assert_survived('gone_when_ready', r'exited with status 0')

    def test_it_exits_with_half_of_the_clients(self):
        self.assert_survived('gone_with_half', r'exited with status 0', size=300)

    def test_it_crashes_with_half_of_the_clients(self):
        self.assert_survived('crash_with_half', r'killed by a signal: Aborted', size=300)

    def test_it_exits_with_all_clients(self):
        self.assert_survived('gone_with_all', r'exited with status 0', size=300)

    def test_it_refuses(self):
        self.assert_survived('refusing', r'the moon is in the wrong quarter')

    def test_it_refuses_in_the_middle(self):
        self.assert_survived('refusing_in_the_middle', r'the moon has risen')

    def test_it_uses_another_layout(self):
        self.assert_survived('of_another_layout', r'layout 2\b.*\blayout 1\b')

    def test_it_sends_an_invalid_packet(self):
        self.assert_survived('of_nonsense', r'(?i:faulty|no ringdown)')

    def test_it_sends_an_unexpected_packet(self):
        self.assert_survived('hasty', r'received TAKEN unexpectedly')


class ConfigurationTest(FaultTestCase):
    """The new worker cannot start with the changed configuration."""

    def start_configured(self):
        self.path = os.path.join(self.directory, 'ringdown.conf')
        self.configure('')
        return self.start_on_bus(f'--config={self.path}', f'--address={ADDRESS}',
                                 '--ping-interval=0', '--notify-interval=0',
                                 defaults=[])

    def configure(self, more):
        with open(self.path, 'w', encoding='utf-8') as file:
            file.write(f'[Server]\nport=0\n{more}\n[Admin]\nadmin-address={ADDRESS}\n'
                       'admin-port=0\n')

    def test_the_key_file_is_broken(self):
        for more, why in (('max-clients=many', r'max-clients'), ('no-such-key=1', r'no-such-key'),
                          ('this is no key', r'ringdown\.conf')):
            with self.subTest(more):
                server = self.start_configured()
                with self.survived(server):
                    self.configure(more)
                    self.assert_fails(server, why)
                    self.configure('')
                server.finish()

    def test_the_key_file_is_gone(self):
        server = self.start_configured()
        with self.survived(server):
            os.unlink(self.path)
            self.assert_fails(server, r'ringdown\.conf')
            self.configure('')

    def test_a_port_is_taken(self):
        with socket.socket() as other:
            other.bind((ADDRESS, 0))
            other.listen()
            taken = other.getsockname()[1]
            server = self.start_configured()
            with self.survived(server):
                self.configure(f'address={ADDRESS}\n[Server]\nport={taken}')
                self.assert_fails(server, rf'\b{taken}\b.*in use')
                self.configure('')


class KilledTest(FaultTestCase):
    """The old worker is killed during the exchange."""

    SIZE = 50  # all sockets are in one packet

    def kill_at(self, server, kind):
        """Kills SERVER when a packet of KIND is in flight; returns the stopped packet."""
        crossing = self.stop_at(kind)
        server.signal(signal.SIGUSR2)
        crossing.wait_stopped()
        server.signal(signal.SIGKILL)
        return crossing

    def assert_all_clients_taken_over(self, kind):
        server = self.start_on_bus()
        with verified_clients(server, self.SIZE) as group:
            self.kill_at(server, kind).go()
            server.follow(status=-signal.SIGKILL)
            group.wait_received()
            self.upgrade(server)
        self.assertEqual([(generation, self.SIZE, 0, 0) for generation in (2, 3)],
                         [report[:4] for report in server.reports()])

    def test_before_the_first_socket_has_arrived(self):
        self.assert_all_clients_taken_over(SOCKETS)

    def test_before_the_new_worker_has_sent_taken(self):
        self.assert_all_clients_taken_over(TAKEN)

    def test_before_the_old_worker_has_sent_commit(self):
        self.assert_all_clients_taken_over(COMMIT)

    def test_before_the_new_worker_has_sent_serving(self):
        self.assert_all_clients_taken_over(SERVING)

    def test_clients_whose_sockets_arrived_are_kept(self):
        server = self.start_on_bus()
        clients = [self.connect(server) for _ in range(IN_A_PACKET + 50)]
        server.wait_clients(len(clients))
        self.kill_at(server, SOCKETS).cut(after=1)
        server.follow(status=-signal.SIGKILL)
        server.wait_clients(IN_A_PACKET)
        clients[0].text('who is left?')
        for client in clients[:IN_A_PACKET]:
            client.expect_text('who is left?')
        for client in clients[IN_A_PACKET:]:
            with self.assertRaises((EOFError, ConnectionResetError)):
                client.read_frame()
        self.assertEqual((2, IN_A_PACKET, 0, 50), server.reports()[-1][:4])

    def test_before_anything_was_sent_the_new_worker_has_the_ports(self):
        server = self.start_on_bus()
        client = self.connect(server)
        server.wait_clients(1)
        self.kill_at(server, READY).go()
        server.follow(status=-signal.SIGKILL)
        with self.assertRaises((EOFError, ConnectionResetError)):
            client.read_frame()
        self.assertEqual((2, 0, 0, 1), server.reports()[-1][:4])
        with crowd(server):
            self.upgrade(server)


class MeanwhileTest(FaultTestCase):
    """Requests during a hand-over."""

    def stopped(self, server, kind=READY):
        """Begins an upgrade of SERVER and holds it. Returns what holds it, and the upgrade."""
        crossing = self.stop_at(kind)
        upgrading = self.begin_upgrade()
        crossing.wait_stopped()
        return crossing, upgrading

    def test_a_second_upgrade_is_refused(self):
        server = self.start_on_bus()
        with verified_clients(server):
            crossing, upgrading = self.stopped(server)
            name, text = self.bus.error_of('Upgrade')
            self.assertEqual('org.ringdown.Error.Busy', name)
            self.assertRegex(text, r'(?i:under way|already)')
            for count, number in enumerate((signal.SIGUSR2, signal.SIGHUP), 1):
                server.signal(number)
                eventually(lambda least=count: len(server.find_log('already in progress')) == least,
                           f'{number.name} to be refused')
            crossing.go()
            upgrading.result()
            server.follow()
            self.upgrade(server)
        self.assertEqual([2, 3], [report[0] for report in server.reports()])

    def test_replace_is_refused(self):
        server = self.start_on_bus()
        with verified_clients(server):
            crossing, upgrading = self.stopped(server)
            done = self.run_replace()
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertRegex(done.stderr.splitlines()[-1], r'\Aringdown\S*: .*already in progress')
            crossing.go()
            upgrading.result()
            server.follow()

    def run_replace(self, *options):
        return subprocess.run(
            [self.program.pristine, '--replace', f'--address={ADDRESS}', '--port=0',
             f'--admin-address={ADDRESS}', '--admin-port=0', *options],
            env=clean_environment(self.directory, self.bus.environment), text=True,
            capture_output=True, timeout=30 * SLOWNESS, check=False)

    def test_a_failed_replacement_reports_why_and_the_old_worker_continues(self):
        server = self.start_on_bus()
        with socket.socket() as other, self.survived(server):
            other.bind((ADDRESS, 0))
            other.listen()
            taken = other.getsockname()[1]
            done = self.run_replace(f'--port={taken}')
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertRegex(done.stderr.splitlines()[-1], rf'\Aringdown\S*: .*\b{taken}\b')
            server.wait_log(rf'warning: .*\b{taken}\b')

    def test_during_a_drain_it_is_refused(self):
        server = self.start_on_bus()
        client = self.connect(server)
        self.bus.call('Shutdown')
        name, text = self.bus.error_of('Upgrade')
        self.assertEqual('org.ringdown.Error.Busy', name)
        self.assertRegex(text, r'[Dd]rain')
        for number in signal.SIGUSR2, signal.SIGHUP:
            server.signal(number)
        self.assertEqual(1, self.run_replace().returncode)
        client.text('still here')
        client.expect_text('still here')
        self.assertEqual('draining', self.bus.property('State'))
        client.leave()
        self.assertEqual(0, server.wait_exit())
        self.assertEqual([], server.reports())

    def test_after_a_cancelled_drain_it_works(self):
        server = self.start_on_bus()
        with crowd(server):
            self.bus.call('Shutdown')
            self.bus.call('CancelDrain')
            self.upgrade(server)

    def test_sigterm_during_preparation_drains(self):
        server = self.start_on_bus()
        client = self.connect(server)
        self.program.replace(successor.script('silent'))
        upgrading = self.begin_upgrade()
        eventually(lambda: len(server.processes()) == 3, 'the successor, and its guard')
        server.signal(signal.SIGTERM)
        eventually(lambda: server.ready()[0] == 503, 'readiness to be 503')
        with self.assertRaises(AssertionError) as failed:
            upgrading.result()
        self.assertRegex(str(failed.exception), r'[Dd]rain')
        server.wait_alone()
        client.text('still here')
        client.expect_text('still here')
        client.leave()
        self.assertEqual(0, server.wait_exit())

    def test_sigterm_during_the_exchange_drains_the_serving_worker(self):
        server = self.start_on_bus()
        client = self.connect(server)
        crossing, upgrading = self.stopped(server, HEADER)
        server.signal(signal.SIGTERM)
        crossing.go()
        self.assert_one_drains(server, upgrading, client)

    def assert_one_drains(self, server, upgrading, client):
        """Asserts that the worker that has the client drains."""
        eventually(lambda: self.bus.property('State') == 'draining', 'the drain')
        try:
            upgrading.result()
            server.follow()
        except AssertionError:
            server.wait_alone()
        client.text('still here')
        client.expect_text('still here')
        client.leave()
        self.assertEqual(0, server.wait_exit())

    def test_the_upgrade_continues_when_its_caller_leaves(self):
        server = self.start_on_bus()
        with verified_clients(server):
            crossing = self.stop_at(READY)
            caller = Caller(self.bus)
            caller.begin('Upgrade')
            crossing.wait_stopped()
            caller.leave()
            crossing.go()
            server.follow()
            self.upgrade(server)


class UnsupportedTest(FaultTestCase):
    """Launch environments without upgrades or restarts."""

    def test_sigusr1_without_a_service_manager_is_ignored(self):
        server = self.start_on_bus(warnings=[r'(?i:service manager|systemctl)'])
        with verified_clients(server) as group:
            server.signal(signal.SIGUSR1)
            server.wait_log(r'warning: .*(?i:service manager|systemctl)')
            group.wait_received()
            self.assertEqual(200, server.ready()[0])
            self.upgrade(server)

    def test_the_first_process_of_a_container_refuses(self):
        if os.geteuid() != 0:
            self.skipTest('only root may make a process namespace')
        server = self.start_on_bus(prefix=['unshare', '--pid', '--fork', '--mount-proc'])
        with verified_clients(server):
            name, text = self.bus.error_of('Upgrade')
            self.assertEqual('org.ringdown.Error.HandoverFailed', name)
            self.assertRegex(text, r'(?i:process 1|container)')
            server.wait_log(r'warning: .*(?i:process 1|container)')
        self.bus.call('Shutdown')
        self.assertEqual(0, server.wait_exit())


class FaultyOldWorkerTest(FaultTestCase):
    """The old worker breaks the protocol: the new one exits with a one-line error."""

    def run_after(self, talk):
        """Starts the program as a new worker; TALK plays the old one. Returns the error output."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                process = self.begin(theirs.fileno(), [theirs.fileno()])
            talk(Conversation(ours))
            return self.errors_of(process)

    def begin(self, number, fds):
        return subprocess.Popen(
            [self.program.path, f'--address={ADDRESS}', '--port=0', '--admin-port=-1',
             '--bus=none'],
            env=clean_environment(self.directory, {successor.VARIABLE: str(number)}),
            pass_fds=fds, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)

    def errors_of(self, process):
        _, errors = process.communicate(timeout=30 * SLOWNESS)
        self.assertEqual(1, process.returncode, errors)
        self.assertRegex(errors, r'\Aringdown: [^\n]+\n\Z')
        return errors

    def test_it_hangs_up_at_once(self):
        self.assertRegex(self.run_after(lambda talk: talk.hang_up()), r'exited')

    def test_it_sends_another_layout(self):
        def talk(end):
            end.say(successor.LISTENERS, {}, [], layout=successor.LAYOUT + 1)
            answer = end.receive(successor.ERROR)
            self.assertRegex(answer.body[0], r'layout 2\b.*\blayout 1\b')
            end.hang_up()

        self.assertRegex(self.run_after(talk), r'layout 2\b.*\blayout 1\b')

    def test_it_sends_an_invalid_packet(self):
        def talk(end):
            end.send_nonsense()
            end.receive(successor.ERROR)
            end.hang_up()

        self.assertRegex(self.run_after(talk), r'(?i:faulty|no ringdown)')

    def test_it_aborts(self):
        def talk(end):
            end.say(successor.ABORT, 'thought better of it')
            end.hang_up()

        self.assertRegex(self.run_after(talk), r'thought better of it')

    def test_the_descriptor_is_not_such_a_socket(self):
        with socket.socket() as other:
            errors = self.errors_of(self.begin(other.fileno(), [other.fileno()]))
        self.assertRegex(errors, r'SEQPACKET')

    def test_there_is_no_such_descriptor(self):
        for number in '999', 'x', '-1', '':
            with self.subTest(number):
                self.errors_of(self.begin(number, []))


if __name__ == '__main__':
    tap.main(jobs=2)
