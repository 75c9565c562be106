// Keeps pages current while they are looked at, and never under a person's hands.
import { busy } from "./draft.js";
import { fetchFragment, replace, say } from "./fragment.js";
import { chosenId } from "./list.js";

const MOST_ROWS = 200;
const PAGE = 50;

function address(place) {
  const url = new URL(place.dataset.poll, location.href);
  if (place.id === "queue") {
    url.searchParams.set("shown", Math.max(document.querySelectorAll("#rows > .row").length, PAGE));
    if (chosenId()) url.searchParams.set(location.pathname === "/drafts" ? "draft" : "lead", chosenId());
  }
  return url;
}

function mayReplace(place) {
  if (document.querySelector("dialog[open]")) return false;
  if (place.id === "detail") {
    // Older events that were asked for would vanish with the fragment.
    const grown = place.querySelectorAll(".event").length > 20;
    return !busy() && !grown && !place.querySelector("#reject[open], #another[open]") && !document.querySelector("#draft.editing");
  }
  return document.querySelectorAll("#rows > .row").length <= MOST_ROWS;
}

// What a place has to say aloud, and that nothing more will change in it.
function tell(place) {
  const told = place.querySelector("[data-say]");
  if (told) say(told.dataset.say);
  if (told && "settled" in told.dataset) delete place.dataset.poll;
}

async function update(place) {
  if (!place.dataset.poll || document.hidden || !mayReplace(place)) return;
  const asked = place.dataset.poll;
  const answer = await fetchFragment(address(place));
  if (!answer || answer.status !== 200 || !mayReplace(place) || asked !== place.dataset.poll) return;
  const wanted = place.dataset.pollReload;
  if (!wanted) {
    replace(place, answer.html);
    tell(place);
  } else if (!answer.html.includes("data-first-use")) location.reload();
}

function keep(place) {
  const every = 1000 * Number(place.dataset.pollS || 5);
  const again = async () => {
    await update(place);
    if (place.dataset.poll) setTimeout(again, every);
  };
  setTimeout(again, every);
}

export function start() {
  const places = [...document.querySelectorAll("[data-poll]")];
  places.forEach(keep);
  document.addEventListener("visibilitychange", () => places.forEach(update));
  document.addEventListener("decided", () => places.filter((place) => place.id === "queue").forEach(update));
}
