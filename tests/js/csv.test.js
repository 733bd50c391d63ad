// CSV cells: no formula, no broken row.
import assert from "node:assert/strict";
import test from "node:test";
import { csv, quoted } from "../../src/tachograph/ui/dashboard/static/csv.js";

test("a foreign name never becomes a formula, a negative number stays one", () => {
  for (const text of ["=1+1", "+1", "@x", "-x"]) assert.ok(quoted(text).startsWith("'"), text);
  assert.equal(quoted("-1.5"), "-1.5");
});

test("commas, quotes and line breaks stay in their cell", () => {
  assert.equal(quoted('a,"b"\nc'), '"a,""b"" c"');
  assert.equal(
    csv([
      ["a", "b,c"],
      ["1", "2"],
    ]),
    'a,"b,c"\r\n1,2\r\n',
  );
});
