// The recorder on this computer. Before anything is sent it has to prove that it is the one that was paired with:
// another program on the port learns nothing.

export const PORT = 63762;
const DEADLINE = 20_000; // longer than the recorder takes at most, when it waits for its ledger
const ROUNDS = 100_000;
const SALT = "tachograph pairing 1";

const encoder = new TextEncoder();
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const nonce = () => hex(crypto.getRandomValues(new Uint8Array(24)));

async function proof(key, side, said) {
  const signing = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  return hex(await crypto.subtle.sign("HMAC", signing, encoder.encode(`${side}:${said}`)));
}

async function post(port, path, body, token) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(DEADLINE),
  });
  const said = await answer.json().catch(() => ({}));
  return { status: answer.status, said: said !== null && typeof said === "object" ? said : {} };
}

// Send a document; {state, text}: ok, absent, stranger, revoked, refused.
export async function send(pairing, document) {
  try {
    const key = await crypto.subtle.digest("SHA-256", encoder.encode(pairing.token));
    const asked = nonce();
    const hello = await post(pairing.port, "/v1/hello", { pairing: pairing.id, nonce: asked });
    if (hello.status === 410) return { state: "revoked" };
    if (hello.status >= 500)
      return { state: "refused", text: String(hello.said.error ?? hello.status).slice(0, 200) };
    if (hello.status !== 200 || hello.said.proof !== (await proof(key, "bridge", asked)))
      return { state: "stranger" };
    const kept = await post(pairing.port, "/v1/readings", document, pairing.token);
    if (kept.status === 200) return { state: "ok" };
    if (kept.status === 401) return { state: "revoked" };
    return { state: "refused", text: String(kept.said.error ?? kept.status).slice(0, 200) };
  } catch {
    return { state: "absent" };
  }
}

// The parts of a code as people type it: letters and digits in any grouping, and a port behind a colon. null: no code.
export function parsed(text) {
  const [letters, port = `${PORT}`, ...more] = text.trim().toUpperCase().split(":");
  const plain = letters.replaceAll(/[^A-Z0-9]/g, "");
  if (more.length || plain.length !== 12 || !/^\d{4,5}$/.test(port) || Number(port) > 65535) return null;
  return { plain, port: Number(port) };
}

// Pair by a code; {pairing} or {problem}, a sentence.
export async function pair(text, browser) {
  const code = parsed(text);
  if (code === null)
    return { problem: "A code has twelve letters and digits, as `tachograph pair` shows it." };
  const material = await crypto.subtle.importKey("raw", encoder.encode(code.plain), "PBKDF2", false, [
    "deriveBits",
  ]);
  const stretched = { name: "PBKDF2", hash: "SHA-256", salt: encoder.encode(SALT), iterations: ROUNDS };
  const key = await crypto.subtle.deriveBits(stretched, material, 256);
  try {
    const asked = nonce();
    const hello = await post(code.port, "/v1/pair/hello", { nonce: asked });
    if ([403, 404, 409].includes(hello.status))
      return { problem: "No pairing is under way: `tachograph pair` shows a code." };
    if (hello.status !== 200)
      return { problem: "Something else than Tachograph answers there. Nothing was sent to it." };
    if (hello.said.proof !== (await proof(key, "bridge", asked))) {
      return {
        problem:
          "That is not the code that `tachograph pair` shows (or another program answers). Nothing was sent.",
      };
    }
    const own = nonce();
    const made = await post(code.port, "/v1/pair", {
      nonce: own,
      proof: await proof(key, "browser", own),
      browser,
    });
    if (made.status !== 200 || !made.said.token)
      return { problem: String(made.said.error ?? "It was refused.").slice(0, 200) };
    return { pairing: { id: made.said.pairing, token: made.said.token, port: code.port } };
  } catch {
    return {
      problem: "Tachograph's recorder does not answer. `tachograph pair` starts it, and shows a code.",
    };
  }
}
