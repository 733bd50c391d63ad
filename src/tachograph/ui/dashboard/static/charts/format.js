// Numbers, times and sums of a chart: pure functions, no page and no canvas.

/**
 * A chart as the server writes it into `data-chart` (ui/dashboard/figures.py).
 * @typedef {{ label: string, color: number | null, values: (number | string | null)[], scale?: string, unit?: string }} Series
 * @typedef {{ percent: number, to: number[], reset: number, chance: number, ends: number[] | null }} Fan
 * @typedef {{
 *   kind: "stack" | "line" | "weeks" | "timeline", series: Series[], unit: string, labels?: string[], links?: string[],
 *   whole?: string[], x?: number[], max?: number, small?: boolean, zone?: string, now?: number, fan?: Fan | null,
 *   marks?: { at: number, kind: string }[],
 * }} Payload
 */

/** @param {number} v */
export const short = (v) => {
  if (v >= 1e9) return `${+(v / 1e9).toFixed(1)} G`;
  if (v >= 1e6) return `${+(v / 1e6).toFixed(1)} M`;
  if (v >= 1e3) return `${+(v / 1e3).toFixed(1)} k`;
  return `${+v.toFixed(2)}`;
};

const money = (/** @type {number} */ v) =>
  `$${v.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

/** @type {Record<string, (v: number) => string>} */
const EXACT = {
  "%": (v) => `${+v.toFixed(1)} %`,
  $: money,
  tokens: short,
  "": (v) => v.toLocaleString("en"),
};

/** A value in the words of a tooltip. @param {string} unit @param {number} v */
export const exact = (unit, v) => EXACT[unit](v);

/**
 * The words for every step of an axis: all steps of an axis of money have as many decimals.
 * @param {string} unit @param {number[]} splits
 */
export const axisWords = (unit, splits) => {
  const values = splits.map((v) => +v.toFixed(4));
  if (unit === "%") return values.map((v) => `${v} %`);
  if (unit !== "$") return values.map(short);
  const cents = values.some((v) => !Number.isInteger(v));
  return values.map((v) => (v >= 1000 ? `$${short(v)}` : `$${cents ? v.toFixed(2) : v}`));
};

/** The sums of a stack from below; the last list is the whole. @param {Payload} payload @returns {number[][]} */
export const stacked = (payload) => {
  const sums = (payload.labels ?? []).map(() => 0);
  return payload.series.map((one) =>
    one.values.map((v, n) => {
      sums[n] += Number(v ?? 0);
      return sums[n];
    }),
  );
};

/** The columns that uPlot draws. @param {Payload} payload @returns {any[]} */
export const columnsOf = (payload) => {
  const places = (payload.labels ?? []).map((_, n) => n);
  if (payload.kind === "stack") return [places, ...stacked(payload).reverse()];
  if (payload.kind === "weeks") return [places, ...payload.series.map((one) => one.values)];
  return [payload.x, ...payload.series.map((one) => one.values.map((v) => (v === "" ? undefined : v)))];
};

const ROUND = [1, 2, 2.5, 5, 10];

/**
 * The steps of an axis from 0 to a label at or above a value: the smallest round step of which at most `most` are needed.
 * @param {number} value @param {number} most @returns {number[]}
 */
export const axisSteps = (value, most) => {
  const high = value > 0 ? value : 1;
  const needed = (/** @type {number} */ step) => Math.ceil((high / step) * (1 - 1e-9));
  const power = 10 ** Math.floor(Math.log10(high / most));
  const step = power * (ROUND.find((one) => needed(one * power) <= most) ?? 10);
  return Array.from({ length: needed(step) + 1 }, (_, n) => +(n * step).toPrecision(12));
};

/** The end of an axis: the label above a value, with some room for the stroke of the highest. @param {number} value @param {number} most */
export const axisEnd = (value, most) => Number(axisSteps(value > 0 ? value * 1.02 : 1, most).at(-1));

/**
 * The value of a series at a place; a line goes on from its last point.
 * @param {(number | string | null)[]} values @param {number} place @param {string} kind
 */
export const valueNear = (values, place, kind) => {
  if (kind !== "line") return values[place];
  for (let n = place; n >= 0; n -= 1) if (values[n] !== "") return values[n];
  return null;
};

/**
 * The rows of a tooltip, with the total of a stack last.
 * @param {Payload} payload @param {number} place
 * @returns {{ label: string, color: number | null, text: string, isTotal: boolean }[]}
 */
export const tooltipRows = (payload, place) => {
  const rows = [];
  let total = 0;
  let parts = 0;
  for (const one of payload.series) {
    const value = valueNear(one.values, place, payload.kind);
    const unit = one.unit ?? (one.scale === "tokens" ? "tokens" : payload.unit);
    if (value === undefined || value === "" || value === 0) continue;
    if (value === null && payload.kind !== "stack") continue;
    const unknown = unit === "$" ? "no price" : "unknown";
    rows.push({
      label: one.label,
      color: one.color,
      text: value === null ? unknown : exact(unit, Number(value)),
      isTotal: false,
    });
    total += Number(value ?? 0);
    parts += value === null ? 0 : 1;
  }
  if (payload.kind === "stack" && payload.series.length > 1 && parts > 0) {
    rows.push({ label: "All", color: null, text: exact(payload.unit, total), isTotal: true });
  }
  return rows;
};

/** The first and last moment of a chart over time; of one moment some minutes around it. @param {number[]} x */
export const timeRange = (x) => (x[0] === x.at(-1) ? [x[0] - 300, x[0] + 300] : [x[0], Number(x.at(-1))]);

/** @param {number} seconds @param {string | undefined} zone @param {Intl.DateTimeFormatOptions} options */
const inZone = (seconds, zone, options) => {
  const moment = new Date(seconds * 1000);
  try {
    return moment.toLocaleString("en-GB", { ...options, timeZone: zone });
  } catch {
    return moment.toLocaleString("en-GB", options);
  }
};

/** A moment in the reader's zone. @param {number} seconds @param {string | undefined} zone */
export const momentWords = (seconds, zone) =>
  inZone(seconds, zone, {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
  });

/**
 * A step of a time axis: the day if it is a new one, else the time.
 * @param {number} seconds @param {number} step @param {string | undefined} zone @param {number | null} before
 */
export const stepWords = (seconds, step, zone, before) => {
  const day = (/** @type {number} */ at) => inZone(at, zone, { day: "numeric", month: "short" });
  if (step >= 86400) return day(seconds);
  const time = inZone(seconds, zone, { hour: "2-digit", minute: "2-digit" });
  const isNewDay = before !== null && day(before) !== day(seconds);
  return time === "00:00" || isNewDay ? day(seconds) : time;
};
