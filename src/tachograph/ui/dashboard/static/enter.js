// The page without data: turns the ticket behind # into a cookie, once, and goes to the page that was asked for.
const said = document.getElementById("enter-said");
const ticket = new URLSearchParams(location.hash.slice(1)).get("t");
history.replaceState(null, "", location.pathname + location.search); // the ticket stays in no history

if (ticket) {
  const answer = await fetch("/enter", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ticket }),
  });
  if (answer.ok) location.reload();
  else said.textContent = (await answer.json()).message + " In a terminal:";
} else {
  // a link from elsewhere brings no cookie along; if we hold one, the page is a reload away
  const answer = await fetch("/api/version");
  if (answer.ok) location.reload();
}
