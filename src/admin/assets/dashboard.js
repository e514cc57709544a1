// The dashboard works without this. With it, links change the page in place, counts refresh as
// often as they are flushed, and the number of current visitors follows what happens. What cannot
// be renewed says so, and is tried again.

import { patch } from "./patch.js";

const RETRY = 5_000;
const PATIENCE = 20_000;
const SLOW = 300; // after so long it is said that something is loading
const HAPPENED = 20; // rows of what happens
const KEYS = "headcount-keys"; // whether keys lead somewhere
const SHOWN = "headcount-shown:"; // with a site's name: what this tab showed of it
const STILL = 150; // after so long without scrolling its place is kept
const PLACES = ["site_id", "topic", "page", "details", "at"]; // what begins at its top
const language = document.documentElement.lang;

const view = () => document.getElementById("view");
const visitors = () => document.getElementById("current");
const keys = () => document.getElementById("keys-on");

let asked = 0; // the last request
let waiting = 0; // requests whose answer is on its way
let wanted; // a link that was followed and has not been shown yet
let address = plain(location.href); // of the page that is shown
let top; // how far down that is to be shown
let scrolled;
let suggested; // what the suggested values were asked for
let stale = false; // the numbers are older than they should be
let live; // the stream of current visitors
let silent = false; // it is not there
let timer;
let reopening;

async function load() {
  const url = wanted ?? location.href;
  const mine = ++asked;
  waiting++;
  const slow = wanted && setTimeout(busy, SLOW, true);
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const answer = await fetch(url, { headers: { accept: "text/html" }, signal });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Another click was faster.
    if (mine !== asked) return;
    if (answer.redirected) return location.assign(answer.url);
    if (fresh.getElementById("view")) return show(fresh, url);
    // What will not pass is shown by the browser: it says why.
    if (wanted && answer.status < 500) return location.assign(url);
    const [why, detail] = ["why", "detail"].map((id) => fresh.getElementById(id)?.textContent);
    say(why ?? text("answer", { status: answer.status }), detail);
  } catch {
    if (mine === asked) say(text("silent"));
  } finally {
    clearTimeout(slow);
    if (--waiting === 0) busy(false);
  }
}

// What was followed takes a while.
function busy(is) {
  view().toggleAttribute("aria-busy", is);
  if (is) view().setAttribute("aria-busy", "true");
  const place = document.getElementById("busy");
  if (place) place.textContent = is ? text("loading") : "";
}

function show(fresh, url) {
  const site = view().dataset.site;
  const [followed, to] = [wanted, wanted && top];
  if (wanted && url !== location.href) {
    keepPlace();
    history.pushState(null, "", url);
  }
  address = plain(url);
  wanted = undefined;
  stale = false;
  const card = document.activeElement?.closest("section.card")?.id;
  const place = () => document.getElementById(card)?.getBoundingClientRect().top;
  const before = place();
  patch(view(), fresh.getElementById("view"));
  document.title = fresh.title;
  keepClear();
  if (to !== undefined) {
    scrollTo({ top: to, behavior: "instant" });
  } else if (followed) {
    // The card that was clicked in stays where it is in the window, however the others move.
    const after = place();
    if (after !== undefined) scrollBy({ top: after - before, behavior: "instant" });
    uncover();
  }
  remember();
  pulse();
  if (site !== view().dataset.site) listen();
}

const bar = () => view().querySelector(".filters.on");

// What is scrolled to is not below the bar of the filters, however high it is.
function keepClear() {
  document.documentElement.style.scrollPaddingTop = bar() ? `${bar().offsetHeight + 8}px` : "";
}

// With a first filter the bar comes, maybe over what was followed.
function uncover() {
  const at = document.activeElement;
  if (bar() && at?.closest("main") && !bar().contains(at)) at.scrollIntoView({ block: "nearest", behavior: "instant" });
}

// What the page has for the script to say, in its language, with gaps that are filled here.
function text(name, values = {}) {
  return view().dataset[name].replace(/{(\w+)}/g, (_, gap) => values[gap]);
}

// The numbers stay, with the time they are of. Details are for programs.
function say(why, detail) {
  stale = true;
  const time = document.getElementById("read").textContent;
  const line = document.createElement("p");
  line.append(text("stale", { time, why }));
  if (detail) line.append(" ", Object.assign(document.createElement("code"), { lang: "en", textContent: detail }));
  const place = document.getElementById("stale");
  if (place.textContent !== line.textContent) place.replaceChildren(...line.childNodes);
  pulse();
}

function pulse() {
  const behind = document.getElementById("stale").textContent;
  const quiet = behind || silent || visitors()?.textContent === "0";
  view().querySelector(".pulse")?.classList.toggle("quiet", Boolean(quiet));
}

async function refresh() {
  // Never in the way of a click whose answer is on its way.
  if (!document.hidden && !waiting) await load();
  refreshLater();
}

function refreshLater() {
  clearTimeout(timer);
  timer = setTimeout(refresh, stale ? RETRY : Number(view().dataset.refresh));
}

// Menus are left at once: one that is opened before the answer comes stays open.
function go(url, to) {
  for (const menu of view().querySelectorAll("details.menu[open]")) close(menu);
  wanted = url;
  top = to;
  load().then(refreshLater);
}

// An address without the part that names a place in the page.
function plain(url) {
  return url.split("#")[0];
}

// Another page begins at its top; what changes this one leaves it where it is.
function follow(url) {
  const [old, fresh] = [new URL(location.href), new URL(url)].map((of) => of.searchParams);
  go(url, PLACES.some((name) => old.get(name) !== fresh.get(name)) ? 0 : undefined);
}

