// The few things that may be changed from here.
import { refresh } from "./live.js";

const said = document.getElementById("said");
let timer = 0;

export const tell = (words) => {
  said.textContent = words;
  clearTimeout(timer);
  timer = setTimeout(() => { said.textContent = ""; }, 6000);
};

export const watchDoing = () => {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-do]");
    if (!button) return;
    const { confirm: asks, from } = button.dataset;
    if (asks && !window.confirm(asks)) return;
    const value = from ? document.getElementById(from).value : button.dataset.value;
    const answer = await fetch("/do", {
      method: "POST",
      headers: { "content-type": "application/json", "x-tachograph-form": document.querySelector("meta[name=tachograph-form]").content },
      body: JSON.stringify({ do: button.dataset.do, name: button.dataset.name ?? "", value }),
    });
    let words = "";
    try { words = (await answer.json()).message; } catch { words = "That did not work."; }
    tell(words);
    refresh();
  });
};
