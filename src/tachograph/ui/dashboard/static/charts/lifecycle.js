// The charts of the page, drawn by uPlot from the payload beside them. New numbers never lose a zoom.
import { axesOf, scalesOf, seriesOf } from "./axes.js";
import { forgetColors } from "./colors.js";
import { columnsOf, timeRange } from "./format.js";
import { paintFan, paintFanWords, paintMarks, paintUnknown } from "./painters.js";
import { tooltip } from "./tooltip.js";

/** @typedef {import("./axes.js").Holder} Holder */
/** @typedef {import("./format.js").Payload} Payload */

/** @type {Map<HTMLElement, Holder>} */
const charts = new Map();

/** @param {Payload} payload */
const zoned = (payload) => (/** @type {number} */ at) => {
  const moment = new Date(at * 1000);
  try {
    return uPlot.tzDate(moment, payload.zone === "UTC" ? "Etc/UTC" : payload.zone);
  } catch {
    return moment;
  }
};

/** @param {Holder} holder @param {HTMLElement} element */
const optionsOf = (holder, element) => {
  const { payload } = holder;
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    legend: { show: false },
    tzDate: payload.zone ? zoned(payload) : undefined,
    cursor: {
      y: false,
      points: { show: payload.kind !== "stack" },
      drag: { x: true, y: false, setScale: true },
    },
    scales: scalesOf(holder),
    axes: axesOf(payload),
    series: [{}, ...seriesOf(payload)],
    plugins: [tooltip(holder)],
    hooks: {
      drawAxes: [paintFan(holder)],
      draw: [paintUnknown(holder), paintMarks(holder), paintFanWords(holder)],
      setSelect: [
        (/** @type {any} */ chart) => {
          if (chart.select.width > 0) setZoomed(element, holder, true);
        },
      ],
    },
  };
};

/** @param {Payload} payload */
const shapeOf = (payload) =>
  JSON.stringify([payload.kind, payload.unit, payload.series.map((one) => [one.label, one.color])]);

/** Note whether a chart is zoomed, and show the way back. @param {HTMLElement} element @param {Holder} holder @param {boolean} isZoomed */
const setZoomed = (element, holder, isZoomed) => {
  holder.isZoomed = isZoomed;
  const button = element.closest("[data-figure]")?.querySelector("button[data-unzoom]");
  if (button instanceof HTMLElement) button.hidden = !isZoomed;
};

/** @param {HTMLElement} element @param {Holder} holder */
const showWhole = (element, holder) => {
  setZoomed(element, holder, false);
  const [x] = holder.chart.data;
  if (!x.length) return;
  const [min, max] = holder.payload.labels ? [-0.5, x.length - 0.5] : timeRange(x);
  holder.chart.setScale("x", { min, max });
};

/** @param {HTMLElement} element */
const make = (element) => {
  const text = element.dataset.chart ?? "";
  const payload = JSON.parse(text);
  const holder = {
    payload,
    isZoomed: false,
    text,
    shape: shapeOf(payload),
    chart: /** @type {any} */ (null),
  };
  element.classList.toggle("small", Boolean(payload.small));
  element.replaceChildren();
  holder.chart = new uPlot(optionsOf(holder, element), columnsOf(payload), element);
  holder.chart.over.addEventListener("dblclick", () => setZoomed(element, holder, false));
  let pressedAt = 0;
  holder.chart.over.addEventListener("mousedown", (/** @type {MouseEvent} */ event) => {
    pressedAt = event.clientX;
  });
  holder.chart.over.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    if (Math.abs(event.clientX - pressedAt) < 4) follow(holder);
  });
  holder.chart.over.classList.toggle("linked", Boolean(payload.links));
  charts.set(element, holder);
  return holder;
};

/** Narrow the page to the period that was clicked; a zoomed chart waits for a double click. @param {Holder} holder */
const follow = (holder) => {
  const address = holder.payload.links?.[holder.chart.cursor.idx];
  if (address && !holder.isZoomed)
    document.dispatchEvent(new CustomEvent("tachograph-go", { detail: address }));
};

/** Make a chart again and keep its zoom. @param {HTMLElement} element @param {Holder} holder */
const remake = (element, holder) => {
  const { isZoomed, chart } = holder;
  const { min, max } = chart.scales.x;
  chart.destroy();
  const fresh = make(element);
  if (!isZoomed) return;
  setZoomed(element, fresh, true);
  fresh.chart.setScale("x", { min, max });
};

