// Charts: numbers, sums, tooltips and axes.
import assert from "node:assert/strict";
import test from "node:test";
import {
  axisEnd,
  axisSteps,
  axisWords,
  columnsOf,
  exact,
  short,
  stacked,
  stepWords,
  timeRange,
  tooltipRows,
} from "../../src/tachograph/ui/dashboard/static/charts/format.js";

const stack = (series, more = {}) => ({ kind: "stack", labels: ["a", "b"], unit: "$", series, ...more });

test("large numbers get a unit and small ones stay exact", () => {
  assert.deepEqual(
    [short(1_500), short(2_000_000), short(3e9), short(0.25)],
    ["1.5 k", "2 M", "3 G", "0.25"],
  );
  assert.equal(exact("$", 1234.5), "$1,234.50");
  assert.equal(exact("%", 12.34), "12.3 %");
});

test("all steps of an axis of money have as many decimals", () => {
  assert.deepEqual(axisWords("$", [0, 0.5, 1]), ["$0.00", "$0.50", "$1.00"]);
  assert.deepEqual(axisWords("$", [0, 10, 20]), ["$0", "$10", "$20"]);
});

test("an axis ends above its data", () => {
  for (const value of [0.003, 0.8, 1, 4.1, 9.9, 37, 42, 99, 1001, 2e6])
    for (const most of [2, 3, 5, 8]) {
      const end = axisEnd(value, most);
      assert.ok(end > value, String(value));
      const steps = axisSteps(end, most);
      assert.equal(steps.at(-1), end, `${value} ${most}: the last label is the end`);
      assert.ok(steps.length - 1 <= most && steps.length > 1);
    }
  assert.equal(axisEnd(0, 4), 1);
});

test("a stack sums from below and counts an unknown part as nothing", () => {
  const payload = stack([{ values: [1, null] }, { values: [2, 3] }]);
  assert.deepEqual(stacked(payload), [
    [1, 0],
    [3, 3],
  ]);
  assert.deepEqual(columnsOf(payload), [
    [0, 1],
    [3, 3],
    [1, 0],
  ]);
});

test("a tooltip names every part, its color, what has no price, and the total", () => {
  const payload = stack([
    { label: "x", color: 1, values: [1, 0] },
    { label: "y", color: null, values: [null, 2] },
  ]);
  assert.deepEqual(tooltipRows(payload, 0), [
    { label: "x", color: 1, text: "$1.00", isTotal: false },
    { label: "y", color: null, text: "no price", isTotal: false },
    { label: "All", color: null, text: "$1.00", isTotal: true },
  ]);
  assert.deepEqual(
    tooltipRows(payload, 1).map((row) => row.text),
    ["$2.00", "$2.00"],
  );
});

test("a line goes on from its last point, and a break is shown as nothing", () => {
  const payload = {
    kind: "line",
    unit: "%",
    x: [0, 1, 2],
    series: [{ label: "5-hour", color: 0, values: [10, "", null] }],
  };
  assert.equal(tooltipRows(payload, 1)[0].text, "10 %");
  assert.deepEqual(tooltipRows(payload, 2), []);
  assert.deepEqual(columnsOf(payload)[1], [10, undefined, null]);
});

test("a chart of one moment shows some minutes around it", () => {
  assert.deepEqual(timeRange([600]), [300, 900]);
  assert.deepEqual(timeRange([0, 50]), [0, 50]);
});

test("a time axis says the day once", () => {
  const noon = Date.UTC(2026, 10, 26, 12) / 1000;
  assert.equal(stepWords(noon, 3600, "UTC", noon - 3600), "12:00");
  assert.equal(stepWords(noon, 3600, "UTC", noon - 86400), "26 Nov");
  assert.equal(stepWords(noon, 86400, "UTC", null), "26 Nov");
});
