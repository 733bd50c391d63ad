// Filters stand in the address: links and fields change it, and the page follows without being loaded anew.
import { refresh } from "./live.js";
import { onChanged } from "./morph.js";

const go = async (address, replace = false) => {
  const url = new URL(address, location.href);
  if (url.pathname !== location.pathname) { location.href = url.href; return; }
  if (url.search !== location.search) history[replace ? "replaceState" : "pushState"](null, "", url.pathname + url.search);
  document.getElementById("main").setAttribute("aria-busy", "true");
  for (let tries = 0; tries < 20 && !(await refresh(undefined, true)); tries += 1) await new Promise((done) => setTimeout(done, 150));
  document.getElementById("main").removeAttribute("aria-busy");
};

const query = () => new URLSearchParams(location.search);

const hideRows = () => { // on pages whose tables are whole, words only hide rows
  const find = document.getElementById("find");
  if (!find || find.dataset.server) return;
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length && !document.querySelector("#blocks tr[hidden], #blocks li[hidden]")) return;
  for (const row of document.querySelectorAll("#blocks .table > tbody > tr, #blocks .limits > li")) {
    const text = row.textContent.toLowerCase();
    const hidden = !words.every((word) => text.includes(word));
    if (row.hidden !== hidden) row.hidden = hidden;
  }
};

export const watchFilters = () => {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-soft]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const address = link.getAttribute("href");
    if (new URL(address, location.href).pathname !== location.pathname) return;
    event.preventDefault();
    go(address);
  });
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (!field.closest?.("#filters")) return;
    const now = query();
    if (field.id === "compare") { now.delete("compare"); if (!field.checked) now.set("compare", "off"); }
    else if (field.matches("select[data-filter]")) { now.delete(field.name); if (field.value) now.set(field.name, field.value); }
    else return;
    go(`${location.pathname}?${now}`);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "filters") return;
    event.preventDefault();
    const now = query();
    if (event.submitter?.name === "go") {
      for (const name of ["range", "since", "until"]) now.delete(name);
      for (const name of ["since", "until"]) { const { value } = document.getElementById(name); if (value) now.set(name, value); }
      document.getElementById("custom-range").open = false;
    }
    go(`${location.pathname}?${now}`);
  });
  let timer = 0;
  document.addEventListener("input", (event) => {
    if (event.target.id !== "find") return;
    const { value, dataset } = event.target;
    const now = query();
    now.delete("find");
    if (value) now.set("find", value);
    clearTimeout(timer);
    if (dataset.server) timer = setTimeout(() => go(`${location.pathname}?${now}`, true), 180);
    else { hideRows(); history.replaceState(null, "", `${location.pathname}${now.size ? `?${now}` : ""}`); }
  });
  addEventListener("popstate", () => {
    const find = document.getElementById("find");
    if (find) find.value = query().get("find") ?? "";
    go(location.href, true);
  });
  onChanged(hideRows);
  hideRows();
};
