// The sections, top to bottom. Each draws what `state` says; none of them computes a rate or a percentile.

const ui = { sort: 'rate', down: true, filter: '', family: '', all: false, allFamilies: false, openEndpoint: null, openFamily: null };
const ROWS = 25;
const CARDS = 24;
const SERIES = 4;
const LEVELS = { ok: 'Fine', warn: 'Warning', bad: 'Problem', info: 'Note', idle: 'Idle' };

// PromQL. A rate needs four scrapes to survive one that fails.
const escaped = (value) => String(value).replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
const rateWindow = (s) => { const interval = s.scrapes && number(s.scrapes.interval_seconds); return `[${interval ? Math.max(60, Math.ceil(interval * 4)) : 60}s]`; };
const shownWindow = () => `[${view.minutes}m]`;
const quantile = (q, name, by, where, window) => `histogram_quantile(${q}, sum by (${by}) (rate(${name}_bucket${where}${window})))`;
const endpointIs = (e) => `{method="${escaped(e.method)}",endpoint="${escaped(e.route)}"}`;

/** A button that hands over the queries of a panel: [[label, query], …]. */
function promql(title, queries) {
  return el('button.promql', { type: 'button', 'aria-label': `Copy ${title} as PromQL`, title: 'Copy as PromQL', on: { click: () => offer(title, queries(state)) } }, 'PromQL');
}
const addPromql = (panel, title, queries) => byId(panel).querySelector('header').append(promql(title, queries));

async function offer(title, queries) {
  if (queries.length === 1 && await copy(queries[0][1])) return toast(`Copied: ${cut(queries[0][1], 200)}`);
  showDialog(`${title} as PromQL`, queries.map(([label, query]) => {
    const code = el('pre', { tabindex: 0, 'aria-label': label }, query);
    return el('div.query', null, el('h3', null, label), code, el('button', { type: 'button', on: { click: async () => { if (await copy(query)) toast('Copied'); else { getSelection().selectAllChildren(code); toast('This page may not write to the clipboard. The text is selected: press Ctrl-C.'); } } } }, 'Copy'));
  }));
}

// 1. The sentence
function drawSentence(s) {
  const stale = connection.status !== 'live';
  const level = stale ? 'idle' : s.summary.level;
  const said = (stale ? `At ${asTime(s.now)}: ` : '') + cut(s.summary.text, 600);
  // What is wrong has the colour, not the figures before it.
  const [worst] = s.findings || [];
  const wrong = worst && said.endsWith(`${cut(worst.text, 400).replace(/\.$/, '')}.`) ? worst.text.replace(/\.$/, '').length + 1 : 0;
  rebuild(byId('sentence'), [said, level, stale, wrong], () => (wrong ? [el('span', null, said.slice(0, -wrong)), el(`span.${stale ? 'wide' : level}`, null, said.slice(-wrong))] : el('span', null, said)));
  attribute(byId('sentence'), 'class', stale ? 'wide' : '');
  attribute(byId('dot'), 'class', `dot ${level}`);
  const count = (s.findings || []).filter((f) => f.level !== 'info').length;
  const link = byId('finding-count');
  link.hidden = !count;
  put(link, count === 1 ? '1 finding' : `${count} findings`);
  const build = s.build || {};
  put(byId('name'), cut(build.name || 'Live', 60));
  put(byId('version'), build.version ? cut(build.version, 40) : '');
}

// 2. Four figures
const figures = {};
function buildFigures() {
  const n = (s) => s.names;
  const figure = (id, title, values, chart, queries) => {
    const big = values.map((label) => {
      const value = el('b', null, DASH);
      const under = el('small');
      return { value, under, node: el('div.value', null, label && el('span', null, label), value, under) };
    });
    figures[id] = { big, chart };
    byId('s-figures').append(el('article.panel.figure', { 'aria-labelledby': `f-${id}` }, el('header', null, el('h2', { id: `f-${id}` }, title), promql(title, queries)), el('div.values', null, ...big.map((b) => b.node)), chart.node));
  };
  figure('rate', 'Requests', [''], new Lines('Requests a second', [{ name: '', style: 'main', area: true }], asRate), (s) => [['Requests a second', `sum(rate(${n(s).requests}${rateWindow(s)}))`]]);
  figure('errors', 'Errors', ['5xx', 'left early (499)'], new Stacked('Errors a second, and requests that were left early', [{ name: '5xx', style: 'bad fill' }, { name: 'left early', style: 'warn fill' }], asRate), (s) => [
    ['Share of 5xx', `sum(rate(${n(s).requests}{status_code=~"5.."}${rateWindow(s)})) / sum(rate(${n(s).requests}${rateWindow(s)}))`],
    ['Share of requests that were left early', `sum(rate(${n(s).aborted}${rateWindow(s)})) / sum(rate(${n(s).requests}${rateWindow(s)}))`]]);
  figure('latency', 'Latency', ['p50', 'p95', 'p99'], new Lines('p50, p95 and p99', [{ name: 'p50', style: 'p50', wide: true }, { name: 'p95', style: 'p95', wide: true }, { name: 'p99', style: 'p99', wide: true }], asSeconds, true), (s) => [0.5, 0.95, 0.99].map((q) => [`p${q * 100}`, quantile(q, n(s).duration, 'le', '', rateWindow(s))]));
  figure('flight', 'In flight', [''], new Lines('Requests in flight', [{ name: '', style: 'main', area: true }], asCount), (s) => [['Requests in flight', `sum(${n(s).in_flight})`]]);
}

