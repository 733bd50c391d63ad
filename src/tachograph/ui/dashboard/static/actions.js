// The few things that may be changed from a page.
import { ask } from "./access.js";
import { refresh } from "./live.js";

let timer = 0;

/** Show a sentence for some seconds. @param {string} words */
export const showMessage = (words) => {
  const box = document.getElementById("message");
  if (!box) return;
  box.textContent = words;
  clearTimeout(timer);
  timer = setTimeout(() => {
    box.textContent = "";
  }, 8000);
};

/**
 * Ask the server to do something; its answer, with a sentence in `message`.
 * @param {Record<string, unknown>} action @returns {Promise<any>}
 */
export const act = async (action) => {
  try {
    const answer = await ask("/do", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(action),
    });
    return await answer.json();
  } catch {
    return { ok: false, message: "No answer. Check the recorder: tachograph status" };
  }
};

/** Let buttons with `data-do` act. */
export const watchActions = () => {
  document.addEventListener("click", async (event) => {
    /** @type {HTMLButtonElement | null} */
    const button = event.target instanceof Element ? event.target.closest("button[data-do]") : null;
    if (!button) return;
    const { confirm: question, from, name = "", do: kind } = button.dataset;
    if (question && !window.confirm(question)) return;
    const field = from ? /** @type {HTMLInputElement} */ (document.getElementById(from)) : null;
    const reply = await act({ do: kind, name, value: field ? field.value : button.dataset.value });
    showMessage(reply.message ?? "That did not work.");
    refresh();
  });
};
