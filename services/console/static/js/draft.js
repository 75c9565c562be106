// The draft: its sources, its gaps, editing, and deciding without leaving the page.
import { fetchFragment, parse, say } from "./fragment.js";

const draft = () => document.getElementById("draft");
const settled = () => !document.querySelector("#detail[aria-busy]");
const gaps = () => [...(draft()?.querySelectorAll(".gap:not([disabled])") ?? [])];

// Whether a person is writing: then nothing may replace the draft.
export function busy() {
  const panel = draft();
  if (!panel) return false;
  const reason = panel.querySelector("#reason");
  return (
    (panel.classList.contains("editing") && (panel.dataset.touched === "1" || panel.contains(document.activeElement))) ||
    gaps().some((gap) => gap.value) ||
    Boolean(reason?.value)
  );
}

// Whether anything was typed that another draft in its place would lose.
function written() {
  const panel = draft();
  return panel.dataset.touched === "1" || gaps().some((gap) => gap.value);
}

// Say, where a person looks, why nothing else opens: what they wrote would be lost.
export function keep() {
  const notice = draft()?.querySelector("[data-keep]");
  if (!notice) return;
  notice.hidden = false;
  notice.scrollIntoView({ block: "nearest" });
}

function show(panel, editing) {
  panel.classList.toggle("editing", editing);
  for (const part of panel.querySelectorAll("[data-reading], .sources, .gaps-left, [data-action=edit]")) part.hidden = editing;
  for (const part of panel.querySelectorAll("[data-editing], [data-action=cancel]")) part.hidden = !editing;
  for (const gap of panel.querySelectorAll(".gap")) gap.disabled = editing;
}

export function edit() {
  const panel = draft();
  const body = panel?.querySelector("#body");
  if (!body || !settled()) return;
  for (const gap of gaps()) {
    if (gap.value.trim()) body.value = body.value.replaceAll(gap.dataset.marker, gap.value.trim());
  }
  show(panel, true);
  body.focus();
  const marker = panel.querySelector('[name="marker"]')?.value;
  const at = marker ? body.value.indexOf(marker) : -1;
  if (at >= 0) body.setSelectionRange(at, at + marker.length);
  else body.setSelectionRange(0, 0);
  body.scrollIntoView({ block: "nearest" });
}

// Approve what can be seen: when the button is out of sight, the first press only brings it there.
export function approve() {
  const button = draft()?.querySelector("[data-action=approve]");
  if (!button || !settled()) return;
  const box = button.getBoundingClientRect();
  const seen = box.top >= 0 && box.bottom <= innerHeight;
  const missing = gaps().find((gap) => !gap.value.trim());
  if (missing) missing.focus();
  else if (!seen) {
    button.scrollIntoView({ block: "center" });
    button.focus();
  } else button.click();
}

export function reject() {
  const details = draft()?.querySelector("#reject");
  if (!details || !settled()) return;
  details.open = true;
  details.querySelector("input:not([type=hidden])").focus();
}

function cancel() {
  const panel = draft();
  for (const form of panel.querySelectorAll("form")) form.reset();
  delete panel.dataset.touched;
  panel.querySelector("[data-keep]").hidden = true;
  show(panel, false);
  relabel();
  for (const gap of gaps()) gap.classList.remove("filled");
  panel.querySelector("[data-action=edit]").focus();
}

function showSource(sentence) {
  const panel = draft();
  if (!panel || !sentence) return;
  for (const shown of panel.querySelectorAll(".shown")) shown.classList.remove("shown");
  sentence.classList.add("shown");
  panel.querySelector(`#${CSS.escape(sentence.dataset.source)}`)?.classList.add("shown");
}

function relabel() {
  const label = draft()?.querySelector("[data-action=approve] .address");
  const to = draft()?.querySelector("#recipients")?.value.trim();
  if (label && to) {
    label.textContent = to;
    while (label.nextSibling) label.nextSibling.remove();
  }
}

async function decide(form) {
  const missing = form.id === "approve-form" && gaps().find((gap) => !gap.value.trim());
  if (missing) {
    missing.focus();
    return;
  }
  if ("replaces" in form.dataset && written()) {
    keep();
    return;
  }
  const panel = draft();
  const buttons = panel.querySelectorAll("button");
  if (panel.dataset.deciding) return;
  panel.dataset.deciding = "1";
  for (const button of buttons) button.setAttribute("aria-busy", "true");
  const answer = await fetchFragment(form.action, { method: "POST", body: new FormData(form) });
  delete panel.dataset.deciding;
  for (const button of buttons) button.removeAttribute("aria-busy");
  const next = answer && parse(answer.html).getElementById?.("draft");
  if (!next) return;
  panel.replaceWith(next);
  say(next.dataset.announce || "");
  (next.querySelector("[role=alert]") ?? next.querySelector("#draft-title")).scrollIntoView({ block: "nearest" });
  document.dispatchEvent(new CustomEvent("decided"));
}

// The texts of the house with these words, in the place of those shown; what is being written stays.
async function search(form) {
  const url = new URL(form.action);
  url.searchParams.set("q", form.q.value);
  const answer = await fetchFragment(url);
  const found = answer?.status === 200 && parse(answer.html).querySelector("#another");
  const place = document.getElementById("another");
  if (!found || !place?.contains(form)) return;
  place.replaceWith(found);
  found.querySelector("[name=q]").focus();
  say(found.querySelector("[role=status]")?.textContent ?? "");
}

export function start() {
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-passage-search]")) {
      event.preventDefault();
      search(event.target);
      return;
    }
    if (!event.target.matches("[data-draft-form]")) return;
    event.preventDefault();
    decide(event.target);
  });
  document.addEventListener("click", (event) => {
    const action = event.target.closest("[data-action]")?.dataset.action;
    if (action === "edit") {
      event.preventDefault();
      edit();
    } else if (action === "cancel") {
      event.preventDefault();
      cancel();
    } else if (action === "reject") {
      setTimeout(() => draft()?.querySelector("#reject[open] input:not([type=hidden])")?.focus());
    }
  });
  document.addEventListener("mouseover", (event) => showSource(event.target.closest?.(".sentence")));
  document.addEventListener("focusin", (event) => showSource(event.target.closest?.(".sentence")));
  document.addEventListener("input", (event) => {
    const panel = event.target.closest?.("#draft");
    if (!panel || event.target.closest("#another, #reject")) return;
    panel.dataset.touched = "1";
    if (event.target.id === "recipients") relabel();
    if (event.target.matches(".gap")) {
      event.target.classList.toggle("filled", Boolean(event.target.value.trim()));
      const same = gaps().filter((gap) => gap !== event.target && gap.dataset.marker === event.target.dataset.marker);
      for (const gap of same) gap.value = event.target.value;
      const left = panel.querySelector(".gaps-left");
      if (left) left.hidden = gaps().every((gap) => gap.value.trim());
    }
  });
}
