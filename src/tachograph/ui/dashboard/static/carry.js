// CSV and PNG of exactly what is shown: the rows that stand in the table and are not hidden, the picture as it is zoomed.
import { pictureOf, shownRange } from "./charts.js";
import { tell } from "./doing.js";
import { renewTwin } from "./live.js";

const save = (blob, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};

const quoted = (text) => {
  let cell = String(text).replace(/\s+/g, " ").trim();
  if (/^[=+@\t\r]/.test(cell) || (/^-/.test(cell) && Number.isNaN(Number(cell)))) cell = `'${cell}`; // no formula from a foreign name
  return /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
};

const textOf = (cell) => {
  if (cell.dataset.value !== undefined) return cell.dataset.value === "–" ? "" : cell.dataset.value;
  const details = cell.querySelector("summary");
  return (details ?? cell).textContent;
};

const csvOf = async (figure) => {
  const twin = figure.querySelector("details.twin");
  if (twin?.dataset.old) await renewTwin(twin);
  const table = figure.querySelector("table.table");
  if (!table) return null;
  let rows = [...table.querySelectorAll(":scope > tbody > tr")].filter((row) => !row.hidden && !row.parentElement.classList.contains("gap"));
  if (table.classList.contains("virtual")) { // what is scrolled away is part of it as well
    const numbers = [...table.querySelectorAll("tbody[data-number]")].map((body) => body.dataset.number).join(",");
    const answer = await fetch(location.pathname + location.search, { headers: { "x-tachograph-rows": numbers } });
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    rows = [...holder.content.querySelectorAll("table.virtual > tbody:not(.gap) > tr")];
  }
  const range = shownRange(figure.querySelector("[data-chart]"));
  if (range) rows = rows.filter((_, n) => n >= range[0] && n <= range[1]);
  const head = [...table.querySelectorAll(":scope > thead th")].map((cell) => quoted(cell.textContent.replace(/[↑↓*]/g, "")));
  const lines = rows.map((row) => [...row.cells].map((cell) => quoted(textOf(cell))).join(","));
  return `${[head.join(","), ...lines].join("\r\n")}\r\n`;
};

const styled = (svg) => { // a copy that bears its own colours: a picture has no style sheet
  const copy = svg.cloneNode(true);
  const from = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((node, n) => {
    const style = getComputedStyle(from[n]);
    for (const name of ["fill", "stroke", "stroke-width", "font-size", "font-weight", "font-family", "paint-order", "opacity"]) node.setAttribute(name, style.getPropertyValue(name));
    node.removeAttribute("class");
  });
  return copy;
};

const drawn = async (svg, width, height) => {
  const copy = styled(svg);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
};

const pngOf = async (figure) => {
  const ratio = Math.max(2, devicePixelRatio);
  const style = getComputedStyle(document.body);
  const chart = figure.querySelector("[data-chart]");
  const bars = figure.querySelector(".bars");
  const svgs = bars ? [...bars.querySelectorAll("svg")] : [...figure.querySelectorAll(":scope > svg, :scope > .wide > svg")];
  const box = (chart ?? bars ?? svgs[0]).getBoundingClientRect();
  const legend = [...figure.querySelectorAll(":scope > .legend > li")];
  const top = 34 + (legend.length ? 24 : 0);
  const canvas = document.createElement("canvas");
  canvas.width = (box.width + 32) * ratio;
  canvas.height = (box.height + top + 40) * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = style.color;
  pen.font = `600 15px ${style.fontFamily}`;
  pen.fillText(figure.querySelector("h2").textContent, 16, 26, box.width);
  let x = 16;
  pen.font = `12px ${style.fontFamily}`;
  for (const item of legend) {
    pen.fillStyle = getComputedStyle(item.querySelector(".swatch")).backgroundColor;
    pen.fillRect(x, 42, 10, 10);
    pen.fillStyle = style.color;
    const words = item.textContent.trim();
    pen.fillText(words, x + 15, 51);
    x += pen.measureText(words).width + 34;
  }
  const picture = chart ? pictureOf(chart) : null;
  if (picture) pen.drawImage(picture, 16, top + 8, box.width, box.height);
  for (const svg of svgs) {
    const own = svg.getBoundingClientRect();
    pen.drawImage(await drawn(svg, own.width, own.height), 16 + own.left - box.left, top + 8 + own.top - box.top, own.width, own.height);
  }
  if (bars) {
    pen.fillStyle = style.color;
    for (const text of bars.querySelectorAll("a, span")) {
      const own = text.getBoundingClientRect();
      if (own.width) pen.fillText(text.textContent, 16 + own.left - box.left, top + 8 + own.top - box.top + own.height * 0.72);
    }
  }
  pen.fillStyle = getComputedStyle(figure.querySelector(".summary") ?? document.body).color;
  pen.font = `11px ${style.fontFamily}`;
  const question = document.getElementById("question")?.textContent ?? "";
  pen.fillText(`${question}${question ? " · " : ""}Tachograph, API-equivalent estimate`, 16, box.height + top + 28, box.width);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
};

export const watchExports = () => {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-csv], button[data-png]");
    if (!button) return;
    const figure = button.closest("[data-figure]");
    const name = `tachograph-${button.dataset.csv ?? button.dataset.png}`.replace(/[^\w-]/g, "");
    if (button.dataset.csv !== undefined) {
      const text = await csvOf(figure);
      if (text === null) tell("There is nothing in this table."); else save(new Blob([text], { type: "text/csv;charset=utf-8" }), `${name}.csv`);
    } else save(await pngOf(figure), `${name}.png`);
  });
};