/** Whether the bucket that a percentile lies in is too wide to trust the value. */
function isWide(value, bounds) {
  const i = bounds.findIndex((bound) => value <= bound);
  return i < 0 || bounds[i] > 2 * (i ? bounds[i - 1] : 0);
}

function drawFigures(s) {
  const { rate, errors, latency, flight } = figures;
  const { current: c, overview: o, times } = s;
  const values = (figure, ...texts) => texts.forEach((t, i) => put(figure.big[i].value, t));
  values(rate, asRate(c.rate));
  put(rate.big[0].under, `over ${asSeconds(c.window_seconds)}`);
  values(errors, asRatio(c.errors_ratio), asRatio(c.aborted_ratio));
  attribute(errors.big[0].value, 'class', c.errors_ratio > 0 ? 'bad' : '');
  attribute(errors.big[1].value, 'class', c.aborted_ratio > 0 ? 'warn' : '');
  ['p50', 'p95', 'p99'].forEach((p, i) => {
    const q = c[p] || {};
    const { value, under, node } = latency.big[i];
    put(value, asSeconds(q.value));
    attribute(value, 'class', q.wide ? 'wide' : '');
    put(under, number(q.value) === null ? '' : number(q.high) === null ? `> ${asSeconds(q.low)}` : between(q.low, q.high));
    attribute(node, 'title', q.wide ? 'The bucket is wide: the true value may be anywhere between its bounds.' : 'Bounds of the bucket that the value lies in');
  });
  values(flight, asCount(c.in_flight));
  rate.chart.set(times, [o.rate]);
  errors.chart.set(times, [o.errors, o.aborted]);
  latency.chart.set(times, [o.p50, o.p95, o.p99], (v) => isWide(v, s.heat.bounds));
  flight.chart.set(times, [o.in_flight]);
}

/** "25–50 ms", the unit once if both have it. */
function between(low, high) {
  const [a, b] = [asSeconds(low), asSeconds(high)];
  const [x, unit] = a.split(NBSP);
  return low === 0 ? `≤ ${b}` : b.endsWith(NBSP + unit) && b.split(NBSP).length === 2 ? `${x}–${b}` : `${a}–${b}`;
}

// 3. The heat map
let heat;
function buildHeat() {
  heat = new Heat('Latency of all endpoints, over time');
  byId('heat').append(heat.node);
  addPromql('s-latency', 'Latency', (s) => [['Requests in each bucket', `sum by (le) (rate(${s.names.duration}_bucket${rateWindow(s)}))`]]);
}
function drawHeat(s) {
  heat.set(s.heat.bounds, s.heat.columns, s.times);
  put(byId('n-latency'), `all endpoints, ${view.minutes === 1 ? 'one minute' : `${view.minutes} minutes`}${heat.gaps ? '; blank while nobody looked' : ''}`);
}

