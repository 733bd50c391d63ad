// Once a minute: ask what is due, show it on the toolbar, hand it to the recorder on this computer if there is one.

import { badge } from "./lib/badge.js";
import { pair, send } from "./lib/bridge.js";
import { ask } from "./lib/claude.js";
import { spentMark } from "./lib/limits.js";
import * as reduce from "./lib/reduce.js";
import { MINUTE, NOTHING, after, due, dueFor, noted } from "./lib/schedule.js";

const api = globalThis.browser ?? globalThis.chrome;
const TICK = "tick";

// Stored: accounts (reduced answers), outcome and checkedAt (of asking), memory (lib/schedule.js), pairing, bridge, left
// (show what is left of limits instead of what is used).
const load = () =>
  api.storage.local.get(["accounts", "outcome", "checkedAt", "memory", "pairing", "bridge", "left"]);
const save = (values) => api.storage.local.set(values);

/** @type {Promise<void> | null} */
let running = null;

// A tick at a time: who comes meanwhile waits for the one under way, and a person's wish is then followed.
export function tick(isAsked = false) {
  const before = (running ?? Promise.resolve()).catch(() => {});
  const mine = (running && !isAsked ? before : before.then(() => once(isAsked))).finally(() => {
    if (running === mine) running = null;
  });
  running = mine;
  return mine;
}

async function once(isAsked) {
  const saved = await load();
  const memory = { ...NOTHING, ...saved.memory };
  const now = Date.now();
  const accounts = saved.accounts ?? [];
  const wanted = due(
    memory,
    accounts.map((one) => one.organization),
    now,
    isAsked,
  );
  if (wanted !== null) Object.assign(saved, await asked(accounts, memory, wanted, now));
  await save({
    accounts: saved.accounts ?? [],
    outcome: saved.outcome ?? "",
    checkedAt: saved.checkedAt ?? 0,
    memory: saved.memory ?? memory,
  });
  if (wanted !== null && saved.pairing) {
    const made = await send(saved.pairing, report(saved, now));
    saved.bridge = { ...made, at: made.state === "ok" ? now : (saved.bridge?.at ?? 0) };
    await save({ bridge: saved.bridge });
  }
  await show(saved);
}

// Ask for what is wanted, one after the other, and stop at the first trouble that concerns them all.
async function asked(accounts, memory, wanted, now) {
  let known = accounts;
  const next = { ...memory, orgs: { ...memory.orgs } };
  const end = (outcome, /** @type {number | null | undefined} */ retryAfter = null) => ({
    accounts: known,
    outcome,
    checkedAt: now,
    memory: after(next, outcome, retryAfter, now),
  });
  if (wanted.account) {
    const said = await ask("/account");
    if (said.outcome === "forbidden") said.outcome = "expired"; // of oneself that may always be asked
    if (said.outcome !== "ok")
      return end(said.outcome === "missing" ? "shape" : said.outcome, said.retryAfter);
    const found = reduce.accounts(said.payload);
    if (found === null) return end("shape");
    known = found.map((one) => ({ ...accounts.find((old) => isSame(old, one)), ...one }));
    next.accountAt = now;
    next.orgs = Object.fromEntries(found.map((one) => [one.organization, next.orgs[one.organization]]));
  }
  for (const [place, account] of known.entries()) {
    const id = account.organization;
    const what = wanted.orgs[id] ?? dueFor(undefined, now, true);
    const made = await askedFor(account, what, now);
    known = known.with(place, made.account);
    if (made.stop) return end(made.stop, made.retryAfter);
    next.orgs[id] = noted(next.orgs[id], what, spentMark(made.account), now);
    if (made.account.outcome === "forbidden") next.accountAt = 0; // perhaps nobody is signed in: see at the next tick
  }
  return end("ok");
}

const isSame = (a, b) => a.account === b.account && a.organization === b.organization;

const PARTS = [
  ["overage", "overage", "overage_spend_limit"],
  ["slow", "subscription", "subscription_details"],
  ["slow", "credits", "prepaid/credits"],
  ["slow", "grant", "overage_credit_grant"],
];

