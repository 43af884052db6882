# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Handshakes and requests of common clients: wscat, curl, python3-websockets and Chromium."""

import asyncio
import json
import os
import subprocess

import tap
import websockets
import wscat
from browser import DESKTOP, Page
from front_door import FrontDoorTestCase
from ringdown import ADDRESS
from waiting import SLOWNESS

QUERIES = 'x=1', 'x=%', 'x=%&y=ü', '100%', 'a[b]={c}|^`\'"<>\\', 'x=%00&y=%zz', 'a?b=/c', '🛰'


class WscatTest(FrontDoorTestCase):
    def setUp(self):
        super().setUp()
        if not os.path.exists(wscat.PROGRAM):
            self.skipTest('wscat is missing: npm ci --prefix tests/integration')

    def wscat(self, server, *options, **settings):
        client = wscat.Wscat(server.port, *options, **settings)
        self.addCleanup(client.stop)
        return client

    def test_queries(self):
        server = self.start()
        for query in QUERIES:
            with self.subTest(query):
                client = self.wscat(server, path=f'/ws?{query}')
                client.wait_shown('Connected')
                client.type('hello')
                client.wait_shown('< hello')

    def test_a_subprotocol(self):
        server = self.start('--subprotocol=chat', '--subprotocol=other')
        client = self.wscat(server, '-s', 'chat')
        client.wait_shown('Connected')
        client.type('hello')
        client.wait_shown('< hello')
        self.wscat(server, '-s', 'unknown', '-s', 'other').wait_shown('Connected')

    def test_an_unknown_subprotocol_is_not_selected(self):
        self.wscat(self.start(), '-s', 'chat').wait_shown('Server sent no subprotocol')

    def test_the_status_of_a_refusal_is_shown(self):
        self.wscat(self.start(), path='/nothing').wait_shown('Unexpected server response: 404')


class WebsocketsTest(FrontDoorTestCase):
    async def talk(self, url, **options):
        """Connects, sends and receives; returns the subprotocol."""
        async with websockets.connect(url, **options) as client:
            await client.send('hello')
            self.assertEqual('hello', await asyncio.wait_for(client.recv(), 10 * SLOWNESS))
            await asyncio.wait_for(await client.ping(), 10 * SLOWNESS)
            return client.subprotocol

    def test_queries(self):
        server = self.start()
        for query in 'x=1', 'x=%', 'x=%&y=%C3%BC', 'a[b]={c}|^`\'"<>\\':
            with self.subTest(query):
                asyncio.run(self.talk(f'ws://{ADDRESS}:{server.port}/ws?{query}'))

    def test_subprotocols(self):
        server = self.start('--subprotocol=b', '--subprotocol=c')
        for offers, selected in ((['b'], 'b'), (['a', 'c', 'b'], 'c'), (['a'], None), (None, None)):
            with self.subTest(offers):
                self.assertEqual(selected, asyncio.run(self.talk(
                    f'ws://{ADDRESS}:{server.port}/ws', subprotocols=offers)))

    def test_the_status_of_a_refusal_is_known(self):
        server = self.start()
        for path, status in ('/nothing', 404), ('/ws/x?%', 400):
            with self.assertRaises(websockets.InvalidStatusCode) as caught:
                asyncio.run(self.talk(f'ws://{ADDRESS}:{server.port}{path}'))
            self.assertEqual(status, caught.exception.status_code)