// 4. Endpoints
const sum = (object) => Object.values(object || {}).reduce((a, n) => a + (number(n) || 0), 0);
const list = (object, limit = 6) => {
  const all = Object.entries(object || {}).sort((a, b) => b[1] - a[1]);
  return all.slice(0, limit).map(([k, n]) => `${cut(k, 60)} ${asCount(n)}`).join(', ') + (all.length > limit ? `, and ${all.length - limit} others` : '');
};
const COLUMNS = [
  { key: 'name', label: 'Endpoint', of: (e) => `${e.route} ${e.method}` },
  { key: 'rate', label: 'Rate', note: 'requests a second, over 10 s', of: (e) => e.rate, show: (e) => asRate(e.rate) },
  { key: 'share', minor: true, label: 'Share', note: 'of all requests, over 10 s', of: (e) => e.share, show: (e) => asRatio(e.share) },
  { key: 'p50', minor: true, label: 'p50', note: 'over 10 s', of: (e) => e.p50, show: (e) => asSeconds(e.p50) },
  { key: 'p95', label: 'p95', note: 'over 10 s', of: (e) => e.p95, show: (e) => asSeconds(e.p95) },
  { key: 'p99', label: 'p99', note: 'over 10 s', of: (e) => e.p99, show: (e) => asSeconds(e.p99) },
  { key: 'requests', minor: true, label: 'Requests', note: 'since the start', of: (e) => e.requests, show: (e) => asCount(e.requests) },
  { key: 'errors', label: 'Errors', note: '5xx, since the start', of: (e) => e.errors, show: (e) => asCount(e.errors) },
  { key: 'aborted', minor: true, label: 'Left early', note: 'since the start, by reason', of: (e) => sum(e.aborted), show: (e) => asCount(sum(e.aborted)) },
  { key: 'bytes', minor: true, label: 'Bytes out', note: 'since the start', of: (e) => e.bytes_out, show: (e) => asBytes(e.bytes_out) },
];
const endpointRows = new Map();
const endpointTable = {};
const seenRows = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const row = endpointRows.get(entry.target.endpointId);
    if (!row) continue;
    row.visible = entry.isIntersecting;
    if (row.visible && row.data) drawRow(row, row.data);
  }
}, { rootMargin: '200px' });

function buildEndpoints() {
  const heads = COLUMNS.map((c) => {
    const button = el('button', { type: 'button', title: c.note, on: { click: () => sortBy(c.key) } }, c.label);
    return el(c.key === 'name' ? 'th' : 'th.n', { scope: 'col', role: 'columnheader', 'data-key': c.key }, button);
  });
  endpointTable.heads = heads;
  endpointTable.body = el('tbody', { role: 'rowgroup' });
  endpointTable.all = el('p.all', { hidden: true }, el('button', { type: 'button', on: { click: () => { ui.all = !ui.all; draw(); } } }));
  endpointTable.none = el('p.none', { hidden: true });
  const picture = (label, note) => el('th', { scope: 'col', role: 'columnheader', title: note }, label);
  byId('endpoints').append(
    el('table.endpoints', { role: 'table', 'aria-labelledby': 'h-endpoints' }, el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...heads, picture('Latency', 'distribution over ten minutes'), picture('Last minute', 'requests a second'))), endpointTable.body),
    endpointTable.none, endpointTable.all);
  const sorter = byId('endpoint-sort');
  for (const c of COLUMNS) sorter.append(el('option', { value: c.key }, c.label));
  sorter.addEventListener('change', () => sortBy(sorter.value));
  byId('endpoint-filter').addEventListener('input', (event) => { ui.filter = event.target.value; draw(); });
  // The order holds while somebody points at a row or has the focus in one: it must not move away under the click.
  const body = endpointTable.body;
  body.addEventListener('pointerenter', (event) => { if (event.pointerType === 'mouse') endpointTable.held = true; });
  body.addEventListener('pointerleave', () => { endpointTable.held = false; });
  addPromql('s-endpoints', 'Endpoints', (s) => [
    ['Requests a second', `sum by (method, endpoint) (rate(${s.names.requests}${rateWindow(s)}))`],
    ['Share of 5xx', `sum by (method, endpoint) (rate(${s.names.requests}{status_code=~"5.."}${rateWindow(s)})) / sum by (method, endpoint) (rate(${s.names.requests}${rateWindow(s)}))`],
    ['p99', quantile(0.99, s.names.duration, 'le, method, endpoint', '', rateWindow(s))]]);
}

function sortBy(key) {
  ui.down = ui.sort === key ? !ui.down : key !== 'name';
  ui.sort = key;
  endpointTable.order = null;
  draw();
}

function buildRow(id) {
  const cells = COLUMNS.slice(1).map((c) => el(`td.n${c.minor ? '.minor' : ''}`, { role: 'cell', 'data-label': c.label }));
  const method = el('span.method');
  const route = el('bdi');
  const open = el('button.open', { type: 'button', 'aria-expanded': 'false', on: { click: () => openEndpoint(ui.openEndpoint === id ? null : id) } }, method, ' ', route);
  const bars = new Bars();
  const spark = new Spark();
  const node = el('tr', { role: 'row', id: `endpoint-${id}` }, el('th', { scope: 'row', role: 'rowheader' }, open), ...cells, el('td.picture.bars-cell', { role: 'cell' }, bars.node), el('td.picture.spark-cell', { role: 'cell' }, spark.node));
  node.endpointId = id;
  const reasons = el('small');
  const aborted = el('span');
  cells[7].append(aborted, reasons);
  const row = { node, cells, method, route, open, bars, spark, aborted, reasons, visible: true };
  seenRows.observe(node);
  endpointRows.set(id, row);
  return row;
}

