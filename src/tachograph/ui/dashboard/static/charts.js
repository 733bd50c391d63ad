// Charts over time, drawn by uPlot on what the server wrote beside them. New numbers never lose a zoom.
const charts = new Map(); // element: { chart, said, data }

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (n) => css(n === null || n === undefined ? "--rest" : `--s${n}`);

const numbers = { "%": (v) => `${v} %`, tokens: (v) => short(v), "": (v) => short(v), $: (v) => (v >= 1000 ? `$${short(v)}` : `$${v}`) };
const short = (v) => (v >= 1e9 ? `${+(v / 1e9).toFixed(1)} G` : v >= 1e6 ? `${+(v / 1e6).toFixed(1)} M` : v >= 1e3 ? `${+(v / 1e3).toFixed(1)} k` : `${+v.toFixed(2)}`);
const exact = { "%": (v) => `${+v.toFixed(1)} %`, $: (v) => `$${v.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`, tokens: (v) => short(v), "": (v) => v.toLocaleString("en") };

const stacked = (said) => { // sums from below; the last one is all of them
  const sums = said.labels.map(() => 0);
  return said.series.map((one) => one.values.map((v, n) => (sums[n] += v ?? 0)));
};

// Unknown is not nothing: where a part has no price, a hatched piece stands on what is known of the bar.
const unknownOf = (holder) => (chart) => {
  const { said } = holder;
  if (said.kind !== "stack") return;
  const pen = chart.ctx;
  const { left, top, width, height } = chart.bbox;
  const sums = stacked(said).at(-1) ?? [];
  const slot = Math.abs(chart.valToPos(1, "x", true) - chart.valToPos(0, "x", true));
  const wide = Math.max(2, Math.min(slot * 0.78, 60 * devicePixelRatio));
  const tall = 14 * devicePixelRatio;
  for (const n of said.labels.keys()) {
    if (!said.series.some((one) => one.values[n] === null)) continue;
    const x = chart.valToPos(n, "x", true) - wide / 2;
    const y = Math.max(top, chart.valToPos(sums[n], "y", true) - tall);
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    pen.beginPath();
    pen.rect(x, y, wide, tall);
    pen.clip();
    pen.strokeStyle = css("--muted");
    pen.lineWidth = devicePixelRatio;
    pen.beginPath();
    pen.rect(x, y, wide, tall);
    for (let at = x - tall; at < x + wide; at += 5 * devicePixelRatio) { pen.moveTo(at, y + tall); pen.lineTo(at + tall, y); }
    pen.stroke();
    pen.restore();
  }
};

const dataOf = (said) => {
  if (said.kind === "stack") {
    const sums = stacked(said);
    return [said.labels.map((_, n) => n), ...sums.reverse()];
  }
  if (said.kind === "weeks") return [said.labels.map((_, n) => n), ...said.series.map((one) => one.values)];
  return [said.x, ...said.series.map((one) => one.values.map((v) => (v === "" ? undefined : v)))];
};

const marksOf = (holder) => (chart) => {
  const { marks = [], now } = holder.said;
  const pen = chart.ctx;
  const { left, top, width, height } = chart.bbox;
  pen.save();
  for (const { at, kind } of marks) {
    const x = Math.round(chart.valToPos(at, "x", true)) + 0.5;
    if (x < left || x > left + width) continue;
    pen.strokeStyle = kind === "wall" ? css("--wall") : css("--line");
    pen.lineWidth = devicePixelRatio * (kind === "wall" ? 2 : 1);
    pen.setLineDash(kind === "wall" ? [] : [3 * devicePixelRatio, 3 * devicePixelRatio]);
    pen.beginPath();
    pen.moveTo(x, top);
    pen.lineTo(x, top + height);
    pen.stroke();
    if (kind === "wall") {
      pen.fillStyle = css("--wall");
      pen.fillRect(x - 4 * devicePixelRatio, top, 8 * devicePixelRatio, 8 * devicePixelRatio);
    }
  }
  pen.restore();
};

const EVEN = 0.5;