class CurlTest(FrontDoorTestCase):
    HANDSHAKE = ('-H', 'Connection: Upgrade', '-H', 'Upgrade: websocket', '-H',
                 'Sec-WebSocket-Version: 13', '-H', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')

    BODY = 'x' * 300_000

    def command(self, server, *options, path='/ws', scheme='http'):
        return ['curl', '--silent', '--show-error', '--noproxy', '*', '--globoff', '--path-as-is',
                *options, f'{scheme}://{ADDRESS}:{server.port}{path}']

    def run_curl(self, server, *options, **settings):
        """Returns the exit status and the output of curl, which can read BODY from its input."""
        done = subprocess.run(self.command(server, *options, **settings), text=True, check=False,
                              input=self.BODY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=20 * SLOWNESS)
        return done.returncode, done.stdout

    def test_handshakes(self):
        server = self.start()
        for query in 'x=1', 'x=%', 'x=%&y=ü', 'a[b]={c}|^`\'"<>\\':
            with self.subTest(query), subprocess.Popen(
                    self.command(server, '--verbose', *self.HANDSHAKE, path=f'/ws?{query}'),
                    stderr=subprocess.PIPE, text=True) as curl:
                status = next(line for line in curl.stderr if line.startswith('< '))
                curl.kill()
                self.assertEqual('< HTTP/1.1 101 Switching Protocols\n', status)

    def test_refusals_show_their_cause(self):
        server = self.start()
        for options, path, status, cause in (
                ([], '/ws', 426, 'Upgrade: websocket'), ([], '/', 404, 'path'),
                (['-d', 'hello'], '/ws', 413, 'body'), (['-d', '@-'], '/ws', 413, 'body'),
                (['-T', '-'], '/ws', 413, 'body'), (['-X', 'PUT'], '/ws', 405, 'method'),
                (['-H', 'Expect: 100-continue', '-d', 'hello'], '/ws', 413, 'body'),
                (['-H', f'X: {"x" * 9000}'], '/ws', 431, '8 KiB'),
                (['-H', 'Host:'], '/ws/x', 400, 'Host'),
                (['--http1.0', *self.HANDSHAKE], '/ws', 400, r'HTTP/1\.0'),
                (['--http1.0'], '/', 404, 'path'), (['--haproxy-protocol'], '/ws', 400, 'PROXY'),
                (['-H', 'Origin: http://evil.example', *self.HANDSHAKE], '/ws', 403, 'evil')):
            with self.subTest(options=options[:3], path=path):
                code, text = self.run_curl(server, *options, '-w', '%{http_code}', path=path)
                self.assertEqual(0, code, text)
                self.assertRegex(text, rf'\A[^\n]*{cause}[^\n]*\n{status}\Z')

    def test_head(self):
        code, text = self.run_curl(self.start(), '--head')
        self.assertEqual(0, code)
        self.assertRegex(text, r'\AHTTP/1\.1 426 Upgrade Required\n')

    def test_other_protocols_fail(self):
        server = self.start()
        for options, scheme in ((['--insecure'], 'https'), (['--http2-prior-knowledge'], 'http')):
            with self.subTest(scheme):
                code, text = self.run_curl(server, *options, scheme=scheme)
                self.assertNotIn(code, (0, 28), text)


class ChromiumTest(FrontDoorTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.start('--subprotocol=b', '--subprotocol=c')
        self.page = Page(DESKTOP)
        self.addCleanup(self.page.close)
        self.page.visit(f'http://{ADDRESS}:{self.server.admin_port}/healthz')

    def talk(self, path, *arguments):
        """Connects to PATH, sends and receives; returns the subprotocol, or how it failed."""
        words = json.dumps([f'ws://{ADDRESS}:{self.server.port}{path}', *arguments])
        return self.page.evaluate(f'''new Promise((resolve) => {{
            const socket = new WebSocket(...{words});
            socket.onopen = () => socket.send('I am in');
            socket.onmessage = (event) => {{
              if (event.data === 'I am in') resolve(`“${{socket.protocol}}”`);
              socket.close();
            }};
            socket.onclose = (event) => resolve(`closed ${{event.code}}`);
          }})''')

    def test_queries(self):
        for query in QUERIES:
            with self.subTest(query):
                self.assertEqual('“”', self.talk(f'/ws?{query}'))

    def test_subprotocols(self):
        for offers, result in ((['b'], '“b”'), (['a', 'c', 'b'], '“c”'), ([], '“”'),
                               (['a'], 'closed 1006')):
            with self.subTest(offers):
                self.assertEqual(result, self.talk('/ws', offers))

    def test_other_paths_fail(self):
        for path in '/', '/ws/', '/ws%':
            with self.subTest(path):
                self.assertEqual('closed 1006', self.talk(path))


if __name__ == '__main__':
    tap.main(jobs=2)
