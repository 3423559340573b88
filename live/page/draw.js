// Lines, bars and heat maps. Lines and bars are SVG, so that the style sheet colours them; a heat map is a canvas.

/** What all charts share: the window shown and the moment that the pointer or the keyboard is at. */
const view = { minutes: 10, now: 0, interval: 1000, moment: null, charts: new Set() };

/** A line is broken where nobody looked: here, between samples further apart than this. */
const gapMs = () => Math.max(2.5 * view.interval, 11_000);
const windowMs = () => view.minutes * 60_000;

/** `values` may be shorter than `times`: it then has the newest of them. `area` closes each piece down to the bottom. */
function path(times, values, from, to, low, high, area = false) {
  const offset = times.length - values.length;
  const gap = gapMs();
  let d = '';
  let begin = 0;
  let last = -Infinity;
  const close = () => (area && d ? `V100H${begin}z` : '');
  for (let i = Math.max(0, -offset); i < values.length; i++) {
    const t = times[offset + i];
    const v = values[i];
    if (t < from || !Number.isFinite(v)) continue;
    const x = ((t - from) / (to - from) * 1000).toFixed(1);
    const y = (100 - (v - low) / (high - low) * 100).toFixed(1);
    if (t - last <= gap) d += `L${x} ${y}`;
    else {
      d += close() + (area ? `M${x} 100V${y}` : `M${x} ${y}h.1`);
      begin = x;
    }
    last = t;
  }
  return d + close();
}

/** The value shown at a moment: the newest sample at or before it. */
function valueAt(times, values, at) {
  const offset = times.length - values.length;
  for (let i = values.length - 1; i >= 0; i--) if (times[offset + i] <= at) return at - times[offset + i] <= gapMs() ? values[i] : null;
  return null;
}

