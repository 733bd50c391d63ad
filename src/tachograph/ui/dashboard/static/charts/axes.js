// Axes, scales and series of a chart: from the payload to what uPlot is given.
import { css, seriesColor } from "./colors.js";
import { axisEnd, axisSteps, axisWords, short, stepWords, timeRange } from "./format.js";

/** @typedef {import("./format.js").Payload} Payload */
/** @typedef {{ payload: Payload, isZoomed: boolean, chart?: any, text: string, shape: string }} Holder */

const STEP_PIXELS = 30; // between two labels, at least
const AROUND = 46; // pixels above and below the area of a chart

/** How many steps an axis has room for. @param {any} chart */
const mostSteps = (chart) => Math.max(2, Math.floor((chart.height - AROUND) / STEP_PIXELS));

/** The labels of an axis from 0. @type {any} */
const fromZero = (
  /** @type {any} */ chart,
  /** @type {number} */ _,
  /** @type {number} */ __,
  /** @type {number} */ high,
) => axisSteps(high, mostSteps(chart));

/** @param {Payload} payload */
export const axesOf = (payload) => {
  const look = {
    gap: 6,
    stroke: css("--muted"),
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
    ticks: { show: false },
  };
  const y = {
    ...look,
    grid: { stroke: css("--line"), width: 1 },
    size: 58,
    splits: fromZero,
    scale: payload.kind === "timeline" ? "cost" : "y",
    values: (/** @type {any} */ _, /** @type {number[]} */ splits) => axisWords(payload.unit, splits),
  };
  const x = {
    ...look,
    grid: { show: false },
    size: 30,
    ...(payload.labels ? labelAxis(payload) : timeAxis(payload)),
  };
  if (payload.kind !== "timeline") return [x, y];
  const tokens = {
    ...look,
    side: 1,
    scale: "tokens",
    grid: { show: false },
    splits: fromZero,
    size: 66,
    label: "Context, tokens",
    labelFont: look.font,
    labelSize: 18,
    values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map(short),
  };
  return [x, { ...y, size: 66, label: "Cost of a message", labelFont: look.font, labelSize: 18 }, tokens];
};

/** @param {Payload} payload */
const labelAxis = (payload) => {
  const all = payload.labels ?? [];
  const labels = payload.small ? all.map((one) => one.replace(/ \d\d:\d\d$/, "")) : all; // the tooltip says the time
  return {
    space: Math.max(70, 8 * Math.max(0, ...labels.map((one) => one.length))),
    incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500],
    values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((v) => labels[v] ?? ""),
  };
};

/** @param {Payload} payload */
const timeAxis = (payload) => ({
  space: 90,
  values: (
    /** @type {any} */ _,
    /** @type {number[]} */ splits,
    /** @type {any} */ __,
    /** @type {any} */ ___,
    /** @type {number} */ step,
  ) => splits.map((v, n) => stepWords(v, step, payload.zone, n ? splits[n - 1] : null)),
});

/** @param {Holder} holder */
export const scalesOf = (holder) => {
  const { payload } = holder;
  /** @type {Record<string, any>} */
  const scales = { x: payload.labels ? labelScale(holder) : timeScale(holder), y: {} };
  const upTo = (/** @type {any} */ chart, /** @type {number} */ _, /** @type {number} */ high) => [
    0,
    axisEnd(high, mostSteps(chart)),
  ];
  scales.y.range = payload.max === undefined ? upTo : [0, payload.max];
  if (payload.kind === "timeline") {
    scales.cost = { range: upTo };
    scales.tokens = { range: upTo };
  }
  return scales;
};

/** @param {Holder} holder */
const labelScale = (holder) => ({
  time: false,
  range: (/** @type {any} */ _, /** @type {number | null} */ low, /** @type {number} */ high) => {
    if (low === null) return [-0.5, 0.5];
    return holder.isZoomed ? [low, high] : [-0.5, (holder.payload.labels ?? []).length - 0.5];
  },
});

