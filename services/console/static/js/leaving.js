// What was approved and has not left yet: the seconds that are left to take it back.
import { busy } from "./draft.js";
import { fetchFragment, parse } from "./fragment.js";

const RELEASED_MS = 2000; // the worker looks twice a second
const ends = new WeakMap();

function end(place) {
  if (!ends.has(place)) ends.set(place, performance.now() + 1000 * Number(place.dataset.leftS));
  return ends.get(place);
}

// It is out: what says so is asked for, once.
async function gone(place) {
  place.textContent = place.dataset.over;
  place.removeAttribute("data-left-s");
  const holder = place.closest("[data-leaving]");
  holder?.querySelector("form")?.remove();
  const panel = place.closest("#draft");
  if (!panel) return;
  await new Promise((resolve) => setTimeout(resolve, RELEASED_MS));
  const answer = await fetchFragment(`/drafts/${panel.dataset.draft}`);
  const next = answer?.status === 200 && parse(answer.html).getElementById?.("draft");
  if (next && panel.isConnected && !busy()) panel.replaceWith(next);
}

function tick() {
  for (const place of document.querySelectorAll("[data-left-s]")) {
    const left = Math.ceil((end(place) - performance.now()) / 1000);
    if (left > 0) place.textContent = place.dataset.words.replace("{left}", left);
    else gone(place);
  }
}

export function start() {
  tick();
  setInterval(tick, 1000);
  document.addEventListener("decided", tick);
  document.addEventListener("replaced", tick);
}
