// The state, the stream that keeps it, and the controls.

const here = location.pathname.replace(/\/+$/, '');
const SPARK = 60;
/** The newest state. `shown` is what the page draws: while paused, a copy of the state at that moment. */
let live = null;
let frozen = null;
let state = null;

// What a tick changes

function keep(array, value, limit) {
  array.push(value);
  if (array.length > limit) array.splice(0, array.length - limit);
}

function takeState(data) {
  const restarted = live && live.build && data.build && live.build.started !== data.build.started;
  live = Object.assign({ times: [], overview: {}, heat: { bounds: [], columns: [] }, endpoints: [], errors: [], slowest: [], process: [], families: [], findings: [], names: {}, current: {}, summary: { text: '', level: 'idle' }, capacity: 600, interval_ms: 1000 }, data);
  for (const key of ['rate', 'errors', 'aborted', 'p50', 'p95', 'p99', 'in_flight']) live.overview[key] ||= [];
  if (restarted) toast(`The process restarted at ${asTime(live.build.started)}`);
  return restarted;
}

/** Rows that a tick leaves out did not change: their line goes on at its last value. */
function takeTick(tick) {
  const s = live;
  for (const key of ['now', 'summary', 'current', 'errors', 'slowest', 'left', 'runtime', 'findings', 'scrapes', 'viewers', 'thinned', 'problem', 'draining']) if (key in tick) s[key] = tick[key];
  if (!('time' in tick)) return;
  const capacity = s.capacity;
  keep(s.times, tick.time, capacity);
  for (const key of Object.keys(s.overview)) keep(s.overview[key], tick.overview ? tick.overview[key] ?? null : null, capacity);
  keep(s.heat.columns, (tick.heat && tick.heat.column) || null, capacity);

  const rows = new Map((tick.endpoints || []).map((e) => [e.id, e]));
  s.endpoints = s.endpoints.map((old) => {
    const { spark_last: last, ...row } = rows.get(old.id) || {};
    rows.delete(old.id);
    const e = Object.assign(old, row);
    e.spark ||= [];
    keep(e.spark, last !== undefined ? last : e.spark[e.spark.length - 1] ?? null, SPARK);
    return e;
  });
  for (const { spark_last: last, ...row } of rows.values()) s.endpoints.push({ spark: [last ?? null], ...row });

  // All of them, and the processor only from its second sample on.
  s.process = (tick.process || []).map(({ last, ...item }) => {
    const p = Object.assign(s.process.find((old) => old.name === item.name) || { history: [] }, item);
    keep(p.history, last !== undefined ? last : p.value ?? null, capacity);
    return p;
  });

  const gone = new Set(tick.families_gone || []);
  const changed = new Map((tick.families || []).map((f) => [f.name, f]));
  s.families = s.families.filter((f) => !gone.has(f.name));
  for (const f of s.families) {
    const update = changed.get(f.name);
    changed.delete(f.name);
    const before = new Map((f.shown || []).map((x) => [x.labels, x.history || []]));
    if (update) Object.assign(f, update);
    for (const x of f.shown || []) {
      if (update && x.history) continue; // all of it: a row that was not shown before
      x.history = before.get(x.labels) || [];
      keep(x.history, x.last !== undefined ? x.last : x.history[x.history.length - 1] ?? null, SPARK);
      delete x.last;
    }
  }
  for (const f of changed.values()) s.families.push({ ...f, shown: (f.shown || []).map(({ last, ...x }) => ({ ...x, history: x.history || [last ?? null] })) });
}

// The stream

const connection = { source: null, status: 'connecting', since: Date.now(), heard: 0, said: '', retry: 0 };

function setStatus(status, said = '') {
  if (connection.status !== status || connection.said !== said) {
    connection.since = connection.status === status ? connection.since : Date.now();
    Object.assign(connection, { status, said });
  }
  drawConnection();
}

