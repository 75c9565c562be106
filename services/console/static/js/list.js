// The list and what is chosen in it: beside it where there is room, on its own page where there is not.
import { fetchFragment, parse, replace } from "./fragment.js";
import { busy, keep } from "./draft.js";

const wide = matchMedia("(min-width: 1100px)");
let chosen = null;
let asking = null;

const links = () => [...document.querySelectorAll("#rows .row-link")];
const current = () => document.querySelector("#rows .row-link[aria-current]");
const idOf = (link) => link.closest("[data-id]").dataset.id;

function mark(link) {
  for (const other of links()) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  chosen = idOf(link);
}

export const chosenId = () => chosen;

export async function choose(link) {
  const detail = document.getElementById("detail");
  if (busy()) {
    keep();
    return;
  }
  mark(link);
  link.scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", link.dataset.split);
  asking?.abort();
  asking = new AbortController();
  detail.setAttribute("aria-busy", "true"); // until it shows what is chosen, nothing in it may be decided
  const answer = await fetchFragment(link.href, { signal: asking.signal });
  if (!answer || idOf(link) !== chosen) return;
  if (detail.dataset.poll || detail.dataset.pollS) detail.dataset.poll = link.href;
  replace(detail, answer.html);
  detail.removeAttribute("aria-busy");
  detail.scrollTop = 0;
}

export function move(step) {
  const all = links();
  if (!all.length) return;
  const at = all.indexOf(wide.matches ? current() : document.activeElement);
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  if (wide.matches && busy()) {
    keep();
    return;
  }
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  if (wide.matches && next !== current()) choose(next);
}

export function open() {
  const link = document.querySelector("[data-action=open]");
  const focused = document.activeElement?.closest?.(".row-link");
  if (!wide.matches && focused) location.assign(focused.href);
  else if (link) location.assign(link.href);
}

async function more(link) {
  const place = document.querySelector(link.dataset.more);
  link.setAttribute("aria-busy", "true");
  const answer = await fetchFragment(link.dataset.moreUrl || link.href);
  link.removeAttribute("aria-busy");
  if (!answer || answer.status !== 200) return;
  const added = parse(answer.html);
  const next = added.querySelector(":scope > p.more");
  const first = added.querySelector("li");
  link.closest(".more").remove();
  next?.remove();
  place.append(added);
  if (next) place.after(next);
  first?.querySelector("a, summary")?.focus({ preventScroll: true });
}

export function start() {
  const link = current();
  if (link) chosen = idOf(link);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const row = event.target.closest(".row-link[data-split]");
    const older = event.target.closest("[data-more]");
    if (row && wide.matches) {
      event.preventDefault();
      choose(row);
    } else if (older) {
      event.preventDefault();
      more(older);
    }
  });
  document.addEventListener("replaced", (event) => {
    if (event.target.id !== "queue" || !chosen) return;
    const again = document.querySelector(`#rows [data-id="${CSS.escape(chosen)}"] .row-link`);
    if (again && again !== current()) mark(again);
  });
}
