// SPDX-License-Identifier: MIT
// Copyright the Ringdown authors

// Headless Chromium for browser.py. Reads commands from standard input, a JSON array per line with
// a name and its arguments, and answers each with a line: {"result": …} or {"error": "…"}. Closes
// the browser and exits at the end of its input.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { chromium } = createRequire(import.meta.url)('playwright-core'); // also searches NODE_PATH

const browser = await chromium.launch({
  executablePath: process.argv[2],
  chromiumSandbox: false, // does not work for root
  args: [
    '--disable-gpu', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
    // no name but these can be resolved, so pages cannot use the network
    '--host-resolver-rules=MAP rebound.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, '
      + 'EXCLUDE 127.0.0.1, EXCLUDE 127.0.0.2, EXCLUDE ::1',
  ],
});

const pages = [];

// Returns the texts whose contrast with their background is below 4.5 to 1 (WCAG 2.2, 1.4.3).
function findPale() {
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const backgroundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color.slice(0, 3);
    }
    return [255, 255, 255];
  };
  return [...document.body.querySelectorAll('*')].filter((element) =>
    element.checkVisibility({ visibilityProperty: true })
    && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((element) => {
      const both = [parse(getComputedStyle(element).color).slice(0, 3), backgroundOf(element)]
        .map(luminance).sort((a, b) => b - a);
      return { text: element.textContent.trim(), ratio: (both[0] + 0.05) / (both[1] + 0.05) };
    })
    .filter(({ ratio }) => ratio < 4.5);
}

// Evaluates EXPRESSION; if the page reloads meanwhile, evaluates it in the reloaded page.
async function evaluate(page, expression) {
  try {
    return await page.evaluate(expression);
  } catch (error) {
    if (!error.message.includes('Execution context was destroyed')) throw error;
    await page.waitForLoadState();
    return page.evaluate(expression);
  }
}

const commands = {
  // Opens a page with a new profile; returns its number.
  async open(options, hasClock) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const seen = { urls: [], complaints: [] };
    if (hasClock) await page.clock.install();
    page.on('request', (request) => seen.urls.push(request.url()));
    page.on('websocket', (socket) => seen.urls.push(socket.url()));
    page.on('pageerror', (error) => seen.complaints.push(String(error)));
    page.on('console', (message) => seen.complaints.push(`${message.type()}: ${message.text()}`));
    return pages.push({ page, seen }) - 1;
  },
  close: (at) => pages[at].page.context().close(),
  seen: (at) => pages[at].seen,
  async visit(at, url) {
    const answer = await pages[at].page.goto(url);
    return { status: answer.status(), headers: answer.headers() };
  },
  async dress(at, size, scheme) {
    await pages[at].page.setViewportSize(size);
    await pages[at].page.emulateMedia({ colorScheme: scheme });
  },
  evaluate: (at, expression) => evaluate(pages[at].page, expression),
  press: (at, key) => pages[at].page.keyboard.press(key),
  type: (at, text) => pages[at].page.keyboard.type(text),
  forward: (at, ms) => pages[at].page.clock.fastForward(ms),
  tree: (at) => pages[at].page.locator('body').ariaSnapshot(),
  pale: (at) => pages[at].page.evaluate(findPale),
  shoot: (at, path) => pages[at].page.screenshot(
    { path, fullPage: true, animations: 'disabled' }).then(() => path),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...words] = JSON.parse(line);
  let answer;
  try {
    answer = { result: await commands[name](...words) ?? null };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