function connect() {
  clearTimeout(connection.retry);
  if (connection.source) connection.source.close();
  const source = new EventSource(here || '/');
  connection.source = source;
  connection.heard = Date.now();
  if (!live) setStatus('connecting');
  const on = (event, take) => source.addEventListener(event, (message) => {
    if (connection.source !== source) return;
    connection.heard = Date.now();
    try { take(JSON.parse(message.data)); } catch (error) { setStatus('broken', `The page cannot read what the process sends: ${error.message}`); console.error(error); }
  });
  on('state', (data) => { const restarted = takeState(data); setStatus('live'); if (restarted) resume(); draw(); openHash(); refreshDetails(); });
  on('tick', (data) => { if (!live) return; takeTick(data); if (connection.status !== 'live') setStatus('live'); draw(); });
  on('bye', (data) => setStatus(data.reason === 'drain' ? 'drained' : 'stalled'));
  source.addEventListener('error', () => {
    if (connection.source !== source) return;
    if (connection.status === 'live' || connection.status === 'connecting') setStatus('lost');
    // EventSource comes back by itself from a lost connection, but gives up after an answer that is not a stream.
    if (source.readyState === EventSource.CLOSED) ask();
  });
}

/** Why was there no stream? A sentence if the process says one, and a picture of now from /live.json. */
async function ask() {
  const abort = new AbortController();
  try {
    const answer = await fetch(here || '/', { headers: { Accept: 'text/event-stream' }, cache: 'no-store', signal: abort.signal });
    if (answer.ok) { abort.abort(); return again(1); }
    const words = (await answer.text()).slice(0, 300);
    if (answer.status === 503) {
      setStatus(connection.status === 'drained' ? 'drained' : 'full', words.trim().startsWith('<') ? '' : words.trim());
      again(30);
      takeState(await (await fetch('?format=json', { cache: 'no-store' })).json());
      draw();
    } else { setStatus('lost', `The process answers with status ${answer.status}.`); again(10); }
  } catch { if (connection.status !== 'full' && connection.status !== 'drained') setStatus('lost'); again(5); }
}

function again(seconds) {
  clearTimeout(connection.retry);
  connection.retry = setTimeout(connect, seconds * 1000);
}

// A laptop that slept, or a network that went away without a word: the stream is then open and silent.
setInterval(() => {
  if (connection.source && connection.source.readyState === EventSource.OPEN && Date.now() - connection.heard > 15_000) { setStatus('lost'); connect(); }
}, 5000);

function drawConnection() {
  const { status, since, said } = connection;
  const at = asTime(since);
  const [chip, level, words] = {
    connecting: ['Connecting', 'idle', null],
    live: ['Live', 'ok', null],
    lost: [`Disconnected since ${at}`, 'bad', `Disconnected since ${at}. The page shows what it last heard, and reconnects by itself.`],
    drained: [`Drained at ${at}`, 'warn', `The process began to drain at ${at} and ended this stream. The page waits for it to come back.`],
    stalled: ['Let go', 'warn', `This page read too slowly and was let go at ${at}. It reconnects by itself.`],
    full: ['Too many viewers', 'warn', `Too many viewers. This is a picture of ${at}; the page tries again every 30 seconds.`],
    broken: ['Broken', 'bad', 'Something is wrong with this page.'],
  }[status];
  put(byId('connection'), frozen && status === 'live' ? `Paused at ${asTime(state.now)}` : chip);
  attribute(byId('connection'), 'class', `connection ${frozen && status === 'live' ? 'warn' : level}`);
  attribute(document.body, 'class', status === 'live' || status === 'connecting' ? '' : 'stale');
  const banners = [];
  if (words) banners.push([level, `${words}${said ? ` ${said}` : ''}`, true]);
  if (state && state.problem) banners.push(['bad', state.problem]);
  if (state && state.thinned) banners.push(['info', state.thinned]);
  rebuild(byId('banners'), banners, () => banners.map(([style, sentence, retry]) => el(`div.banner.${style}`, { role: style === 'info' ? 'note' : 'alert' }, el('p', null, text(sentence, 400)), retry && el('button', { type: 'button', on: { click: connect } }, 'Try now'))));
  if (state) drawSentence(state);
  else put(byId('sentence'), status === 'connecting' ? 'Connecting to the process.' : 'No connection to the process.');
  head();
}

