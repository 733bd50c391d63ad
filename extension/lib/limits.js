// From an answer about usage to what badge and popup show. Percentages are 0 to 100 in every field, whatever their
// value: 1 is 1 %, 0.5 is half a percent. What cannot be true is left out; unknown is never 0.

const NAMES = {
  five_hour: ["5-hour", "session"],
  seven_day: ["7-day", "weekly"],
  seven_day_opus: ["Opus week", "weekly", "Opus"],
  seven_day_sonnet: ["Sonnet week", "weekly", "Sonnet"],
  seven_day_cowork: ["Cowork week", "weekly", "Cowork"],
  seven_day_omelette: ["Design week", "weekly", "Design"],
  seven_day_oauth_apps: ["OAuth apps week", "weekly", "OAuth apps"],
  iguana_necktie: ["Cloud session credit", ""],
  cinder_cove: ["Promotional credit", ""],
};
const KINDS = { session: "five_hour", weekly_all: "seven_day" };
const OLD = 30 * 60_000;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const percentage = (value) => (typeof value === "number" && value >= 0 && value <= 1000 ? value : null);
const words = (name) => {
  const plain = String(name).replaceAll(/[_-]/g, " ").trim().slice(0, 60);
  return plain.charAt(0).toUpperCase() + plain.slice(1);
};

function moment(value) {
  const at = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? null : at;
}

// The words for a window that stands by itself, also for one that nobody has seen yet.
function named(key) {
  if (NAMES[key]) return NAMES[key];
  for (const [start, what, group] of [
    ["seven_day_", "week", "weekly"],
    ["five_hour_", "5-hour", "session"],
  ]) {
    if (key.startsWith(start)) return [`${words(key.slice(start.length))} ${what}`, group];
  }
  return [words(key), ""];
}

// [{key, label, group, percent, resetsAt}], the 5-hour limit first; percent null where nobody said.
export function limits(usage) {
  const found = new Map();
  for (const entry of Array.isArray(usage.limits) ? usage.limits : []) {
    if (!isObject(entry) || typeof entry.kind !== "string") continue;
    const percent = percentage(entry.percent);
    if (percent === null && entry.percent != null) continue;
    const base = KINDS[entry.kind] ?? entry.kind;
    const scope = [entry.scope?.model, entry.scope?.surface]
      .map((part) => part?.display_name ?? part?.name)
      .filter(Boolean)
      .join(" / ");
    const key = scope ? `${base}:${scope.toLowerCase()}` : base;
    const [label, group] = scope
      ? [`${words(scope)} week`, "weekly"]
      : (NAMES[base] ?? [words(entry.display_name ?? base), ""]);
    found.set(key, {
      key,
      label,
      group: entry.group ?? group,
      scope,
      percent,
      resetsAt: moment(entry.resets_at),
    });
  }
  for (const [key, value] of Object.entries(usage)) {
    if (!isObject(value) || !("utilization" in value || value.limit_dollars != null)) continue;
    if (["extra_usage", "spend"].includes(key) || found.has(key)) continue;
    const percent = percentage(value.utilization);
    if (percent === null && value.utilization != null) continue;
    const [label, group, scope = ""] = named(key);
    if (scope && found.has(`weekly_scoped:${scope.toLowerCase()}`)) continue;
    found.set(key, { key, label, group, scope, percent, resetsAt: moment(value.resets_at) });
  }
  const place = (one) =>
    one.key === "five_hour" ? 0 : one.key === "seven_day" ? 1 : one.group === "weekly" ? 2 : 3;
  return [...found.values()].sort((a, b) => place(a) - place(b));
}

// Metered use beyond the plan: {enabled, used, limit, percent, blocked}; amounts as {minor, currency, exponent}.
export function extra(account) {
  const { extra_usage: old = {}, spend: said = {} } = account.usage ?? {};
  const overage = account.overage ?? {};
  const amount = (value) =>
    isObject(value) && Number.isFinite(value.amount_minor)
      ? { minor: value.amount_minor, currency: value.currency ?? "USD", exponent: value.exponent ?? 2 }
      : null;
  const minor = (value, of) =>
    Number.isFinite(value)
      ? { minor: value, currency: of.currency ?? "USD", exponent: of.decimal_places ?? 2 }
      : null;
  const used =
    amount(said?.used) ?? minor(old?.used_credits, old ?? {}) ?? minor(overage.used_credits, overage);
  const limit =
    amount(said?.limit) ??
    amount(said?.cap?.money) ??
    minor(old?.monthly_limit, old ?? {}) ??
    minor(overage.monthly_credit_limit, overage);
  const enabled = said?.enabled ?? old?.is_enabled ?? overage.is_enabled ?? null;
  const percent =
    used && limit && limit.minor > 0 ? (100 * used.minor) / limit.minor : percentage(old?.utilization);
  const why = said?.disabled_reason ?? old?.disabled_reason ?? overage.disabled_reason;
  const blocked = why
    ? String(why).replaceAll("_", " ")
    : old?.spend_limit_reached
      ? "spend limit reached"
      : (overage.out_of_credits ?? old?.out_of_credits)
        ? "out of credits"
        : null;
  return { enabled, used, limit, percent, blocked };
}

// A mark of what was spent, to see whether it is being spent right now; null where nobody says.
export function spentMark(account) {
  const { used } = extra(account);
  return used ? `${used.minor} ${used.currency}` : null;
}

// fresh, stale (older than half an hour), reset (its reset has passed), wall, overage, unknown
export function state(limit, account, now) {
  if (limit.resetsAt !== null && now >= limit.resetsAt) return "reset";
  if (limit.percent === null) return "unknown";
  if (limit.percent >= 100 && ["session", "weekly"].includes(limit.group)) {
    const { enabled, blocked, percent } = extra(account);
    return enabled && blocked === null && (percent ?? 0) < 100 ? "overage" : "wall";
  }
  return now - account.observed_at > OLD ? "stale" : "fresh";
}

// At the wall nothing goes on; where extra usage does, at least the work does.
const presses = (limit, how) => limit.percent + (how === "wall" ? 10_000 : 0);

// The limit that presses most over all accounts: {limit, account, state}, null where nothing is known.
export function pressing(accounts, now) {
  /** @type {{ limit: any, account: any, state: string } | null} */
  let most = null;
  for (const account of accounts) {
    for (const limit of account.usage ? limits(account.usage) : []) {
      const how = state(limit, account, now);
      if (!["session", "weekly"].includes(limit.group) || ["unknown", "reset"].includes(how)) continue;
      if (most === null || presses(limit, how) > presses(most.limit, most.state))
        most = { limit, account, state: how };
    }
  }
  return most;
}
