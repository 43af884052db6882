# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Invalid, missing and unexpected arguments of ringdownctl: the error is one printable line, and
the service is not called."""

import tap
from ctl import CtlTestCase

COMMANDS = ('status', 'clients', 'publish', 'disconnect', 'upgrade', 'drain', 'cancel-drain',
            'shutdown', 'monitor', 'help')
MOST_ARGUMENTS = {'publish': 1, 'disconnect': 1, 'help': 1}
UNTRUSTED = {  # argument: as shown in the error
    '\x1b[31mred': r'\u001b[31mred',
    '\x1b]0;title\a': r'\u001b]0;title\u0007',
    '\x9b2J': r'\u009b2J',
    'two\nlines\r': r'two\u000alines\u000d',
    '\u202egnp.exe': r'\u202egnp.exe',
    '%s%n%s': '%s%n%s',
}


class ArgumentsTestCase(CtlTestCase):
    """A bus without a service: valid arguments lead to the error “no service”."""

    def assert_understood(self, *arguments, **more):
        self.assert_fails(['no service org.ringdown.Ringdown'], *arguments, **more)

    def assert_refused(self, names, *arguments, **more):
        """Asserts that ringdownctl refuses ARGUMENTS before it calls the service."""
        done = self.run_ctl(*arguments, **more)
        self.assertNotIn('no service', done.stderr)
        self.assert_fails(names, *arguments, **more)


class CommandTest(ArgumentsTestCase):
    def test_missing_command(self):
        for arguments in (), ('--json',), ('--',), ('--system', '--json'):
            with self.subTest(arguments):
                self.assert_refused(['no command', '--help'], *arguments)

    def test_unknown(self):
        for name in 'stat', 'STATUS', 'status ', '', '-', 'restart':
            with self.subTest(name):
                self.assert_refused([f'“{name}”', '--help'], name)
                self.assert_refused([f'“{name}”', '--help'], 'help', name)

    def test_unexpected_arguments(self):
        for command in COMMANDS:
            with self.subTest(command):
                fine = ['1'] * MOST_ARGUMENTS.get(command, 0)
                self.assert_refused(['“surplus”', f'{command} --help'], command, *fine, 'surplus')
                self.assert_refused(['“--json”'], command, *fine, '--', '--json')

    def test_missing_argument(self):
        for arguments in ('disconnect',), ('disconnect', '--code=1000'), ('disconnect', '--'):
            with self.subTest(arguments):
                self.assert_refused(['ID', 'disconnect --help'], *arguments)


class OptionTest(ArgumentsTestCase):
    def test_unknown(self):
        for option in '--colour', '--jso', '-j', '-hj', '---json', '--=x', '--Json':
            name = option.partition('=')[0]
            with self.subTest(option):
                self.assert_refused([name, 'ringdownctl --help'], option, 'status')
                for command in COMMANDS:
                    self.assert_refused([name, f'ringdownctl {command} --help'], command, option)

    def test_option_of_another_command(self):
        for option in '--wait', '--timeout=5', '--code=1000', '--reason=x':
            with self.subTest(option):
                self.assert_refused([option.partition('=')[0]], 'status', option)
                self.assert_refused([option.partition('=')[0]], option, 'status')
        self.assert_refused(['--timeout'], 'shutdown', '--timeout=5')
        self.assert_refused(['--all'], 'clients', '--all')

    def test_flag_with_a_value(self):
        for option, command in (('--json', 'status'), ('--system', 'status'), ('--help', 'status'),
                                ('--wait', 'drain'), ('--all', 'status')):
            with self.subTest(option):
                self.assert_refused([option, '“no”'], command, f'{option}=no')
                self.assert_refused([option, '“”'], command, f'{option}=')

    def test_missing_value(self):
        for option, command in (('--instance', 'status'), ('--address', 'status'),
                                ('--code', 'disconnect'), ('--timeout', 'drain')):
            with self.subTest(option):
                self.assert_refused(['Missing argument', option, f'{command} --help'], command,
                                    option)

    def test_last_value_counts(self):
        self.assert_fails(['org.ringdown.Ringdown.ib'], '--instance=a', 'status', '--instance=b')

    def test_options_before_and_after_the_command(self):
        for arguments in (('--json', 'status'), ('status', '--json'), ('status', '--all', '--json'),
                          ('drain', '--json', '--wait'),
                          ('--json', 'drain', '--timeout', '5', '--json')):
            with self.subTest(arguments):
                self.assert_understood(*arguments)


class ValueTest(ArgumentsTestCase):
    def test_invalid_client_id(self):
        for value in ('one', '-1', '1.5', '', ' 1', '0x10', '18446744073709551616', '1e3', '١'):
            with self.subTest(value):
                self.assert_refused([f'“{value}”', 'ringdownctl clients'], 'disconnect', '--',
                                    value)
        self.assert_understood('disconnect', '18446744073709551615')

    def test_invalid_close_code(self):
        for value in '', 'normal', '-1', '0', '999', '5000', '65536', '1000 ':
            with self.subTest(value):
                self.assert_refused([f'--code={value}', '1000'], 'disconnect', '1',
                                    f'--code={value}')
        self.assert_understood('disconnect', '1', '--code=4999')

    def test_invalid_duration(self):
        for value in '', 'soon', '-5', '5 parsecs', '1h 30', '1e3', '5min\n':
            with self.subTest(value):
                self.assert_refused(['--timeout=', '5min'], 'drain', f'--timeout={value}')
        for value in '31d', '9999999999', '99999999999999999999', '106751991d':
            with self.subTest(value):
                self.assert_refused([f'--timeout={value}'], 'drain', f'--timeout={value}')
        for value in '0', '30d', '1ms', '1h 30min':
            with self.subTest(value):
                self.assert_understood('drain', f'--timeout={value}')

    def test_invalid_instance(self):
        for value in '', 'x' * 250:
            with self.subTest(value):
                self.assert_refused(['--instance='], 'status', f'--instance={value}')

    def test_invalid_address(self):
        for value in '', 'x', 'unix:', 'unix:path=/nowhere', 'tcp:host=', 'unix:path=%zz', ';', '/':
            with self.subTest(value):
                self.assert_refused(['message bus at'], 'status', f'--address={value}')

    def test_system_and_address_exclude_each_other(self):
        self.assert_refused(['--system', '--address'], 'status', '--system',
                            f'--address={self.bus.address}')


class UntrustedTest(ArgumentsTestCase):
    def test_quoted_arguments_are_made_printable(self):
        for typed, shown in UNTRUSTED.items():
            for arguments in ((typed,), ('help', typed), ('status', typed), ('disconnect', typed),
                              ('disconnect', '1', f'--code={typed}'), (f'--{typed}', 'status'),
                              ('clients', f'-{typed}'), ('drain', f'--timeout={typed}'),
                              ('drain', f'--wait={typed}'), ('status', f'--address={typed}')):
                with self.subTest(arguments):
                    self.assert_refused([shown], *arguments)

    def test_untrusted_instance_names_are_made_printable(self):
        for typed, shown in UNTRUSTED.items():
            with self.subTest(typed):
                self.assert_understood('status', f'--instance={typed}')
                self.assert_fails([f'ringdown@{shown}'], 'status', f'--instance={typed}')

    def test_invalid_utf_8_is_refused(self):
        for arguments in ((b'\xff',), ('status', b'--instance=\xff'), ('publish', b'half \xc3'),
                          ('status', '--address', b'\x80'), ('disconnect', '1', b'--reason=\xed'),
                          (b'--\xff', 'status')):
            with self.subTest(arguments):
                self.assert_refused(['UTF-8'], *arguments)

    def test_long_arguments_are_cut(self):
        done = self.run_ctl('x' * 100_000)
        self.assertEqual(1, done.returncode)
        self.assertLess(len(done.stderr), 2000)


if __name__ == '__main__':
    tap.main(jobs=3)
