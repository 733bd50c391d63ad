// Everything by keyboard.
import { openPalette } from "./palette.js";

const PLACES = { n: "/", u: "/usage", s: "/sessions", p: "/pulls", l: "/limits", e: "/settings" };
let waits = 0;

const theme = (value) => {
  document.documentElement.dataset.theme = value;
  document.getElementById("theme").value = value;
  try { localStorage.setItem("tachograph-theme", value); } catch { /* it is kept until the page goes */ }
  document.dispatchEvent(new CustomEvent("tachograph-theme"));
};

const step = (forward) => {
  const here = document.activeElement?.closest?.("tbody tr");
  const table = document.activeElement?.closest?.("table") ?? [...document.querySelectorAll("#blocks table")].find((one) => one.checkVisibility());
  const rows = [...(table?.querySelectorAll("tbody tr") ?? [])].filter((row) => row.checkVisibility());
  const next = rows[here ? rows.indexOf(here) + (forward ? 1 : -1) : 0];
  next?.focus();
};

export const watchKeys = () => {
  const select = document.getElementById("theme");
  select.value = document.documentElement.dataset.theme;
  select.addEventListener("change", () => theme(select.value));
  const keys = document.getElementById("keys");
  document.getElementById("open-keys").addEventListener("click", () => keys.showModal());
  document.getElementById("open-palette").addEventListener("click", openPalette);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); openPalette(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, [contenteditable]") || document.querySelector("dialog[open]")) return;
    if (waits > Date.now() && PLACES[event.key]) { waits = 0; location.href = PLACES[event.key] + (event.key === "n" || event.key === "e" ? "" : location.search); return; }
    waits = 0;
    if (event.target.closest("[data-chart]") && ["+", "-", "=", "0", "ArrowLeft", "ArrowRight"].includes(event.key)) return; // the chart's
    const range = Number(event.key) >= 1 && Number(event.key) <= 6 ? document.querySelectorAll(".filters .segments a")[Number(event.key) - 1] : null;
    if (event.key === "g") waits = Date.now() + 1500;
    else if (event.key === "?") keys.showModal();
    else if (event.key === "p") openPalette();
    else if (event.key === "/") document.getElementById("find")?.focus();
    else if (event.key === "j" || event.key === "k") step(event.key === "j");
    else if (event.key === "t") theme({ system: "light", light: "dark", dark: "system" }[document.documentElement.dataset.theme]);
    else if (event.key === "Enter" && event.target.matches("tbody tr")) event.target.querySelector("a, summary")?.click();
    else if (range) range.click();
    else return;
    event.preventDefault();
  });
};
