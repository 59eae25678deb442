// Keeps the page, so that it opens without a network, and lets it have threads where the host sends no headers.
//
// The build writes two lines in front of this file: VERSION, a hash of all files, and FILES, their names. Files never change
// under a version, so what is kept is never asked for again; a new version has a cache of its own.
const NAME = `convzoo-page-${VERSION}`;

/** What a page needs to have shared memory. A host that cannot send headers leaves that to this worker. */
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
};

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES)));
});

self.addEventListener("activate", (event) => {
  const isOld = (name) => name.startsWith("convzoo-page-") && name !== NAME;
  const names = caches.keys();
  event.waitUntil(names.then((all) => Promise.all(all.filter(isOld).map((name) => caches.delete(name)))));
});

// The page says which build of the core it runs: it was loaded before this worker saw requests.
self.addEventListener("message", (event) => {
  if (event.data === "take over") self.skipWaiting();
  else if (Array.isArray(event.data?.keep)) {
    const kept = caches.open(NAME).then((cache) => cache.addAll(event.data.keep));
    event.waitUntil(kept.then(() => event.ports[0]?.postMessage("kept")));
  }
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  // Other engines, which the bench asks for, are not the page's to keep.
  const isOurs = origin === location.origin && !pathname.includes("/peers/");
  if (request.method === "GET" && isOurs) event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(NAME);
  // A folder's document is its index; queries are the page's own affair.
  const isFolder = request.mode === "navigate" && new URL(request.url).pathname.endsWith("/");
  const kept = await cache.match(isFolder ? "index.html" : request, { ignoreSearch: true });
  if (kept) return isolated(kept);
  const response = await fetch(request);
  if (response.ok && /simd[^/]*\.(wasm|gz)$/.test(new URL(request.url).pathname))
    await cache.put(request, response.clone());
  return isolated(response);
}

/** The same response under the headers that threads need. */
function isolated(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  // Statuses like 304 may have no body at all.
  const body = [101, 204, 205, 304].includes(response.status) ? null : response.body;
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
}
