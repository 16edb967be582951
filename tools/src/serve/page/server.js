// Talks to the server: requests that wait for it, with the token where one is asked for.

export const wait = (ms, signal) =>
  new Promise((done, stop) => {
    setTimeout(done, ms);
    signal?.addEventListener("abort", () => stop(signal.reason));
  });

// A server's networks are its owner's: a file is rows of w.
export const opens = async () => false;

// What is said of it on the page.
export const about = { files: ".npz,.npy,.pt,.pkl", open: "Open w", api: true };

// Asks the server; comes back when it is busy, and asks for the token when one is needed. `more` goes to fetch.
export async function ask(url, { signal, busy, token, ...more } = {}) {
  for (let tries = 0; ; tries++) {
    const secret = sessionStorage.getItem("token");
    const headers = secret ? { Authorization: `Bearer ${secret}` } : {};
    const answer = await fetch(url, { signal, headers, ...more });
    if (answer.ok) return answer;
    if (answer.status === 401) {
      token?.();
      throw new Error("The server asks for its token.");
    }
    const said = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
    if (answer.status !== 503 || tries === 5) throw new Error(said.error);
    busy?.();
    await wait(1000 * Math.min(Number(answer.headers.get("Retry-After")) || 1, 10), signal);
  }
}