function drawRow(row, e) {
  put(row.method, cut(e.method, 24));
  put(row.route, cut(e.route, 120));
  COLUMNS.slice(1).forEach((c, i) => {
    if (c.key !== 'aborted') put(row.cells[i], c.show(e));
    if (c.key[0] === 'p') row.cells[i].classList.toggle('wide', isWide(c.of(e), e.bounds || state.heat.bounds));
  });
  put(row.aborted, asCount(sum(e.aborted)));
  put(row.reasons, sum(e.aborted) ? list(e.aborted, 2) : '');
  row.cells[1].style.setProperty('--share', `${Math.round((e.share || 0) * 100)}%`);
  attribute(row.node, 'class', !e.requests && !e.rate ? 'silent' : '');
  attribute(row.cells[6], 'class', e.errors > 0 ? 'n bad' : 'n zero');
  attribute(row.cells[7], 'class', sum(e.aborted) > 0 ? 'n minor warn' : 'n minor zero');
  row.bars.set(e.histogram || []);
  row.spark.set(state.times, e.spark || [], 60_000);
  attribute(row.open, 'aria-expanded', String(ui.openEndpoint === e.id));
}

function drawEndpoints(s) {
  const column = COLUMNS.find((c) => c.key === ui.sort);
  endpointTable.heads.forEach((h) => attribute(h, 'aria-sort', h.dataset.key === ui.sort ? (ui.down ? 'descending' : 'ascending') : 'none'));
  byId('endpoint-sort').value = ui.sort;
  const words = ui.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = s.endpoints.filter((e) => !words.length || words.every((w) => `${e.method} ${e.route} ${Object.keys(e.statuses || {}).join(' ')}`.toLowerCase().includes(w)));
  const held = endpointTable.held || endpointTable.body.contains(document.activeElement);
  if (!held || !endpointTable.order) {
    const sign = ui.down ? -1 : 1;
    // What has no value stands last, whichever way; equal values stand by name, so that they do not dance.
    const compare = (a, b) => {
      const [x, y] = [column.of(a), column.of(b)];
      if (typeof x === 'string') return sign * x.localeCompare(y);
      const [m, n] = [number(x), number(y)];
      if (m === null || n === null) return m === n ? a.route.localeCompare(b.route) || a.id - b.id : m === null ? 1 : -1;
      return sign * (m - n) || a.route.slice(0, 200).localeCompare(b.route.slice(0, 200)) || a.id - b.id;
    };
    endpointTable.order = new Map([...s.endpoints].sort(compare).map((e, i) => [e.id, i]));
  }
  const place = (e) => endpointTable.order.get(e.id) ?? Infinity;
  matching.sort((a, b) => place(a) - place(b));
  const shown = ui.all ? matching : matching.slice(0, ROWS);
  const open = s.endpoints.find((e) => e.id === ui.openEndpoint);
  if (open && !shown.includes(open) && matching.includes(open)) shown.push(open);
  let next = endpointTable.body.firstElementChild;
  const here = new Set();
  const step = (node) => { here.add(node); if (node === next) next = next.nextElementSibling; else endpointTable.body.insertBefore(node, next); };
  for (const e of shown) {
    const row = endpointRows.get(e.id) || buildRow(e.id);
    row.data = e;
    if (row.visible || !row.node.isConnected) drawRow(row, e);
    step(row.node);
    if (e === open) step(endpointDetail(s, e).node);
  }
  for (const node of [...endpointTable.body.children]) if (!here.has(node)) {
    node.remove();
    if (node.endpointId !== undefined) { seenRows.unobserve(node); endpointRows.delete(node.endpointId); }
  }
  const silent = s.endpoints.filter((e) => !e.requests).length;
  put(byId('n-endpoints'), `${asCount(s.endpoints.length)} known${silent ? `, ${asCount(silent)} without traffic` : ''}${words.length ? `, ${asCount(matching.length)} match` : ''}`);
  endpointTable.none.hidden = matching.length > 0;
  put(endpointTable.none, s.endpoints.length ? 'No endpoint matches.' : 'No endpoint is known yet.');
  endpointTable.all.hidden = matching.length <= ROWS;
  put(endpointTable.all.firstChild, ui.all ? `Show the first ${ROWS}` : `Show all ${asCount(matching.length)}`);
}

