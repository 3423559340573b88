'use strict';
// Numbers, times and text as people read them, and elements made without markup:
// every string of the server reaches the page as textContent.

const NBSP = '\u00a0';
const DASH = '–';

/** A number of the stream: JSON has no NaN and no infinity, so they come as strings. */
function number(value) {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return NaN;
  if (value === '+Inf') return Infinity;
  if (value === '-Inf') return -Infinity;
  return null;
}

const threeDigits = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
const twoDecimals = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3, maximumFractionDigits: 2, roundingPriority: 'lessPrecision' });
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** Makes a formatter that says what is not a finite number instead of formatting it. */
const finite = (format) => (value) => {
  const n = number(value);
  if (n === null) return DASH;
  return Number.isFinite(n) ? format(n) : Number.isNaN(n) ? 'NaN' : n > 0 ? '+Inf' : '-Inf';
};

/** `steps`: [factor, suffix], smallest first. Rounds before it chooses, so 999.9 ms is 1 s. */
function scaled(n, steps) {
  const rounded = Number(Math.abs(n).toPrecision(3));
  let step = steps[0];
  for (const s of steps) if (rounded >= s[0]) step = s;
  return threeDigits.format(n / step[0]) + step[1];
}

const THOUSANDS = [[1, ''], [1e3, 'k'], [1e6, 'M'], [1e9, 'G'], [1e12, 'T']];
const BYTES = [[1, ' B'], [1e3, ' kB'], [1e6, ' MB'], [1e9, ' GB'], [1e12, ' TB'], [1e15, ' PB']].map(([f, s]) => [f, s.replace(' ', NBSP)]);
const SECONDS = [[1e-9, ' ns'], [1e-6, ' µs'], [1e-3, ' ms'], [1, ' s']].map(([f, s]) => [f, s.replace(' ', NBSP)]);

const asCount = finite((n) => whole.format(n));
const asNumber = finite((n) => (n === 0 ? '0' : Math.abs(n) < 1e-4 || Math.abs(n) >= 1e15 ? n.toExponential(2) : scaled(n, THOUSANDS)));
const asRate = (value) => { const text = asNumber(value); return text === DASH ? text : `${text}/s`; };
// 2^64 - 1 is how the kernel and the cgroups write that there is no limit.
const asBytes = finite((n) => (n >= 2 ** 63 ? 'no limit' : scaled(n, BYTES)));
const asSeconds = finite((n) => (n === 0 ? `0${NBSP}s` : Math.abs(n) >= 120 ? asSpan(n) : scaled(n, SECONDS)));
const asRatio = finite((n) => {
  const percent = n * 100;
  return (percent > 0 && percent < 0.005 ? '<\u202f0.01' : twoDecimals.format(percent)) + NBSP + '%';
});

/** 7512 s as "2 h 5 min". */
function asSpan(seconds) {
  const s = Math.round(Math.abs(seconds));
  const parts = [[Math.floor(s / 86400), 'd'], [Math.floor(s / 3600) % 24, 'h'], [Math.floor(s / 60) % 60, 'min'], [s % 60, 's']];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return `0${NBSP}s`;
  return (seconds < 0 ? '-' : '') + parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => n + NBSP + unit).join(NBSP);
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const shortClock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' }); // 2026-12-01 04:09:19
const written = (format) => (ms) => (Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? format.format(ms) : DASH);
const asTime = written(clock);
const asMinute = written(shortClock);
const asDate = written(day);

/** How to write a value of a family: its unit from the metadata, or from the end of its name. */
function formatOf(name, unit, kind) {
  const stem = name.replace(/_total$/, '');
  const known = unit || (/_(bytes|seconds|ratio|percent)$/.exec(stem) || [])[1];
  if (kind === 'histogram') return asRate;
  if (kind === 'counter') {
    if (known === 'bytes') return (v) => per(asBytes(v));
    if (known === 'seconds') return (v) => per(asNumber(v), `${NBSP}s/s`);
    return asRate;
  }
  if (known === 'bytes') return asBytes;
  if (known === 'seconds') return /_time(stamp)?_seconds$/.test(name) ? (v) => (number(v) > 1e8 ? asDate(number(v) * 1000) : asSeconds(v)) : asSeconds;
  if (known === 'ratio' || known === 'ratios') return asRatio;
  if (known === 'percent') return (v) => per(asNumber(v), `${NBSP}%`);
  return known ? (v) => per(asNumber(v), NBSP + known) : asNumber;
}
const per = (text, suffix = '/s') => (text === DASH ? text : text + suffix);

/** A unit of the process section. */
const processFormat = (unit) => (unit === 'bytes' ? asBytes : unit === 'seconds' ? asSeconds : unit === 'ratio' ? asRatio : unit && unit !== 'cores' ? (v) => per(asNumber(v), NBSP + unit) : asNumber);

/** Control and direction characters, visible: a label must not reorder or hide what stands beside it. */
const visible = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);

/** Cuts what is long; whoever shows it offers the full text. */
function cut(text, limit) {
  const all = String(text);
  return all.length > limit ? `${visible(all.slice(0, limit))}…` : visible(all);
}

/** el('p.note', {title: 'x'}, child, 'text') */
function el(what, properties, ...children) {
  const [tag, ...classes] = what.split('.');
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(' ');
  for (const [key, value] of Object.entries(properties || {})) {
    if (key === 'on') for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

function svg(tag, attributes) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  return node;
}

const byId = (id) => document.getElementById(id);

/** Touches the document only if the text is another: most figures stay the same from second to second. */
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function attribute(node, key, value) {
  if (node.getAttribute(key) !== value) node.setAttribute(key, value);
}

/** Runs `build` only if `data` is other than last time, so that focus and selection survive. */
function rebuild(node, data, build) {
  const key = typeof data === 'string' ? data : JSON.stringify(data);
  if (node.lastKey === key) return;
  node.lastKey = key;
  node.replaceChildren(...[build()].flat().filter(Boolean));
}

/** A text of the server, cut, with a button for all of it. */
function text(value, limit = 160) {
  const all = String(value);
  if (all.length <= limit) return el('bdi', null, visible(all));
  return el('span', null, el('bdi', null, cut(all, limit)), ' ', el('button.more', { type: 'button', on: { click: (event) => { event.stopPropagation(); showText('Full text', all); } } }, `all ${asBytes(all.length)}`));
}
