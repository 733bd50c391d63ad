// The palette: pages, ranges, projects, models and sessions by their words.
import { ask } from "./access.js";

/** @typedef {{ text: string, aside?: string | null, kind?: string, href?: string, link?: HTMLElement, value?: string }} Place */

const dialog = () => /** @type {HTMLDialogElement} */ (document.getElementById("palette"));
const input = () => /** @type {HTMLInputElement} */ (document.getElementById("palette-input"));
const list = () => /** @type {HTMLUListElement} */ (document.getElementById("palette-list"));
/** @type {Place[]} */
let places = [];
let chosen = 0;
let lookups = 0;

/** @returns {Place[]} */
const fixedPlaces = () => {
  const pages = [...document.querySelectorAll(".rail nav a")].map((link) => ({
    text: link.textContent ?? "",
    aside: "page",
    href: link.getAttribute("href") ?? "/",
  }));
  const ranges = [...document.querySelectorAll(".filters .segments a, .filters .ranges a")].map((link) => ({
    text: `Range: ${link.textContent?.trim()}`,
    aside: "range",
    link: /** @type {HTMLElement} */ (link),
  }));
  return [...pages, ...ranges];
};

/** @param {Place} place */
const addressOf = ({ kind = "", value = "" }) =>
  kind === "session"
    ? `/sessions/${encodeURIComponent(value)}`
    : `/usage?${new URLSearchParams({ [kind]: value })}`;

/** @param {Place} place */
const asideOf = ({ kind, aside }) =>
  [kind, aside].filter((one, n, all) => one && all.indexOf(one) === n).join(", ");

/** @param {boolean} isComplete */
const draw = (isComplete) => {
  const rows = places.map((place, n) => {
    const row = document.createElement("li");
    row.id = `place-${n}`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(n === chosen));
    const text = document.createElement("span");
    text.textContent = place.text;
    const aside = document.createElement("span");
    aside.className = "muted";
    aside.textContent = asideOf(place);
    row.append(text, aside);
    row.addEventListener("click", () => choose(n));
    return row;
  });
  list().replaceChildren(...rows);
  const nothing = /** @type {HTMLElement} */ (document.getElementById("palette-nothing"));
  nothing.hidden = rows.length > 0 || !isComplete;
  nothing.textContent = `Nothing matches “${input().value.trim()}”. Search for a page, a range, a project, a model or words of a session's title.`;
  input().setAttribute("aria-activedescendant", rows.length ? `place-${chosen}` : "");
  rows[chosen]?.scrollIntoView({ block: "nearest" });
};

const search = async () => {
  const words = input().value.trim().toLowerCase();
  lookups += 1;
  const own = lookups;
  const near = fixedPlaces().filter((place) =>
    words.split(/\s+/).every((word) => place.text.toLowerCase().includes(word)),
  );
  places = near;
  chosen = 0;
  draw(false);
  const answer = await ask(`/api/places?${new URLSearchParams({ q: words })}`).catch(() => null);
  if (own !== lookups) return;
  /** @type {Place[]} */
  const more = answer?.ok ? (await answer.json()).data.places : [];
  places = [...near, ...more.map((place) => ({ ...place, href: addressOf(place) }))];
  draw(true);
};

/** @param {number} n */
const choose = (n) => {
  const place = places[n];
  if (!place) return;
  dialog().close();
  if (place.link) place.link.click();
  else location.href = place.href ?? "/";
};

export const openPalette = () => {
  if (dialog().open) return;
  input().value = "";
  dialog().showModal();
  search();
};

/** @param {KeyboardEvent} event */
const moveByKey = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    chosen = Math.max(0, Math.min(places.length - 1, chosen + step));
    draw(true);
  } else if (event.key === "Enter") choose(chosen);
  else return;
  event.preventDefault();
};

export const watchPalette = () => {
  let timer = 0;
  input().addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 60);
  });
  input().addEventListener("keydown", moveByKey);
  dialog().addEventListener("click", (event) => {
    if (event.target === dialog()) dialog().close();
  });
};
