/** Keeps the page for times without a network. Starts after the first answer: until then all of the link is needed elsewhere. */
import { byId, make } from "./dom.js";
import { answer } from "./state.js";

const said = byId("offline");

export function startOffline(): void {
  // The development server's files change all the time, and have no service worker.
  if (!("serviceWorker" in navigator) || import.meta.env.MODE !== "production") return;
  let isStarted = false;
  answer.on((now) => {
    if (!now || isStarted) return;
    isStarted = true;
    // A browser that keeps nothing (a private window) still shows the page.
    keep().catch(() => undefined);
  });
}

async function keep(): Promise<void> {
  const { serviceWorker } = navigator;
  const registration = await serviceWorker.register("./sw.js");
  registration.addEventListener("updatefound", () => offerNew(registration));
  if (registration.waiting) offerNew(registration);
  const { active } = await serviceWorker.ready;
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const core = loaded.filter((url) => /simd[^/]*\.(wasm|gz)$/.test(url));
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    said.textContent = "Works offline from now on.";
    // Shared memory comes with this worker's headers, that is, with the next visit.
    if (!crossOriginIsolated) offerReload("With the next visit it can use all cores.", "Reload now");
  };
  active?.postMessage({ keep: core }, [port2]);
}

/** A new version waits until somebody wants it: nothing changes under a page that is in use. */
function offerNew(registration: ServiceWorkerRegistration): void {
  const next = registration.installing ?? registration.waiting;
  const offer = () => {
    if (next?.state !== "installed" || !navigator.serviceWorker.controller) return;
    offerReload("There is a new version of this page.", "Use it", () => next.postMessage("take over"));
  };
  next?.addEventListener("statechange", offer);
  offer();
}

function offerReload(text: string, label: string, before?: () => void): void {
  const button = make("button", { type: "button" }, label);
  button.addEventListener("click", () => {
    if (!before) return location.reload();
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    before();
  });
  said.replaceChildren(`${text} `, button);
}
