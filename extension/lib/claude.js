// One question to claude.ai with this browser's own session, and what came of it. The session itself is never seen here.

const BASE = "https://claude.ai/api";
const CHALLENGES = [
  "Just a moment",
  "challenge-platform",
  "cf-chl",
  "cf_chl",
  "Attention Required! | Cloudflare",
];
const DEADLINE = 20_000;

// {outcome, payload, retryAfter}: outcome ok, expired (nobody is signed in), forbidden, blocked (a challenge stands
// before the service), limited, server, timeout, offline, shape, missing (no such thing for this account).
export async function ask(path) {
  let answer;
  let text;
  try {
    answer = await fetch(BASE + path, {
      credentials: "include",
      cache: "no-store",
      redirect: "manual",
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(DEADLINE),
    });
    text = await answer.text();
  } catch (error) {
    return { outcome: /** @type {Error} */ (error).name === "TimeoutError" ? "timeout" : "offline" };
  }
  return judged(answer.status, answer.headers, text);
}

export function judged(status, headers, text) {
  const isPage = (headers.get("content-type") ?? "").includes("html") || text.trimStart().startsWith("<");
  const isChallenge =
    headers.get("cf-mitigated") === "challenge" || CHALLENGES.some((word) => text.includes(word));
  if (isChallenge && (isPage || status === 403)) return { outcome: "blocked" };
  if (status === 429) return { outcome: "limited", retryAfter: seconds(headers.get("retry-after")) };
  if (status >= 500) return { outcome: "server" };
  if (isPage) return { outcome: status === 403 ? "blocked" : "shape" };
  if (status === 401) return { outcome: "expired" };
  if (status === 403) return { outcome: "forbidden" };
  if (status === 404 || status === 405) return { outcome: "missing" };
  if (status !== 200) return { outcome: "shape" };
  try {
    const payload = JSON.parse(text);
    return payload !== null && typeof payload === "object"
      ? { outcome: "ok", payload }
      : { outcome: "shape" };
  } catch {
    return { outcome: "shape" };
  }
}

function seconds(value) {
  return value !== null && /^\d{1,9}$/.test(value.trim()) ? Number(value) : null;
}
