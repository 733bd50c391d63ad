// Changes the page in place: what a person has opened, typed, chosen, selected, scrolled to or zoomed stays as it is.
const listeners = [];
export const onChanged = (listener) => listeners.push(listener);

const OWN = new Set(["open", "value", "checked", "hidden", "selected"]); // attributes that belong to the person

const callbacks = {
  beforeNodeMorphed(old, fresh) {
    if (old.nodeType !== 1) return true;
    if (old.isEqualNode(fresh)) return false;
    if (old.dataset?.chart !== undefined) { // the chart inside is drawn by charts.js: only what it shows is taken over
      for (const name of ["data-chart", "aria-label"]) {
        const value = fresh.getAttribute(name);
        if (value !== null && old.getAttribute(name) !== value) old.setAttribute(name, value);
      }
      return false;
    }
    return true;
  },
  beforeAttributeUpdated(name, node, kind) {
    if (node === document.activeElement && (name === "value" || name === "checked")) return false;
    if (name === "open" && (node.tagName === "DETAILS" || node.tagName === "DIALOG")) return false;
    if (name === "hidden" && node.tagName === "TR") return false;
    if (OWN.has(name) && node === document.activeElement) return false;
    if (name === "tabindex" && kind === "remove") return false;
    return true;
  },
};

const withSelection = (change) => {
  const selection = document.getSelection();
  const range = selection.rangeCount && !selection.isCollapsed ? selection.getRangeAt(0) : null;
  const kept = range && {
    start: range.startContainer, end: range.endContainer, from: range.startOffset, to: range.endOffset, text: selection.toString(),
  };
  change();
  if (!kept || !kept.start.isConnected || !kept.end.isConnected) return;
  if (document.getSelection().toString() === kept.text) return;
  try {
    document.getSelection().setBaseAndExtent(kept.start, Math.min(kept.from, kept.start.length ?? kept.from), kept.end, Math.min(kept.to, kept.end.length ?? kept.to));
  } catch { /* the text that was selected is no longer there */ }
};

// The text of a block in the place of what stands there.
export const morphInto = (element, html) => {
  const fresh = element.cloneNode(false);
  fresh.innerHTML = html;
  withSelection(() => Idiomorph.morph(element, fresh.childNodes, { morphStyle: "innerHTML", ignoreActiveValue: Boolean(document.activeElement?.matches("input, textarea, select")), callbacks }));
};

export const changed = (what) => listeners.forEach((listener) => listener(what));