/** The row below an open endpoint. The stream has no details: they are fetched while the row is open. */
let detail = null;
function endpointDetail(s, e) {
  if (!detail || detail.id !== e.id) {
    const d = { id: e.id, heat: new Heat(`Latency of ${cut(e.method, 20)} ${cut(e.route, 80)}`, { tall: false }), statuses: el('div'), facts: el('dl.facts'), problem: el('p.none', { hidden: true }) };
    const title = `${cut(e.method, 20)} ${cut(e.route, 60)}`;
    const query = (t) => { const where = endpointIs(e); const name = t.names; return [['Requests a second', `sum by (status_code) (rate(${name.requests}${where}${rateWindow(t)}))`], ['p99', quantile(0.99, name.duration, 'le', where, rateWindow(t))], ['Left early, by reason', `sum by (reason) (increase(${name.aborted}${where}${shownWindow()}))`]]; };
    d.node = el('tr.detail', { role: 'row' }, el('td', { role: 'cell', colspan: COLUMNS.length + 2 }, el('div.detail-head', null, el('p', null, text(e.route, 400)), promql(title, query)), d.problem, el('div.detail-body', null, el('div', null, el('h3', null, 'Latency'), d.heat.node, d.facts), el('div', null, el('h3', null, 'Statuses, a second'), d.statuses))));
    detail = d;
  }
  rebuild(detail.facts, [e.requests, e.bytes_in, e.bytes_out, e.aborted, e.statuses], () => facts([['Requests', asCount(e.requests)], ['Statuses', list(e.statuses, 12) || DASH], ['Left early', list(e.aborted, 12) || 'nobody'], ['Bytes in', asBytes(e.bytes_in)], ['Bytes out', asBytes(e.bytes_out)]]));
  return detail;
}

function drawEndpointDetail(d) {
  if (!detail || detail.id !== d.id) return;
  detail.heat.set(d.heat.bounds, d.heat.columns, d.times);
  const codes = Object.keys(d.statuses || {}).sort();
  rebuild(detail.statuses, codes, () => codes.map((code) => {
    const chart = code >= '4' ? new Stacked(`Status ${cut(code, 20)}`, [{ name: '', style: `${code >= '5' ? 'bad' : 'warn'} fill` }], asRate) : new Lines(`Status ${cut(code, 20)}`, [{ name: '', style: 'main', area: true }], asRate);
    (detail.charts ||= {})[code] = chart;
    return el('div.status', null, el('b', null, cut(code, 20)), chart.node);
  }));
  for (const code of codes) detail.charts[code].set(d.times, [d.statuses[code]]);
}

// 5. Last errors and slowest
function drawRequests(id, requests, empty) {
  const node = byId(id);
  if (node.lastData === requests) return;
  node.lastData = requests;
  if (!requests || !requests.length) return node.replaceChildren(el('p.none', null, empty));
  node.replaceChildren(el('table.requests', { 'aria-labelledby': `h-${id}` },
    el('thead', null, el('tr', null, ...[['When'], ['Request'], ['End'], ['Duration', 1], ['Bytes', 1]].map(([label, n]) => el(n ? 'th.n' : 'th', { scope: 'col' }, label)))),
    el('tbody', null, ...requests.slice(0, 20).map((r) => el('tr', null,
      el('td.time', null, asTime(r.time)),
      el('td.request', null, el('span.method', null, cut(r.method, 24)), ' ', text(r.route, 60)),
      el(`td.end.${r.status >= 500 ? 'bad' : r.reason ? 'warn' : 'plain'}`, null, text([r.status, r.reason].filter((x) => x != null).join(' ') || DASH, 40)),
      el('td.n', null, asSeconds(r.seconds)), el('td.n', null, asBytes(r.bytes)))))));
}

const facts = (pairs) => pairs.filter(Boolean).flatMap(([key, value, style]) => [el('dt', null, key), el(style ? `dd.${style}` : 'dd', null, value)]);

