// Live news: the server says that something was written, the page asks for the blocks that changed. Hidden pages ask nothing.
import { changed, morphInto } from "./morph.js";
import { loadedChunks } from "./list.js";

const LEAST_MS = Number(document.querySelector("meta[name=tachograph-least]").content); // between two refreshes; more where one takes long
let source = null;
let busy = false;
let again = false;
let last = 0;
let cost = 0;
let current = Date.now();
let timer = 0;
let told = "";

const say = (on, words) => {
  const live = document.getElementById("live");
  live.classList.toggle("on", on);
  live.classList.toggle("off", !on);
  const text = document.getElementById("live-text");
  if (text.textContent !== words) text.textContent = words;
};

const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const marks = () =>
  [["top", document.getElementById("top").dataset.mark ?? "-"], ...[...document.querySelectorAll(".block")].map((b) => [b.id.slice(2), b.dataset.mark])]
    .map((pair) => pair.join("=")).join(",");

let wanted = ""; // a table that is needed though nobody has opened it
const opened = () => [...document.querySelectorAll("details.twin[open]")].map((one) => one.id.slice(5)).concat(wanted || []).join(",");

// Bring the table beside a chart up to date, where it was left as it was.
export const renewTwin = async (twin) => {
  wanted = twin.id.slice(5);
  for (let tries = 0; twin.dataset.old && tries < 20; tries += 1) if (!(await refresh())) await new Promise((done) => setTimeout(done, 100));
  wanted = "";
};

// Bring the page up to date with its address. Answers whether it is.
export const refresh = async (address = location.pathname + location.search, fresh = false) => {
  if (busy) { again = true; return false; }
  busy = true;
  const began = performance.now();
  try {
    const answer = await fetch(address, { headers: { "x-tachograph-have": marks(), "x-tachograph-chunks": fresh ? "0" : loadedChunks(), "x-tachograph-opened": opened() } });
    if (!(answer.headers.get("content-type") ?? "").startsWith("application/json")) {
      if (answer.status === 200) say(false, `Signed out. Current as of ${clock(current)}`); // the keys were renewed
      else say(false, `${(await answer.text()).trim().slice(0, 120)} Current as of ${clock(current)}`);
      return false;
    }
    const said = await answer.json();
    if (!said.data) { say(false, `${said.error?.message ?? "No answer."} Current as of ${clock(current)}`); return false; }
    const started = performance.now();
    let touched = false;
    for (const { id, mark, html } of said.data.blocks) {
      if (html === null) continue;
      const element = document.getElementById(id === "top" ? "top" : `b-${id}`);
      if (!element) continue;
      if (id === "top") {
        const holder = document.createElement("div");
        holder.innerHTML = html;
        morphInto(element, holder.firstElementChild.innerHTML);
      } else morphInto(element, html);
      element.dataset.mark = mark;
      touched = true;
    }
    if (touched) changed({ fresh });
    performance.measure("tachograph-update", { start: started, end: performance.now() });
    document.title = `${said.data.title} · Tachograph`;
    current = said.data.at;
    told = said.ledger;
    document.documentElement.dataset.updates = String(Number(document.documentElement.dataset.updates ?? 0) + 1);
    say(true, `Live, ${clock(current)}`);
    return true;
  } catch {
    say(false, `Not connected. Current as of ${clock(current)}`);
    return false;
  } finally {
    cost = performance.now() - began;
    last = performance.now();
    busy = false;
    if (again) { again = false; soon(); }
  }
};

const soon = () => { // where a refresh takes long, five times as long is between two of them
  clearTimeout(timer);
  const wait = Math.max(0, last + LEAST_MS * Math.max(1, cost / 200) - performance.now());
  timer = setTimeout(() => { if (!document.hidden) refresh(); }, wait);
};

const open = () => {
  if (source) return;
  source = new EventSource("/live");
  source.addEventListener("news", (event) => {
    const said = JSON.parse(event.data);
    if (said.version !== told || Date.now() - current > 15000) soon();
    else say(true, `Live, ${clock(current)}`);
  });
  source.addEventListener("trouble", (event) => say(false, `${JSON.parse(event.data).version.slice(2)} Current as of ${clock(current)}`));
  source.onopen = () => soon();
  source.onerror = () => {
    say(false, `Not connected. Current as of ${clock(current)}`);
    if (source && source.readyState === EventSource.CLOSED) { close(); setTimeout(() => { if (!document.hidden) open(); }, 3000); }
  };
};

const close = () => { source?.close(); source = null; };

export const live = () => {
  const version = document.getElementById("version");
  if (version) { told = version.dataset.version; current = Number(version.dataset.at); }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { close(); clearTimeout(timer); } else open();
  });
  addEventListener("online", () => { close(); open(); });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  document.addEventListener("toggle", (event) => { if (event.target.open && event.target.dataset.old) renewTwin(event.target); }, true);
  let seen = Date.now(); // a jump of the clock: this computer slept
  setInterval(() => {
    if (Date.now() - seen > 15000 && !document.hidden) { close(); open(); }
    seen = Date.now();
  }, 5000);
  if (!document.hidden) open();
};
