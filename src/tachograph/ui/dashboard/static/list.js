// A long list holds the rows that are looked at, and gaps in the place of the others.
const ROW = 33; // pixels of a row that was never measured

let watcher = null;
let known = new WeakSet();

const bodies = () => [...document.querySelectorAll("table.virtual > tbody[data-number]")];

export const loadedChunks = () => bodies().filter((body) => !body.classList.contains("gap")).map((body) => body.dataset.number).join(",");

const sized = (body) => {
  if (!body.classList.contains("gap")) return;
  const height = Number(body.dataset.height ?? Number(body.dataset.count) * ROW);
  body.rows[0].cells[0].style.height = `${height}px`;
};

const emptied = (body) => {
  body.dataset.height = String(body.getBoundingClientRect().height);
  const row = document.createElement("tr");
  const cell = document.createElement("td");
  cell.colSpan = 7;
  cell.textContent = `${body.dataset.count} more session${body.dataset.count === "1" ? "" : "s"}`;
  row.append(cell);
  body.replaceChildren(row);
  body.classList.add("gap");
  sized(body);
};

const filled = async (body) => {
  if (body.dataset.loading) return;
  body.dataset.loading = "yes";
  try {
    const answer = await fetch(location.pathname + location.search, { headers: { "x-tachograph-rows": body.dataset.number } });
    if (!answer.ok) return;
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    const fresh = holder.content.getElementById(`chunk-${body.dataset.number}`);
    if (!fresh || !body.isConnected || fresh.classList.contains("gap")) return;
    body.replaceChildren(...fresh.childNodes);
    body.classList.remove("gap");
  } catch { /* the next look tries again */ } finally { delete body.dataset.loading; }
};

const looked = (entries) => {
  for (const { target, isIntersecting } of entries) {
    const isGap = target.classList.contains("gap");
    if (isIntersecting && isGap) filled(target);
    const holds = target.contains(document.activeElement) || target.querySelector("details[open]") || (document.getSelection().anchorNode && target.contains(document.getSelection().anchorNode) && !document.getSelection().isCollapsed);
    if (!isIntersecting && !isGap && target.dataset.number !== "0" && !holds) emptied(target);
  }
};

export const watchList = (what) => {
  const scroll = document.getElementById("sessions-scroll");
  if (!scroll) return;
  if (what?.fresh) scroll.scrollTop = 0;
  const root = getComputedStyle(scroll).overflowY === "visible" ? null : scroll; // on a small screen the page is what scrolls
  if (!watcher || watcher.root !== root) {
    watcher?.disconnect();
    known = new WeakSet();
    watcher = new IntersectionObserver(looked, { root, rootMargin: "900px 0px" });
  }
  for (const body of bodies()) {
    sized(body);
    if (!known.has(body)) { known.add(body); watcher.observe(body); }
  }
};
