# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The page on the admin port, in a real browser: its contents, and safety with hostile messages."""

import os
import pathlib
import re
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import tap
from browser import DESKTOP, NARROW, PHONE, Page
from bus import Bus
from crowd import Member
from port_mapping import PortMapping
from waiting import SLOWNESS, eventually, expect_time
from ringdown import RingdownTestCase
from wscat import Wscat

FEED_ITEMS = 50
ITEM_CHARS = 300
ITEM_ELEMENTS = 4  # <li>, its time, text and note
# Console messages of the browser about failed connections.
REFUSED = 'net::ERR_CONNECTION_REFUSED'
NO_WEBSOCKET = 'WebSocket connection to'


class Site(BaseHTTPRequestHandler):
    """A web server with empty pages."""

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_):
        pass


class PageTestCase(RingdownTestCase):
    def look(self, server, size=DESKTOP, *, host='127.0.0.1', port=None, tolerate=None, **options):
        """Opens the page of SERVER at HOST and PORT (default: the admin port). At the end asserts
        that it has used no other host and port, and that the console has only lines that contain
        TOLERATE."""
        page = Page(size, **options)
        at = f'{host}:{port or server.admin_port}'
        self.addCleanup(page.close)
        self.addCleanup(self.check, page, at, tolerate)
        status, _ = page.visit(f'http://{at}/')
        self.assertEqual(200, status)
        return page

    def check(self, page, at, tolerate):
        self.assertEqual([], [line for line in page.complaints
                              if tolerate is None or tolerate not in line])
        self.assertEqual({at}, {urlsplit(url).netloc for url in page.urls})

    def look_connected(self, server, size=DESKTOP, **options):
        page = self.look(server, size, **options)
        page.wait_text('#connection', 'Connected to')
        return page

    def number(self, page, selector):
        """Returns the number shown in SELECTOR; -1 if there is none."""
        digits = page.text(selector).replace(',', '')
        return float(digits) if digits[:1].isdigit() else -1

    def wait_number(self, page, selector, number):
        eventually(lambda: self.number(page, selector) == number,
                   lambda: f'{number} in {selector}, not {page.text(selector)}')

    def assert_fits(self, page):
        """Asserts that no element extends beyond the right edge of the window."""
        self.assertEqual([], page.evaluate(
            '''Array.from(document.querySelectorAll("main *, header, footer"))
                 .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth)
                 .map((e) => e.outerHTML.slice(0, 100))'''))


class MessageTest(PageTestCase):
    def test_the_page_and_wscat_exchange_messages(self):
        server = self.start()
        page = self.look_connected(server)
        wscat = Wscat(server.port)
        self.addCleanup(wscat.stop)
        wscat.wait_shown('Connected')
        wscat.type('grüße von wscat 🛰')
        page.wait_text('#feed', 'grüße von wscat 🛰')
        page.focus('#field')
        page.type('hello from the page')
        page.press('Enter')
        wscat.wait_shown('< hello from the page')
        page.wait_text('#feed li:first-child', 'hello from the page')
        self.assertEqual('', page.value('#field'))

    def test_the_figures_are_updated(self):
        server = self.start()
        page = self.look_connected(server)
        page.wait_text('#state', 'Running')
        self.wait_number(page, '#clients', 1)
        others = [self.connect(server) for _ in range(3)]
        self.wait_number(page, '#clients', 4)
        for number in range(10):
            others[0].text(f'{number}')
        self.wait_number(page, '#published', 10)
        self.wait_number(page, '#delivered', 40)
        others.pop().leave()
        self.wait_number(page, '#clients', 3)
        self.assertEqual(4, self.number(page, '#peak'))
        self.assertEqual(4, self.number(page, '#total'))

    def test_rates_are_shown_as_text_chart_and_label(self):
        page = self.look_connected(self.start('--notify-interval=100ms'))
        for selector in '#rate', '#delivery-rate':
            eventually(lambda at=selector: 5 < self.number(page, at) < 20, selector)
        eventually(lambda: re.match(r'M[\d.]+ [\d.]+L[\d.]+ [\d.]+', page.attribute('#line', 'd')),
                   'a line')
        self.assertRegex(page.attribute('#chart', 'aria-label'),
                         r'^Messages per second in the last minute: now [\d.]+, at most [\d.]+$')

    def test_the_notification_of_the_service_is_shown(self):
        page = self.look_connected(self.start('--notify-interval=200ms'))
        page.wait_text('#feed', '🛰 Test notification')
        self.assertFalse(page.is_visible('#empty'))

    def test_a_message_over_the_limit_is_not_sent(self):
        page = self.look_connected(self.start('--max-message=125'))
        page.focus('#field')
        page.type('ü' * 63)
        page.press('Enter')
        page.wait_text('#trouble', 'the message has 126 bytes; the limit is 125')
        page.press('Backspace')
        page.press('Enter')
        page.wait_text('#feed', 'ü' * 62)
        self.assertEqual('', page.text('#trouble'))


