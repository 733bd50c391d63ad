// Keyboard shortcuts; docs/dashboard.md lists them.
import { openPalette } from "./palette.js";

/** @type {Record<string, string>} */
const PAGES = { n: "/", u: "/usage", s: "/sessions", p: "/pulls", l: "/limits", e: "/settings" };
const FILTERED = ["u", "s", "p", "l"]; // pages that keep range and filters
const CHART_KEYS = ["+", "-", "=", "0", "ArrowLeft", "ArrowRight"];
const NEXT_THEME = /** @type {Record<string, string>} */ ({ system: "light", light: "dark", dark: "system" });
const SECOND_KEY_MS = 1500;
let secondKeyUntil = 0;

const themeSelect = () => /** @type {HTMLSelectElement} */ (document.getElementById("theme"));

/** @param {string} value */
const setTheme = (value) => {
  document.documentElement.dataset.theme = value;
  themeSelect().value = value;
  try {
    localStorage.setItem("tachograph-theme", value);
  } catch {
    // without storage it holds until the page goes
  }
  document.dispatchEvent(new CustomEvent("tachograph-theme"));
};

/** Move the focus by a row of the table that has it. @param {number} by */
const moveRow = (by) => {
  const here = document.activeElement?.closest("tbody tr");
  const visible = [...document.querySelectorAll("#blocks table")].find((one) => one.checkVisibility());
  const table = document.activeElement?.closest("table") ?? visible;
  const rows = [...(table?.querySelectorAll("tbody tr") ?? [])].filter((row) => row.checkVisibility());
  const next = rows[here ? rows.indexOf(here) + by : 0];
  /** @type {HTMLElement | undefined} */ (next)?.focus();
};

const keysDialog = () => /** @type {HTMLDialogElement} */ (document.getElementById("keys"));

/** @type {Record<string, () => void>} */
const ACTIONS = {
  g: () => {
    secondKeyUntil = Date.now() + SECOND_KEY_MS;
  },
  "?": () => keysDialog().showModal(),
  p: openPalette,
  "/": () => document.getElementById("find")?.focus(),
  j: () => moveRow(1),
  k: () => moveRow(-1),
  t: () => setTheme(NEXT_THEME[document.documentElement.dataset.theme ?? "system"]),
};

/** @param {string} key */
const rangeLink = (key) => {
  const links = document.querySelectorAll(".filters .segments a");
  return Number(key) >= 1 ? /** @type {HTMLElement | undefined} */ (links[Number(key) - 1]) : undefined;
};

/** @param {KeyboardEvent} event @param {Element} target */
const actByKey = (event, target) => {
  const range = rangeLink(event.key);
  if (event.key === "Enter" && target.matches("tbody tr")) {
    /** @type {HTMLElement | null} */ (target.querySelector("a, summary"))?.click();
  } else if (ACTIONS[event.key]) ACTIONS[event.key]();
  else if (range) range.click();
  else return;
  event.preventDefault();
};

/** @param {KeyboardEvent} event */
const hear = (event) => {
  const target = event.target instanceof Element ? event.target : document.body;
  const hasCommand = event.ctrlKey || event.metaKey;
  if (hasCommand && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  const isTyping = target.closest("input, select, textarea, [contenteditable]") !== null;
  if (hasCommand || event.altKey || isTyping || document.querySelector("dialog[open]")) return;
  if (secondKeyUntil > Date.now() && PAGES[event.key]) {
    location.href = PAGES[event.key] + (FILTERED.includes(event.key) ? location.search : "");
    return;
  }
  secondKeyUntil = 0;
  if (target.closest("[data-chart]") && CHART_KEYS.includes(event.key)) return; // charts/lifecycle.js takes it
  actByKey(event, target);
};

export const watchShortcuts = () => {
  const select = themeSelect();
  select.value = document.documentElement.dataset.theme ?? "system";
  select.addEventListener("change", () => setTheme(select.value));
  document.getElementById("open-keys")?.addEventListener("click", () => keysDialog().showModal());
  document.getElementById("open-palette")?.addEventListener("click", openPalette);
  document.addEventListener("keydown", hear);
};
