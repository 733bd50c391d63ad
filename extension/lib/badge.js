// What the toolbar shows: the pressing percent in the meter's colours, `!` with the reason in the title.

import { limits, pressing, state } from "./limits.js";
import { OUTCOMES, duration, plan, shownPercent } from "./words.js";

const SLATE = "#344050",
  GREY = "#70777f",
  ORANGE = "#DB7620",
  RED = "#D73A49";
const INK = "#1c1c1e",
  WHITE = "#ffffff";

// {text, colour, ink, title}
export function badge(saved, now) {
  const { accounts = [], outcome = "", bridge = {}, left = false } = saved;
  const most = pressing(accounts, now);
  const lines = accounts.map((account) => line(account, now, left)).filter(Boolean);
  const trouble = outcome && outcome !== "ok" && outcome !== "offline" ? OUTCOMES[outcome] : "";
  const strange = bridge.state === "stranger" ? "Another program answers in Tachograph's place." : "";
  const title = ["Tachograph", trouble, strange, ...lines].filter(Boolean).join("\n");
  if (trouble || strange) return { text: "!", colour: GREY, ink: WHITE, title };
  if (most === null) return { text: outcome ? "–" : "", colour: GREY, ink: WHITE, title };
  if (most.state === "overage") return { text: "$", colour: SLATE, ink: WHITE, title };
  const percent = Math.round(most.limit.percent);
  const text = `${shownPercent(percent, left)}`;
  if (most.state === "stale") return { text: `~${text}`, colour: GREY, ink: WHITE, title };
  if (percent >= 100) return { text, colour: RED, ink: WHITE, title };
  if (percent >= 90) return { text, colour: ORANGE, ink: INK, title };
  return { text, colour: SLATE, ink: WHITE, title };
}

function line(account, now, left) {
  const shown = (account.usage ? limits(account.usage) : [])
    .filter((one) => ["session", "weekly"].includes(one.group) && one.percent !== null)
    .map((one) => {
      if (state(one, account, now) === "reset") return `${one.label} –`;
      const resets = one.resetsAt === null ? "" : `, resets in ${duration(one.resetsAt - now)}`;
      return `${one.label} ${shownPercent(one.percent, left)} %${left ? " left" : ""}${resets}`;
    });
  return shown.length ? `${account.label || plan(account.plan)}\n  ${shown.join("\n  ")}` : "";
}