// Ahead of now: where eight of ten such cases end at the reset. Where it is as likely as not that the limit is reached: when
// it is in one, five and nine of ten of those cases, and how likely that is.
const fanOf = (holder) => (chart) => {
  const { fan, now } = holder.said;
  if (!fan) return;
  const isReached = fan.chance >= EVEN && fan.to.length > 0;
  if (!isReached && !fan.ends) return;
  const pen = chart.ctx;
  const { left, top, width, height } = chart.bbox;
  const at = (x, y) => [chart.valToPos(x, "x", true), chart.valToPos(y, "y", true)];
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  const from = at(now, fan.percent);
  const ends = isReached ? fan.to.map((x) => at(x, 100)) : fan.ends.map((y) => at(fan.reset, Math.min(100, y)));
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...ends[0]);
  pen.lineTo(...ends.at(-1));
  pen.closePath();
  pen.globalAlpha = 0.16;
  pen.fillStyle = css("--s0");
  pen.fill();
  pen.globalAlpha = 1;
  pen.strokeStyle = css("--s0");
  pen.lineWidth = 1.2 * devicePixelRatio;
  pen.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...ends[Math.min(1, ends.length - 1)]);
  pen.stroke();
  const [low, high] = isReached ? [] : [fan.ends[0], fan.ends.at(-1)].map((y) => Math.round(Math.min(100, y)));
  const words = isReached ? `if it is reached, ${Math.round(fan.chance * 100)} %` : low === high ? `about ${low} % at the reset` : `${low}–${high} % at the reset`;
  pen.setLineDash([]);
  pen.font = `${12 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.lineWidth = 4 * devicePixelRatio;
  pen.strokeStyle = css("--bg");
  pen.fillStyle = css("--muted");
  const gap = 8 * devicePixelRatio;
  const [x, y] = isReached ? [ends[0][0] - gap, top + 2 * gap] : [left + width - gap / 2, Math.max(top + gap, Math.min(ends[0][1], ends.at(-1)[1]) - 1.5 * gap)];
  pen.strokeText(words, x, y);
  pen.fillText(words, x, y);
  pen.restore();
};

const tip = (holder) => {
  const box = document.createElement("div");
  box.className = "u-tip";
  return {
    hooks: {
      init: (chart) => chart.over.append(box),
      setCursor: (chart) => {
        const { idx, left } = chart.cursor;
        const { said } = holder;
        if (idx === null || idx === undefined || left < 0) { box.style.display = "none"; return; }
        const rows = said.series.map((one) => [one.label, valueNear(one.values, idx, said.kind), one.unit ?? (one.scale === "tokens" ? "tokens" : said.unit)]).filter(([, v]) => (v !== null || said.kind === "stack") && v !== undefined && v !== "" && v !== 0);
        box.replaceChildren();
        const head = document.createElement("b");
        head.textContent = said.labels ? said.labels[idx] : whenWords(said.x[idx], said.zone);
        box.append(head);
        for (const [label, value, unit] of rows) {
          const row = document.createElement("div");
          const name = document.createElement("span");
          name.className = "cut";
          name.textContent = label;
          const number = document.createElement("span");
          number.className = "num";
          number.textContent = value === null ? (unit === "$" ? "no price" : "unknown") : exact[unit](value);
          row.append(name, number);
          box.append(row);
        }
        box.style.display = "block";
        const right = left > chart.over.clientWidth / 2;
        box.style.left = right ? "" : `${left + 14}px`;
        box.style.right = right ? `${chart.over.clientWidth - left + 14}px` : "";
        box.style.top = "6px";
      },
    },
  };
};

const valueNear = (values, idx, kind) => {
  if (kind !== "line") return values[idx];
  for (let n = idx; n >= 0; n -= 1) if (values[n] !== "") return values[n];
  return null;
};

const whenWords = (seconds, zone) => {
  return inZone(seconds, zone, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
};

const inZone = (seconds, zone, options) => {
  try { return new Date(seconds * 1000).toLocaleString("en-GB", { ...options, timeZone: zone }); } catch { return new Date(seconds * 1000).toLocaleString("en-GB", options); }
};

const timeWords = (seconds, step, zone, before) => { // the day where it is a new one, else the time
  const day = inZone(seconds, zone, { day: "numeric", month: "short" });
  if (step >= 86400) return day;
  const time = inZone(seconds, zone, { hour: "2-digit", minute: "2-digit" });
  return time === "00:00" || (before !== null && inZone(before, zone, { day: "numeric", month: "short" }) !== day) ? day : time;
};

const axes = (said) => {
  const grid = { stroke: css("--line"), width: 1 };
  const look = { gap: 6, stroke: css("--muted"), font: `12px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false } };
  const labels = said.labels && (said.small ? said.labels.map((one) => one.replace(/ \d\d:\d\d$/, "")) : said.labels); // the tip says the time
  const x = labels
    ? { ...look, grid: { show: false }, size: 30, space: Math.max(70, 8 * Math.max(0, ...labels.map((one) => one.length))), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500], values: (_, splits) => splits.map((v) => labels[v] ?? "") }
    : { ...look, grid: { show: false }, size: 30, space: 90, values: (_, splits, __, ___, step) => splits.map((v, n) => timeWords(v, step, said.zone, n ? splits[n - 1] : null)) };
  const y = { ...look, grid, size: 58, scale: said.kind === "timeline" ? "cost" : "y", values: (_, splits) => splits.map((v) => numbers[said.unit](+v.toFixed(4))) };
  if (said.kind !== "timeline") return [x, y];
  return [x, y, { ...look, side: 1, scale: "tokens", grid: { show: false }, size: 58, values: (_, splits) => splits.map((v) => short(v)) }];
};

