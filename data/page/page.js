// SPDX-License-Identifier: MIT
// Copyright the Ringdown authors

// Shows what /metrics says, once a second, and listens as a client as long as that holds nobody up:
// not while the service drains, nor in a tab that nobody looks at. Every text is in the document.
// What others wrote only ever becomes the text of an element.

const LOOK_MS = 1000;
const LOOK_TIMEOUT_MS = 5000;
const WAIT_MAX_MS = 10000;
const UNSEEN_MS = 60000; // a hidden tab stays so long
const CHART_SECONDS = 60;
const FEED_ITEMS = 50;
const FEED_MS = 100; // between two changes of the feed
const ITEM_CHARS = 300;

const at = (id) => document.getElementById(id);
const language = document.documentElement.lang;
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(language, { timeStyle: 'medium', hourCycle: 'h23' });

// Live regions speak whenever they are set: so only when there is something new to say.
function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The text NAME that ELEMENT carries, with VALUES for its {words}.
function phrase(element, name, values) {
  return element.dataset[name].replace(/\{(\w+)\}/g, (_, word) => values[word]);
}

function say(element, name, values) {
  show(element, phrase(element, name, values));
}

// How long to wait after so many failures in a row.
const backoff = (failures) => Math.min(LOOK_MS * 2 ** (failures - 1), WAIT_MAX_MS);

// 90 as 1:30, 3661 as 1:01:01: reads alike in every language.
function countdown(seconds) {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, i) => (i ? String(part).padStart(2, '0') : part)).join(':');
}

// Figures

const rate = { message: null, delivery: null }; // a second, from the last look to this
const chart = []; // {time, value}: messages a second; null where nobody looked
let last = null; // look

const format = (value) => (value === null ? '–' : (value < 10 ? decimal : whole).format(value));

function updateRates(look) {
  const seconds = last ? (look.time - last.time) / 1000 : Infinity;
  const isContinued = seconds < 5 && look.published >= last.published; // else it was restarted
  rate.message = isContinued ? (look.published - last.published) / seconds : null;
  rate.delivery = isContinued ? (look.delivered - last.delivered) / seconds : null;
  chart.push({ time: look.time, value: rate.message });
  while (look.time - chart[0].time > CHART_SECONDS * 1000) chart.shift();
  last = look;
}

// The next of 1, 2, 5, 10, 20, 50 …
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

function showFigures(look) {
  updateRates(look);
  show(at('clients'), whole.format(look.clients));
  show(at('peak'), whole.format(look.peak));
  show(at('total'), whole.format(look.accepted));
  show(at('rate'), format(rate.message));
  show(at('published'), whole.format(look.published));
  show(at('delivery-rate'), format(rate.delivery));
  show(at('delivered'), whole.format(look.delivered));
  drawChart();
}

let drainFrom = 0; // clients before the drain, or when it was first seen

function showDrain(look) {
  at('drain').hidden = !look.isDraining;
  drainFrom = look.isDraining ? Math.max(drainFrom, look.clients) : look.clients;
  if (!look.isDraining) return;
  at('drain-progress').max = Math.max(drainFrom, 1);
  at('drain-progress').value = drainFrom - look.clients;
  show(at('drain-clients'), whole.format(look.clients));
  show(at('drain-time'), countdown(look.drainSeconds));
}

function showState(state) {
  document.body.className = state;
  say(at('state'), state);
  document.title = state === 'running' ? 'Ringdown' : `${at('state').textContent} – Ringdown`;
}

// Feed

const news = []; // {data, time}, to be shown with the next change