/** The tab: a title that begins with what matters, and a mark in the colour of the level. */
let announced = null;
function head() {
  const lost = connection.status !== 'live' && connection.status !== 'connecting' && connection.status !== 'full';
  const level = lost ? 'lost' : live ? live.summary.level : 'idle';
  const name = live && live.build && live.build.name ? cut(live.build.name, 40) : 'live';
  const sign = { warn: '▲ ', bad: '● ' }[level] || '';
  document.title = lost ? `Disconnected · ${name}` : live ? `${sign}${cut(live.summary.text, 120)} · ${name}` : `Live · ${name}`;
  if (announced === level) return;
  const first = announced === null;
  announced = level;
  const fill = { ok: '#1f9d61', warn: '#d98a00', bad: '#d92d35', idle: '#7a8494', lost: '#7a8494' }[level] || '#7a8494';
  const shape = level === 'bad' ? '<circle cx="8" cy="8" r="7"/>' : level === 'warn' ? '<path d="M8 1l7 13H1z"/>' : level === 'lost' ? '<path d="M3 3l10 10M13 3L3 13" stroke="#7a8494" stroke-width="3"/>' : '<path d="M1 9h3v6H1zM6.500 5h3v10h-3zM12 1h3v14h-3z"/>';
  document.querySelector('link[rel=icon]').href = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="${fill}">${shape}</svg>`)}`;
  if (!first && live) put(byId('announce'), lost ? 'Disconnected' : `${LEVELS[level] || ''}: ${cut(live.summary.text, 200)}`);
}

// Drawing

let asked = 0;
function draw() {
  head();
  if (!asked) asked = requestAnimationFrame(drawNow);
}

function drawNow() {
  asked = 0;
  state = frozen || live;
  if (!state) return;
  view.interval = state.interval_ms || 1000;
  view.now = state.now;
  if (!view.chosen) fitMinutes();
  for (const chart of view.charts) if (!chart.node.isConnected) view.charts.delete(chart);
  // One section that fails must not take the others with it.
  for (const section of [drawConnection, drawFigures, drawHeat, drawEndpoints, drawErrors, drawLeft, drawProcess, drawFamilies, drawFindings, drawScrapes, drawBuild, drawFoot]) {
    try { section(state); } catch (error) { console.error(error); }
  }
  if (lastDetails.endpoint) drawEndpointDetail(lastDetails.endpoint);
  if (lastDetails.family) drawFamilyDetail(lastDetails.family);
}

function drawErrors(s) {
  drawRequests('errors', s.errors, 'No request has failed.');
  drawRequests('slowest', s.slowest, 'No request yet.');
}

function drawFoot(s) {
  for (const [button, key] of named) button.hidden = !(s.promql && s.promql[key] && s.promql[key].length);
  put(byId('foot'), `Sampled every ${asSeconds(view.interval / 1000)}, kept for ${asSpan(s.capacity * view.interval / 1000)}. ${asCount(s.viewers)} of ${asCount(s.max_viewers)} viewers. Times are the process's clock in your time zone; it is ${asTime(s.now)}.`);
}

// Details: fetched, and fetched again while they are open

const lastDetails = { endpoint: null, family: null };

async function refresh(kind, id, query) {
  try {
    const answer = await fetch(`?${query}&format=json`, { cache: 'no-store' });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const data = await answer.json();
    if ((kind === 'endpoint' ? ui.openEndpoint : ui.openFamily) === id) { lastDetails[kind] = data; draw(); }
  } catch (error) {
    if (connection.status === 'live') toast(`The details did not arrive: ${error.message}`);
  }
}
function refreshDetails() {
  if (frozen || document.hidden || connection.status !== 'live') return;
  if (ui.openEndpoint !== null) refresh('endpoint', ui.openEndpoint, `endpoint=${encodeURIComponent(ui.openEndpoint)}`);
  if (ui.openFamily !== null) refresh('family', ui.openFamily, `family=${encodeURIComponent(ui.openFamily)}`);
}
setInterval(refreshDetails, 5000);

function openEndpoint(id) {
  Object.assign(ui, { openEndpoint: id });
  lastDetails.endpoint = null;
  detail = null;
  history.replaceState(null, '', id === null ? location.pathname : `#endpoint-${id}`);
  draw();
  if (id !== null) refresh('endpoint', id, `endpoint=${encodeURIComponent(id)}`);
}

