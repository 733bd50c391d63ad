// Filters are part of the address: links and fields change it, and the page follows without being loaded again.
import { refresh } from "./live.js";
import { onChanged } from "./morph.js";

const SEARCH_MS = 180; // of silence before typed words are searched

/** Follow an address. @param {string} address @param {boolean} isReplacing */
const go = async (address, isReplacing = false) => {
  const url = new URL(address, location.href);
  if (url.pathname !== location.pathname) {
    location.href = url.href;
    return;
  }
  const next = url.pathname + url.search;
  if (url.search !== location.search) history[isReplacing ? "replaceState" : "pushState"](null, "", next);
  const main = document.getElementById("main");
  main?.setAttribute("aria-busy", "true");
  for (let tries = 0; tries < 20 && !(await refresh(undefined, true)); tries += 1) {
    await new Promise((done) => setTimeout(done, 150));
  }
  main?.removeAttribute("aria-busy");
};

const query = () => new URLSearchParams(location.search);

/** @param {URLSearchParams} wanted */
const withQuery = (wanted) => `${location.pathname}${wanted.size ? `?${wanted}` : ""}`;

const findField = () => /** @type {HTMLInputElement | null} */ (document.getElementById("find"));

/** Hide the rows without the typed words, on pages with whole tables. */
const hideRows = () => {
  const find = findField();
  if (!find || find.dataset.server) return;
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length && !document.querySelector("#blocks tr[hidden], #blocks li[hidden]")) return;
  const rows = document.querySelectorAll("#blocks .table > tbody > tr, #blocks .limits > li");
  for (const row of /** @type {NodeListOf<HTMLElement>} */ (rows)) {
    const text = (row.textContent ?? "").toLowerCase();
    const isHidden = !words.every((word) => text.includes(word));
    if (row.hidden !== isHidden) row.hidden = isHidden;
  }
};

/** On a narrow screen the fields are folded behind a button. @param {MouseEvent} event */
const toggleFields = (event) => {
  const button = event.target instanceof Element ? event.target.closest("#show-filters") : null;
  if (!button) return;
  const { dataset } = document.documentElement;
  dataset.filters = dataset.filters === "open" ? "closed" : "open";
  button.setAttribute("aria-expanded", String(dataset.filters === "open"));
};

/** @param {MouseEvent} event */
const followLink = (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[data-soft]") : null;
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const address = link.getAttribute("href") ?? "";
  if (new URL(address, location.href).pathname !== location.pathname) return;
  event.preventDefault();
  for (const menu of document.querySelectorAll(".filters details[open]")) menu.removeAttribute("open");
  go(address);
};

/** @param {Event} event */
const followField = (event) => {
  const field = /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target);
  if (!field.closest?.("#filters")) return;
  const wanted = query();
  if (field instanceof HTMLInputElement && field.id === "compare") {
    wanted.delete("compare");
    if (!field.checked) wanted.set("compare", "off");
  } else if (field.matches("select[data-filter]")) {
    wanted.delete(field.name);
    if (field.value) wanted.set(field.name, field.value);
  } else return;
  go(withQuery(wanted));
};

/** @param {SubmitEvent} event */
const followForm = (event) => {
  if (!(event.target instanceof Element) || event.target.id !== "filters") return;
  event.preventDefault();
  const wanted = query();
  const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
  if (button?.name === "go") {
    for (const name of ["range", "since", "until"]) wanted.delete(name);
    for (const name of ["since", "until"]) {
      const { value } = /** @type {HTMLInputElement} */ (document.getElementById(name));
      if (value) wanted.set(name, value);
    }
    document.getElementById("custom-range")?.removeAttribute("open");
  }
  go(withQuery(wanted));
};

let timer = 0;

/** @param {Event} event */
const followWords = (event) => {
  const field = /** @type {HTMLInputElement} */ (event.target);
  if (field.id !== "find") return;
  const wanted = query();
  wanted.delete("find");
  if (field.value) wanted.set("find", field.value);
  clearTimeout(timer);
  if (field.dataset.server) {
    timer = setTimeout(() => go(withQuery(wanted), true), SEARCH_MS);
    return;
  }
  hideRows();
  history.replaceState(null, "", withQuery(wanted));
};

export const watchFilters = () => {
  document.addEventListener("click", followLink);
  document.addEventListener("click", toggleFields);
  document.addEventListener("change", followField);
  document.addEventListener("submit", followForm);
  document.addEventListener("input", followWords);
  document.addEventListener("tachograph-go", (event) => go(/** @type {CustomEvent} */ (event).detail));
  addEventListener("popstate", () => {
    const find = findField();
    if (find) find.value = query().get("find") ?? "";
    go(location.href, true);
  });
  onChanged(hideRows);
  hideRows();
};
