// Everything the toolbar's number leaves out. Text goes in as text: nothing that claude.ai or anybody says is markup.

import { extra, limits, state } from "./lib/limits.js";
import { BRIDGE, OUTCOMES, ago, duration, money, plan, shownPercent } from "./lib/words.js";

const api = globalThis.browser ?? globalThis.chrome;
/** An element of the popup. @param {string} id @returns {any} */
const at = (id) => document.getElementById(id);
let saved = {};
let isOpen = null; // whether the code is asked for, once a person said so

function make(tag, text = "", kind = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function draw() {
  const now = Date.now();
  const { accounts = [], outcome = "", bridge = {}, pairing, checkedAt = 0 } = saved;
  const trouble = outcome && outcome !== "ok" ? (OUTCOMES[outcome] ?? outcome) : "";
  at("trouble").hidden = !trouble;
  at("trouble").textContent = trouble;
  if (outcome === "expired") at("trouble").append(" ", signInLink());
  at("accounts").replaceChildren(...accounts.map((one) => section(one, accounts, now)));
  if (!accounts.length && !trouble) {
    at("accounts").append(
      make("p", checkedAt ? "No account with chat in this browser." : "Not asked yet.", "empty"),
    );
  }
  const how = pairing ? (bridge.state ?? "absent") : "unpaired";
  const heard = how !== "ok" && bridge.at ? ` The recorder last had readings ${ago(bridge.at, now)}.` : "";
  at("bridge").textContent =
    `${BRIDGE[how] ?? how}${how === "refused" && bridge.text ? ` ${bridge.text}` : ""}${heard}`;
  at("bridge").className = how === "ok" ? "ok" : ["unpaired", "absent"].includes(how) ? "" : "trouble";
  at("pairing").hidden = !(isOpen ?? !pairing);
  at("pair").hidden = !pairing && isOpen === null;
  at("pair").textContent = at("pairing").hidden ? (pairing ? "Pair again…" : "Pair…") : "Not now";
  at("count").textContent = saved.left ? "Show percent used" : "Show percent remaining";
  at("updated").textContent = checkedAt ? `Asked ${ago(checkedAt, now)}` : "";
}

function signInLink() {
  const link = make("a", "Open claude.ai");
  link.href = "https://claude.ai/login";
  link.target = "_blank";
  link.rel = "noreferrer";
  return link;
}

function section(account, all, now) {
  const made = make("section");
  const head = make("h2", account.label || "Account without a name");
  const isTwice =
    all.filter((one) => one.label === account.label && plan(one.plan) === plan(account.plan)).length > 1;
  const aside = [plan(account.plan), isTwice ? account.organization.slice(0, 8) : ""]
    .filter(Boolean)
    .join(" · ");
  if (aside) head.append(make("span", ` · ${aside}`, "plan"));
  made.append(head);
  const rows = make("dl");
  for (const limit of account.usage ? limits(account.usage) : []) rows.append(...row(limit, account, now));
  made.append(rows);
  const beyond = extra(account);
  if (beyond.enabled) made.append(make("p", beyondWords(beyond), "money"));
  for (const line of [...moneyLines(account), ...oldLines(account, now)]) made.append(make("p", line, "old"));
  return made;
}

function row(limit, account, now) {
  const how = state(limit, account, now);
  const percent = how === "reset" ? null : limit.percent;
  const level =
    how === "stale"
      ? "stale"
      : how === "overage" || percent === null
        ? ""
        : percent >= 100
          ? "wall"
          : percent >= 90
            ? "high"
            : "";
  const sign = level === "wall" ? "■ " : level === "high" ? "▲ " : how === "stale" ? "~" : "";
  const bar = make("div", "", `bar ${level}`);
  const fill = make("i");
  const { left = false } = saved;
  fill.style.width = `${Math.min(100, percent === null ? 0 : shownPercent(percent, left))}%`;
  bar.append(fill);
  return [
    make("dt", limit.label),
    make("dd", percent === null ? "–" : `${sign}${shownPercent(percent, left)} %${left ? " left" : ""}`),
    bar,
    make("div", note(limit, how, now), "note"),
  ];
}

function note(limit, how, now) {
  if (how === "reset") return "has reset since; not asked again yet";
  const resets =
    limit.resetsAt === null
      ? "not begun"
      : `resets in ${duration(limit.resetsAt - now)}, ${clock(limit.resetsAt, now)}`;
  if (how === "wall") return `at the limit; ${resets}`;
  if (how === "overage") return `reached; extra usage goes on; ${resets}`;
  return resets;
}

function clock(moment, now) {
  const time = new Date(moment).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const day = new Date(moment).toLocaleDateString("en-GB", { weekday: "short" });
  return moment - now < 86_400_000 ? time : `${day} ${time}`;
}

function beyondWords({ used, limit, blocked }) {
  const of = limit ? ` of ${money(limit)}` : "";
  return `Extra usage ${used ? money(used) : "–"}${of}${blocked ? ` · blocked: ${blocked}` : ""}`;
}

function moneyLines({ credits, grant, subscription }) {
  const made = [];
  const left = [
    [credits?.amount, credits, "credits left"],
    [grant?.remaining_balance, grant, "granted credits left"],
  ];
  for (const [amount, of, what] of left) {
    if (Number.isFinite(amount))
      made.push(`${money({ minor: amount, currency: of.currency ?? "USD", exponent: 2 })} ${what}`);
  }
  if (subscription?.next_charge_date)
    made.push(`next charge ${String(subscription.next_charge_date).slice(0, 10)}`);
  return made.length ? [made.join(" · ")] : [];
}

function oldLines(account, now) {
  if (account.outcome && account.outcome !== "ok") return [OUTCOMES[account.outcome] ?? account.outcome];
  return account.observed_at && now - account.observed_at > 120_000
    ? [`As of ${ago(account.observed_at, now)}`]
    : [];
}

async function read() {
  saved = await api.storage.local.get(["accounts", "outcome", "bridge", "pairing", "checkedAt", "left"]);
  draw();
}

at("refresh").addEventListener("click", async () => {
  at("refresh").disabled = true;
  at("refresh").textContent = "Asking…";
  await api.runtime.sendMessage({ what: "refresh" }).catch(() => {});
  at("refresh").disabled = false;
  at("refresh").textContent = "Refresh";
  await read();
});
at("count").addEventListener("click", () => api.storage.local.set({ left: !saved.left }));
at("pair").addEventListener("click", () => {
  isOpen = at("pairing").hidden;
  at("problem").textContent = "";
  draw();
  if (isOpen) at("code").focus();
});
at("pairing").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = at("pairing").querySelector("button");
  button.disabled = true;
  at("problem").textContent = "";
  const made = await api.runtime
    .sendMessage({ what: "pair", code: at("code").value })
    .catch((error) => ({ problem: String(error) }));
  button.disabled = false;
  if (made?.problem) {
    at("problem").textContent = made.problem;
  } else {
    isOpen = null;
    at("code").value = "";
  }
  await read();
});
api.storage.onChanged.addListener(read);
setInterval(draw, 5_000);
read();
