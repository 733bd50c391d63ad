// Live updates: the server says that something was written, the page asks for the blocks that changed. Hidden pages ask
// nothing. docs/dashboard-protocol.md describes headers, marks and twins.
import { ask, onSignIn } from "./access.js";
import { loadedChunks } from "./list.js";
import { changed, morphInto, rememberParts, withSelection } from "./morph.js";
import { BLOCK_END, CHUNKS, MARKS, OPENED, WHOLE } from "./protocol.js";

const RETRY_MS = 1500;
const SLEPT_MS = 15_000; // a longer gap between two ticks of a timer: this computer slept

/** @type {HTMLMetaElement | null} */
const leastMeta = document.querySelector("meta[name=tachograph-least]");
const LEAST_MS = Number(leastMeta?.content ?? 1000); // between two refreshes; more if one takes long

/** All that changes while a page is open. */
const state = {
  isBusy: false,
  isWanted: false, // a refresh was asked for during another one
  finishedAt: 0, // of the last refresh, on the performance clock
  costMs: 0, // of the last refresh
  currentAt: Date.now(), // the moment of the numbers shown
  version: "", // of the ledger, as shown
  timer: 0,
  twin: "", // a closed table that is needed now
  /** @type {AbortController | null} */
  news: null,
};

/** @param {boolean} isOn @param {string} words */
const showStatus = (isOn, words) => {
  const live = document.getElementById("live");
  const text = document.getElementById("live-text");
  live?.classList.toggle("on", isOn);
  live?.classList.toggle("off", !isOn);
  if (text && text.textContent !== words) text.textContent = words;
};

const clock = (/** @type {number} */ at) =>
  new Date(at).toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });

const showStale = (/** @type {string} */ why) =>
  showStatus(false, `${why} Current as of ${clock(state.currentAt)}`);

const blocksOf = () => /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".block"));

const marks = () => {
  const top = document.getElementById("top")?.dataset.mark ?? "-";
  return [["top", top], ...[...blocksOf()].map((one) => [one.id.slice(2), one.dataset.mark])]
    .map((pair) => pair.join("="))
    .join(",");
};

const openedTwins = () =>
  [...document.querySelectorAll("details.twin[open]")]
    .map((one) => one.id.slice("twin-".length))
    .concat(state.twin || [])
    .join(",");

const here = () => location.pathname + location.search;

/** Load the page: its blocks are shown one by one as they arrive. Answers whether it was signed in. */
export const load = async () => {
  const answer = await ask(here(), { headers: { [WHOLE]: "yes" } });
  if (answer.status === 401 || !answer.body) return false;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const pieces = (rest + part.value).split(BLOCK_END);
    rest = pieces.pop() ?? "";
    for (const html of pieces) place(html);
  }
  place(rest);
  const version = document.getElementById("version");
  state.version = version?.dataset.version ?? "";
  state.currentAt = Number(version?.dataset.at ?? Date.now());
  document.title = `${document.querySelector("h1")?.textContent ?? ""} · Tachograph`;
  return true;
};

/** @param {string} html */
const place = (html) => {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const top = holder.content.getElementById("top");
  if (top) document.getElementById("top")?.replaceWith(top);
  document.getElementById("blocks")?.append(holder.content);
  rememberParts(html);
};

/** Bring the table beside a chart up to date. @param {HTMLElement} twin */
export const renewTwin = async (twin) => {
  state.twin = twin.id.slice("twin-".length);
  for (let tries = 0; twin.dataset.old && tries < 20; tries += 1) {
    if (!(await refresh())) await new Promise((done) => setTimeout(done, 100));
  }
  state.twin = "";
};

/** Bring the page up to date with its address. Answers whether it is. */
export const refresh = async (address = here(), isFresh = false) => {
  if (state.isBusy) {
    state.isWanted = true;
    return false;
  }
  state.isBusy = true;
  const began = performance.now();
  try {
    const reply = await changesOf(address, isFresh);
    if (reply) apply(reply, isFresh);
    return Boolean(reply);
  } catch {
    showStale("Not connected.");
    return false;
  } finally {
    state.costMs = performance.now() - began;
    state.finishedAt = performance.now();
    state.isBusy = false;
    if (state.isWanted) {
      state.isWanted = false;
      refreshSoon();
    }
  }
};

