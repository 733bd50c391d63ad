// A long list holds the rows that are looked at, and gaps for the others.
import { ask } from "./access.js";
import { ROWS } from "./protocol.js";

const ROW_PIXELS = 33; // of a row that was never measured

/** @type {IntersectionObserver | null} */
let watcher = null;
/** @type {WeakSet<Element>} */
let watched = new WeakSet();

/** @returns {HTMLTableSectionElement[]} */
const bodies = () => [
  .../** @type {NodeListOf<HTMLTableSectionElement>} */ (
    document.querySelectorAll("table.virtual > tbody[data-number]")
  ),
];

const isGap = (/** @type {Element} */ body) => body.classList.contains("gap");

/** The numbers of the parts that the page holds. */
export const loadedChunks = () =>
  bodies()
    .filter((body) => !isGap(body))
    .map((body) => body.dataset.number)
    .join(",");

/** @param {HTMLTableSectionElement} body */
const resizeGap = (body) => {
  if (!isGap(body)) return;
  const height = Number(body.dataset.height ?? Number(body.dataset.count) * ROW_PIXELS);
  body.rows[0].cells[0].style.height = `${height}px`;
};

/** @param {HTMLTableSectionElement} body */
const empty = (body) => {
  body.dataset.height = String(body.getBoundingClientRect().height);
  const row = document.createElement("tr");
  const cell = document.createElement("td");
  cell.colSpan = 8;
  cell.textContent = `${body.dataset.count} more session${body.dataset.count === "1" ? "" : "s"}`;
  row.append(cell);
  body.replaceChildren(row);
  body.classList.add("gap");
  resizeGap(body);
};

/** @param {HTMLTableSectionElement} body */
const fill = async (body) => {
  if (body.dataset.loading) return;
  body.dataset.loading = "yes";
  try {
    const answer = await ask(location.pathname + location.search, {
      headers: { [ROWS]: body.dataset.number ?? "" },
    });
    if (!answer.ok) return;
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    const fresh = holder.content.getElementById(`chunk-${body.dataset.number}`);
    if (!fresh || !body.isConnected || isGap(fresh)) return;
    body.replaceChildren(...fresh.childNodes);
    body.classList.remove("gap");
  } catch {
    // the next look tries again
  } finally {
    delete body.dataset.loading;
  }
};

/** Rows that a person has the focus or a selection in stay. @param {Element} body */
const isInUse = (body) => {
  const selection = document.getSelection();
  const isSelected = selection && !selection.isCollapsed && body.contains(selection.anchorNode);
  return (
    body.contains(document.activeElement) ||
    body.querySelector("details[open]") !== null ||
    Boolean(isSelected)
  );
};

/** @param {IntersectionObserverEntry[]} entries */
const follow = (entries) => {
  for (const { target, isIntersecting } of entries) {
    const body = /** @type {HTMLTableSectionElement} */ (target);
    if (isIntersecting && isGap(body)) fill(body);
    else if (!isIntersecting && !isGap(body) && body.dataset.number !== "0" && !isInUse(body)) empty(body);
  }
};

/** Watch the parts of a long list. @param {{ isFresh?: boolean }} [change] */
export const watchList = (change) => {
  const scroll = document.getElementById("sessions-scroll");
  if (!scroll) return;
  if (change?.isFresh) scroll.scrollTop = 0;
  const isPage = getComputedStyle(scroll).overflowY === "visible"; // the page scrolls, not the box
  const root = isPage ? null : scroll;
  if (!watcher || watcher.root !== root) {
    watcher?.disconnect();
    watched = new WeakSet();
    watcher = new IntersectionObserver(follow, { root, rootMargin: "900px 0px" });
  }
  for (const body of bodies()) {
    resizeGap(body);
    if (watched.has(body)) continue;
    watched.add(body);
    watcher.observe(body);
  }
};

/** @type {WeakSet<Element>} */
const scrolled = new WeakSet();

/** Scroll heat maps that are wider than the screen to their newest end, once. */
export const showLatest = () => {
  for (const box of document.querySelectorAll(".wide[data-latest]")) {
    if (scrolled.has(box)) continue;
    scrolled.add(box);
    box.scrollLeft = box.scrollWidth;
  }
};
