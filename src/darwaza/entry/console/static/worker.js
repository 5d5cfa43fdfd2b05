// Keeps one page for the time without a connection, in the language it was last seen in, with its style.
const KEPT = "darwaza-1";
const FILES = ["/console/offline", "/console/static/console.css", "/console/static/gate.svg", "/console/verify"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => Promise.allSettled(FILES.map((file) => kept.add(file)))));
  self.skipWaiting();
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.mode === "navigate") {
    event.respondWith(fetch(event.request).catch(async () => {
      const kept = await caches.match(path === "/console/verify" ? "/console/verify" : "/console/offline");
      return kept ?? Response.error();
    }));
  } else if (path.startsWith("/console/static/")) {
    event.respondWith(fetch(event.request).catch(async () => (await caches.match(event.request)) ?? Response.error()));
  }
});