const alone = (chart, n) => { // a reading without one beside it, which no line shows
  const values = chart.data[n];
  const isKnown = (v) => v !== null && v !== undefined;
  const beside = (place, step) => { do place += step; while (place >= 0 && place < values.length && values[place] === undefined); return values[place]; };
  return values.map((v, place) => place).filter((place) => isKnown(values[place]) && !isKnown(beside(place, -1)) && !isKnown(beside(place, 1)));
};

const atOnce = (chart, n) => { // all that a series has is of one moment
  const known = chart.data[n].flatMap((v, place) => (v === null || v === undefined ? [] : place));
  return known.length && chart.data[0][known[0]] === chart.data[0][known.at(-1)] ? [known.at(-1)] : [];
};

const seriesOf = (said) => {
  const made = said.series.map((one) => {
    const paint = colour(one.colour);
    if (said.kind === "stack") return { label: one.label, fill: paint, stroke: paint, width: 0, paths: uPlot.paths.bars({ size: [0.78, 60], align: 0 }), points: { show: false } };
    if (said.kind === "timeline" && one.scale === "cost") return { label: one.label, scale: "cost", stroke: paint, fill: paint, width: 0, paths: uPlot.paths.bars({ size: [0.9, 5, 2] }), points: { show: false } };
    if (said.kind === "timeline") return { label: one.label, scale: "tokens", stroke: paint, width: 1.6, spanGaps: true, points: { show: true, size: 6, fill: paint, filter: atOnce } };
    const dash = one.colour % 3 === 1 ? [6, 3] : one.colour % 3 === 2 ? [2, 2] : undefined;
    return { label: one.label, stroke: paint, width: 2, dash, spanGaps: said.kind === "weeks", points: { show: true, size: said.kind === "weeks" ? 5 : 6, fill: paint, filter: said.kind === "weeks" ? undefined : alone }, paths: said.kind === "line" ? uPlot.paths.stepped({ align: 1 }) : undefined };
  });
  return said.kind === "stack" ? made.reverse() : made;
};

// From when to when a chart is; of one moment some minutes around it.
const ends = (x) => (x[0] === x.at(-1) ? [x[0] - 300, x[0] + 300] : [x[0], x.at(-1)]);

const optionsOf = (holder, element) => {
  const { said } = holder;
  const isList = Boolean(said.labels);
  const most = said.max;
  const scales = {
    x: isList ? { time: false, range: (_, low, high) => (low === null ? [-0.5, 0.5] : holder.zoom ? [low, high] : [-0.5, said.labels.length - 0.5]) } : { time: true, range: (chart, low, high) => (low === null || holder.zoom ? [low, high] : ends(chart.data[0])) },
    y: { range: (_, low, high) => [0, most ?? (high ? high * 1.06 : 1)] },
  };
  if (said.kind === "timeline") {
    scales.cost = { range: (_, low, high) => [0, high ? high * 1.1 : 1] };
    scales.tokens = { range: (_, low, high) => [0, high ? high * 1.15 : 1] };
  }
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    legend: { show: false },
    tzDate: said.zone ? (at) => { try { return uPlot.tzDate(new Date(at * 1000), said.zone === "UTC" ? "Etc/UTC" : said.zone); } catch { return new Date(at * 1000); } } : undefined,
    cursor: { y: false, points: { show: said.kind !== "stack" }, drag: { x: true, y: false, setScale: true } },
    scales,
    axes: axes(said),
    series: [{}, ...seriesOf(said)],
    plugins: [tip(holder)],
    hooks: {
      drawAxes: [fanOf(holder)],
      draw: [unknownOf(holder), marksOf(holder)],
      setSelect: [(chart) => { if (chart.select.width > 0) holder.zoom = true; }],
    },
  };
};

