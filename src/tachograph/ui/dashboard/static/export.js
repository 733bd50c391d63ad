// CSV and PNG of exactly what is shown: the visible rows of the table, the picture as it is zoomed. Exports of
// everything come by a link that works once.
import { ask } from "./access.js";
import { act, showMessage } from "./actions.js";
import { pictureOf, shownRange } from "./charts/lifecycle.js";
import { csv } from "./csv.js";
import { renewTwin } from "./live.js";
import { ROWS } from "./protocol.js";

/** Hand a file to the browser. @param {Blob} blob @param {string} name */
export const save = (blob, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

/** @param {HTMLTableCellElement} cell */
const textOf = (cell) => {
  if (cell.dataset.value !== undefined) return cell.dataset.value === "–" ? "" : cell.dataset.value;
  return (cell.querySelector("summary") ?? cell).textContent ?? "";
};

/** Every row of a long list, those that are scrolled away too. @param {Element} table */
const allRows = async (table) => {
  /** @type {NodeListOf<HTMLElement>} */
  const parts = table.querySelectorAll("tbody[data-number]");
  const numbers = [...parts].map((body) => body.dataset.number).join(",");
  const answer = await ask(location.pathname + location.search, { headers: { [ROWS]: numbers } });
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  return [...holder.content.querySelectorAll("table.virtual > tbody:not(.gap) > tr")];
};

/** @param {Element} figure */
const csvOf = async (figure) => {
  const twin = /** @type {HTMLElement | null} */ (figure.querySelector("details.twin"));
  if (twin?.dataset.old) await renewTwin(twin);
  const table = figure.querySelector("table.table");
  if (!table) return null;
  const visible = [...table.querySelectorAll(":scope > tbody:not(.gap) > tr")];
  let rows = /** @type {HTMLTableRowElement[]} */ (
    table.classList.contains("virtual") ? await allRows(table) : visible
  ).filter((row) => !row.hidden);
  const range = shownRange(figure.querySelector("[data-chart]"));
  if (range) rows = rows.filter((_, n) => n >= range[0] && n <= range[1]);
  const head = [...table.querySelectorAll(":scope > thead th")].map((cell) =>
    (cell.textContent ?? "").replace(/[↑↓*]/g, ""),
  );
  return csv([head, ...rows.map((row) => [...row.cells].map(textOf))]);
};

const STYLES = [
  "fill",
  "stroke",
  "stroke-width",
  "font-size",
  "font-weight",
  "font-family",
  "paint-order",
  "opacity",
];

/** A copy that carries its own colors: a picture has no style sheet. @param {SVGElement} svg */
const withStyles = (svg) => {
  const copy = /** @type {SVGElement} */ (svg.cloneNode(true));
  const from = svg.querySelectorAll("*");
  for (const [n, node] of [...copy.querySelectorAll("*")].entries()) {
    const style = getComputedStyle(from[n]);
    for (const name of STYLES) node.setAttribute(name, style.getPropertyValue(name));
    node.removeAttribute("class");
  }
  return copy;
};

/** @param {SVGElement} svg @param {number} width @param {number} height */
const imageOf = async (svg, width, height) => {
  const copy = withStyles(svg);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  const image = new Image();
  const text = new XMLSerializer().serializeToString(copy);
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  return image;
};

/** A canvas in the page's colors, and a pen in pixels of the page. @param {number} width @param {number} height */
export const blankPicture = (width, height) => {
  const ratio = Math.max(2, devicePixelRatio);
  const canvas = document.createElement("canvas");
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.scale(ratio, ratio);
  pen.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = getComputedStyle(document.body).color;
  return { canvas, pen };
};

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
export const pngBlob = (canvas) =>
  new Promise((done) => canvas.toBlob((blob) => done(/** @type {Blob} */ (blob)), "image/png"));

/** @param {CanvasRenderingContext2D} pen @param {Element[]} items @param {string} font */
const paintLegend = (pen, items, font) => {
  const ink = pen.fillStyle;
  let x = 16;
  pen.font = `12px ${font}`;
  for (const item of items) {
    const swatch = item.querySelector(".swatch");
    if (swatch) pen.fillStyle = getComputedStyle(swatch).backgroundColor;
    pen.fillRect(x, 42, 10, 10);
    pen.fillStyle = ink;
    const words = (item.textContent ?? "").trim();
    pen.fillText(words, x + 15, 51);
    x += pen.measureText(words).width + 34;
  }
};

/** @param {Element} figure */
const pngOf = async (figure) => {
  const font = getComputedStyle(document.body).fontFamily;
  const chart = /** @type {HTMLElement | null} */ (figure.querySelector("[data-chart]"));
  const bars = figure.querySelector(".bars");
  const svgs = /** @type {SVGElement[]} */ ([
    ...(bars ? bars.querySelectorAll("svg") : figure.querySelectorAll(":scope > svg, :scope > .wide > svg")),
  ]);
  const box = (chart ?? bars ?? svgs[0]).getBoundingClientRect();
  const legend = [...figure.querySelectorAll(":scope > .legend > li")];
  const top = 34 + (legend.length ? 24 : 0);
  const { canvas, pen } = blankPicture(box.width + 32, box.height + top + 40);
  pen.font = `600 15px ${font}`;
  pen.fillText(figure.querySelector("h2")?.textContent ?? "", 16, 26, box.width);
  paintLegend(pen, legend, font);
  const picture = chart ? pictureOf(chart) : null;
  if (picture) pen.drawImage(picture, 16, top + 8, box.width, box.height);
  for (const svg of svgs) {
    const { left, top: y, width, height } = svg.getBoundingClientRect();
    const image = await imageOf(svg, width, height);
    pen.drawImage(image, 16 + left - box.left, top + 8 + y - box.top, width, height);
  }
  for (const text of bars?.querySelectorAll("a, span") ?? []) {
    const own = text.getBoundingClientRect();
    const y = top + 8 + own.top - box.top + own.height * 0.72;
    if (own.width) pen.fillText(text.textContent ?? "", 16 + own.left - box.left, y);
  }
  pen.fillStyle = getComputedStyle(figure.querySelector(".summary") ?? document.body).color;
  pen.font = `11px ${font}`;
  const question = document.getElementById("question")?.textContent ?? "";
  const foot = [question, "Tachograph, API-equivalent estimate"].filter(Boolean).join(" · ");
  pen.fillText(foot, 16, box.height + top + 28, box.width);
  return pngBlob(canvas);
};

/** @param {HTMLButtonElement} button */
const exportFigure = async (button) => {
  const figure = button.closest("[data-figure]");
  if (!figure) return;
  const { csv: table, png } = button.dataset;
  const name = `tachograph-${table ?? png}`.replace(/[^\w-]/g, "");
  if (table === undefined) {
    save(await pngOf(figure), `${name}.png`);
    return;
  }
  const text = await csvOf(figure);
  if (text === null) showMessage("This table is empty.");
  else save(new Blob([text], { type: "text/csv;charset=utf-8" }), `${name}.csv`);
};

/** Start the download of an export: its address works once. @param {string} name */
const download = async (name) => {
  const reply = await act({ do: "download", name });
  if (!reply.address) {
    showMessage(reply.message);
    return;
  }
  const link = document.createElement("a");
  link.href = reply.address;
  link.download = `tachograph-${name}`;
  link.click();
};

export const watchExports = () => {
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const button = target?.closest("button[data-csv], button[data-png]");
    if (button) exportFigure(/** @type {HTMLButtonElement} */ (button));
    const link = /** @type {HTMLElement | null | undefined} */ (target?.closest("button[data-download]"));
    if (link?.dataset.download) download(link.dataset.download);
  });
};
