// When to ask claude.ai for what. Pure: the memory and the time go in, what is due comes out.
//
// In steady state one request for each organisation and minute (its usage); who is signed in, the subscription and
// credits every hour; the overage every five minutes, and every minute only while it is being spent. Times: epoch ms.

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
const EARLY = 10_000; // an alarm may come a little before its minute
const LONGEST = HOUR;
const LADDER = 5 * MINUTE;

export const NOTHING = { accountAt: 0, waitUntil: 0, strikes: 0, outcome: "", orgs: {} };

const isDue = (at, every, now) => at > now + MINUTE || now - at >= every - EARLY; // a clock that was set back counts too

// What is due now: `account` (who is signed in), and for each known organisation `usage`, `overage`, `slow`.
// `isAsked`: a person wants it now; only what the service asked us to wait for stands in the way.
export function due(memory, organizations, now, isAsked) {
  const isBarred = now < memory.waitUntil && memory.waitUntil <= now + LONGEST + MINUTE;
  if (isBarred && !(isAsked && memory.outcome !== "limited")) return null;
  const all = isAsked || !["", "ok"].includes(memory.outcome);
  return {
    account: all || isDue(memory.accountAt, HOUR, now),
    all,
    orgs: Object.fromEntries(organizations.map((id) => [id, dueFor(memory.orgs[id], now, all)])),
  };
}

export function dueFor(known, now, all) {
  const at = known ?? { usageAt: 0, overageAt: 0, slowAt: 0, spendingUntil: 0 };
  return {
    usage: all || isDue(at.usageAt, MINUTE, now),
    overage: all || isDue(at.overageAt, now < at.spendingUntil ? MINUTE : 5 * MINUTE, now),
    slow: all || isDue(at.slowAt, HOUR, now),
  };
}

// The memory of an organisation after its questions. `spent`: a mark of what was spent beyond the plan, null if unknown.
export function noted(known, asked, spent, now) {
  const before = known ?? { usageAt: 0, overageAt: 0, slowAt: 0, spendingUntil: 0, spent: null };
  const isSpending = spent !== null && before.spent != null && spent !== before.spent;
  return {
    usageAt: asked.usage ? now : before.usageAt,
    overageAt: asked.overage ? now : before.overageAt,
    slowAt: asked.slow ? now : before.slowAt,
    spendingUntil: isSpending ? now + 10 * MINUTE : before.spendingUntil,
    spent: spent ?? before.spent ?? null,
  };
}

// When to go on after a tick that ended with an outcome; `retryAfter` in seconds as the service said, null if it did not.
export function after(memory, outcome, retryAfter, now) {
  if (outcome === "ok") return { ...memory, outcome, strikes: 0, waitUntil: 0 };
  const strikes = memory.strikes + 1;
  const ladder = Math.min(LONGEST, LADDER * 2 ** Math.min(strikes - 1, 10));
  let wait = 0; // nobody was reached, so nobody is burdened: the next minute
  if (outcome === "limited") wait = Math.min(LONGEST, Math.max(ladder, (retryAfter ?? 0) * 1000 + MINUTE));
  else if (outcome === "expired") wait = LADDER;
  else if (["blocked", "server", "shape"].includes(outcome)) wait = Math.min(ladder, 30 * MINUTE);
  return { ...memory, outcome, strikes, waitUntil: wait ? now + wait - EARLY : 0 };
}
