// Change a page in place: what a person has opened, typed, chosen, selected, scrolled to or zoomed stays as it is.
//
// Most updates change texts and attributes of elements that stay: those are compared side by side, which costs a
// millisecond or two. Elements with other children than before are matched by ids; the rest goes to idiomorph. Rows and
// groups of cells with the same HTML as before are not even parsed.

import { PART_END } from "./protocol.js";

/** @type {((change?: { isFresh?: boolean }) => void)[]} */
const listeners = [];

/** Call a function after every change of the page. @param {(change?: { isFresh?: boolean }) => void} listener */
export const onChanged = (listener) => {
  listeners.push(listener);
};

/** @param {{ isFresh?: boolean }} [change] */
export const changed = (change) => {
  for (const listener of listeners) listener(change);
};

/** Attributes that belong to the person, not to the server. @type {Record<string, string[]>} */
const OWN = {
  DETAILS: ["open"],
  DIALOG: ["open"],
  TR: ["hidden", "tabindex"],
  LI: ["hidden"],
  BUTTON: ["hidden"],
};

/** Rows and groups of cells: most of a page, of which an update changes a few. Their HTML ends with a mark. */
const PART = /<(tr|g) id="([^"]+)".*?<\/\1><!--\/part-->/gs;

/** The texts that parts of the page were last made from. @type {WeakMap<Element, string>} */
const texts = new WeakMap();

const isChart = (/** @type {any} */ node) => node.dataset?.chart !== undefined;

/** A table beside a chart that was not sent, since nobody has opened it. @param {Element} old @param {Element} fresh */
const isUnsentTwin = (old, fresh) => old.classList.contains("twin") && fresh.childElementCount < 2;

/** @param {Element} node @param {string} name */
const isOwn = (node, name) => {
  if (name === "style" || name === "data-old" || OWN[node.tagName]?.includes(name)) return true;
  if (name === "class" && isChart(node)) return true;
  return node === document.activeElement && (name === "value" || name === "checked");
};