// On one line, and control characters as the service's log shows them.
function printable(text) {
  return text.replace(/\r?\n/g, ' ↵ ').replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function receive(data) {
  if (news.length === 0) setTimeout(showNews, FEED_MS);
  if (news.length === FEED_ITEMS) news.shift();
  news.push({ data, time: new Date() });
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

function showNews() {
  const feed = at('feed');
  feed.ariaLive = news.length > 3 ? 'off' : 'polite'; // nobody can listen to a flood
  feed.prepend(...news.splice(0).reverse().map(makeItem));
  while (feed.children.length > FEED_ITEMS) feed.lastElementChild.remove();
  at('empty').hidden = true;
}

// Asking

async function get(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(LOOK_TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.text();
}

// Connection

const urls = document.body.dataset.urls.split(' ').filter(Boolean)
  .map((url) => (location.protocol === 'https:' ? url.replace(/^ws:/, 'wss:') : url));
let socket = null;
let failures = 0; // rounds through all URLs, in a row
let retryAt = 0;
let lookBefore = null; // the last before a round that failed: what was refused since?

function connect(look, index = 0) {
  const url = urls[index];
  const attempt = new WebSocket(url);
  let wasOpen = false;
  socket = attempt;
  attempt.binaryType = 'arraybuffer';
  attempt.onopen = () => {
    if (socket !== attempt) { // we left meanwhile
      attempt.close(1000);
      return;
    }
    wasOpen = true;
    failures = 0;
    say(at('connection'), 'connected', { url });
    show(at('trouble'), '');
  };
  attempt.onmessage = (event) => receive(event.data);
  attempt.onclose = () => {
    if (socket !== attempt) return;
    socket = null;
    if (!wasOpen && index + 1 < urls.length) {
      connect(look, index + 1);
      return;
    }
    failures += 1;
    retryAt = performance.now() + backoff(failures);
    if (wasOpen) say(at('connection'), 'waiting');
    else lookBefore = look;
  };
}

function leave(reason) {
  const left = socket;
  socket = null;
  failures = 0;
  retryAt = 0;
  lookBefore = null;
  say(at('connection'), reason);
  if (left?.readyState === WebSocket.OPEN) left.close(1000);
}

// Why it failed: a browser does not tell, but the service counts whom it refuses.
function explainFailure(look) {
  const before = lookBefore;
  lookBefore = null;
  const seconds = whole.format(backoff(failures) / 1000);
  const reason = ['origin', 'full'].find((name) => look.refused[name] > before.refused[name]);
  say(at('connection'), reason ?? 'failed',
    { urls: urls.join(', '), origin: location.origin, seconds });
  if (!reason) reloadIfMoved().catch(() => {}); // then with the next failure
}

// The service may have been started anew with other addresses for clients: the policy of this page
// allows none but the old ones.
async function reloadIfMoved() {
  const page = new DOMParser().parseFromString(await get('./'), 'text/html');
  if (page.body.dataset.urls !== document.body.dataset.urls) location.reload();
}

function keepConnected(look) {
  if (urls.length === 0) {
    say(at('connection'), 'nowhere');
    return;
  }
  if (lookBefore) explainFailure(look);
  if (socket || performance.now() < retryAt) return;
  if (failures === 0) say(at('connection'), 'connecting');
  connect(look);
}

at('form').addEventListener('submit', (event) => {
  const field = at('field');
  const bytes = new TextEncoder().encode(field.value).length;
  const most = Number(document.body.dataset.maxMessage);
  event.preventDefault();
  if (bytes > most) {
    say(at('trouble'), 'long', { bytes: whole.format(bytes), most: whole.format(most) });
  } else if (socket?.readyState !== WebSocket.OPEN) {
    say(at('trouble'), 'offline');
  } else if (bytes > 0) {
    show(at('trouble'), '');
    socket.send(field.value);
    field.value = '';
  }
});

// Looking

async function look() {
  const values = new Map((await get('metrics')).split('\n').map((line) => line.split(' ')));
  const value = (name) => Number(values.get(`ringdown_${name}`));
  const refused = (reason) => value(`connections_refused_total{reason="${reason}"}`);
  return {
    time: performance.now(),
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

let unseen = 0; // timer
let isUnseen = false;
let wake = null; // ends the sleep of an unseen page

function onVisibility() {
  clearTimeout(unseen);
  if (document.hidden) {
    unseen = setTimeout(() => {
      isUnseen = true;
      showState('paused');
      leave('paused');
    }, UNSEEN_MS);
  } else if (isUnseen) {
    isUnseen = false;
    wake?.();
  }
}

function onLook(seen) {
  showState(seen.isDraining ? 'draining' : 'running');
  showFigures(seen);
  showDrain(seen);
  if (seen.isDraining) leave('draining');
  else keepConnected(seen);
}

function onNothingToSee(misses) {
  showState('unreachable');
  at('drain').hidden = true;
  if (!socket || misses > 1) leave('waiting'); // a drain would not be seen, and held up
}

async function watch() {
  for (let misses = 0; ;) {
    if (isUnseen) await new Promise((resolve) => { wake = resolve; });
    const seen = await look().catch(() => null);
    if (isUnseen) continue;
    misses = seen ? 0 : misses + 1;
    if (seen) onLook(seen);
    else onNothingToSee(misses);
    const pause = seen ? LOOK_MS : backoff(misses);
    await new Promise((resolve) => { setTimeout(resolve, pause); });
  }
}

show(at('host'), location.host);
document.addEventListener('visibilitychange', onVisibility);
onVisibility();
watch();
