// Changes the page in place: what a person has opened, typed, chosen, selected, scrolled to or zoomed stays as it is.
//
// Most news changes texts and attributes of elements that stay where they are: those are compared side by side, which costs
// a millisecond or two. What has other children than before is matched by ids, and what is left goes to idiomorph.
const listeners = [];
export const onChanged = (listener) => listeners.push(listener);
export const changed = (what) => listeners.forEach((listener) => listener(what));

const OWN = { DETAILS: ["open"], DIALOG: ["open"], TR: ["hidden", "tabindex"], LI: ["hidden"] }; // the person's, not the server's
const isChart = (node) => node.dataset?.chart !== undefined;

const isOwn = (node, name) =>
  OWN[node.tagName]?.includes(name) || name === "style" || name === "data-old" || (name === "class" && isChart(node)) || (node === document.activeElement && (name === "value" || name === "checked"));

const syncAttributes = (old, fresh) => {
  for (const { name, value } of fresh.attributes) if (!isOwn(old, name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old.attributes.length > fresh.attributes.length) {
    for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name) && !isOwn(old, name)) old.removeAttribute(name);
  }
  if (old.tagName === "INPUT" && old !== document.activeElement && old.type !== "search" && old.value !== fresh.value) old.value = fresh.value;
  if (old.tagName === "INPUT" && old.type === "checkbox" && old.checked !== fresh.checked) old.checked = fresh.checked;
  if (old.tagName === "OPTION" && old.selected !== fresh.selected) old.selected = fresh.selected;
};

const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.nodeType !== 1 || a.id === b.id);

const callbacks = {
  beforeNodeMorphed: (old, fresh) => {
    if (old.nodeType !== 1) return true;
    if (!isChart(old)) return !old.isEqualNode(fresh) && !(old.classList.contains("twin") && fresh.childElementCount < 2);
    syncAttributes(old, fresh);
    return false;
  },
  beforeAttributeUpdated: (name, node) => !isOwn(node, name),
};

const byIdiomorph = (old, fresh) =>
  Idiomorph.morph(old, [...fresh.childNodes], { morphStyle: "innerHTML", ignoreActiveValue: Boolean(document.activeElement?.matches("input, textarea, select")), callbacks });

const byIds = (old, fresh) => { // rows that came, went, or changed places
  const known = new Map([...old.children].map((child) => [child.id, child]));
  let place = old.firstElementChild;
  for (const child of [...fresh.children]) {
    const mine = known.get(child.id);
    if (mine === undefined) old.insertBefore(child, place);
    else {
      known.delete(child.id);
      if (mine === place) place = place.nextElementSibling;
      else if (!known.has(place?.id) || mine !== place?.nextElementSibling) old.insertBefore(mine, place);
      else { // one went in between: what follows is in its place already
        place = mine.nextElementSibling;
      }
      patch(mine, child);
    }
  }
  for (const gone of known.values()) gone.remove();
};

const patch = (old, fresh) => {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== 1) { old.data = fresh.data; return; }
  syncAttributes(old, fresh);
  if (isChart(old)) return; // what is inside is drawn by charts.js
  if (old.classList.contains("twin") && fresh.childElementCount < 2) { old.dataset.old = "yes"; return; } // sent when it is opened
  delete old.dataset.old;
  patchChildren(old, fresh);
};

const patchChildren = (old, fresh) => {
  const mine = [...old.childNodes];
  const theirs = [...fresh.childNodes];
  if (mine.length === theirs.length && mine.every((node, n) => same(node, theirs[n]))) mine.forEach((node, n) => patch(node, theirs[n]));
  else if (fresh.children.length && [...old.children, ...fresh.children].every((child) => child.id)) byIds(old, fresh);
  else byIdiomorph(old, fresh);
};

const withSelection = (element, change) => {
  const selection = document.getSelection();
  if (selection.isCollapsed || !(element.contains(selection.anchorNode) || element.contains(selection.focusNode))) { change(); return; }
  const range = selection.rangeCount && !selection.isCollapsed ? selection.getRangeAt(0) : null;
  const kept = range && { start: range.startContainer, end: range.endContainer, from: range.startOffset, to: range.endOffset, text: selection.toString() };
  change();
  if (!kept || !kept.start.isConnected || !kept.end.isConnected || document.getSelection().toString() === kept.text) return;
  try {
    document.getSelection().setBaseAndExtent(kept.start, Math.min(kept.from, kept.start.length ?? kept.from), kept.end, Math.min(kept.to, kept.end.length ?? kept.to));
  } catch { /* the text that was selected is no longer there */ }
};

// The text of a block in the place of what stands there.
export const morphInto = (element, html) => {
  const fresh = element.cloneNode(false);
  fresh.innerHTML = html;
  withSelection(element, () => patchChildren(element, fresh));
};