/** @param {any} old @param {any} fresh */
const syncAttributes = (old, fresh) => {
  for (const { name, value } of fresh.attributes) {
    if (!isOwn(old, name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.attributes.length > fresh.attributes.length) {
    for (const name of old.getAttributeNames()) {
      if (!fresh.hasAttribute(name) && !isOwn(old, name)) old.removeAttribute(name);
    }
  }
  syncField(old, fresh);
};

/** The state of a field beside its attributes. @param {any} old @param {any} fresh */
const syncField = (old, fresh) => {
  if (old.tagName === "OPTION" && old.selected !== fresh.selected) old.selected = fresh.selected;
  if (old.tagName !== "INPUT") return;
  const isTyped = old === document.activeElement || old.type === "search";
  if (!isTyped && old.value !== fresh.value) old.value = fresh.value;
  if (old.type === "checkbox" && old.checked !== fresh.checked) old.checked = fresh.checked;
};

/** @param {any} a @param {any} b */
const isSame = (a, b) =>
  a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.nodeType !== 1 || a.id === b.id);

const callbacks = {
  beforeNodeMorphed: (/** @type {any} */ old, /** @type {any} */ fresh) => {
    if (old.nodeType !== 1) return true;
    if (fresh.dataset?.same !== undefined) return false;
    if (!isChart(old)) return !old.isEqualNode(fresh) && !isUnsentTwin(old, fresh);
    syncAttributes(old, fresh);
    return false;
  },
  beforeAttributeUpdated: (/** @type {string} */ name, /** @type {Element} */ node) => !isOwn(node, name),
};

/** @param {Element} old @param {Element} fresh */
const patchByIdiomorph = (old, fresh) => {
  const isTyping = Boolean(document.activeElement?.matches("input, textarea, select"));
  Idiomorph.morph(old, [...fresh.childNodes], {
    morphStyle: "innerHTML",
    ignoreActiveValue: isTyping,
    callbacks,
  });
};

/** Rows that came, went, or changed places. @param {Element} old @param {Element} fresh */
const patchByIds = (old, fresh) => {
  const known = new Map([...old.children].map((child) => [child.id, child]));
  let place = old.firstElementChild;
  for (const child of [...fresh.children]) {
    const mine = known.get(child.id);
    if (mine === undefined) {
      old.insertBefore(child, place);
      continue;
    }
    known.delete(child.id);
    if (mine === place) place = place.nextElementSibling;
    else if (!known.has(place?.id ?? "") || mine !== place?.nextElementSibling) old.insertBefore(mine, place);
    else place = mine.nextElementSibling; // one went in between: the rest is in its place already
    patch(mine, child);
  }
  for (const gone of known.values()) gone.remove();
};

/** @param {any} old @param {any} fresh */
const patch = (old, fresh) => {
  if (fresh.dataset?.same !== undefined || old.isEqualNode(fresh)) return;
  if (old.nodeType !== 1) {
    old.data = fresh.data;
    return;
  }
  syncAttributes(old, fresh);
  if (isChart(old)) return; // charts/lifecycle.js draws its inside
  if (isUnsentTwin(old, fresh)) {
    old.dataset.old = "yes"; // sent when it is opened
    return;
  }
  delete old.dataset.old;
  patchChildren(old, fresh);
};

/** @param {Element} old @param {Element} fresh */
const patchChildren = (old, fresh) => {
  const mine = [...old.childNodes];
  const theirs = [...fresh.childNodes];
  if (mine.length === theirs.length && mine.every((node, n) => isSame(node, theirs[n]))) {
    for (const [n, node] of mine.entries()) patch(node, theirs[n]);
  } else if (fresh.children.length && [...old.children, ...fresh.children].every((child) => child.id)) {
    patchByIds(old, fresh);
  } else patchByIdiomorph(old, fresh);
};

/** Change the page and restore the selection; asked once, since each look at it makes the browser lay out what changed.
 * @param {() => void} change */
export const withSelection = (change) => {
  const selection = document.getSelection();
  if (!selection || selection.isCollapsed || !selection.rangeCount) {
    change();
    return;
  }
  const { startContainer, endContainer, startOffset, endOffset } = selection.getRangeAt(0);
  const text = selection.toString();
  change();
  if (!startContainer.isConnected || !endContainer.isConnected || selection.toString() === text) return;
  const within = (/** @type {any} */ node, /** @type {number} */ at) => Math.min(at, node.length ?? at);
  try {
    selection.setBaseAndExtent(
      startContainer,
      within(startContainer, startOffset),
      endContainer,
      within(endContainer, endOffset),
    );
  } catch {
    // the selected text is gone
  }
};

/** Remember the texts that the parts of the page are made from. @param {string} html */
export const rememberParts = (html) => {
  for (const [text, , id] of html.matchAll(PART)) {
    const part = document.getElementById(id);
    if (part) texts.set(part, text);
  }
};

/** HTML with an empty element for each part that the page shows already. @param {Element} element @param {string} html */
const withoutKnownParts = (element, html) =>
  html.replace(PART, (text, tag, id) => {
    const part = document.getElementById(id);
    const isKnown = part && texts.get(part) === text && element.contains(part);
    return isKnown ? `<${tag} id="${id}" data-same></${tag}>${PART_END}` : text;
  });

/** Change the inside of an element to what an HTML text says. @param {Element} element @param {string} html */
export const morphInto = (element, html) => {
  const fresh = /** @type {Element} */ (element.cloneNode(false));
  fresh.innerHTML = withoutKnownParts(element, html);
  patchChildren(element, fresh);
  if (element.querySelector("[data-same]")) {
    fresh.innerHTML = html; // an empty element got into the page
    patchChildren(element, fresh);
  }
  rememberParts(html);
};