function openFamily(name) {
  ui.openFamily = name;
  lastDetails.family = null;
  history.replaceState(null, '', name === null ? location.pathname : `#${name}`);
  draw();
  if (name !== null) refresh('family', name, `family=${encodeURIComponent(name)}`);
}

/** #endpoint-3 opens a row and #name a family. The page's own anchors have a hyphen, which no metric's name has. */
let hashDone = false;
function openHash() {
  if (hashDone) return;
  hashDone = true;
  if (location.hash.length > 1) followHash();
}
function followHash() {
  let hash;
  try { hash = decodeURIComponent(location.hash.slice(1)); } catch { return; }
  const endpoint = /^endpoint-(\d+)$/.exec(hash);
  if (endpoint) { ui.filter = byId('endpoint-filter').value = ''; openEndpoint(Number(endpoint[1])); } else if (live && live.families.some((f) => f.name === hash)) { ui.family = byId('family-filter').value = ''; openFamily(hash); }
  drawNow();
  const target = byId(hash);
  if (target) {
    target.scrollIntoView({ block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
    const focus = target.querySelector('.open, .family');
    if (focus) focus.focus({ preventScroll: true });
  }
}
addEventListener('hashchange', followHash);

// Clipboard, dialog, toast

async function copy(words) {
  try { await navigator.clipboard.writeText(words); return true; } catch { /* not a secure context, or not allowed */ }
  const area = el('textarea', { readonly: true, 'aria-label': 'To copy' });
  (byId('dialog').open ? byId('dialog') : document.body).append(area);
  area.value = words;
  const focused = document.activeElement;
  area.select();
  let done = false;
  try { done = document.execCommand('copy'); } catch { /* the caller shows the text */ }
  area.remove();
  if (focused) focused.focus();
  return done;
}

let toastTimer = 0;
function toast(words) {
  const node = byId('toast');
  (byId('dialog').open ? byId('dialog') : document.body).append(node);
  put(node, words);
  node.classList.add('shown');
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { node.classList.remove('shown'); put(node, ''); }, 4000);
}

function showDialog(title, nodes) {
  put(byId('dialog-title'), title);
  byId('dialog-body').replaceChildren(...nodes);
  if (!byId('dialog').open) byId('dialog').showModal();
}
/** At most a hundred thousand characters: a text of megabytes would stop the tab. */
function showText(title, words) {
  showDialog(title, [el('pre', { tabindex: 0, 'aria-label': title }, cut(words, 100_000)), el('button', { type: 'button', on: { click: async () => toast(await copy(words) ? 'Copied' : 'This page may not write to the clipboard.') } }, 'Copy')]);
}

function showHelp() {
  const keys = [['/', 'filter endpoints'], ['p', 'pause and go on'], ['1, 5, 0', 'one, five or ten minutes'], ['?', 'this help'], ['Esc', 'close, clear'], ['← → ↑ ↓', 'move the cell of a heat map that has the focus'], ['Home, End', 'its oldest and newest column']];
  showDialog('Help', [
    el('h3', null, 'Keyboard'), el('dl.facts.keys', null, ...keys.flatMap(([k, what]) => [el('dt', null, el('kbd', null, k)), el('dd', null, what)])),
    el('h3', null, 'Reading'),
    el('p', null, 'Percentiles are computed from the buckets as Prometheus computes them, so this page and a dashboard agree. Below each stand the bounds of its bucket: the true value lies between them. Grey means that the bucket is more than twice as high as it begins, so the value is a guess within it.'),
    el('p', null, 'A line breaks, and a heat map stays blank, where nobody looked: the process takes samples only while a page is open.'),
    el('p', null, '5xx are answers of the process. 499 are requests whose client, or the server itself, ended them early; “Who left, and why” has the reasons.'),
  ]);
}

// Controls

function showMinutes(minutes) {
  view.minutes = minutes;
  for (const b of document.querySelectorAll('[data-minutes]')) attribute(b, 'aria-pressed', String(Number(b.dataset.minutes) === minutes));
}
function setMinutes(minutes) {
  view.chosen = true;
  showMinutes(minutes);
  remember('minutes', minutes);
  draw();
}
/** Until somebody chooses: the shortest that has all samples, so that the first minute is not a sliver of ten. */
function fitMinutes() {
  const had = state.times.length ? state.now - state.times[0] : 0;
  showMinutes([1, 5].find((minutes) => had <= minutes * 60_000) || 10);
}

/** Paused, the page shows a copy; the stream goes on, so that nothing is missing afterwards. */
function pause() {
  if (!live) return;
  frozen = structuredClone(live);
  pauseDrawn();
}
function resume() {
  frozen = null;
  pauseDrawn();
  refreshDetails();
}
function pauseDrawn() {
  attribute(byId('pause'), 'aria-pressed', String(Boolean(frozen)));
  put(byId('pause'), frozen ? 'Go on' : 'Pause');
  draw();
}

function setTheme(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme;
  byId('theme').replaceChildren('◐', el('span.word', null, ` ${theme}`));
  attribute(byId('theme'), 'aria-label', `Theme: ${theme}`);
  remember('theme', theme);
  draw();
}
const THEMES = ['auto', 'light', 'dark'];
let theme = 'auto';

// A page without storage (a private window, a sandbox) forgets, and works.
const remember = (key, value) => { try { localStorage.setItem(`live-${key}`, value); } catch { /* as said */ } };
const remembered = (key) => { try { return localStorage.getItem(`live-${key}`); } catch { return null; } };

for (const b of document.querySelectorAll('[data-minutes]')) b.addEventListener('click', () => setMinutes(Number(b.dataset.minutes)));
byId('pause').addEventListener('click', () => (frozen ? resume() : pause()));
byId('theme').addEventListener('click', () => setTheme(theme = THEMES[(THEMES.indexOf(theme) + 1) % 3]));
byId('help-open').addEventListener('click', showHelp);
byId('dialog-close').addEventListener('click', () => byId('dialog').close());
byId('dialog').addEventListener('click', (event) => { if (event.target === byId('dialog')) byId('dialog').close(); });
byId('json').href = here ? `${here}.json` : '?format=json';
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
document.addEventListener('visibilitychange', refreshDetails);

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId('dialog').open) return;
  if (event.target.closest('input, select, textarea')) {
    if (event.key === 'Escape' && event.target.type === 'search') { event.target.value = ''; event.target.dispatchEvent(new Event('input')); event.target.blur(); }
    return;
  }
  const act = { '/': () => { byId('endpoint-filter').focus(); byId('endpoint-filter').select(); }, p: () => byId('pause').click(), 1: () => setMinutes(1), 5: () => setMinutes(5), 0: () => setMinutes(10), '?': showHelp }[event.key];
  if (act) { event.preventDefault(); act(); }
});