// 6. Who left
function drawLeft(s) {
  rebuild(byId('left'), s.left, () => {
    const l = s.left || {};
    const reasons = Object.entries(l.reasons || {}).sort((a, b) => b[1] - a[1]);
    const most = Math.max(1, ...reasons.map(([, n]) => n));
    const c = l.connections;
    return [
      el('h3', null, 'Requests, since the start'),
      reasons.length ? el('ul.reasons', null, ...reasons.slice(0, 20).map(([reason, n]) => el('li', null, el('span', null, text(reason, 60)), bar(n / most, 'warn'), el('b', null, asCount(n))))) : el('p.none', null, 'Nobody has left early.'),
      c && el('h3', null, 'Connections'),
      c && el('dl.facts', null, ...facts([['Open', asCount(c.open)], ['Refused', asCount(c.refused), c.refused > 0 && 'warn'], c.evicted !== undefined && ['Evicted', asCount(c.evicted)], ['Cut off', sum(c.cut_off) ? list(c.cut_off) : '0', sum(c.cut_off) > 0 && 'warn']])),
      l.draining && el('p.warn', null, 'The server is draining: it accepts no new requests.'),
    ];
  });
}

function bar(share, style = '') {
  const fill = el('i');
  fill.style.width = `${Math.round(100 * Math.min(1, Math.max(0, share || 0)))}%`;
  return el(`span.meter${style ? `.${style}` : ''}`, { 'aria-hidden': 'true' }, fill);
}

// 7. The process
const processRows = new Map();
function drawProcess(s) {
  const items = s.process || [];
  rebuild(byId('process'), items.map((p) => p.name), () => {
    processRows.clear();
    if (!items.length) return el('p.none', null, 'Register the collectors of tallied-collectors to see the process.');
    return el('ul.process', null, ...items.map((p) => {
      const chart = new Lines(cut(p.name, 60), [{ name: '', style: 'main', area: true }], processFormat(p.unit));
      const row = { value: el('b'), limit: el('small'), meter: bar(0), chart };
      processRows.set(p.name, row);
      return el('li', null, el('h3', null, text(p.name, 60)), el('div', null, row.value, ' ', row.limit), row.meter, chart.node);
    }));
  });
  for (const p of items) {
    const row = processRows.get(p.name);
    const format = processFormat(p.unit);
    const limit = number(p.limit);
    const share = limit > 0 ? number(p.value) / limit : null;
    put(row.value, format(p.value));
    put(row.limit, limit === null ? (p.unit === 'cores' ? 'cores' : '') : `of ${format(limit)}${p.unit === 'cores' ? ' cores' : ''}`);
    row.meter.hidden = share === null;
    attribute(row.meter, 'class', `meter ${share > 0.95 ? 'bad' : share > 0.8 ? 'warn' : ''}`);
    row.meter.firstChild.style.width = `${Math.round(100 * Math.min(1, share || 0))}%`;
    row.chart.set(s.times, [p.history || []]);
  }
  const r = s.runtime;
  byId('runtime').hidden = !r;
  if (!r) return;
  rebuild(byId('runtime'), `${r.workers.length}`, () => [
    el('h3', null, 'Tokio workers'),
    el('ol.workers', { 'aria-label': 'Share of the last second that each worker was busy' }, ...r.workers.map((_, i) => el('li', null, el('span.column', { 'aria-hidden': 'true' }, el('i')), el('span.quiet', null, `Worker ${i}: `), el(r.workers.length > 16 ? 'span.quiet' : 'span')))),
    el('p.note')]);
  const [, bars, note] = byId('runtime').children;
  r.workers.forEach((busy, i) => {
    const item = bars.children[i];
    const share = number(busy) || 0;
    item.firstChild.firstChild.style.height = `${Math.round(100 * Math.min(1, share))}%`;
    attribute(item, 'class', share > 0.95 ? 'bad' : share > 0.8 ? 'warn' : '');
    put(item.lastChild, asRatio(share));
  });
  put(note, `queue ${asCount(r.queue)}, tasks ${asCount(r.tasks)}`);
}

// 8. Your own metrics
const cards = new Map();
let familyGrid;
function buildFamilies() {
  familyGrid = { grid: el('div.cards'), none: el('p.none', { hidden: true }), all: el('p.all', { hidden: true }, el('button', { type: 'button', on: { click: () => { ui.allFamilies = !ui.allFamilies; draw(); } } })) };
  byId('families').append(familyGrid.grid, familyGrid.none, familyGrid.all);
  byId('family-filter').addEventListener('input', (event) => { ui.family = event.target.value; draw(); });
}

function familyQueries(f, s) {
  if (f.kind === 'counter') return [['A second', `sum(rate(${f.name}${rateWindow(s)}))`], ['By series', `rate(${f.name}${rateWindow(s)})`]];
  if (f.kind === 'histogram') return [['Observations a second', `sum(rate(${f.name}_count${rateWindow(s)}))`], ['p99', quantile(0.99, f.name, 'le', '', rateWindow(s))]];
  return [['Value', f.name]];
}

