# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The page on the admin port, in a real browser: what it shows, and that it harms nobody."""

import os
import pathlib
import re
import signal
import time
from urllib.parse import urlsplit

import tap
from browser import DESKTOP, NARROW, PHONE, Page
from bus import Bus
from crowd import Member
from waiting import SLOWNESS, eventually, expect_time
from ringdown import RingdownTestCase
from wscat import Wscat

FEED_ITEMS = 50
ITEM_CHARS = 300
ITEM_ELEMENTS = 4  # <li>, its time, text and note
# What a browser itself says of connections that fail.
NOBODY_THERE = 'net::ERR_CONNECTION_REFUSED'
NO_WEBSOCKET = 'WebSocket connection to'


class PageTestCase(RingdownTestCase):
    def look(self, server, size=DESKTOP, *, host='127.0.0.1', tolerate=None, **options):
        """Opens the page of SERVER. In the end nobody else may have been asked for anything, and
        nothing said on the console, but for lines with TOLERATE in them."""
        page = Page(size, **options)
        self.addCleanup(page.close)
        self.addCleanup(self.judge, page, host, tolerate)
        status, _ = page.visit(f'http://{host}:{server.admin_port}/')
        self.assertEqual(200, status)
        return page

    def judge(self, page, host, tolerate):
        self.assertEqual([], [line for line in page.complaints
                              if tolerate is None or tolerate not in line])
        for url in page.urls:
            self.assertEqual(host, urlsplit(url).netloc.rpartition(':')[0], url)

    def look_connected(self, server, size=DESKTOP, **options):
        page = self.look(server, size, **options)
        page.wait_text('#connection', 'Connected to')
        return page

    def number(self, page, selector):
        """The number that SELECTOR shows; -1 while there is none."""
        digits = page.text(selector).replace(',', '')
        return float(digits) if digits[:1].isdigit() else -1

    def wait_number(self, page, selector, number):
        eventually(lambda: self.number(page, selector) == number,
                   lambda: f'{number} in {selector}, not {page.text(selector)}')

    def assert_fits(self, page):
        """Nothing is to be scrolled to sideways, or cut off."""
        self.assertEqual([], page.evaluate(
            '''Array.from(document.querySelectorAll("main *, header, footer"))
                 .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth)
                 .map((e) => e.outerHTML.slice(0, 100))'''))


class TalkTest(PageTestCase):
    def test_it_shows_what_wscat_says_and_wscat_what_it_sends(self):
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

    def test_the_figures_move(self):
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

    def test_rates_are_shown_and_drawn_and_said(self):
        page = self.look_connected(self.start('--notify-interval=100ms'))
        for selector in '#rate', '#delivery-rate':
            eventually(lambda at=selector: 5 < self.number(page, at) < 20, selector)
        eventually(lambda: re.match(r'M[\d.]+ [\d.]+L[\d.]+ [\d.]+', page.attribute('#line', 'd')),
                   'a line')
        self.assertRegex(page.attribute('#chart', 'aria-label'),
                         r'^Messages per second in the last minute: now [\d.]+, at most [\d.]+$')

    def test_the_notification_of_the_service_comes_in(self):
        page = self.look_connected(self.start('--notify-interval=200ms'))
        page.wait_text('#feed', '🛰 Test notification')
        self.assertFalse(page.is_visible('#empty'))

    def test_what_is_too_long_for_the_service_is_not_sent(self):
        page = self.look_connected(self.start('--max-message=125'))
        page.focus('#field')
        page.type('ü' * 63)
        page.press('Enter')
        page.wait_text('#trouble', 'the message has 126 bytes, and 125 are the limit')
        page.press('Backspace')
        page.press('Enter')
        page.wait_text('#feed', 'ü' * 62)
        self.assertEqual('', page.text('#trouble'))


