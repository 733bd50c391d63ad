// The way in: a link that works once. Without it a page shows no data, only how to get one.
import { hasKey, redeemTicket, waitForSignIn } from "./access.js";

/** Show how to sign in, in place of the page. @param {string} problem */
export const showSignIn = (problem = "") => {
  const section = document.getElementById("sign-in");
  const message = document.getElementById("sign-in-message");
  if (!section || !message) return;
  message.textContent = `${problem ? `${problem} ` : ""}This page opens with a link that works once. In a terminal:`;
  section.hidden = false;
  document.documentElement.dataset.signedOut = "yes";
  document.documentElement.dataset.ready = "yes";
  waitForSignIn();
};

/** Whether this page may ask for data: it has a key, or got one for its ticket. */
export const signIn = async () => {
  const problem = await redeemTicket();
  if (!problem && hasKey()) return true;
  showSignIn(problem);
  return false;
};