/** @param {Holder} holder */
const timeScale = (holder) => ({
  time: true,
  range: (/** @type {any} */ chart, /** @type {number | null} */ low, /** @type {number} */ high) =>
    low === null || holder.isZoomed ? [low, high] : timeRange(chart.data[0]),
});

/** @param {Payload} payload */
export const seriesOf = (payload) => {
  const { bars } = uPlot.paths;
  const made = payload.series.map((one, n) => {
    const paint = seriesColor(one.color);
    const filled = { label: one.label, stroke: paint, fill: paint, width: 0, points: { show: false } };
    if (payload.kind === "stack") return { ...filled, paths: bars({ size: [0.78, 60], align: 0 }) };
    if (payload.kind === "timeline" && one.scale === "cost") {
      return { ...filled, scale: "cost", paths: bars({ size: [0.9, 5, 2] }) };
    }
    if (payload.kind === "timeline") {
      const points = { show: true, size: 6, fill: paint, filter: ofOneMoment };
      return { label: one.label, scale: "tokens", stroke: paint, width: 1.6, spanGaps: true, points };
    }
    return lineOf(payload, one, paint, DASHES[n % DASHES.length]);
  });
  return payload.kind === "stack" ? made.reverse() : made;
};

const DASHES = [undefined, [6, 3], [2, 2]];

/** @param {Payload} payload @param {import("./format.js").Series} one @param {string} paint @param {number[] | undefined} dash */
const lineOf = (payload, one, paint, dash) => {
  const isWeeks = payload.kind === "weeks";
  return {
    label: one.label,
    stroke: paint,
    width: 2,
    dash,
    spanGaps: isWeeks,
    points: { show: true, size: isWeeks ? 5 : 6, fill: paint, filter: isWeeks ? undefined : withoutNeighbor },
    gaps: isWeeks ? undefined : breaksOf,
    paths: payload.kind === "line" ? uPlot.paths.stepped({ align: 1 }) : undefined,
  };
};

const BREAK_PIXELS = 3; // of a break between two windows, at least; else a reset looks like a fall

/** The breaks of a stepped line, each wide enough to be seen. @param {any} chart @param {number} n @param {number} first @param {number} last */
const breaksOf = (chart, n, first, last) => {
  const [x] = chart.data;
  const values = chart.data[n];
  const half = (chart.series[n].width * uPlot.pxRatio) / 2;
  const pixel = (/** @type {number} */ place) => chart.valToPos(x[place], "x", true);
  const breaks = [];
  for (let place = first; place <= last; place += 1) {
    if (values[place] !== null) continue;
    let next = place + 1;
    while (next <= last && !isKnown(values[next])) next += 1;
    if (next > last) break;
    const to = pixel(next);
    breaks.push([Math.min(pixel(place), to - BREAK_PIXELS * uPlot.pxRatio) + half, to + half + 1]);
    place = next - 1;
  }
  return breaks;
};

const isKnown = (/** @type {any} */ v) => v !== null && v !== undefined;

/** The points of a line that no line shows: both neighbors are unknown. @param {any} chart @param {number} n */
const withoutNeighbor = (chart, n) => {
  const values = chart.data[n];
  const beside = (/** @type {number} */ place, /** @type {number} */ step) => {
    let at = place + step;
    while (at >= 0 && at < values.length && values[at] === undefined) at += step;
    return values[at];
  };
  return values
    .map((/** @type {any} */ _, /** @type {number} */ place) => place)
    .filter(
      (/** @type {number} */ at) =>
        isKnown(values[at]) && !isKnown(beside(at, -1)) && !isKnown(beside(at, 1)),
    );
};

/** The last point where all points of a series are of one moment. @param {any} chart @param {number} n */
const ofOneMoment = (chart, n) => {
  const known = chart.data[n].flatMap((/** @type {any} */ v, /** @type {number} */ place) =>
    isKnown(v) ? place : [],
  );
  return known.length && chart.data[0][known[0]] === chart.data[0][known.at(-1)] ? [known.at(-1)] : [];
};
