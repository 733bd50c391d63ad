// What is kept of claude.ai's answers: that which is shown, and nothing else. Payment methods, names of people and of
// organisations, and whatever the service may add one day are dropped here, before anything is stored or sent.

const MOST = 30;
const WINDOW = ["utilization", "resets_at", "limit_dollars", "used_dollars"];
const EXTRA = [
  "is_enabled",
  "monthly_limit",
  "used_credits",
  "utilization",
  "currency",
  "decimal_places",
  "disabled_reason",
  "user_disabled",
  "spend_limit_reached",
  "out_of_credits",
];
const SPEND = ["percent", "enabled", "disabled_reason", "unsurfaced"];
const AMOUNT = ["amount_minor", "currency", "exponent"];
const LIMIT = ["kind", "group", "percent", "severity", "resets_at"];
const SHARE = ["key", "display_name", "percent"];
const OVERAGE = [
  "is_enabled",
  "monthly_credit_limit",
  "currency",
  "used_credits",
  "disabled_reason",
  "out_of_credits",
];
const SUBSCRIPTION = ["status", "next_charge_date", "billing_interval"];

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isPlain = (value) =>
  value === null || ["number", "boolean"].includes(typeof value) || typeof value === "string";

function only(value, fields) {
  const made = {};
  for (const field of fields) {
    if (isObject(value) && field in value && isPlain(value[field])) made[field] = short(value[field]);
  }
  return made;
}

const short = (value) => (typeof value === "string" ? value.slice(0, 100) : value);

export function usage(answer) {
  const made = {};
  for (const [key, value] of Object.entries(answer).slice(0, 60)) {
    if (key === "limits") made.limits = Array.isArray(value) ? value.slice(0, MOST).map(limit) : null;
    else if (key === "extra_usage") made.extra_usage = isObject(value) ? only(value, EXTRA) : null;
    else if (key === "spend") made.spend = isObject(value) ? spend(value) : null;
    else if (key === "seven_day_breakdown") made.seven_day_breakdown = isObject(value) ? shares(value) : null;
    else if (isObject(value) && ("utilization" in value || "limit_dollars" in value))
      made[key.slice(0, 60)] = only(value, WINDOW);
    else if (value === null && key.length < 60) made[key] = null;
  }
  return made;
}

function limit(entry) {
  if (!isObject(entry)) return null;
  const made = only(entry, [...LIMIT, "display_name", "name"]);
  if (isObject(entry.scope)) {
    made.scope = {};
    for (const part of ["model", "surface"]) {
      if (isObject(entry.scope[part]))
        made.scope[part] = only(entry.scope[part], ["display_name", "name", "id"]);
    }
  }
  return made;
}

function spend(value) {
  const made = only(value, SPEND);
  for (const amount of ["used", "limit"]) {
    if (amount in value) made[amount] = isObject(value[amount]) ? only(value[amount], AMOUNT) : null;
  }
  if (isObject(value.cap)) {
    const part = (name) => (isObject(value.cap[name]) ? only(value.cap[name], AMOUNT) : null);
    made.cap = { money: part("money"), credits: part("credits") };
  }
  return made;
}

function shares(value) {
  return { rows: Array.isArray(value.rows) ? value.rows.slice(0, MOST).map((row) => only(row, SHARE)) : [] };
}

export const overage = (answer) => only(answer, OVERAGE);
export const subscription = (answer) => only(answer, SUBSCRIPTION);
export const credits = (answer) => only(answer, ["amount", "currency"]);
export const grant = (answer) => only(answer, ["remaining_balance", "currency"]);

// The accounts in an answer of /account: one for each organisation that has chat. The address is the account's label,
// for people have several; a name is not taken.
export function accounts(answer) {
  if (!isObject(answer) || typeof answer.uuid !== "string" || !Array.isArray(answer.memberships)) return null;
  return answer.memberships
    .map((one) => one?.organization)
    .filter((one) => isObject(one) && typeof one.uuid === "string")
    .filter((one) => !Array.isArray(one.capabilities) || one.capabilities.includes("chat"))
    .slice(0, 16)
    .map((one) => ({
      account: answer.uuid.slice(0, 60).toLowerCase(),
      organization: one.uuid.slice(0, 60).toLowerCase(),
      label: typeof answer.email_address === "string" ? answer.email_address.slice(0, 100) : "",
      plan: { type: kind(one.capabilities), tier: String(one.rate_limit_tier ?? "").slice(0, 60) },
    }));
}

// The plan as the other endpoints word it, from what an organisation can do.
function kind(capabilities) {
  const can = Array.isArray(capabilities) ? capabilities : [];
  for (const plan of ["claude_max", "claude_pro"]) if (can.includes(plan)) return plan;
  if (can.includes("raven")) return "claude_team";
  return "";
}