function buildCard(f) {
  const name = f.name;
  const card = { rows: [], list: el('ul.series'), more: el('p.note'), open: el('a.family', { href: `#${name}`, 'aria-expanded': 'false', role: 'button', on: { click: (event) => { event.preventDefault(); openFamily(ui.openFamily === name ? null : name); }, keydown: (event) => { if (event.key === ' ') { event.preventDefault(); event.target.click(); } } } }, cut(name, 120)), help: el('p.help'), detail: el('div') };
  card.node = el('article.card', { id: name, 'aria-label': cut(name, 120) }, el('header', null, el('h3', null, card.open), el('span.kind', null, cut(f.kind, 20)), promql(cut(name, 120), (s) => familyQueries(f, s))), card.help, card.list, card.more, card.detail);
  cards.set(name, card);
  return card;
}

/** `method="GET",endpoint="/data"` as `GET /data`: a card has little room, and its title says which is which. */
function short(labels) {
  const values = [...labels.matchAll(/\w+="((?:[^"\\]|\\.)*)"/g)].map((m) => m[1]);
  return values.length > 1 ? values.join(' ') : labels;
}

function drawCard(card, f, s) {
  const format = formatOf(f.name, f.unit, f.kind);
  rebuild(card.help, f.help || '', () => text(f.help || '', 140));
  const shown = (f.shown || []).slice(0, SERIES);
  attribute(card.node, 'class', `card${shown.length === 1 ? ' single' : ''}${ui.openFamily === f.name ? ' opened' : ''}`);
  rebuild(card.list, shown.map((x) => x.labels.slice(0, 300) + x.labels.length), () => {
    card.rows = shown.map((x) => {
      const row = { value: el('b'), spark: new Spark() };
      row.node = el('li', null, el('span.labels', { title: cut(x.labels, 300) }, el('bdi', null, cut(short(x.labels), 100))), row.spark.node, row.value);
      return row;
    });
    return card.rows.map((r) => r.node);
  });
  shown.forEach((x, i) => {
    put(card.rows[i].value, format(x.value));
    card.rows[i].spark.set(s.times, x.history || [], 60_000);
  });
  const more = (f.series || 0) - shown.length;
  put(card.more, more > 0 ? `and ${asCount(more)} other series` : shown.length ? '' : 'no series yet');
  attribute(card.open, 'aria-expanded', String(ui.openFamily === f.name));
  if (ui.openFamily !== f.name && card.chart) { card.chart = null; card.detail.replaceChildren(); }
}

function drawFamilies(s) {
  // Your own come first, then what every service has, and last what has no series.
  const prefix = s.names.requests.replace(/http_requests_total$/, '');
  const rank = (f) => (!f.series ? 3 : !f.name.startsWith(prefix) ? 0 : /^(process|system|tokio|rust_heap|tallied)_/.test(f.name.slice(prefix.length)) ? 2 : /^(http_(re(quests?|sponse)|handler)|grpc_requests)_/.test(f.name.slice(prefix.length)) ? 1 : 0);
  const all = [...s.families || []].sort((a, b) => rank(a) - rank(b));
  const words = ui.family.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = words.length ? all.filter((f) => { const where = `${f.name} ${f.kind} ${(f.help || '').slice(0, 2000)} ${(f.shown || []).map((x) => x.labels.slice(0, 500)).join(' ')}`.toLowerCase(); return words.every((w) => where.includes(w)); }) : all;
  const shown = ui.allFamilies ? matching : matching.slice(0, CARDS);
  const open = matching.find((f) => f.name === ui.openFamily);
  if (open && !shown.includes(open)) shown.unshift(open);
  const here = new Set();
  let next = familyGrid.grid.firstElementChild;
  for (const f of shown) {
    const card = cards.get(f.name) || buildCard(f);
    drawCard(card, f, s);
    here.add(f.name);
    if (card.node === next) next = next.nextElementSibling; else familyGrid.grid.insertBefore(card.node, next);
  }
  for (const [name, card] of cards) if (!here.has(name)) { card.node.remove(); cards.delete(name); }
  put(byId('n-metrics'), all.length ? `${asCount(all.length)} ${all.length === 1 ? 'family' : 'families'}, found in the registry` : '');
  familyGrid.none.hidden = matching.length > 0;
  put(familyGrid.none, all.length ? 'No metric matches.' : 'The registry has no other metrics. Whatever you register appears here by itself.');
  familyGrid.all.hidden = matching.length <= CARDS;
  put(familyGrid.all.firstChild, ui.allFamilies ? `Show the first ${CARDS}` : `Show all ${asCount(matching.length)}`);
}