/** @param {string} address @param {boolean} isFresh */
const changesOf = async (address, isFresh) => {
  const headers = {
    [MARKS]: marks(),
    [CHUNKS]: isFresh ? "0" : loadedChunks(),
    [OPENED]: openedTwins(),
  };
  const answer = await ask(address, { headers });
  const isJson = (answer.headers.get("content-type") ?? "").startsWith("application/json");
  if (answer.status === 401) {
    showStale("Signed out: run `tachograph dashboard` in a terminal.");
    document.documentElement.dataset.signedOut = "yes";
    return null;
  }
  const reply = isJson ? await answer.json() : null;
  if (reply?.data) return reply;
  showStale(
    reply?.error?.message ?? (await answer.text().catch(() => "")).trim().slice(0, 120) ?? "No answer.",
  );
  return null;
};

/** @param {any} reply @param {boolean} isFresh */
const apply = ({ data, ledger }, isFresh) => {
  const started = performance.now();
  const fresh = data.blocks.filter((/** @type {any} */ one) => one.html !== null);
  withSelection(() => {
    for (const { id, mark, html } of fresh) {
      const element = document.getElementById(id === "top" ? "top" : `b-${id}`);
      if (!element) continue;
      morphInto(element, id === "top" ? innerOf(html) : html);
      element.dataset.mark = mark;
    }
  });
  if (fresh.length) changed({ isFresh });
  performance.measure("tachograph-update", { start: started, end: performance.now() });
  document.title = `${data.title} · Tachograph`;
  state.currentAt = data.at;
  state.version = ledger;
  const { dataset } = document.documentElement;
  dataset.updates = String(Number(dataset.updates ?? 0) + 1);
  delete dataset.signedOut;
  showStatus(true, `Live, ${clock(state.currentAt)}`);
};

const innerOf = (/** @type {string} */ html) => {
  const holder = document.createElement("div");
  holder.innerHTML = html;
  return holder.firstElementChild?.innerHTML ?? "";
};

/** Refresh at most once a second; if a refresh takes long, five times as long is between two of them. */
const refreshSoon = () => {
  clearTimeout(state.timer);
  const wait = state.finishedAt + LEAST_MS * Math.max(1, state.costMs / 200) - performance.now();
  state.timer = setTimeout(() => !document.hidden && refresh(), Math.max(0, wait));
};

/** Read the stream of news until it ends. @param {AbortController} control */
const readNews = async (control) => {
  const answer = await ask("/live", { signal: control.signal });
  if (answer.status === 401) {
    closeNews(); // until another tab has signed in
    refreshSoon(); // which says what to do
    return;
  }
  if (!answer.ok || !answer.body) throw new Error(String(answer.status));
  refreshSoon();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const events = (rest + part.value).split("\n\n");
    rest = events.pop() ?? "";
    for (const one of events) hear(one);
  }
};

/** @param {string} event */
const hear = (event) => {
  const kind = /^event: (\w+)$/m.exec(event)?.[1];
  const text = /^data: (.*)$/m.exec(event)?.[1];
  if (!kind || !text) return;
  const { version } = JSON.parse(text);
  if (kind === "trouble") showStale(version.slice(2));
  else if (version !== state.version || Date.now() - state.currentAt > SLEPT_MS) refreshSoon();
  else showStatus(true, `Live, ${clock(state.currentAt)}`);
};

const openNews = async () => {
  if (state.news) return;
  const control = new AbortController();
  state.news = control;
  while (state.news === control) {
    await readNews(control).catch(() => {});
    if (state.news !== control) return;
    if (document.documentElement.dataset.signedOut === undefined) showStale("Not connected.");
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
};

const closeNews = () => {
  state.news?.abort();
  state.news = null;
};

/** Follow the ledger while the page is visible. */
export const watchNews = () => {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      openNews();
      return;
    }
    closeNews();
    clearTimeout(state.timer);
  });
  addEventListener("online", () => {
    closeNews();
    openNews();
  });
  onSignIn(() => {
    closeNews();
    openNews();
  });
  addEventListener("pagehide", closeNews);
  addEventListener("pageshow", (event) => event.persisted && openNews());
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (target instanceof HTMLDetailsElement && target.open && target.dataset.old) renewTwin(target);
    },
    true,
  );
  let seenAt = Date.now();
  setInterval(() => {
    if (Date.now() - seenAt > SLEPT_MS && !document.hidden) {
      closeNews();
      openNews();
    }
    seenAt = Date.now();
  }, 5000);
  if (!document.hidden) openNews();
};
