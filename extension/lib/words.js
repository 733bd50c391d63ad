// Numbers, times and outcomes in words, the same on badge and popup.

export const OUTCOMES = {
  expired: "You are signed out of claude.ai in this browser. Sign in there, and it goes on.",
  forbidden: "claude.ai does not let this account read its usage.",
  blocked:
    "Blocked by Cloudflare, try again: claude.ai shows a check that a page has to pass. You are not signed out.",
  limited: "claude.ai was asked too often.",
  server: "claude.ai has trouble of its own.",
  timeout: "claude.ai did not answer in time.",
  offline:
    "No connection to claude.ai (or this browser does not let the extension reach it: see its permissions).",
  shape: "claude.ai answers in a way that this version does not understand.",
};

export const BRIDGE = {
  unpaired: "Not paired with Tachograph on this computer.",
  ok: "Tachograph on this computer has the readings.",
  absent:
    "Tachograph does not answer on this computer: its recorder does not run, or this browser's pairing was revoked.",
  stranger: "Another program answers in Tachograph's place. Nothing was sent to it.",
  revoked: "Tachograph does not know this browser (any more). Pair again.",
  refused: "Tachograph did not take the readings.",
};

// The percentage that a person sees: used, or left where the popup is set so.
export function shownPercent(percent, left) {
  return left ? Math.max(0, 100 - Math.round(percent)) : Math.round(percent);
}

export function duration(ms) {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

export function ago(at, now) {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  return seconds < 60 ? `${seconds} s ago` : `${duration(now - at)} ago`;
}

export function money({ minor, currency, exponent }) {
  const value = minor / 10 ** exponent;
  try {
    return new Intl.NumberFormat("en-US", {
      style: "currency",
      currency,
      minimumFractionDigits: exponent,
    }).format(value);
  } catch {
    return `${value.toFixed(exponent)} ${currency}`;
  }
}

export function plan({ type = "", tier = "" } = {}) {
  const kind = type.replace("claude_", "");
  if (["pro", "team", "enterprise", "free", "ultra"].includes(kind))
    return kind.charAt(0).toUpperCase() + kind.slice(1);
  if (kind === "max" || (!kind && tier.includes("_max"))) {
    return tier.endsWith("20x") ? "Ultra" : "Max"; // names since 30 October 2026; the tiers kept theirs
  }
  return tier === "default_raven" ? "Team" : "";
}