const HUES = 6;
function drawFamilyDetail(d) {
  const card = cards.get(d.name);
  const family = state.families.find((f) => f.name === d.name);
  if (!card || !family || ui.openFamily !== d.name) return;
  const format = formatOf(d.name, family.unit, family.kind);
  const series = d.series || [];
  const layout = `${d.heat ? 'heat' : series.length}`;
  if (card.layout !== layout || !card.chart) {
    card.layout = layout;
    const observed = formatOf(d.name, family.unit, 'gauge');
    card.chart = d.heat ? new Heat(cut(d.name, 120), { format: observed, tall: false, noun: 'observation' }) : new Lines(cut(d.name, 120), series.map((x, i) => ({ name: '', style: `s${i % HUES}` })), format);
    card.table = el('ul.series.long', { tabindex: 0, 'aria-label': `Series of ${cut(d.name, 120)}` });
    card.detail.replaceChildren(card.chart.node, card.table);
  }
  if (d.heat) card.chart.set(d.heat.bounds, d.heat.columns, d.times);
  else {
    card.chart.set(d.times, series.map((x) => x.history));
    if (series.length > 1) card.chart.readout.hidden = true;
  }
  rebuild(card.table, series.map((x) => x.labels.slice(0, 300) + x.labels.length), () => series.map((x, i) => el('li', null, el(`i.key.s${i % HUES}`, { 'aria-hidden': 'true' }), el('span.labels', null, x.labels ? text(x.labels, 200) : 'no labels'), el('b'))));
  series.forEach((x, i) => put(card.table.children[i].lastChild, format(x.history[x.history.length - 1])));
}

// 9. Findings
function drawFindings(s) {
  rebuild(byId('findings'), s.findings || [], () => (s.findings && s.findings.length
    ? el('ul.findings', null, ...s.findings.slice(0, 100).map((f) => el(`li.${LEVELS[f.level] ? f.level : 'info'}`, null, el('b', null, LEVELS[f.level] || 'Note'), el('span', null, text(f.text, 400)), typeof f.link === 'string' && f.link.startsWith('#') && el('a', { href: f.link, 'aria-label': `Show: ${cut(f.text, 80)}`, on: { click: (event) => { event.preventDefault(); history.replaceState(null, '', f.link); followHash(); } } }, 'Show'))))
    : el('p.none', null, 'Nothing to report.')));
}

// 10. The scrapes
function drawScrapes(s) {
  const c = s.scrapes || {};
  const last = number(c.last);
  const interval = number(c.interval_seconds);
  const age = last === null ? null : Math.max(0, (s.now - last) / 1000);
  const late = age !== null && age > Math.max(60, 3 * (interval || 0));
  rebuild(byId('scrapes'), [c, Math.floor((age || 0) / (late ? 10 : 1))], () => (last === null ? el('p.none', null, 'Nobody has scraped this process yet. Point Prometheus at its metrics.') : el('dl.facts', null, ...facts([
    ['Last', `${asSeconds(Math.floor(age))} ago`, late && 'warn'], ['Every', interval === null ? DASH : asSeconds(interval)],
    ['Took', number(c.seconds) === null ? DASH : asSeconds(c.seconds) + (interval ? `, ${asRatio(c.seconds / interval)} of the interval` : '')], ['Size', asBytes(c.bytes)], ['Samples', asCount(c.samples)],
    ['Results', list(c.results) || DASH]]))));
}

// 11. Build and configuration
function drawBuild(s) {
  const b = s.build || {};
  rebuild(byId('build'), [b, s.configuration], () => [
    el('dl.facts', null, ...facts([b.name && ['Program', text(`${b.name} ${b.version || ''}`, 120)], ['Started', asDate(b.started)], ['Up', el('span', { id: 'uptime' })], ...(b.rows || []).slice(0, 50).map(([k, v]) => [text(k, 60), text(v, 160)])])),
    s.configuration && s.configuration.length > 0 && el('dl.configuration', { 'aria-label': 'Configuration' }, ...s.configuration.map((c) => el(c.origin === 'default' ? 'div' : 'div.set', null, el('dt', null, text(c.key, 80)), el('dd', null, text(typeof c.value === 'string' ? c.value : JSON.stringify(c.value), 200)), el('dd.origin', null, text(c.origin, 120))))),
  ]);
  const uptime = byId('uptime');
  if (uptime) put(uptime, asSpan(Math.max(0, (s.now - b.started) / 1000)));
}
