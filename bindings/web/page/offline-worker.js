// Keeps the page's own files, so that it works offline after the first visit: from the network where there is one, else as they were.

const KEPT = "stylegan page";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const own = new URL(request.url).origin === location.origin;
  if (!own || request.method !== "GET") return;
  event.respondWith(
    (async () => {
      const kept = await caches.open(KEPT);
      // A page is the same whatever its address asks for.
      const key = request.mode === "navigate" ? new URL(request.url).pathname : request;
      try {
        const answer = await fetch(request);
        if (answer.ok) await kept.put(key, answer.clone());
        return answer;
      } catch (error) {
        return (await kept.match(key)) ?? Promise.reject(error);
      }
    })(),
  );
});
