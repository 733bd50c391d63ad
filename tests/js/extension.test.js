// The extension's pure modules: limits, schedule, reduction, badge, codes.
import assert from "node:assert/strict";
import test from "node:test";
import { badge } from "../../extension/lib/badge.js";
import { parsed } from "../../extension/lib/bridge.js";
import { judged } from "../../extension/lib/claude.js";
import { limits, pressing, state } from "../../extension/lib/limits.js";
import { accounts, usage } from "../../extension/lib/reduce.js";
import { after, due, MINUTE, NOTHING } from "../../extension/lib/schedule.js";
import { duration } from "../../extension/lib/words.js";

const NOW = Date.UTC(2026, 10, 26, 12);
const at = (minutes) => new Date(NOW + minutes * MINUTE).toISOString();
const ANSWER = {
  five_hour: { utilization: 78, resets_at: at(112) },
  seven_day: { utilization: 91, resets_at: at(3000) },
  name: "Ada",
};
const account = (answer) => ({ label: "ada@example.org", usage: answer, observed_at: NOW });

test("limits come in their order, with percentages as they are", () => {
  const found = limits(ANSWER);
  assert.deepEqual(
    found.map((one) => [one.key, one.percent]),
    [
      ["five_hour", 78],
      ["seven_day", 91],
    ],
  );
  assert.equal(limits({ five_hour: { utilization: 1 } })[0].percent, 1);
});

test("a limit past its reset is not shown as its old number", () => {
  const [limit] = limits({ five_hour: { utilization: 78, resets_at: at(-1) } });
  assert.equal(state(limit, account(ANSWER), NOW), "reset");
});

test("the pressing limit is the fullest one, and the badge shows it", () => {
  assert.equal(pressing([account(ANSWER)], NOW).limit.key, "seven_day");
  const shown = badge({ accounts: [account(ANSWER)], outcome: "ok" }, NOW);
  assert.equal(shown.text, "91");
  assert.ok(shown.title.includes("ada@example.org"));
});

test("nothing but limits is kept of an answer", () => {
  assert.ok(!JSON.stringify(usage(ANSWER)).includes("Ada"));
  assert.equal(accounts({ uuid: "x" }), null);
});

test("a service that asks us to wait is not asked before", () => {
  const memory = after({ ...NOTHING, strikes: 0 }, "limited", 600, NOW);
  assert.equal(due(memory, [], NOW + MINUTE, true), null);
  assert.notEqual(due(memory, [], NOW + 12 * MINUTE, false), null);
});

test("a challenge page is told from a sign-out", () => {
  const html = new Headers({ "content-type": "text/html" });
  assert.equal(judged(403, html, "<title>Just a moment</title>").outcome, "blocked");
  assert.equal(judged(401, new Headers(), "{}").outcome, "expired");
});

test("codes are read in any grouping, and nothing else is a code", () => {
  assert.deepEqual(parsed("abcd-efgh 1234"), { plain: "ABCDEFGH1234", port: 63762 });
  assert.equal(parsed("abcd"), null);
  assert.equal(duration(112 * MINUTE), "1 h 52 min");
});