async function askedFor(account, what, now) {
  const base = `/organizations/${encodeURIComponent(account.organization)}`;
  const made = { ...account };
  if (what.usage) {
    const said = await ask(`${base}/usage`);
    made.outcome = said.outcome === "missing" ? "shape" : said.outcome;
    if (["expired", "blocked", "limited", "offline", "timeout"].includes(said.outcome)) {
      return { account: made, stop: said.outcome, retryAfter: said.retryAfter };
    }
    if (said.outcome === "ok") Object.assign(made, { usage: reduce.usage(said.payload), observed_at: now });
  }
  for (const [when, name, path] of PARTS) {
    if (!what[when]) continue;
    const said = await ask(`${base}/${path}`);
    if (said.outcome === "limited") return { account: made, stop: "limited", retryAfter: said.retryAfter };
    if (said.outcome === "ok") made[name] = reduce[name](said.payload);
    else if (said.outcome === "missing") delete made[name];
  }
  return { account: made };
}

// What the recorder is sent: every account of this browser, with what is shown of it.
function report(saved, now) {
  const ok = saved.outcome === "ok";
  return {
    version: 1,
    sent_at: now,
    browser: name,
    outcome: saved.outcome || "offline",
    accounts: (ok ? saved.accounts : []).map((one) => {
      const {
        account,
        organization,
        label,
        plan,
        overage = {},
        subscription = {},
        credits = {},
        grant = {},
      } = one;
      const made = { account, organization, label, plan, overage, subscription, credits, grant };
      if (one.outcome === "ok" && now - one.observed_at < 4 * MINUTE) {
        return { ...made, outcome: "ok", observed_at: one.observed_at, usage: one.usage };
      }
      return { ...made, outcome: one.outcome === "ok" ? "offline" : one.outcome, observed_at: now };
    }),
  };
}

async function show(saved) {
  const { text, colour, ink, title } = badge(saved, Date.now());
  await api.action.setBadgeText({ text });
  await api.action.setBadgeBackgroundColor({ color: colour });
  await api.action.setBadgeTextColor?.({ color: ink });
  await api.action.setTitle({ title });
}

// What this browser calls itself, for the list of paired browsers.
let name = "A browser";
async function findName() {
  if (api.runtime.getBrowserInfo) {
    const info = await api.runtime.getBrowserInfo();
    name = `${info.name} ${info.version.split(".")[0]}`;
    return;
  }
  const { userAgentData } = /** @type {any} */ (navigator);
  const brands = (userAgentData?.brands ?? []).filter(
    (one) => !/not.?a.?brand/i.test(one.brand.replaceAll(/[^a-z]/gi, "")),
  );
  const own = brands.find((one) => one.brand !== "Chromium") ?? brands[0];
  if (own) name = `${own.brand} ${own.version}`;
}
const named = findName().catch(() => {});

api.runtime.onMessage.addListener((message, sender, answer) => {
  if (sender.id !== api.runtime.id) return false;
  const doing = { refresh: () => tick(true), pair: () => begin(message.code), unpair: forget }[message.what];
  if (!doing) return false;
  doing().then(
    (made) => answer(made ?? {}),
    (error) => answer({ problem: String(error.message ?? error) }),
  );
  return true;
});

async function begin(code) {
  await named;
  const made = await pair(String(code ?? ""), name);
  if (made.pairing) {
    await save({ pairing: made.pairing, bridge: { state: "ok", at: 0 } });
    await tick(true);
    return {};
  }
  return { problem: made.problem };
}

async function forget() {
  await api.storage.local.remove(["pairing", "bridge"]);
  await show(await load());
}

async function wind() {
  if (!(await api.alarms.get(TICK))) await api.alarms.create(TICK, { periodInMinutes: 1 });
}

async function start() {
  await Promise.all([named, wind()]);
  await tick();
}

api.alarms.onAlarm.addListener((alarm) => {
  if (alarm.name === TICK) return named.then(() => tick());
});
api.storage.onChanged.addListener(async (changes) => {
  if (changes.left) await show(await load());
});
api.runtime.onInstalled.addListener(start);
api.runtime.onStartup.addListener(start);
wind(); // an extension that was switched off and on again hears neither of the two