class HostileTest(PageTestCase):
    MESSAGES = {  # sent message: shown text
        '<img src=x onerror="document.title=1">': '<img src=x onerror="document.title=1">',
        '<script>document.title=2</script>&lt;': '<script>document.title=2</script>&lt;',
        '\0\a\x1b[31mred\r\nnext\x7f\x9b\u2028':
            r'\u0000\u0007\u001b[31mred ↵ next\u007f\u009b\u2028',
        'مرحبا <b>': 'مرحبا <b>',
        'x' * 65536: 'x' * ITEM_CHARS + '…\nCut: 65,536 characters in all',
        'x' + '🛰' * 16383: 'x' + '🛰' * (ITEM_CHARS // 2 - 1) + '…\nCut: 32,767 characters in all',
        'z' + '\u0334\u0335\u0336' * 90: 'z' + '\u0334\u0335\u0336' * 90,
    }

    def test_messages_are_shown_as_text_not_as_html(self):
        server = self.start()
        page = self.look_connected(server, NARROW)
        elements = page.evaluate('document.querySelectorAll("*").length')
        writer = self.connect(server)
        for number, (message, shown) in enumerate(self.MESSAGES.items(), 1):
            with self.subTest(message=message[:20]):
                writer.text(message)
                page.eventually(f'document.querySelectorAll("#feed li").length === {number}')
                time_shown, text = page.text('#feed li:first-child').split('\n', 1)
                self.assertRegex(time_shown, r'^\d\d:\d\d:\d\d$')
                self.assertEqual(shown, text)
                self.assert_fits(page)
        self.assertEqual(elements + ITEM_ELEMENTS * len(self.MESSAGES),
                         page.evaluate('document.querySelectorAll("*").length'))
        self.assertEqual('Ringdown', page.evaluate('document.title'))

    def test_a_right_to_left_message_changes_only_its_own_direction(self):
        server = self.start()
        page = self.look_connected(server)
        self.connect(server).text('\u202e\u2067مرحبا')
        page.wait_text('#feed', 'مرحبا')
        self.assertIn(page.style('#feed .text', 'unicode-bidi'), ('isolate', 'plaintext'))
        self.assertEqual('ltr', page.style('#feed li', 'direction'))

    def test_for_a_binary_message_its_size_is_shown(self):
        server = self.start()
        page = self.look_connected(server)
        self.connect(server).binary(b'\xff' * 300)
        page.wait_text('#feed', 'Not text; size in bytes: 300')

    def test_a_thousand_messages_a_second_do_not_freeze_the_page(self):
        server = self.start()
        page = self.look_connected(server)
        page.evaluate('''longestFrame = 0;
            (function frame(before) {
                requestAnimationFrame((now) => {
                    longestFrame = Math.max(longestFrame, now - before);
                    frame(now);
                });
            })(performance.now())''')
        writer = Member(server.port)
        self.addCleanup(writer.leave)
        most_items = 0
        live_modes = set()
        for tenth in range(30):
            began = time.monotonic()
            for number in range(100):
                writer.say(f'{tenth} {number} <b>')
            most_items = max(most_items, page.evaluate('document.querySelectorAll("li").length'))
            live_modes.add(page.attribute('#feed', 'aria-live'))
            time.sleep(max(0.0, began + 0.1 - time.monotonic()))  # keeps the rate
        page.wait_text('#feed li:first-child', '29 99 <b>')
        self.assertEqual(FEED_ITEMS, most_items)
        expect_time(page.evaluate('longestFrame') / 1000, under=1 * SLOWNESS)
        self.wait_number(page, '#published', 3000)

        # screen readers read no message during the flood, but those after it
        self.assertIn('off', live_modes)
        writer.say('calm again')
        page.wait_text('#feed', 'calm again')
        self.assertEqual('polite', page.attribute('#feed', 'aria-live'))


class DrainTest(PageTestCase):
    def test_the_page_shows_a_drain_and_disconnects_until_it_is_cancelled(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        server = self.start('--bus=session', '--drain-timeout=90min', environment=bus.environment)
        page = self.look_connected(server)
        others = [self.connect(server) for _ in range(3)]
        self.wait_number(page, '#clients', 4)
        self.assertFalse(page.is_visible('#drain'))

        server.signal(signal.SIGTERM)
        page.wait_text('#state', 'Draining')
        server.wait_clients(3)
        self.assertEqual(1, server.metric('ringdown_clients_closed_total', code='1000'))
        page.wait_text('#connection', 'Not connected while the service drains')
        self.assertTrue(page.evaluate('document.querySelector("#send").disabled'))
        self.wait_number(page, '#drain-clients', 3)
        self.assertRegex(page.text('#drain-time'), r'^1:(29:\d\d|30:00)$')
        others.pop().leave()
        self.wait_number(page, '#drain-clients', 2)
        self.assertEqual([2, 4], page.evaluate(
            '(({ value, max }) => [value, max])(document.querySelector("progress"))'))
        self.assertEqual('Draining – Ringdown', page.evaluate('document.title'))

        bus.call('CancelDrain')
        page.wait_text('#connection', 'Connected to')
        page.wait_text('#state', 'Running')
        self.assertFalse(page.is_visible('#drain'))
        self.assertFalse(page.evaluate('document.querySelector("#send").disabled'))
        server.wait_clients(3)
        others[0].text('all is well')
        page.wait_text('#feed', 'all is well')

    def test_the_page_does_not_delay_the_exit(self):
        server = self.start()
        page = self.look_connected(server, tolerate=REFUSED)
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit(5))
        page.wait_text('#state', 'Not reachable')

    def test_the_page_does_not_delay_a_drain_without_the_admin_port(self):
        server = self.start()
        page = self.look_connected(server)
        page.evaluate('void (fetch = () => Promise.reject(new Error("the admin port is away")))')
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit(10))
        page.wait_text('#connection', 'connecting again once the service answers')