const SECTIONS = [['latency', 'Latency'], ['endpoints', 'Endpoints'], ['errors', 'Errors'], ['left', 'Who left'], ['process', 'Process'], ['metrics', 'Metrics'], ['findings', 'Findings'], ['scrapes', 'Scrapes'], ['build', 'Build']];
byId('nav').append(...SECTIONS.map(([id, label]) => el('a', { href: `#s-${id}` }, label)));
buildFigures();
buildHeat();
buildEndpoints();
buildFamilies();
addPromql('s-errors', 'Errors', (s) => [['Errors, by endpoint and status', `sum by (method, endpoint, status_code) (increase(${s.names.requests}{status_code=~"5.."}${shownWindow()})) > 0`]]);
addPromql('s-slowest', 'Slowest', (s) => [['Slowest endpoints', `topk(20, ${quantile(0.99, s.names.duration, 'le, method, endpoint', '', shownWindow())})`]]);
addPromql('s-left', 'Who left', (s) => [['Left early, by reason', `sum by (reason) (increase(${s.names.aborted}${shownWindow()}))`]]);
// Names that only the process knows come with the state; without them, no button.
const named = [['s-process', 'Process', 'process'], ['s-scrapes', 'Scrapes', 'scrapes'], ['s-build', 'Build', 'build']].map(([panel, title, key]) => {
  const button = promql(title, (s) => s.promql[key]);
  byId(panel).querySelector('header').append(button);
  return [button, key];
});
setTheme(theme = THEMES.includes(remembered('theme')) ? remembered('theme') : 'auto');
if ([1, 5, 10].includes(Number(remembered('minutes')))) setMinutes(Number(remembered('minutes')));
connect();