/** @param {HTMLElement} element @param {Holder} holder */
const renew = (element, holder) => {
  if (holder.text === element.dataset.chart) return;
  const payload = JSON.parse(element.dataset.chart ?? "");
  if (shapeOf(payload) !== holder.shape) {
    remake(element, holder);
    return;
  }
  const { min, max } = holder.chart.scales.x;
  holder.payload = payload;
  holder.text = element.dataset.chart ?? "";
  holder.chart.axes[0].values = axesOf(payload)[0].values ?? holder.chart.axes[0].values;
  holder.chart.batch(() => {
    holder.chart.setData(columnsOf(payload), !holder.isZoomed);
    if (holder.isZoomed) holder.chart.setScale("x", { min, max });
  });
};

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const chart = charts.get(/** @type {HTMLElement} */ (target))?.chart;
    const { clientWidth: width, clientHeight: height } = target;
    if (chart && width && (chart.width !== width || chart.height !== height))
      chart.setSize({ width, height });
  }
});

/** Draw every chart of the page as its payload says now. */
export const drawCharts = () => {
  for (const [element, holder] of charts) {
    if (element.isConnected) continue;
    sizes.unobserve(element);
    holder.chart.destroy();
    charts.delete(element);
  }
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-chart]"))) {
    const holder = charts.get(element);
    if (holder) renew(element, holder);
    else {
      make(element);
      sizes.observe(element);
    }
  }
};

/** The canvas of a chart. @param {HTMLElement} element @returns {HTMLCanvasElement | null} */
export const pictureOf = (element) => charts.get(element)?.chart.ctx.canvas ?? null;

/** The first and last row of a zoomed chart over periods, else null. @param {HTMLElement | null} element */
export const shownRange = (element) => {
  const holder = element && charts.get(element);
  if (!holder?.isZoomed || holder.payload.kind !== "stack") return null;
  const { min, max } = holder.chart.scales.x;
  return [Math.ceil(min), Math.floor(max)];
};

/** The zoom of a chart. @param {HTMLElement} element */
const zoomOf = (element) => {
  const holder = charts.get(element);
  return holder && { zoom: holder.isZoomed, min: holder.chart.scales.x.min, max: holder.chart.scales.x.max };
};

/** The range of x that a key asks for, null if it asks for none. @param {string} key @param {number} min @param {number} max */
export const rangeByKey = (key, min, max) => {
  const quarter = (max - min) / 4;
  if (key === "+" || key === "=") return [min + quarter, max - quarter];
  if (key === "-") return [min - 2 * quarter, max + 2 * quarter];
  if (key === "ArrowLeft") return [min - quarter, max - quarter];
  if (key === "ArrowRight") return [min + quarter, max + quarter];
  return null;
};

/** @param {KeyboardEvent} event */
const zoomByKey = (event) => {
  const element = event.target instanceof Element ? event.target.closest("[data-chart]") : null;
  const holder = charts.get(/** @type {HTMLElement} */ (element));
  if (!holder || event.ctrlKey || event.metaKey) return;
  const { chart, payload } = holder;
  if (event.key === "0") {
    showWhole(/** @type {HTMLElement} */ (element), holder);
    event.preventDefault();
    return;
  }
  const next = rangeByKey(event.key, chart.scales.x.min, chart.scales.x.max);
  if (!next) return;
  event.preventDefault();
  const [low, high] = payload.labels ? [-0.5, chart.data[0].length - 0.5] : timeRange(chart.data[0]);
  setZoomed(/** @type {HTMLElement} */ (element), holder, true);
  chart.setScale("x", { min: Math.max(low, next[0]), max: Math.min(high, next[1]) });
};

const drawAll = () => {
  forgetColors();
  for (const [element, holder] of [...charts]) remake(element, holder);
};

/** Listen for keys, the button that shows the whole range, and a change of theme. */
export const watchCharts = () => {
  document.addEventListener("keydown", zoomByKey);
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button[data-unzoom]") : null;
    const element = button?.closest("[data-figure]")?.querySelector("[data-chart]");
    const holder = charts.get(/** @type {HTMLElement} */ (element));
    if (holder) showWhole(/** @type {HTMLElement} */ (element), holder);
  });
  document.addEventListener("tachograph-theme", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  Object.assign(window, { tachographZoom: zoomOf }); // for the tests
};
