// What an open page does by itself. Everything works without it: then pages are loaded again by hand.

// --- live parts: elements with data-live and an id are replaced when the gateway has news ---

const parts = () => [...document.querySelectorAll("[data-live]")];
const lost = document.getElementById("lost");
let asking = false, again = false;

async function renew() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, credentials: "same-origin" });
    if (answer.redirected && new URL(answer.url).pathname !== location.pathname) { location.assign(answer.url); return; }
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of parts()) {
        const made = fresh.getElementById(old.id);
        if (!made || old.contains(document.activeElement) && old.matches("form, :has(input:focus)")) continue;
        if (made.innerHTML !== old.innerHTML) old.replaceChildren(...made.childNodes);
      }
    }
  } catch { /* the stream says so too, and comes back by itself */ } finally {
    asking = false;
    if (again) { again = false; renew(); }
  }
}

function listen() {
  const stream = new EventSource("/console/live");
  let opened = false;
  stream.addEventListener("hello", () => { lost.hidden = true; if (opened) renew(); opened = true; });
  stream.addEventListener("news", () => { lost.hidden = true; if (!document.hidden) renew(); });
  stream.addEventListener("error", () => {
    lost.hidden = false;
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => { stream.close(); listen(); }, 3000);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && opened) renew(); });
}
if (parts().length) listen();

// --- keys: every element with data-key is one press away; / goes to the first search field ---

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const wanted = event.key === "/" ? document.querySelector("input[type=search]") : document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  event.preventDefault();
  if (wanted.matches("input, select, summary")) wanted.focus(); else wanted.click();
});

// --- a form goes once ---

document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  if (event.target.method === "post") event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

// --- print buttons, scanning ---

for (const button of document.querySelectorAll("[data-print]")) { button.hidden = false; button.addEventListener("click", () => print()); }
if (document.querySelector("[data-scan]")) import("/console/static/scan.js");

if ("serviceWorker" in navigator && isSecureContext) navigator.serviceWorker.register("/console/sw.js", { scope: "/console/" }).catch(() => {});
