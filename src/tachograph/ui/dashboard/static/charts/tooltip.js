// The tooltip of a chart: the period with its weekday, each part with its color, and the total.
import { momentWords, tooltipRows } from "./format.js";

/** @typedef {import("./axes.js").Holder} Holder */

/** @param {string} tag @param {string} text @param {string} kind */
const element = (tag, text = "", kind = "") => {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = kind;
  return made;
};

/** @param {{ label: string, color: number | null, text: string, isTotal: boolean }} row */
const rowOf = ({ label, color, text, isTotal }) => {
  const row = element("div", "", isTotal ? "total" : "");
  const name = element("span", "", "cut");
  if (!isTotal) name.append(element("i", "", `swatch ${color === null ? "s-rest" : `s${color}`}`));
  name.append(label);
  row.append(name, element("span", text, "num"));
  return row;
};

/** The uPlot plugin. @param {Holder} holder */
export const tooltip = (holder) => {
  const box = element("div", "", "u-tip");
  const move = (/** @type {any} */ chart) => {
    const { idx, left } = chart.cursor;
    const { payload } = holder;
    if (idx === null || idx === undefined || left < 0) {
      box.style.display = "none";
      return;
    }
    const head =
      payload.whole?.[idx] ?? payload.labels?.[idx] ?? momentWords((payload.x ?? [])[idx], payload.zone);
    box.replaceChildren(element("b", head), ...tooltipRows(payload, idx).map(rowOf));
    box.style.display = "block";
    const isRight = left > chart.over.clientWidth / 2;
    box.style.left = isRight ? "" : `${left + 14}px`;
    box.style.right = isRight ? `${chart.over.clientWidth - left + 14}px` : "";
    box.style.top = "6px";
  };
  return { hooks: { init: (/** @type {any} */ chart) => chart.over.append(box), setCursor: move } };
};
