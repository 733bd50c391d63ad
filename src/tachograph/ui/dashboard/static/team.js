// The team's pages: charts, exports, colors, the way in, and the forms.
import { drawCharts, watchCharts } from "./charts/lifecycle.js";
import { watchExports } from "./export.js";

/** Send JSON to the hub. @param {string} method @param {string} address @param {Record<string, unknown>} [fields] */
const send = (method, address, fields) =>
  fetch(address, {
    method,
    credentials: "same-origin",
    ...(fields ? { headers: { "Content-Type": "application/json" }, body: JSON.stringify(fields) } : {}),
  });

/** The code of a sign-in link is behind the #: it is in no log and no history of ours. */
const signIn = async () => {
  const code = location.hash.slice(1);
  if (location.pathname !== "/sign-in" || !code) return;
  history.replaceState(null, "", "/sign-in");
  const reply = await send("POST", "/sign-in", { code });
  const message = document.getElementById("sign-in-message");
  if (reply.ok) location.replace("/");
  else if (message) message.textContent = "That link was used or is too old. Get another one:";
};

const watchTheme = () => {
  const select = /** @type {HTMLSelectElement | null} */ (document.getElementById("theme"));
  if (!select) return;
  select.value = document.documentElement.dataset.theme ?? "system";
  select.addEventListener("change", () => {
    document.documentElement.dataset.theme = select.value;
    try {
      localStorage.setItem("tachograph-theme", select.value);
    } catch {
      // without storage it holds until the page goes
    }
    document.dispatchEvent(new CustomEvent("tachograph-theme"));
  });
};

/** @param {HTMLFormElement} form */
const submit = async (form) => {
  if (form.dataset.ask && !confirm(form.dataset.ask)) return;
  const fields = Object.fromEntries(new FormData(form).entries());
  const reply = form.dataset.delete
    ? await send("DELETE", `/api/team/${form.dataset.delete}`)
    : await send("POST", `/api/team/${form.dataset.post}`, fields);
  const answer = await reply.json();
  const message = document.getElementById("message");
  if (!message) return;
  if (!reply.ok) message.textContent = answer.error;
  else if (form.dataset.shows)
    message.textContent = `tachograph join ${location.origin} ${answer[form.dataset.shows]}`;
  else location.reload();
};

const watchForms = () => {
  document.addEventListener("submit", (event) => {
    const form = event.target instanceof HTMLFormElement ? event.target : null;
    if (!form || !(form.dataset.post || form.dataset.delete)) return;
    event.preventDefault();
    submit(form);
  });
  document.querySelector("[data-sign-out]")?.addEventListener("click", async () => {
    await send("POST", "/sign-out", {});
    location.replace("/sign-in");
  });
};

watchTheme();
watchForms();
watchExports();
watchCharts();
drawCharts();
signIn();
document.documentElement.dataset.ready = "yes";