class AwayTest(PageTestCase):
    def test_a_tab_hidden_for_a_minute_disconnects_and_sends_nothing_until_shown(self):
        server = self.start()
        page = self.look_connected(server, clock=True)
        page.hide()
        page.forward(61)
        page.wait_text('#state', 'Paused')
        server.wait_clients(0)
        page.wait_text('#connection', 'Not connected while this tab is hidden')
        asked = len(page.urls)
        page.forward(30)
        self.assertEqual(asked, len(page.urls))
        page.hide(False)
        page.wait_text('#connection', 'Connected to')
        page.wait_text('#state', 'Running')

    def test_a_tab_hidden_for_less_than_a_minute_stays_connected(self):
        server = self.start()
        page = self.look_connected(server, clock=True)
        page.hide()
        page.forward(50)
        page.hide(False)
        page.forward(50)
        self.connect(server).text('still there?')
        page.wait_text('#feed', 'still there?')
        self.assertEqual(2, server.metric('ringdown_clients_accepted_total'))

    def test_the_chart_shows_the_last_minute_only(self):
        server = self.start()
        page = self.look_connected(server, clock=True)
        self.connect(server).text('a peak')

        def summary():
            return page.attribute('#chart', 'aria-label') or ''

        eventually(lambda: re.search(r'most (0\.[1-9]|[1-9])', summary()), summary)
        page.hide()
        page.forward(61)
        page.wait_text('#state', 'Paused')
        page.forward(600)
        page.hide(False)
        eventually(lambda: summary().endswith('now 0, at most 0'), summary)

    def test_after_a_crash_the_page_connects_to_the_next_process(self):
        server = self.start()
        page = self.look_connected(server, tolerate=REFUSED)
        server.signal(signal.SIGKILL)
        server.wait_exit()
        page.wait_text('#state', 'Not reachable')
        page.wait_text('#connection', 'connecting again once the service answers')
        self.assertEqual([], page.pale())
        page.focus('#field')
        page.type('kept')
        page.press('Enter')
        page.wait_text('#trouble', 'Not sent: this page is not connected')

        again = self.start(f'--port={server.port}', f'--admin-port={server.admin_port}')
        page.wait_text('#connection', 'Connected to', 20)
        page.wait_text('#state', 'Running')
        page.press('Enter')
        page.wait_text('#feed', 'kept')
        self.wait_number(page, '#clients', 1)
        self.assertEqual(1, again.metric('ringdown_messages_received_total'))


