// The palette as canvases need it: style sheets keep both themes in one value, so an element resolves it.
const probe = document.createElement("i");
probe.hidden = true;
/** @type {Map<string, string>} */
const known = new Map();

/** The color of a custom property as the page has it now. @param {string} name */
export const css = (name) => {
  let value = known.get(name);
  if (value === undefined) {
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = `var(${name})`;
    value = getComputedStyle(probe).color;
    known.set(name, value);
  }
  return value;
};

/** The color of a series. @param {number | null | undefined} n */
export const seriesColor = (n) => css(n === null || n === undefined ? "--rest" : `--s${n}`);

export const forgetColors = () => known.clear();
