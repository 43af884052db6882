// SPDX-License-Identifier: MIT
// Copyright the Ringdown authors

// Polls /metrics and /status every second and shows numbers from them; shows messages received as a
// WebSocket client of the port that the page came from. Disconnects while the service drains, and while the tab is hidden. The HTML
// document contains all translated texts. Messages are inserted as text, never as HTML.

const POLL_MS = 1000;
const POLL_TIMEOUT_MS = 5000;
const BACKOFF_MAX_MS = 10000; // maximum delay between attempts
const HIDDEN_MS = 60000; // time after which a hidden tab disconnects
const CHART_SECONDS = 60;
const FEED_ITEMS = 50; // maximum number of messages shown
const FEED_MS = 100; // interval between two updates of the feed
const ITEM_CHARS = 300; // maximum number of characters shown of a message

const at = (id) => document.getElementById(id);
const language = document.documentElement.lang;
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(language, { timeStyle: 'medium', hourCycle: 'h23' });

// Sets the text of ELEMENT if it changes: screen readers read a live region whenever it is set.
function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Returns the text in attribute data-NAME of ELEMENT, with each {word} replaced by VALUES[word].
function phrase(element, name, values) {
  return element.dataset[name].replace(/\{(\w+)\}/g, (_, word) => values[word]);
}

function showPhrase(element, name, values) {
  show(element, phrase(element, name, values));
}

// Returns the delay in ms before the next attempt. FAILURES: number of consecutive failures.
const backoff = (failures) => Math.min(POLL_MS * 2 ** (failures - 1), BACKOFF_MAX_MS);

// Formats SECONDS: 90 as 1:30, 3661 as 1:01:01. All languages use this format.
function countdown(seconds) {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, i) => (i ? String(part).padStart(2, '0') : part)).join(':');
}

// Formats SECONDS in the two largest units: 3 d 4 h.
function duration(seconds) {
  const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const first = Math.max(units.findIndex(([, size]) => seconds >= size), 0);
  return units.slice(first, first + 2).map(([unit, size], i) => {
    const value = Math.floor((i ? seconds % units[first][1] : seconds) / size);
    return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short' })
      .format(value);
  }).join(' ');
}

// Figures

const rate = { message: null, delivery: null }; // rates per second between the last two samples
let chart = []; // {time, value}; value: messages per second, null after a gap
let last = null; // the last sample, from poll()

// Restores the chart after a reload. Browsers may forbid the storage.
try {
  ({ chart, last } = JSON.parse(sessionStorage.getItem('chart')) ?? { chart, last });
} catch { /* start with an empty chart */ }

function saveChart() {
  try {
    sessionStorage.setItem('chart', JSON.stringify({ chart, last }));
  } catch { /* the next page starts with an empty chart */ }
}

const format = (value) => (value === null ? '–' : (value < 10 ? decimal : whole).format(value));

function updateRates(sample) {
  const seconds = last ? (sample.time - last.time) / 1000 : Infinity;
  const isContinued = seconds > 0 && seconds < 5 && sample.published >= last.published; // false after a restart
  rate.message = isContinued ? (sample.published - last.published) / seconds : null;
  rate.delivery = isContinued ? (sample.delivered - last.delivered) / seconds : null;
  chart.push({ time: sample.time, value: rate.message });
  // also removes points in the future: the clock of the computer may have been changed
  chart = chart.filter(({ time }) => time <= sample.time
    && sample.time - time <= CHART_SECONDS * 1000);
  last = sample;
}

// Rounds VALUE up to the next of 1, 2, 5, 10, 20, 50 …
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

function drawChart() {
  const most = Math.max(...chart.map((point) => point.value));
  const scale = roundUp(Math.max(most, 1));
  let line = '';
  let area = '';
  chart.forEach(({ time, value }, i) => {
    if (value === null) return;
    const x = (CHART_SECONDS - (last.time - time) / 1000).toFixed(2);
    const point = `${x} ${(100 - (value / scale) * 100).toFixed(2)}`;
    const begins = i === 0 || chart[i - 1].value === null;
    const ends = i === chart.length - 1 || chart[i + 1].value === null;
    line += `${begins ? 'M' : 'L'}${point}`;
    area += `${begins ? `M${x} 100` : ''}L${point}${ends ? `L${x} 100Z` : ''}`;
  });
  at('line').setAttribute('d', line);
  at('area').setAttribute('d', area);
  show(at('scale'), whole.format(scale));
  at('chart').setAttribute('aria-label', phrase(at('chart'), 'summary', {
    now: format(rate.message), most: format(most),
  }));
}

