// The dashboard works without this. With it, links change the page in place, counts refresh as
// often as they are flushed, and the number of current visitors follows what happens.

const view = () => document.getElementById("view");
let asked = 0;
let waiting = 0;

async function load(url, push) {
  const mine = ++asked;
  waiting++;
  await show(url, push, mine).finally(() => waiting--);
}

async function show(url, push, mine) {
  const answer = await fetch(url, { headers: { accept: "text/html" } });
  if (answer.redirected) return location.assign(answer.url);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = fresh.getElementById("view");
  // Another click was faster, or there is no dashboard to show: let the browser say why.
  if (mine !== asked) return;
  if (!next) return push && location.assign(url);
  if (push) history.pushState(null, "", url);
  else for (const open of view().querySelectorAll("details[open][id]")) {
    next.querySelector("#" + open.id)?.setAttribute("open", "");
  }
  const focused = document.activeElement?.getAttribute("href");
  const site = view().dataset.site;
  view().replaceWith(next);
  document.title = fresh.title;
  if (focused) {
    const same = [...next.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused);
    same?.focus({ preventScroll: true });
  }
  if (site !== next.dataset.site) follow();
}

function refresh() {
  const busy = view().querySelector("form :focus, #custom[open]");
  // Never in the way of a click whose answer is on its way.
  if (!document.hidden && !busy && !waiting) load(location.href, false).catch(() => {});
  setTimeout(refresh, Number(view().dataset.refresh));
}

let live;
function follow() {
  live?.close();
  live = new EventSource("/api/live?site_id=" + encodeURIComponent(view().dataset.site));
  live.addEventListener("visitors", ({ data }) => {
    document.getElementById("current").textContent = Number(data).toLocaleString("en");
    document.getElementById("current-noun").textContent = data === "1" ? "visitor" : "visitors";
    view().querySelector(".pulse").classList.toggle("quiet", data === "0");
  });
}

if (view()) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("#view a[href^='/?']");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    load(link.href, true).catch(() => location.assign(link.href));
  });
  addEventListener("popstate", () => load(location.href, false).catch(() => location.reload()));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !waiting) load(location.href, false).catch(() => {});
  });
  setTimeout(refresh, Number(view().dataset.refresh));
  follow();
}
