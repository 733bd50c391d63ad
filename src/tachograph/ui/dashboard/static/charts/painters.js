// Layers that a chart paints itself: parts without a price, resets and hits, the fan of a forecast.
import { css, seriesColor } from "./colors.js";
import { stacked } from "./format.js";

/** @typedef {import("./axes.js").Holder} Holder */

const EVEN = 0.5; // from this chance on the fan says when the limit is reached, below it where the window ends

/** Paint inside the plot area and leave the pen as it was. @param {any} chart @param {(pen: any) => void} paint */
const clipped = (chart, paint) => {
  const pen = chart.ctx;
  const { left, top, width, height } = chart.bbox;
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  paint(pen);
  pen.restore();
};

/**
 * A hatched cap of constant height above bars with a part of unknown size. It stands apart from the bar, so that nobody
 * reads it as an amount.
 * @param {Holder} holder
 */
export const paintUnknown = (holder) => (/** @type {any} */ chart) => {
  const { payload } = holder;
  if (payload.kind !== "stack") return;
  const sums = stacked(payload).at(-1) ?? [];
  const slot = Math.abs(chart.valToPos(1, "x", true) - chart.valToPos(0, "x", true));
  const wide = Math.max(2, Math.min(slot * 0.78, 60 * devicePixelRatio));
  const tall = 8 * devicePixelRatio;
  const gap = 3 * devicePixelRatio;
  for (const n of (payload.labels ?? []).keys()) {
    if (!payload.series.some((one) => one.values[n] === null)) continue;
    const x = chart.valToPos(n, "x", true) - wide / 2;
    const y = Math.max(chart.bbox.top, chart.valToPos(sums[n], "y", true) - tall - gap);
    clipped(chart, (pen) => hatch(pen, x, y, wide, tall));
  }
};

/** @param {any} pen @param {number} x @param {number} y @param {number} wide @param {number} tall */
const hatch = (pen, x, y, wide, tall) => {
  pen.beginPath();
  pen.rect(x, y, wide, tall);
  pen.clip();
  pen.strokeStyle = css("--muted");
  pen.lineWidth = devicePixelRatio;
  pen.beginPath();
  pen.rect(x, y, wide, tall);
  for (let at = x - tall; at < x + wide; at += 5 * devicePixelRatio) {
    pen.moveTo(at, y + tall);
    pen.lineTo(at + tall, y);
  }
  pen.stroke();
};

/** Resets as dashed lines, hits as red ones with a square. @param {Holder} holder */
export const paintMarks = (holder) => (/** @type {any} */ chart) => {
  const { left, top, width, height } = chart.bbox;
  for (const { at, kind } of holder.payload.marks ?? []) {
    const x = Math.round(chart.valToPos(at, "x", true)) + 0.5;
    if (x < left || x > left + width) continue;
    const isHit = kind === "wall";
    clipped(chart, (pen) => {
      pen.strokeStyle = css(isHit ? "--wall" : "--line");
      pen.lineWidth = devicePixelRatio * (isHit ? 2 : 1);
      pen.setLineDash(isHit ? [] : [3 * devicePixelRatio, 3 * devicePixelRatio]);
      pen.beginPath();
      pen.moveTo(x, top);
      pen.lineTo(x, top + height);
      pen.stroke();
      if (!isHit) return;
      pen.fillStyle = css("--wall");
      pen.fillRect(x - 4 * devicePixelRatio, top, 8 * devicePixelRatio, 8 * devicePixelRatio);
    });
  }
};

/**
 * The fan ahead of now: eight of ten cases end inside it at the reset. From even odds on: when the limit is reached in
 * one, five and nine of ten of the cases that reach it.
 * @param {Holder} holder
 */
export const paintFan = (holder) => (/** @type {any} */ chart) => {
  const shape = shapeOf(holder, chart);
  const color = seriesColor(holder.payload.series[0]?.color);
  if (shape) clipped(chart, (pen) => paintWedge(pen, shape.from, shape.ends, color));
};

/** The words of the fan, on top of the lines. @param {Holder} holder */
export const paintFanWords = (holder) => (/** @type {any} */ chart) => {
  const shape = shapeOf(holder, chart);
  const { fan } = holder.payload;
  if (!shape || !fan) return;
  const { ends, isReached } = shape;
  clipped(chart, (pen) => paintLabel(pen, fanWords(fan, isReached), labelPlace(chart, ends, isReached)));
};

/** Pixels of the fan's corners, null without a forecast. @param {Holder} holder @param {any} chart */
const shapeOf = (holder, chart) => {
  const { fan, now = 0 } = holder.payload;
  const isReached = Boolean(fan && fan.chance >= EVEN && fan.to.length > 0);
  if (!fan || (!isReached && !fan.ends)) return null;
  const at = (/** @type {number} */ x, /** @type {number} */ y) => [
    chart.valToPos(x, "x", true),
    chart.valToPos(y, "y", true),
  ];
  const from = at(now, fan.percent);
  const ends = isReached
    ? fan.to.map((x) => at(x, 100))
    : (fan.ends ?? []).map((y) => at(fan.reset, Math.min(100, y)));
  return { from, ends, isReached };
};

/** @param {any} pen @param {number[]} from @param {number[][]} ends @param {string} color */
const paintWedge = (pen, from, ends, color) => {
  const last = /** @type {number[]} */ (ends.at(-1));
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...ends[0]);
  pen.lineTo(...last);
  pen.closePath();
  pen.globalAlpha = 0.16;
  pen.fillStyle = color;
  pen.fill();
  pen.globalAlpha = 1;
  pen.strokeStyle = color;
  pen.lineWidth = 1.2 * devicePixelRatio;
  pen.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...ends[Math.min(1, ends.length - 1)]);
  pen.stroke();
};

/** @param {import("./format.js").Fan} fan @param {boolean} isReached */
export const fanWords = (fan, isReached) => {
  if (isReached) return `${Math.round(fan.chance * 100)} % chance of reaching it`;
  const ends = fan.ends ?? [0];
  const [low, high] = [ends[0], Number(ends.at(-1))].map((y) => Math.round(Math.min(100, y)));
  return low === high ? `about ${low} % at the reset` : `${low}–${high} % at the reset`;
};

/** A place off the gridline at 100 %. @param {any} chart @param {number[][]} ends @param {boolean} isReached */
const labelPlace = (chart, ends, isReached) => {
  const { left, top, width } = chart.bbox;
  const gap = 8 * devicePixelRatio;
  if (isReached) return [ends[0][0] - gap, top + 3 * gap];
  const highest = Math.min(ends[0][1], /** @type {number[]} */ (ends.at(-1))[1]);
  return [left + width - gap / 2, highest - 1.5 * gap < top + gap ? top + 3 * gap : highest - 1.5 * gap];
};

/** @param {any} pen @param {string} words @param {number[]} place */
const paintLabel = (pen, words, [x, y]) => {
  pen.setLineDash([]);
  pen.font = `${12 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.lineWidth = 4 * devicePixelRatio;
  pen.strokeStyle = css("--bg");
  pen.fillStyle = css("--muted");
  pen.strokeText(words, x, y);
  pen.fillText(words, x, y);
};