function showFigures(sample) {
  updateRates(sample);
  show(at('clients'), whole.format(sample.clients));
  show(at('peak'), whole.format(sample.peak));
  show(at('total'), whole.format(sample.accepted));
  show(at('rate'), format(rate.message));
  show(at('published'), whole.format(sample.published));
  show(at('delivery-rate'), format(rate.delivery));
  show(at('delivered'), whole.format(sample.delivered));
  drawChart();
}

function showService({ service, handover }) {
  const { instance, bus, uptime_seconds: uptime, generation } = service;
  at('instance-box').hidden = instance === '';
  show(at('instance'), instance);
  show(at('uptime'), duration(uptime));
  if (bus === 'local') showPhrase(at('redis'), 'unused');
  else show(at('redis'), bus.replace(/^redis: /, ''));
  showPhrase(at('upgrade'), generation === 1 ? 'none' : 'result',
    { ...handover, time: duration(service.generation_seconds) });
}

// The list of clients

function makeRow(client) {
  const row = document.createElement('tr');
  for (const text of [client.remote, clock.format(client.connected / 1000),
    whole.format(client.sent), whole.format(client.behind)]) {
    row.insertCell().textContent = text;
  }
  return row;
}

async function showClients({ clients }) {
  if (!at('list').open) return;
  const listed = JSON.parse(await get('clients')).clients;
  at('rows').replaceChildren(...listed.reverse().map(makeRow));
  at('list-part').hidden = clients <= listed.length;
  showPhrase(at('list-part'), 'part', { clients: whole.format(listed.length) });
}

let drainFrom = 0; // highest number of clients during the drain

function showDrain(sample) {
  at('drain').hidden = !sample.isDraining;
  drainFrom = sample.isDraining ? Math.max(drainFrom, sample.clients) : sample.clients;
  if (!sample.isDraining) return;
  at('drain-progress').max = Math.max(drainFrom, 1);
  at('drain-progress').value = drainFrom - sample.clients;
  show(at('drain-clients'), whole.format(sample.clients));
  show(at('drain-time'), countdown(sample.drainSeconds));
}

function showState(state) {
  document.body.className = state;
  showPhrase(at('state'), state);
  document.title = state === 'running' ? 'Ringdown' : `${at('state').textContent} – Ringdown`;
}

// Feed

const received = []; // {data, time}: messages that are not shown yet

