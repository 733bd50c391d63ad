// The palette: pages, ranges, projects, models, sessions by their words.
const input = () => document.getElementById("palette-input");
const list = () => document.getElementById("palette-list");
let places = [];
let at = 0;
let number = 0;

const fixed = () => [
  ...[...document.querySelectorAll(".rail nav a")].map((a) => ({ text: a.textContent, aside: "page", href: a.getAttribute("href") })),
  ...[...document.querySelectorAll(".filters .segments a")].map((a) => ({ text: `Range: ${a.textContent}`, aside: "range", click: a })),
];

const address = ({ kind, value }) => {
  if (kind === "session") return `/sessions/${encodeURIComponent(value)}`;
  return `/usage?${new URLSearchParams({ [kind]: value })}`;
};

const draw = () => {
  const rows = places.map((place, n) => {
    const row = document.createElement("li");
    row.id = `place-${n}`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(n === at));
    const text = document.createElement("span");
    text.textContent = place.text;
    const aside = document.createElement("span");
    aside.className = "muted";
    aside.textContent = place.aside ? `${place.kind && place.kind !== place.aside ? `${place.kind}, ` : ""}${place.aside}` : place.kind;
    row.append(text, aside);
    row.addEventListener("click", () => { at = n; choose(); });
    return row;
  });
  list().replaceChildren(...rows);
  input().setAttribute("aria-activedescendant", rows.length ? `place-${at}` : "");
  rows[at]?.scrollIntoView({ block: "nearest" });
};

const look = async () => {
  const words = input().value.trim().toLowerCase();
  const mine = (number += 1);
  const near = fixed().filter((place) => words.split(/\s+/).every((word) => place.text.toLowerCase().includes(word)));
  places = near;
  at = 0;
  draw();
  const answer = await fetch(`/api/places?${new URLSearchParams({ q: words })}`).catch(() => null);
  if (!answer?.ok || mine !== number) return;
  places = [...near, ...(await answer.json()).data.places.map((place) => ({ ...place, href: address(place) }))];
  draw();
};

const choose = () => {
  const place = places[at];
  if (!place) return;
  document.getElementById("palette").close();
  if (place.click) place.click.click();
  else location.href = place.href;
};

export const openPalette = () => {
  const dialog = document.getElementById("palette");
  if (dialog.open) return;
  input().value = "";
  dialog.showModal();
  look();
};

export const watchPalette = () => {
  let timer = 0;
  input().addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 60); });
  input().addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = Math.max(0, Math.min(places.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)));
      draw();
    } else if (event.key === "Enter") choose();
    else return;
    event.preventDefault();
  });
  document.getElementById("palette").addEventListener("click", (event) => { if (event.target.id === "palette") event.target.close(); });
};
