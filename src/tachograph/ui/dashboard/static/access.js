// The way to the server: each request carries the key of this origin's sign-in. The cookie alone opens nothing, since a
// browser sends it to every port of this computer; the storage of an origin includes the port.
import { PAGE_KEY } from "./protocol.js";

const STORED = "tachograph-page-key";
const RETURN = "tachograph-return";
const RETURN_MS = 15 * 60_000; // an address that was asked for before a sign-in is followed after it

const pageKey = () => localStorage.getItem(STORED) ?? "";

/** A request of this page. @param {string} address @param {RequestInit} [options] */
export const ask = (address, options = {}) =>
  fetch(address, { ...options, headers: { ...options.headers, [PAGE_KEY]: pageKey() } });

/** Whether this origin has a key; it may have ended. */
export const hasKey = () => pageKey() !== "";

/**
 * Turn the ticket behind `#` into a session, once. Answers the sentence of a refusal, or "".
 * The address that was asked for before the sign-in is restored.
 */
export const redeemTicket = async () => {
  const ticket = new URLSearchParams(location.hash.slice(1)).get("t");
  if (!ticket) return "";
  history.replaceState(null, "", location.pathname + location.search); // the ticket stays in no history
  const answer = await ask("/enter", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ticket }),
  });
  const reply = await answer.json();
  if (!answer.ok) return reply.message;
  localStorage.setItem(STORED, reply.page_key);
  const wanted = rememberedAddress();
  if (wanted && location.pathname === "/" && !location.search) history.replaceState(null, "", wanted);
  return "";
};

const rememberedAddress = () => {
  try {
    const { address, at } = JSON.parse(localStorage.getItem(RETURN) ?? "{}");
    localStorage.removeItem(RETURN);
    return Date.now() - at < RETURN_MS && /^\/(?!\/)/.test(address) ? address : "";
  } catch {
    return "";
  }
};

/** Remember this address for the sign-in that follows, and come back when another tab has signed in. */
export const waitForSignIn = () => {
  if (location.pathname !== "/" || location.search) {
    const address = location.pathname + location.search;
    localStorage.setItem(RETURN, JSON.stringify({ address, at: Date.now() }));
  }
  onSignIn(() => location.reload());
};

/** Call a function when another tab has signed in. @param {() => void} listener */
export const onSignIn = (listener) => {
  addEventListener("storage", (event) => {
    if (event.key === STORED && event.newValue) listener();
  });
};