// The way back leads to where it was. What is on its way is not there yet.
function keepPlace() {
  clearTimeout(scrolled);
  history.replaceState({ top: scrollY }, "");
}

// Settings lead back to what was shown.
function remember() {
  if (view().dataset.base === "/") sessionStorage.setItem(SHOWN + view().dataset.site, location.search);
}

// Values of the property that the form for a filter has chosen, to choose from.
async function suggest() {
  const list = document.getElementById("values");
  const url = new URL(location.href);
  url.searchParams.set("property", view().querySelector("#filter [name='property']").value);
  url.searchParams.set("suggest", "true");
  if (suggested === url.href) return;
  suggested = url.href;
  list.replaceChildren();
  try {
    const answer = await fetch(url, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(PATIENCE) });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Another property was chosen meanwhile.
    if (suggested === url.href) list.replaceChildren(...fresh.getElementById("values").children);
  } catch {
    // A value can be written all the same.
    suggested = undefined;
  }
}

function listen() {
  live?.close();
  clearTimeout(reopening);
  if (!view().dataset.live) return;
  live = new EventSource(view().dataset.live);
  live.addEventListener("visitors", ({ data }) => {
    if (!visitors()) return;
    visitors().textContent = Number(data).toLocaleString(language, { useGrouping: "always" });
    const noun = document.getElementById("current-noun");
    noun.textContent = data === "1" ? noun.dataset.one : noun.dataset.many;
    silent = false;
    pulse();
  });
  live.addEventListener("message", ({ data }) => tell(JSON.parse(data)));
  live.addEventListener("error", () => {
    silent = true;
    pulse();
    // Without an answer the browser tries again by itself; after one that it does not like, it does not.
    if (live.readyState === EventSource.CLOSED) reopening = setTimeout(listen, RETRY);
    refresh();
  });
}

// A menu that had the focus keeps it.
function close(menu) {
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu.open = false;
}

// What happened, where it is shown: the newest first.
function tell(event) {
  const stream = document.getElementById("stream");
  if (!stream) return;
  const row = document.createElement("li");
  const time = new Date(event.t).toLocaleTimeString(language, { hour12: false });
  for (const [name, text] of [["time", time], ["bdi", event.page], ["span", event.country], ["span", event.source]]) {
    if (!text) continue;
    const part = row.appendChild(document.createElement(name));
    part.textContent = part.title = text;
  }
  stream.prepend(row);
  while (stream.children.length > HAPPENED) stream.lastChild.remove();
}

// The step of the chart that a key leads to.
function along(step, key) {
  const steps = [...step.parentNode.querySelectorAll(".step")];
  const at = steps.indexOf(step);
  return { ArrowLeft: steps[at - 1], ArrowRight: steps[at + 1], Home: steps[0], End: steps.at(-1) }[key];
}

// What a key leads to, unless somebody writes or wants no keys.
function followKey({ key, target, ctrlKey, metaKey, altKey, defaultPrevented }) {
  if (ctrlKey || metaKey || altKey || defaultPrevented || !keys()?.checked) return;
  if (target.closest?.("input:not([type='checkbox']), select, textarea, [tabindex='0']:not(a)")) return;
  const found = view().querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!found) return;
  found.click();
  if (found.matches("summary")) found.focus();
  return true;
}

if (view()) {
  if (keys()) keys().checked = localStorage.getItem(KEYS) !== "off";
  document.addEventListener("change", ({ target }) => {
    if (target.matches("#filter [name='property']")) suggest();
    if (target === keys()) localStorage.setItem(KEYS, target.checked ? "on" : "off");
  });
  document.addEventListener("keydown", (event) => {
    if (followKey(event)) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("#view a[href]");
    // Only to other views of the same page.
    if (!link?.getAttribute("href").startsWith(view().dataset.base + "?") || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    // A country of the map is a link of SVG, whose `href` is no text.
    follow(new URL(link.getAttribute("href"), location.href).href);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("#view form[method='get']");
    if (!form) return;
    event.preventDefault();
    follow(new URL(view().dataset.base + "?" + new URLSearchParams(new FormData(form)), location.href).href);
  });
  document.addEventListener("toggle", ({ target }) => {
    if (target.id === "filter" && target.open) suggest();
  }, true);
  // Menus close as menus do.
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && view().querySelector("details.menu[open]");
    if (open) close(open);
  });
  // Along the chart, step by step.
  document.addEventListener("keydown", (event) => {
    const step = event.target.closest?.(".step");
    const to = step && along(step, event.key);
    if (!to) return;
    event.preventDefault();
    step.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  });
  document.addEventListener("pointerdown", (event) => {
    for (const open of view().querySelectorAll("details.menu[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
  addEventListener("popstate", ({ state }) => {
    // It leads to another place of the page that is shown.
    if (plain(location.href) === address && !wanted) return state && scrollTo({ top: state.top, behavior: "instant" });
    go(location.href, state?.top ?? 0);
  });
  addEventListener("scroll", () => {
    clearTimeout(scrolled);
    scrolled = setTimeout(() => wanted || keepPlace(), STILL);
  });
  addEventListener("resize", keepClear);
  keepClear();
  // The browser would go there before it is drawn.
  history.scrollRestoration = "manual";
  if (history.state?.top) scrollTo({ top: history.state.top, behavior: "instant" });
  remember();
  // A page that nobody looks at holds no stream: browsers have six connections to a server.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return live?.close();
    listen();
    refresh();
  });
  refreshLater();
  if (!document.hidden) listen();
}

for (const back of document.querySelectorAll("a[data-back]")) {
  back.search = sessionStorage.getItem(SHOWN + back.dataset.back) ?? back.search;
}