class ConnectionTest(PageTestCase):
    def map(self, server, **options):
        """Returns a port that forwards to the admin port of SERVER."""
        mapping = PortMapping(server.admin_port, **options)
        self.addCleanup(mapping.close)
        return mapping.port

    def test_the_page_works_behind_a_port_mapping(self):
        server = self.start('--address=127.0.0.2', '--path=/elsewhere')
        port = self.map(server)
        page = self.look_connected(server, port=port)
        self.assertEqual(f'Connected to ws://127.0.0.1:{port}/ws', page.text('#connection'))
        page.focus('#field')
        page.type('through the mapping')
        page.press('Enter')
        page.wait_text('#feed', 'through the mapping')

    def test_behind_a_proxy_that_changes_the_host_the_page_shows_the_option_to_set(self):
        server = self.start()
        replace = b'Host: 127.0.0.1', b'Host: 127.0.0.2'
        port = self.map(server, replace=replace)
        origin = f'http://127.0.0.1:{port}'
        page = self.look(server, port=port, tolerate=NO_WEBSOCKET)
        page.wait_text('#connection', f'--allow-origin={origin}')
        page.wait_text('#state', 'Running')
        self.wait_number(page, '#clients', 0)
        allowing = self.start(f'--allow-origin={origin[:-len(str(port))]}*')
        self.look_connected(allowing, port=self.map(allowing, replace=replace))

    def test_allowed_origins_do_not_exclude_the_page(self):
        self.look_connected(self.start('--allow-origin=https://only.example'))

    def test_the_page_shows_that_the_service_is_full_until_it_is_not(self):
        server = self.start('--max-clients=1')
        client = self.connect(server)
        page = self.look(server, tolerate=NO_WEBSOCKET)
        page.wait_text('#connection', 'The service has reached its client limit')
        client.leave()
        page.wait_text('#connection', 'Connected to', 20)

    def test_the_page_connects_under_the_name_it_was_opened_with(self):
        server = self.start('--address=127.0.0.2', '--admin-address=localhost')
        hosts = {match[1] for match in server.find_log(r'Admin on http://(\S+):\d+')}
        for host in hosts | {'localhost'}:
            with self.subTest(host):
                page = self.look_connected(server, host=host)
                self.assertEqual(f'Connected to ws://{host}:{server.admin_port}/ws',
                                 page.text('#connection'))


class ServiceTest(PageTestCase):
    def test_instance_uptime_redis_and_last_upgrade_are_shown(self):
        page = self.look_connected(self.start('--instance=blue'))
        page.wait_text('#service', 'Instance\nblue')
        page.wait_text('#service', 'Redis\nNot used')
        page.wait_text('#service', 'Last upgrade\nNone')
        self.assertIn('Uptime\n', page.text('#service'))

    def test_a_long_instance_and_redis_state_fit(self):
        server = self.start(f'--instance={"x" * 60}', '--redis=redis://127.0.0.1:1',
                            warnings=['Redis', 'redis'])
        page = self.look_connected(server, NARROW)
        page.wait_text('#instance', 'x' * 60)
        page.wait_text('#redis', 'down since')
        self.assert_fits(page)

    def test_the_clients_are_listed_while_the_list_is_open(self):
        server = self.start()
        page = self.look_connected(server)
        client = self.connect(server)
        self.assertFalse(any('/clients' in url for url in page.urls))
        page.evaluate('document.querySelector("#list summary").click()')
        page.eventually('document.querySelectorAll("#rows tr").length === 2')
        address = '{}:{}'.format(*client.socket.getsockname())
        self.assertEqual(address, page.text('#rows td'))
        client.leave()
        page.eventually('document.querySelectorAll("#rows tr").length === 1')

    def test_the_chart_is_kept_over_a_reload(self):
        server = self.start('--notify-interval=100ms')
        page = self.look_connected(server)
        eventually(lambda: (page.attribute('#line', 'd') or '').count('L') >= 2, 'three points')
        page.visit(f'http://127.0.0.1:{server.admin_port}/')
        page.eventually('document.querySelector("#line").getAttribute("d")')
        self.assertGreaterEqual(page.attribute('#line', 'd').count('L'), 2)

    def test_the_command_for_wscat_is_copied_and_works(self):
        server = self.start()
        page = self.look_connected(server, permissions=['clipboard-read', 'clipboard-write'])
        page.evaluate('document.querySelector("#copy").click()')
        page.wait_text('#copy', 'Copied')
        command = page.evaluate('navigator.clipboard.readText()')
        self.assertEqual(f'npx wscat -c ws://127.0.0.1:{server.admin_port}/ws', command)
        wscat = Wscat(server.admin_port)
        self.addCleanup(wscat.stop)
        wscat.wait_shown('Connected')