/** A small line without axes, for a row. */
class Spark {
  constructor() {
    this.node = svg('svg', { class: 'spark', viewBox: '0 0 1000 100', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
    this.line = svg('path', { class: 'line' });
    this.node.append(this.line);
  }

  set(times, values, spanMs) {
    const to = times.length ? times[times.length - 1] : 0;
    const [low, high] = range([values]);
    // Nothing but zeros is nothing to draw.
    attribute(this.line, 'd', values.some(Boolean) ? path(times, values, to - spanMs, to, low, high) : '');
  }
}

/** From zero, because a line that starts at its minimum makes noise look like news. */
function range(all) {
  let low = 0;
  let high = 0;
  for (const values of all) for (const v of values) if (Number.isFinite(v)) { if (v > high) high = v; if (v < low) low = v; }
  return high === low ? [low, low + 1] : [low, high + (high - low) * 0.04];
}

/** A chart over the window, with a readout: the highest value, or the values at the moment. */
class Lines {
  /** `series`: [{name, style, area, wide}]; `format` writes a value; `log` is for latencies, which differ by powers of ten. */
  constructor(label, series, format, log = false) {
    Object.assign(this, { series, format, log });
    this.graph = svg('svg', { class: 'graph', viewBox: '0 0 1000 100', preserveAspectRatio: 'none', role: 'img', 'aria-label': label });
    this.paths = series.map((s) => {
      const area = s.area && svg('path', { class: `area ${s.style}` });
      const wide = s.wide && svg('path', { class: 'line wide' });
      const line = svg('path', { class: `line ${s.style}` });
      this.graph.append(...[area, wide, line].filter(Boolean));
      return { area, wide, line };
    });
    this.at = svg('path', { class: 'at' });
    this.graph.append(this.at);
    this.readout = el('p.readout');
    this.node = el('div.lines', null, this.graph, this.readout);
    this.graph.addEventListener('pointermove', (event) => {
      const box = this.graph.getBoundingClientRect();
      setMoment(this.to - windowMs() * (1 - (event.clientX - box.left) / box.width));
    });
    this.graph.addEventListener('pointerleave', () => setMoment(null));
    view.charts.add(this);
  }

  /** `values`: one array a series. `wide(value)`: whether its bucket is too wide to trust the value. */
  set(times, values, wide) {
    this.times = times;
    this.values = values;
    this.to = times.length ? times[times.length - 1] : view.now;
    const from = this.to - windowMs();
    let start = 0;
    while (start < times.length && times[start] < from) start++;
    const inside = values.map((v) => v.slice(Math.max(0, v.length - (times.length - start))));
    const all = inside.flat().filter((x) => Number.isFinite(x) && (x > 0 || !this.log));
    this.high = all.reduce((a, x) => Math.max(a, x), -Infinity);
    this.low = all.reduce((a, x) => Math.min(a, x), Infinity);
    const scale = (v) => (this.log ? v.map((x) => (x > 0 ? Math.log10(x) : null)) : v);
    const [low, high] = this.log && all.length ? [Math.log10(this.low) - 0.1, Math.log10(this.high) + 0.1] : range(inside);
    inside.forEach((v, i) => {
      const p = this.paths[i];
      const line = (which, values, area) => which && attribute(which, 'd', path(times, scale(values), from, this.to, low, high, area));
      line(p.area, v, true);
      line(p.wide, v);
      line(p.line, p.wide ? v.map((x) => (x !== null && wide(x) ? null : x)) : v);
    });
    this.mark();
  }

  mark() {
    if (!this.times) return;
    const from = this.to - windowMs();
    const at = view.moment;
    if (at !== null && at >= from && at <= this.to) {
      const x = ((at - from) / windowMs() * 1000).toFixed(1);
      attribute(this.at, 'd', `M${x} 0V100`);
      put(this.readout, `${asTime(at)}  ${this.series.map((s, i) => `${s.name ? `${s.name} ` : ''}${this.format(valueAt(this.times, this.values[i], at))}`).join('  ')}`);
    } else {
      attribute(this.at, 'd', '');
      put(this.readout, !Number.isFinite(this.high) ? '' : this.log ? `${this.format(this.low)} to ${this.format(this.high)}, logarithmic` : `highest ${this.format(this.high)}`);
    }
  }
}

/** Bars, stacked, each the average of a sixtieth of the window: rare events look like rare events, not like a comb. */
class Stacked extends Lines {
  set(times, values) {
    Object.assign(this, { times, values, to: times.length ? times[times.length - 1] : view.now });
    const slot = windowMs() / 60;
    const from = this.to - windowMs();
    const start = Math.floor(this.to / slot) - 59;
    const base = new Array(60).fill(0);
    const stack = values.map((v) => {
      const sums = new Array(60).fill(0);
      const counts = new Array(60).fill(0);
      v.forEach((x, i) => {
        const at = Math.floor(times[times.length - v.length + i] / slot) - start;
        if (at >= 0 && Number.isFinite(x)) { sums[at] += x; counts[at]++; }
      });
      return sums.map((n, i) => [base[i], base[i] += n / (counts[i] || 1)]);
    });
    this.high = Math.max(...base);
    const y = (v) => (100 - v / (this.high || 1) * 96).toFixed(1);
    const x = (n) => Math.min(1000, Math.max(0, ((start + n) * slot - from) / windowMs() * 1000)).toFixed(1);
    stack.forEach((bars, i) => attribute(this.paths[i].line, 'd', bars.map(([low, high], n) => (high > low ? `M${x(n)} ${y(low)}H${x(n + 0.85)}V${y(high)}H${x(n)}z` : '')).join('')));
    this.mark();
  }
}

function setMoment(at) {
  view.moment = at;
  for (const chart of view.charts) {
    if (chart.node.isConnected) chart.mark();
    else view.charts.delete(chart);
  }
}

/** Bars of a row's histogram, lowest bucket on the left. */
class Bars {
  constructor() {
    this.node = svg('svg', { class: 'bars', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
    this.line = svg('path', {});
    this.node.append(this.line);
  }

  set(counts) {
    const most = Math.max(1, ...counts);
    attribute(this.node, 'viewBox', `0 0 ${counts.length} 100`);
    // A bucket with one request in a million is still there: at least three percent high.
    attribute(this.line, 'd', counts.map((n, i) => (n > 0 ? `M${i} 100h.8v-${Math.max(3, n / most * 100).toFixed(1)}h-.8z` : '')).join(''));
  }
}

/** OKLCH, because equal steps in it look equal: a count twice as far up the scale looks twice as far. */
function oklch(lightness, chroma, hue) {
  const a = chroma * Math.cos(hue * Math.PI / 180);
  const b = chroma * Math.sin(hue * Math.PI / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const rgb = [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s, -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s];
  return `rgb(${rgb.map((v) => Math.round(255 * Math.min(1, Math.max(0, v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055)))).join(' ')})`;
}

const isDark = () => { const set = document.documentElement.dataset.theme; return set ? set === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches; };
const scales = {};
/** 64 colours; more requests are darker on white and lighter on black. */
function heatScale() {
  const dark = isDark();
  return scales[dark] ||= Array.from({ length: 64 }, (_, i) => {
    const t = i / 63;
    return dark ? oklch(0.3 + 0.66 * t, 0.03 + 0.12 * Math.sin(Math.PI * (0.2 + 0.75 * t)), 272 - 62 * t) : oklch(0.92 - 0.64 * t, 0.03 + 0.13 * Math.sin(Math.PI * (0.1 + 0.6 * t)), 238 + 42 * t);
  });
}
/** By the logarithm: one slow request must be seen beside a thousand fast ones. */
const heatColour = (count, most) => heatScale()[most <= 1 ? 40 : Math.round(8 + 55 * Math.log(count) / Math.log(most))];

/** The colour of a custom property as the theme has it now; a canvas cannot read light-dark(). */
function colour(name) {
  const probe = byId('tip');
  probe.style.setProperty('outline-color', `var(${name})`);
  return getComputedStyle(probe).outlineColor;
}

const GUTTER = 56;
const FOOT = 18;

/** Time × bucket × colour. One cell can be pointed at, touched, or reached with the arrow keys. */
class Heat {
  constructor(label, { format = asSeconds, tall = true, noun = 'request' } = {}) {
    Object.assign(this, { format, tall, noun, bounds: [], columns: [], times: [], cell: null });
    this.canvas = el('canvas', { tabindex: 0, role: 'application', 'aria-roledescription': 'heat map', 'aria-label': `${label}. Arrow keys move the cell.` });
    this.said = el('p.said', { 'aria-live': 'polite' });
    this.scale = el('canvas.scale', { width: 64, height: 1, 'aria-hidden': 'true' });
    this.most = el('span');
    this.legend = el('p.legend', null, '1 ', this.scale, ' ', this.most);
    this.node = el('div.heat', null, this.canvas, el('div.under', null, this.said, this.legend));
    this.canvas.addEventListener('pointermove', (event) => this.point(event));
    this.canvas.addEventListener('pointerdown', (event) => this.point(event));
    this.canvas.addEventListener('pointerleave', () => this.clear());
    this.canvas.addEventListener('blur', () => this.clear());
    this.canvas.addEventListener('focus', () => { if (!this.cell && this.canvas.matches(':focus-visible')) this.go(this.slots - 1, this.busiest(this.slots - 1)); });
    this.canvas.addEventListener('keydown', (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas.parentElement);
    view.charts.add(this);
  }

  /** `columns`: parallel to the newest of `times`; null where there is no sample. */
  set(bounds, columns, times) {
    Object.assign(this, { bounds, columns, times });
    this.draw();
  }

  /** Sums the columns into slots of at least three pixels that begin at whole multiples of their length, so that they do not flicker. */
  bin(width) {
    const plot = Math.max(60, width - GUTTER);
    const units = [1, 2, 5, 10, 15, 30, 60].map((n) => n * view.interval);
    this.step = units.find((s) => windowMs() / s <= plot / 3) || units[units.length - 1];
    this.slots = Math.max(1, Math.round(windowMs() / this.step));
    const newest = this.times.length ? this.times[this.times.length - 1] : view.now;
    this.start = (Math.floor(newest / this.step) + 1 - this.slots) * this.step;
    const rows = this.bounds.length + 1;
    this.rows = rows;
    this.grid = new Float64Array(this.slots * rows);
    this.seen = new Uint8Array(this.slots);
    const offset = this.times.length - this.columns.length;
    this.highest = 0;
    this.columns.forEach((column, i) => {
      const slot = Math.floor((this.times[offset + i] - this.start) / this.step);
      if (!column || !(slot >= 0 && slot < this.slots)) return;
      this.seen[slot] = 1;
      for (let b = 0; b < rows; b++) this.grid[slot * rows + b] += column[b] || 0;
    });
    this.gaps = this.seen.indexOf(0, this.seen.indexOf(1)) >= 0;
    for (const n of this.grid) if (n > this.highest) this.highest = n;
    this.x = (slot) => GUTTER + plot * slot / this.slots;
    this.gapWidth = plot / this.slots >= 6 ? 1 : 0;
  }

  draw() {
    const width = this.canvas.parentElement.clientWidth;
    if (!width || !this.canvas.isConnected) return;
    this.bin(width);
    const { rows, slots } = this;
    const rowHeight = Math.max(3, Math.min(this.tall ? 20 : 14, Math.floor((this.tall ? 300 : 180) / rows)));
    const height = rowHeight * rows + FOOT + 6;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const canvas = this.canvas;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
    }
    this.rowHeight = rowHeight;
    this.y = (bucket) => 6 + rowHeight * (rows - 1 - bucket);
    const c = canvas.getContext('2d');
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    const ink = colour('--ink');
    const mute = colour('--mute');
    const line = colour('--line');
    const empty = colour('--well');
    const bottom = 6 + rowHeight * rows;
    c.fillStyle = empty;
    const first = this.seen.indexOf(1);
    for (let s = 0; s < slots; s++) if (this.seen[s]) c.fillRect(this.x(s), 6, this.x(s + 1) - this.x(s) + 0.5, bottom - 6);
    c.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    c.textBaseline = 'middle';
    c.textAlign = 'right';
    c.fillStyle = mute;
    let lastY = Infinity;
    this.bounds.forEach((bound, b) => {
      const y = this.y(b);
      if (lastY - y < 14) return;
      lastY = y;
      c.fillText(this.format(bound), GUTTER - 8, y);
    });
    const snap = (v) => Math.round(v * ratio) / ratio;
    for (let s = Math.max(0, first); s < slots; s++) {
      const left = snap(this.x(s));
      const w = snap(this.x(s + 1)) - left - this.gapWidth;
      for (let b = 0; b < rows; b++) {
        const n = this.grid[s * rows + b];
        if (n <= 0) continue;
        c.fillStyle = heatColour(n, this.highest);
        c.fillRect(left, this.y(b), w, rowHeight - (rowHeight >= 8 ? 1 : 0));
      }
    }
    this.axis(c, width, bottom, mute, line);
    if (this.cell) this.outline(c, ink);
    else if (view.moment !== null) {
      const x = GUTTER + (width - GUTTER) * (view.moment - this.start) / (slots * this.step);
      if (x >= GUTTER) { c.fillStyle = ink; c.fillRect(Math.round(x), 6, 1, bottom - 6); }
    }
    if (this.highest === 0) {
      c.fillStyle = mute;
      c.textAlign = 'center';
      c.fillText(first < 0 ? 'No sample in this window' : `No ${this.noun} in this window`, GUTTER + (width - GUTTER) / 2, 6 + (bottom - 6) / 2);
    }
    const paint = this.scale.getContext('2d');
    heatScale().slice(8).forEach((shade, i) => { paint.fillStyle = shade; paint.fillRect(i * 64 / 56, 0, 2, 1); });
    this.legend.hidden = this.highest <= 1;
    put(this.most, `${asCount(this.highest)} in a cell of ${asSeconds(this.step / 1000)}`);
  }

  axis(c, width, bottom, mute, line) {
    const every = [10, 15, 30, 60, 120, 300].map((s) => s * 1000).find((s) => (width - GUTTER) * s / windowMs() >= 54) || 600_000;
    c.textAlign = 'center';
    for (let t = Math.ceil(this.start / every) * every; t <= this.start + this.slots * this.step; t += every) {
      const x = GUTTER + (width - GUTTER) * (t - this.start) / (this.slots * this.step);
      if (x < GUTTER + 20 || x > width - 20) continue;
      c.fillStyle = line;
      c.fillRect(Math.round(x), bottom, 1, 4);
      c.fillStyle = mute;
      c.fillText(every < 60_000 ? asTime(t) : asMinute(t), x, bottom + 12);
    }
  }

  outline(c, ink) {
    const slot = Math.round((this.cell.time - this.start) / this.step);
    if (slot < 0 || slot >= this.slots) { this.cell = null; return; }
    c.strokeStyle = ink;
    c.lineWidth = 2;
    c.strokeRect(this.x(slot) - 1, this.y(this.cell.bucket) - 1, this.x(slot + 1) - this.x(slot) + 1, this.rowHeight + 1);
  }

  mark() { this.draw(); }

  say() {
    const { time, bucket } = this.cell;
    const slot = Math.round((time - this.start) / this.step);
    const { bounds, format } = this;
    const from = bucket ? format(bounds[bucket - 1]) : '';
    const words = bucket === bounds.length ? (bounds.length ? `more than ${from}` : 'all') : bucket ? `${from} to ${format(bounds[bucket])}` : `up to ${format(bounds[0])}`;
    const n = this.grid[slot * this.rows + bucket];
    return `${asTime(time)}, ${words}: ${this.seen[slot] ? `${asCount(n)} ${this.noun}${n === 1 ? '' : 's'}` : 'no sample'}`;
  }

  go(slot, bucket) {
    if (!this.grid) return '';
    slot = Math.min(this.slots - 1, Math.max(0, slot));
    bucket = Math.min(this.rows - 1, Math.max(0, bucket));
    this.cell = { time: this.start + slot * this.step, bucket };
    setMoment(Math.min(this.cell.time + this.step - 1, this.times.length ? this.times[this.times.length - 1] : view.now));
    const said = this.say();
    put(this.said, said);
    return said;
  }

  busiest(slot) {
    let best = 0;
    for (let b = 0; b < this.rows; b++) if (this.grid[slot * this.rows + b] >= this.grid[slot * this.rows + best]) best = b;
    return best;
  }

  point(event) {
    if (!this.grid) return;
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    if (x < GUTTER || y > 6 + this.rowHeight * this.rows) return this.clear();
    const slot = Math.floor((x - GUTTER) / (box.width - GUTTER) * this.slots);
    showTip(event, this.go(slot, this.rows - 1 - Math.floor((y - 6) / this.rowHeight)));
  }

  clear() {
    this.cell = null;
    byId('tip').hidden = true;
    put(this.said, '');
    setMoment(null);
  }

  key(event) {
    if (!this.grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const slot = this.cell ? Math.round((this.cell.time - this.start) / this.step) : this.slots - 1;
    const bucket = this.cell ? this.cell.bucket : this.busiest(this.slots - 1);
    const to = { ArrowLeft: [slot - 1, bucket], ArrowRight: [slot + 1, bucket], ArrowUp: [slot, bucket + 1], ArrowDown: [slot, bucket - 1], Home: [0, bucket], End: [this.slots - 1, bucket], PageUp: [slot - 10, bucket], PageDown: [slot + 10, bucket] }[event.key];
    if (to) { event.preventDefault(); byId('tip').hidden = true; this.go(...to); }
    else if (event.key === 'Escape') this.clear();
  }
}

function showTip(event, said) {
  const tip = byId('tip');
  put(tip, said);
  tip.hidden = !said;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, document.documentElement.clientWidth - box.width - 4))}px`;
  tip.style.top = `${event.clientY + 18 + box.height > window.innerHeight ? event.clientY - box.height - 10 : event.clientY + 18}px`;
}
