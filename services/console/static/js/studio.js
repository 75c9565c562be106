// The Studio: what a change would do, asked for as it is made; the last answer stays until the next is there.
import { fetchFragment, replace, say } from "./fragment.js";
import { show, start as histogram } from "./histogram.js";

// Dropping an answer does not stop the service: where answers take long, they are asked for less often.
const LEAST_PAUSE_MS = 350;
const MOST_PAUSE_MS = 2000;
let pause = LEAST_PAUSE_MS;
let waiting = null;
let asking = null;
let changed = false;

const form = () => document.getElementById("studio");

function send(command, signal) {
  const body = new FormData(form());
  body.set("do", command);
  return fetchFragment(form().action, { method: "POST", body, signal });
}

function busy(on) {
  form().querySelector(".waits").toggleAttribute("data-idle", !on);
  form().toggleAttribute("data-counted", !on);
}

// From the moment something changes, what is still on its way is of no use.
function drop() {
  clearTimeout(waiting);
  asking?.abort();
  busy(true);
}

async function effect() {
  drop();
  const mine = new AbortController();
  asking = mine;
  const place = document.getElementById("effect");
  const began = performance.now();
  const answer = await send("effect", mine.signal);
  if (mine.signal.aborted) return;
  busy(false);
  pause = Math.min(Math.max(performance.now() - began, LEAST_PAUSE_MS), MOST_PAUSE_MS);
  if (!answer) return;
  replace(place, answer.html);
  const told = place.querySelector("[data-say]");
  if (!told) return;
  say(told.dataset.say);
  document.querySelector(".effect-bar").textContent = `${told.dataset.say} ↓`;
}

function later() {
  drop();
  waiting = setTimeout(effect, pause);
}

// A button or a choice that changes what the form holds: the form comes back with it.
async function edit(command) {
  drop();
  const editor = document.getElementById("editor");
  const sent = send(command);
  editor.inert = true; // what would be typed now would be lost
  const answer = await sent;
  editor.inert = false;
  if (answer?.status === 200) {
    replace(editor, answer.html);
    focusAfter(command);
  }
  effect();
}

// The new part of what was added, the moved item's own button, or the part that something was taken from.
function focusAfter(command) {
  const parts = command.split(".");
  const verb = parts.pop();
  const at = Number(parts[1]);
  const items = [...document.querySelectorAll(`#${parts[0]} .item`)];
  if (parts[0] === "segments") {
    const names = document.querySelectorAll(".segment input[list]");
    (names[names.length - 1] ?? document.querySelector("#grades details:has([name='grades.segment_by']) summary")).focus();
  } else if (command === "by") document.getElementById("grades.by")?.focus();
  else if (verb === "test") document.getElementById(command)?.focus();
  else if (verb === "up" || verb === "down") {
    const moved = `${parts[0]}.${verb === "up" ? at - 1 : at + 1}`;
    (document.getElementById(`${moved}.${verb}`) ?? document.querySelector(`[id="${moved}"] .item-buttons button`))?.focus();
  } else if (verb === "add" && parts.length === 1 && items.length) {
    const last = document.querySelector(`#${parts[0]} .item:last-of-type`);
    const added = parts[0] === "rules" ? last : (items[items.length - 2] ?? last);
    added.querySelector("select, input:not([type=hidden])")?.focus();
  } else if (verb === "add" && parts.length > 1) {
    const lines = document.querySelectorAll(`[id="${parts[0]}.${parts[1]}"] .leaf select`);
    lines[lines.length - 2]?.focus();
  } else if (verb === "remove") {
    (items[at] ?? document.getElementById(`${parts[0]}.add`) ?? document.querySelector(`#grades summary`))
      ?.querySelector?.("select, button, input:not([type=hidden])")
      ?.focus();
  }
}

async function load(place) {
  const inner = place.querySelector(".loaded");
  inner.textContent = place.dataset.waits;
  inner.setAttribute("aria-busy", "true");
  const answer = await fetchFragment(place.dataset.load);
  inner.removeAttribute("aria-busy");
  if (answer) replace(inner, answer.html);
}

export function start() {
  for (const place of document.querySelectorAll("[data-load]")) load(place);
  if (!form()) return;
  histogram();
  form().addEventListener("input", (event) => {
    changed = true;
    if (event.target.id === "comment") return;
    if (event.target.matches("[id$='.field']")) {
      event.target.closest(".leaf").querySelector(".leaf-value").setAttribute("list", `values-${event.target.value}`);
    }
    if (event.target.dataset.do) edit(event.target.dataset.do);
    else later();
  });
  form().addEventListener("submit", (event) => {
    const command = event.submitter?.value ?? "effect";
    if (command === "keep") {
      changed = false;
      return;
    }
    event.preventDefault();
    if (command === "effect") effect();
    else edit(command);
    if (!command.endsWith(".test") && command !== "effect") changed = true;
  });
  addEventListener("beforeunload", (event) => {
    if (changed) event.preventDefault();
  });
  show();
  effect();
}
