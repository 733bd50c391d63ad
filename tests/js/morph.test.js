// Morphing: elements stay the same, and what belongs to the person stays as it is.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import test from "node:test";
import vm from "node:vm";

const tools = createRequire(new URL("../../benchmarks/out/npm/package.json", import.meta.url));
const { Window } = tools("happy-dom");
const window = new Window();
Object.assign(globalThis, { window, document: window.document, Node: window.Node });
const STATIC = new URL("../../src/tachograph/ui/dashboard/static/", import.meta.url);
vm.runInThisContext(
  `${readFileSync(new URL("vendor/idiomorph/idiomorph.min.js", STATIC), "utf8")}; globalThis.Idiomorph = Idiomorph;`,
);
const { morphInto } = await import(new URL("morph.js", STATIC).href);

const block = (html) => {
  const element = document.createElement("section");
  element.innerHTML = html;
  document.body.replaceChildren(element);
  return element;
};

test("a changed text changes no element", () => {
  const element = block('<p id="a">1 <b>x</b></p>');
  const bold = element.querySelector("b");
  morphInto(element, '<p id="a">2 <b>y</b></p>');
  assert.equal(element.innerHTML, '<p id="a">2 <b>y</b></p>');
  assert.equal(element.querySelector("b"), bold);
});

test("rows that come, go and change places are matched by their ids", () => {
  const row = (id) => `<li id="${id}">${id}</li>`;
  const orders = ["a b c d", "d a b c", "b d", "x b y d z", "z y x", "a z b y c x"].map((one) =>
    one.split(" "),
  );
  const element = block(`<ul>${orders[0].map(row).join("")}</ul>`);
  for (const order of orders.slice(1)) {
    const before = new Map([...element.querySelectorAll("li")].map((one) => [one.id, one]));
    morphInto(element, `<ul>${order.map(row).join("")}</ul>`);
    const after = [...element.querySelectorAll("li")];
    assert.deepEqual(
      after.map((one) => one.id),
      order,
    );
    for (const one of after) if (before.has(one.id)) assert.equal(one, before.get(one.id));
  }
});

test("what a person opened stays open, and a hidden row stays hidden", () => {
  const element = block(
    '<details id="d"><summary>s</summary>1</details><table><tbody><tr id="r"><td>1</td></tr></tbody></table>',
  );
  element.querySelector("details").setAttribute("open", "");
  element.querySelector("tr").setAttribute("hidden", "");
  morphInto(
    element,
    '<details id="d"><summary>s</summary>2</details><table><tbody><tr id="r"><td>2</td></tr></tbody></table>',
  );
  assert.ok(element.querySelector("details").hasAttribute("open"));
  assert.ok(element.querySelector("tr").hasAttribute("hidden"));
  assert.equal(element.querySelector("td").textContent, "2");
});

test("the inside of a chart is left to the chart, its payload is renewed", () => {
  const element = block('<div class="chart" id="c" data-chart="1"></div>');
  const canvas = element.firstElementChild.appendChild(document.createElement("canvas"));
  morphInto(element, '<div class="chart" id="c" data-chart="2"></div>');
  assert.equal(element.firstElementChild.getAttribute("data-chart"), "2");
  assert.equal(element.querySelector("canvas"), canvas);
});

test("a table beside a chart that was not sent is marked as old and kept", () => {
  const element = block(
    '<details class="twin" id="twin-x"><summary>Table</summary><table></table></details>',
  );
  morphInto(element, '<details class="twin" id="twin-x"><summary>Table</summary></details>');
  const twin = element.querySelector("details");
  assert.equal(twin.getAttribute("data-old"), "yes");
  assert.ok(twin.querySelector("table"));
});