// Returns TEXT on one line, with control characters escaped as in the log of the service.
function printable(text) {
  return text.replace(/\r?\n/g, ' ↵ ').replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function receive(data) {
  if (received.length === 0) setTimeout(showReceived, FEED_MS);
  if (received.length === FEED_ITEMS) received.shift();
  received.push({ data, time: new Date() });
}

function makeItem({ data, time }) {
  const item = at('item').content.cloneNode(true);
  const text = item.querySelector('.text');
  const note = item.querySelector('small');
  item.querySelector('time').dateTime = time.toISOString();
  item.querySelector('time').textContent = clock.format(time);
  if (typeof data !== 'string') {
    note.textContent = phrase(at('feed'), 'binary', { bytes: whole.format(data.byteLength) });
  } else if (data.length > ITEM_CHARS) {
    const start = data.slice(0, ITEM_CHARS).replace(/[\ud800-\udbff]$/, '');
    text.textContent = `${printable(start)}…`;
    note.textContent = phrase(at('feed'), 'cut', { characters: whole.format(data.length) });
  } else {
    text.textContent = printable(data);
  }
  return item;
}

function showReceived() {
  const feed = at('feed');
  feed.ariaLive = received.length > 3 ? 'off' : 'polite'; // off: too many messages to be read aloud
  feed.prepend(...received.splice(0).reverse().map(makeItem));
  while (feed.children.length > FEED_ITEMS) feed.lastElementChild.remove();
  at('empty').hidden = true;
}

// Connection

const url = new URL('ws', location.href).href.replace(/^http/, 'ws');
let socket = null;
let failures = 0; // consecutive failures
let retryAt = 0; // time of the next attempt (performance.now())
let sampleBefore = null; // the sample before a failure that is not yet explained

function connect(sample) {
  const attempt = new WebSocket(url);
  let wasOpen = false;
  socket = attempt;
  attempt.binaryType = 'arraybuffer';
  attempt.onopen = () => {
    if (socket !== attempt) { // leave() was called
      attempt.close(1000);
      return;
    }
    wasOpen = true;
    failures = 0;
    showPhrase(at('connection'), 'connected', { url });
    show(at('trouble'), '');
  };
  attempt.onmessage = (event) => receive(event.data);
  attempt.onclose = () => {
    if (socket !== attempt) return;
    socket = null;
    failures += 1;
    retryAt = performance.now() + backoff(failures);
    if (wasOpen) showPhrase(at('connection'), 'waiting');
    else sampleBefore = sample;
  };
}

function leave(reason) {
  const oldSocket = socket;
  socket = null;
  failures = 0;
  retryAt = 0;
  sampleBefore = null;
  showPhrase(at('connection'), reason);
  if (oldSocket?.readyState === WebSocket.OPEN) oldSocket.close(1000);
}

// Shows why the connection failed. Browsers do not report the reason. The service counts refused
// connections by reason, so this function compares the counts in SAMPLE and sampleBefore.
function explainFailure(sample) {
  const before = sampleBefore;
  sampleBefore = null;
  const seconds = whole.format(backoff(failures) / 1000);
  const reason = ['origin', 'full'].find((name) => sample.refused[name] > before.refused[name]);
  showPhrase(at('connection'), reason ?? 'failed', { url, origin: location.origin, seconds });
}

function keepConnected(sample) {
  if (sampleBefore) explainFailure(sample);
  if (socket || performance.now() < retryAt) return;
  if (failures === 0) showPhrase(at('connection'), 'connecting');
  connect(sample);
}

at('form').addEventListener('submit', (event) => {
  const field = at('field');
  const bytes = new TextEncoder().encode(field.value).length;
  const most = Number(document.body.dataset.maxMessage);
  event.preventDefault();
  if (bytes > most) {
    showPhrase(at('trouble'), 'long', { bytes: whole.format(bytes), most: whole.format(most) });
  } else if (socket?.readyState !== WebSocket.OPEN) {
    showPhrase(at('trouble'), 'offline');
  } else if (bytes > 0) {
    show(at('trouble'), '');
    socket.send(field.value);
    field.value = '';
  }
});

at('copy').addEventListener('click', () => {
  getSelection().selectAllChildren(at('wscat'));
  document.execCommand('copy'); // navigator.clipboard exists only with HTTPS and on localhost
  showPhrase(at('copy'), 'copied');
});

// Polling

async function get(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(POLL_TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.text();
}

async function poll() {
  const [metrics, service] = await Promise.all([get('metrics'), get('status')]);
  const values = new Map(metrics.split('\n').map((line) => line.split(' ')));
  const value = (name) => Number(values.get(`ringdown_${name}`));
  const refused = (reason) => value(`connections_refused_total{reason="${reason}"}`);
  return {
    time: Date.now(),
    service: JSON.parse(service),
    handover: {
      moved: whole.format(value('handover_moved_clients')),
      lost: whole.format(value('handover_closed_clients') + value('handover_lost_clients')),
    },
    clients: value('clients'),
    peak: value('clients_peak'),
    accepted: value('clients_accepted_total'),
    published: value('messages_published_total'),
    delivered: value('messages_delivered_total'),
    isDraining: value('draining') === 1,
    drainSeconds: value('drain_left_seconds'),
    refused: { origin: refused('origin'), full: refused('full') },
  };
}

let hiddenTimer = 0;
let isPaused = false;
let resume = null; // resolves the promise that run() awaits while paused

function onVisibility() {
  clearTimeout(hiddenTimer);
  if (document.hidden) {
    hiddenTimer = setTimeout(() => {
      isPaused = true;
      showState('paused');
      leave('paused');
    }, HIDDEN_MS);
  } else if (isPaused) {
    isPaused = false;
    resume?.();
  }
}

function onSample(sample) {
  showState(sample.isDraining ? 'draining' : 'running');
  at('send').disabled = sample.isDraining;
  showService(sample);
  showFigures(sample);
  showDrain(sample);
  showClients(sample).catch(() => {}); // the next poll tries again
  if (sample.isDraining) leave('draining');
  else keepConnected(sample);
}

function onPollFailed(misses) {
  showState('unreachable');
  at('drain').hidden = true;
  if (!socket || misses > 1) leave('waiting'); // a draining service may be waiting for this page
}

async function run() {
  for (let misses = 0; ;) {
    if (isPaused) await new Promise((resolve) => { resume = resolve; });
    const sample = await poll().catch(() => null);
    if (isPaused) continue;
    misses = sample ? 0 : misses + 1;
    if (sample) onSample(sample);
    else onPollFailed(misses);
    const pause = sample ? POLL_MS : backoff(misses);
    await new Promise((resolve) => { setTimeout(resolve, pause); });
  }
}

show(at('host'), location.host);
show(at('wscat'), `npx wscat -c ${url}`);
at('list').addEventListener('toggle', () => last && showClients(last).catch(() => {}));
window.addEventListener('pagehide', saveChart);
document.addEventListener('visibilitychange', onVisibility);
onVisibility();
run();