class HostileTest(PageTestCase):
    MESSAGES = {  # what is sent: what is shown of it
        '<img src=x onerror="document.title=1">': '<img src=x onerror="document.title=1">',
        '<script>document.title=2</script>&lt;': '<script>document.title=2</script>&lt;',
        '\0\a\x1b[31mred\r\nnext\x7f\x9b\u2028':
            r'\u0000\u0007\u001b[31mred ↵ next\u007f\u009b\u2028',
        'مرحبا <b>': 'مرحبا <b>',
        'x' * 65536: 'x' * ITEM_CHARS + '…\nCut: 65,536 characters in all',
        'x' + '🛰' * 16383: 'x' + '🛰' * (ITEM_CHARS // 2 - 1) + '…\nCut: 32,767 characters in all',
        'z' + '\u0334\u0335\u0336' * 90: 'z' + '\u0334\u0335\u0336' * 90,
    }

    def test_messages_are_text_and_nothing_else(self):
        server = self.start()
        page = self.look_connected(server, NARROW)
        elements = page.evaluate('document.querySelectorAll("*").length')
        writer = self.connect(server)
        for number, (message, shown) in enumerate(self.MESSAGES.items(), 1):
            with self.subTest(message=message[:20]):
                writer.text(message)
                page.eventually(f'document.querySelectorAll("#feed li").length === {number}')
                told, text = page.text('#feed li:first-child').split('\n', 1)
                self.assertRegex(told, r'^\d\d:\d\d:\d\d$')
                self.assertEqual(shown, text)
                self.assert_fits(page)
        self.assertEqual(elements + ITEM_ELEMENTS * len(self.MESSAGES),
                         page.evaluate('document.querySelectorAll("*").length'))
        self.assertEqual('Ringdown', page.evaluate('document.title'))

    def test_a_message_turns_round_nothing_but_itself(self):
        server = self.start()
        page = self.look_connected(server)
        self.connect(server).text('\u202e\u2067مرحبا')
        page.wait_text('#feed', 'مرحبا')
        self.assertIn(page.style('#feed .text', 'unicode-bidi'), ('isolate', 'plaintext'))
        self.assertEqual('ltr', page.style('#feed li', 'direction'))

    def test_a_binary_message_is_shown_by_its_size(self):
        server = self.start()
        page = self.look_connected(server)
        self.connect(server).binary(b'\xff' * 300)
        page.wait_text('#feed', 'Not text; size in bytes: 300')

    def test_a_thousand_messages_a_second_do_not_freeze_it(self):
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
        spoken = set()
        for tenth in range(30):
            began = time.monotonic()
            for number in range(100):
                writer.say(f'{tenth} {number} <b>')
            most_items = max(most_items, page.evaluate('document.querySelectorAll("li").length'))
            spoken.add(page.attribute('#feed', 'aria-live'))
            time.sleep(max(0.0, began + 0.1 - time.monotonic()))  # the rate
        page.wait_text('#feed li:first-child', '29 99 <b>')
        self.assertEqual(FEED_ITEMS, most_items)
        expect_time(page.evaluate('longestFrame') / 1000, under=1 * SLOWNESS)
        self.wait_number(page, '#published', 3000)

        # nobody can listen to a flood, but to what comes after it
        self.assertIn('off', spoken)
        writer.say('calm again')
        page.wait_text('#feed', 'calm again')
        self.assertEqual('polite', page.attribute('#feed', 'aria-live'))


class DrainTest(PageTestCase):
    def test_it_shows_the_drain_and_leaves_and_comes_back(self):
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
        server.wait_clients(3)
        others[0].text('all is well')
        page.wait_text('#feed', 'all is well')

    def test_it_does_not_hold_up_the_end(self):
        server = self.start()
        page = self.look_connected(server, tolerate=NOBODY_THERE)
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit(5))
        page.wait_text('#state', 'Not reachable')


    def test_it_does_not_hold_up_a_drain_that_it_cannot_see(self):
        server = self.start()
        page = self.look_connected(server)
        page.evaluate('void (fetch = () => Promise.reject(new Error("the admin port is away")))')
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait_exit(10))
        page.wait_text('#connection', 'connecting again once the service answers')