class ForeignPageTest(PageTestCase):
    """Pages of other servers, in the browser of a user who can reach the service."""

    def setUp(self):
        super().setUp()
        self.site = ThreadingHTTPServer(('127.0.0.2', 0), Site)
        thread = threading.Thread(target=self.site.serve_forever)
        thread.start()
        self.addCleanup(self.site.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(self.site.shutdown)
        self.origin = f'http://127.0.0.2:{self.site.server_port}'

    def visit(self, url):
        page = Page(DESKTOP)
        self.addCleanup(page.close)
        return page, page.visit(url)[0]

    def connect_from_page(self, server, origin):
        """Returns whether a page of ORIGIN can connect to SERVER at 127.0.0.1."""
        page, status = self.visit(origin)
        self.assertEqual(200, status)
        return page.evaluate(f'''new Promise((done) => {{
            const socket = new WebSocket("ws://127.0.0.1:{server.port}/ws");
            socket.onopen = () => done(true);
            socket.onerror = () => done(false); }})''')

    def test_a_foreign_page_cannot_connect_unless_it_is_allowed(self):
        server = self.start()
        self.assertFalse(self.connect_from_page(server, self.origin))
        self.assertEqual(1, server.metric('ringdown_connections_refused_total', reason='origin'))
        for allowed in self.origin, '*':
            with self.subTest(allowed):
                self.assertTrue(self.connect_from_page(self.start(f'--allow-origin={allowed}'),
                                                       self.origin))

    def test_a_foreign_page_cannot_read_the_admin_port(self):
        server = self.start()
        page, _ = self.visit(self.origin)
        for path in '/', '/healthz', '/readyz', '/metrics', '/status', '/clients':
            with self.subTest(path):
                self.assertFalse(page.evaluate(
                    f'fetch("http://127.0.0.1:{server.admin_port}{path}")'
                    '.then((answer) => answer.text(), () => false)'))

    def test_a_page_whose_name_was_rebound_to_this_machine_cannot_read_the_admin_port(self):
        server = self.start()
        at = f'http://rebound.example:{server.admin_port}'
        page, _ = self.visit(f'{at}/no-such-path')
        for path in '/', '/healthz', '/readyz', '/metrics', '/status', '/clients':
            with self.subTest(path):
                self.assertEqual(403, self.visit(at + path)[1])
                self.assertEqual(403, page.evaluate(f'fetch("{path}").then((got) => got.status)'))
        server = self.start('--allow-origin=http://rebound.example:*')
        self.assertEqual(200, self.visit(f'http://rebound.example:{server.admin_port}/metrics')[1])


class LookTest(PageTestCase):
    LINES = ('🛰 Test notification', 'https://example.org/' + 'a-long-path/' * 30, 'x' * 3000,
             'مرحبا بالعالم', '<b>not bold</b>\nsecond line', 'backup finished')

    def setUp(self):
        super().setUp()
        # for manual inspection
        self.pictures = pathlib.Path(os.environ.get('RINGDOWN_BUILD', self.directory), 'pictures')
        self.pictures.mkdir(exist_ok=True)

    def test_on_a_phone_the_messages_come_before_the_chart(self):
        page = self.look_connected(self.start(), PHONE)
        top = '.getBoundingClientRect().top'
        self.assertTrue(page.evaluate(f'document.querySelector("#feed"){top} < '
                                      f'document.querySelector("#chart"){top}'))

    def test_every_text_has_contrast_and_fits_on_desktop_and_phone(self):
        server = self.start()
        others = [self.connect(server) for _ in range(11)]
        page = self.look_connected(server)
        page.evaluate('document.querySelector("#list").open = true')
        self.send_batches(others[0], page)
        self.check_looks(page, 'running')
        server.signal(signal.SIGTERM)
        server.wait_clients(len(others))
        for client in others[-4:]:
            client.leave()
        self.wait_number(page, '#drain-clients', len(others) - 4)
        self.check_looks(page, 'draining')

    def send_batches(self, writer, page):
        """Sends messages in batches; waits after each until the chart has a point for it."""
        sent = 0
        for batch in 4, 0, 9:
            lines = [f'sensor {number}: {20 + number} °C' for number in range(batch)]
            for line in [*lines, *self.LINES[batch // 3 * 2:][:2]]:
                writer.text(line)
                sent += 1
            self.wait_number(page, '#published', sent)
        writer.text(self.LINES[-1])

    def check_looks(self, page, moment):
        page.wait_text('#feed li:first-child', self.LINES[-1])
        grounds = set()
        for name, size in ('desktop', DESKTOP), ('phone', PHONE):
            for scheme in 'light', 'dark':
                with self.subTest(moment=moment, name=name, scheme=scheme):
                    page.dress(size, scheme)
                    page.shoot(self.pictures / f'{moment}-{name}-{scheme}.png')
                    self.assertEqual([], page.pale())
                    self.assert_fits(page)
                    grounds.add(page.style('body', 'background-color'))
        self.assertEqual(2, len(grounds))
        page.dress(NARROW, 'light')
        self.assert_fits(page)


class KeyboardTest(PageTestCase):
    def test_everything_is_reached_by_keyboard_with_visible_focus(self):
        page = self.look_connected(self.start())
        for expected in ('field', 'send', 'copy', 'Connected clients', '/metrics', '/readyz',
                         '/healthz'):
            page.press('Tab')
            self.assertEqual(expected, page.evaluate(
                'document.activeElement.id || document.activeElement.textContent'))
            self.assertEqual('solid', page.style(':focus', 'outline-style'))

    def test_a_message_is_sent_by_keyboard_only(self):
        server = self.start()
        page = self.look_connected(server)
        listener = self.connect(server)
        page.press('Tab')
        page.type('no mouse')
        page.press('Tab')
        page.press('Space')
        listener.expect_text('no mouse')

    def test_the_accessibility_tree_is_complete(self):
        page = self.look_connected(self.start())
        page.wait_text('#state', 'Running')
        tree = page.tree()
        for line in ('- banner:', '- main:', '- contentinfo:', 'heading "Ringdown" [level=1]',
                     'status: Running', 'region "Clients"', 'region "Messages"',
                     'region "Deliveries"', 'region "Notifications"', 'log "Notifications"',
                     'textbox "Send a message to all clients"', 'button "Send"',
                     'img "Messages per second in the last minute', 'navigation "For programs"'):
            with self.subTest(line):
                self.assertIn(line, tree)

    def test_the_live_region_for_errors_is_there_from_the_beginning(self):
        page = self.look_connected(self.start())
        self.assertTrue(page.is_visible('#trouble'))  # screen readers ignore a new region

    def test_nothing_is_animated_if_the_user_prefers_reduced_motion(self):
        server = self.start()
        writer = self.connect(server)
        for motion, moving in ('no-preference', 1), ('reduce', 0):
            with self.subTest(motion):
                page = self.look_connected(server, motion=motion)
                page.evaluate('started = 0; document.addEventListener("animationstart", '
                              '() => { started += 1; })')
                writer.text('look')
                page.wait_text('#feed', 'look')
                page.eventually('new Promise((done) => requestAnimationFrame(() => done(true)))')
                if moving:
                    page.eventually('started === 1')
                self.assertEqual(moving, page.evaluate('started'))

    def test_without_javascript_the_page_refers_to_the_metrics(self):
        page = self.look(self.start(), javaScriptEnabled=False)
        page.wait_text('main', 'This page needs JavaScript')


if __name__ == '__main__':
    tap.main(jobs=2)