const shape = (said) => JSON.stringify([said.kind, said.unit, said.series.map((one) => [one.label, one.colour])]);

const whole = (chart, holder) => {
  holder.zoom = false;
  const [x] = chart.data;
  if (x.length) chart.setScale("x", holder.said.labels ? { min: -0.5, max: x.length - 0.5 } : { min: ends(x)[0], max: ends(x)[1] });
};

const make = (element) => {
  const said = JSON.parse(element.dataset.chart);
  const holder = { said, zoom: false, text: element.dataset.chart, shape: shape(said) };
  element.classList.toggle("small", Boolean(said.small));
  element.replaceChildren();
  holder.chart = new uPlot(optionsOf(holder, element), dataOf(said), element);
  holder.chart.over.addEventListener("dblclick", () => { holder.zoom = false; });
  charts.set(element, holder);
};

const renew = (element, holder) => {
  if (holder.text === element.dataset.chart) return;
  const said = JSON.parse(element.dataset.chart);
  const { min, max } = holder.chart.scales.x;
  if (shape(said) !== holder.shape) {
    const { zoom } = holder;
    holder.chart.destroy();
    make(element);
    if (zoom) { const fresh = charts.get(element); fresh.zoom = true; fresh.chart.setScale("x", { min, max }); }
    return;
  }
  holder.said = said;
  holder.text = element.dataset.chart;
  holder.chart.axes[0].values = axes(said)[0].values ?? holder.chart.axes[0].values;
  holder.chart.batch(() => {
    holder.chart.setData(dataOf(said), !holder.zoom);
    if (holder.zoom) holder.chart.setScale("x", { min, max });
  });
};

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const holder = charts.get(target);
    if (holder && target.clientWidth && (holder.chart.width !== target.clientWidth || holder.chart.height !== target.clientHeight)) holder.chart.setSize({ width: target.clientWidth, height: target.clientHeight });
  }
});

export const drawCharts = () => {
  for (const [element, holder] of charts) if (!element.isConnected) { sizes.unobserve(element); holder.chart.destroy(); charts.delete(element); }
  for (const element of document.querySelectorAll("[data-chart]")) {
    const holder = charts.get(element);
    if (holder) renew(element, holder);
    else { make(element); sizes.observe(element); }
  }
};

export const pictureOf = (element) => charts.get(element)?.chart.ctx.canvas ?? null;

// The first and last row of a chart over periods that is zoomed, null where all is shown.
export const shownRange = (element) => {
  const holder = element && charts.get(element);
  if (!holder || !holder.zoom || holder.said.kind !== "stack") return null;
  const { min, max } = holder.chart.scales.x;
  return [Math.ceil(min), Math.floor(max)];
};

export const zoomOf = (element) => {
  const holder = charts.get(element);
  return holder && { zoom: holder.zoom, min: holder.chart.scales.x.min, max: holder.chart.scales.x.max };
};

const keyed = (event) => {
  const element = event.target.closest?.("[data-chart]");
  const holder = element && charts.get(element);
  if (!holder || event.ctrlKey || event.metaKey) return;
  const { chart } = holder;
  const { min, max } = chart.scales.x;
  const [low, high] = holder.said.labels ? [-0.5, chart.data[0].length - 0.5] : ends(chart.data[0]);
  const size = max - min;
  let next = null;
  if (event.key === "+" || event.key === "=") next = [min + size / 4, max - size / 4];
  else if (event.key === "-") next = [min - size / 2, max + size / 2];
  else if (event.key === "ArrowLeft") next = [min - size / 4, max - size / 4];
  else if (event.key === "ArrowRight") next = [min + size / 4, max + size / 4];
  else if (event.key === "0") { whole(chart, holder); event.preventDefault(); return; }
  if (!next) return;
  event.preventDefault();
  holder.zoom = true;
  chart.setScale("x", { min: Math.max(low, next[0]), max: Math.min(high, next[1]) });
};

const again = () => { for (const element of [...charts.keys()]) { const { zoom, chart } = charts.get(element); const { min, max } = chart.scales.x; chart.destroy(); make(element); if (zoom) { const fresh = charts.get(element); fresh.zoom = true; fresh.chart.setScale("x", { min, max }); } } };

document.addEventListener("keydown", keyed);
document.addEventListener("tachograph-theme", again);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
window.tachographZoom = zoomOf; // what a test looks at