class AwayTest(PageTestCase):
    def test_a_tab_hidden_for_a_minute_leaves_and_asks_for_nothing_until_it_is_seen(self):
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

    def test_a_tab_hidden_for_less_than_a_minute_stays(self):
        server = self.start()
        page = self.look_connected(server, clock=True)
        page.hide()
        page.forward(50)
        page.hide(False)
        page.forward(50)
        self.connect(server).text('still there?')
        page.wait_text('#feed', 'still there?')
        self.assertEqual(2, server.metric('ringdown_clients_accepted_total'))

    def test_the_chart_knows_nothing_that_was_before_the_last_minute(self):
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

    def test_when_the_service_comes_back_on_another_port_it_finds_it(self):
        server = self.start()
        page = self.look_connected(server, tolerate=NOBODY_THERE)
        server.signal(signal.SIGKILL)
        server.wait_exit()
        page.wait_text('#state', 'Not reachable')
        again = self.start(f'--admin-port={server.admin_port}')
        page.wait_text('#connection', f'Connected to ws://127.0.0.1:{again.port}/ws', 30)

    def test_when_the_service_dies_it_says_so_and_connects_to_the_next(self):
        server = self.start()
        page = self.look_connected(server, tolerate=NOBODY_THERE)
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
    def test_a_page_whose_origin_is_refused_says_what_to_allow_and_shows_the_figures(self):
        server = self.start('--allow-origin=https://only.example')
        page = self.look(server, tolerate=NO_WEBSOCKET)
        page.wait_text('#connection', f'--allow-origin=http://127.0.0.1:{server.admin_port}')
        page.wait_text('#state', 'Running')
        self.wait_number(page, '#clients', 0)

    def test_a_page_whose_origin_is_allowed_connects(self):
        self.look_connected(self.start('--allow-origin=http://127.0.0.1:*'))

    def test_a_full_service_is_said_to_be_full_until_it_is_not(self):
        server = self.start('--max-clients=1')
        client = self.connect(server)
        page = self.look(server, tolerate=NO_WEBSOCKET)
        page.wait_text('#connection', 'no room for another client')
        client.leave()
        page.wait_text('#connection', 'Connected to', 20)

    def test_it_connects_under_whatever_name_it_was_opened(self):
        server = self.start('--address=localhost', '--admin-address=localhost')
        hosts = {match[1] for match in server.find_log(r'Admin on http://(\S+):\d+')}
        for host in hosts | {'localhost'}:
            with self.subTest(host):
                page = self.look_connected(server, host=host)
                self.assertEqual(f'Connected to ws://{host}:{server.port}/ws',
                                 page.text('#connection'))

    def test_it_connects_to_a_wildcard_address_under_the_name_it_was_opened(self):
        server = self.start('--address=0.0.0.0')
        page = self.look_connected(server)
        self.assertEqual(f'Connected to ws://127.0.0.1:{server.port}/ws', page.text('#connection'))


class LookTest(PageTestCase):
    LINES = ('🛰 Test notification', 'https://example.org/' + 'a-long-path/' * 30, 'x' * 3000,
             'مرحبا بالعالم', '<b>not bold</b>\nsecond line', 'backup finished')

    def setUp(self):
        super().setUp()
        # for people to look at
        self.pictures = pathlib.Path(os.environ.get('RINGDOWN_BUILD', self.directory), 'pictures')
        self.pictures.mkdir(exist_ok=True)

    def test_every_text_stands_out_and_fits_in_light_and_dark_on_desktop_and_phone(self):
        server = self.start()
        others = [self.connect(server) for _ in range(11)]
        page = self.look_connected(server)
        self.talk(others[0], page)
        self.judge_looks(page, 'running')
        server.signal(signal.SIGTERM)
        server.wait_clients(len(others))
        for client in others[-4:]:
            client.leave()
        self.wait_number(page, '#drain-clients', len(others) - 4)
        self.judge_looks(page, 'draining')

    def talk(self, writer, page):
        """Says this and that; waits until the chart has a point of it."""
        said = 0
        for batch in 4, 0, 9:
            lines = [f'sensor {number}: {20 + number} °C' for number in range(batch)]
            for line in [*lines, *self.LINES[batch // 3 * 2:][:2]]:
                writer.text(line)
                said += 1
            self.wait_number(page, '#published', said)
        writer.text(self.LINES[-1])

    def judge_looks(self, page, moment):
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
    def test_all_is_reached_by_keyboard_with_the_focus_in_sight(self):
        page = self.look_connected(self.start())
        for expected in 'field', 'Send', '/metrics', '/readyz', '/healthz':
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

    def test_assistive_technology_is_told_what_there_is(self):
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

    def test_where_trouble_is_told_is_there_before_there_is_any(self):
        page = self.look_connected(self.start())
        self.assertTrue(page.is_visible('#trouble'))  # a region that comes with its text is mute

    def test_nothing_moves_where_that_is_not_wanted(self):
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

    def test_without_script_it_says_where_else_to_look(self):
        page = self.look(self.start(), javaScriptEnabled=False)
        page.wait_text('main', 'This page needs JavaScript')


if __name__ == '__main__':
    tap.main(jobs=2)
