// Replies read one under the other and approved together: what is ticked is said on the button.
const items = () => [...document.querySelectorAll("[data-sure]")];
const boxes = () => [...document.querySelectorAll("[data-sure] [name=shown]")];
const button = () => document.getElementById("approve-ticked");

const NAMED = 2; // recipients that the button names

function relabel() {
  const to = boxes().filter((box) => box.checked).map((box) => box.dataset.to);
  const { none, one, many, others } = button().dataset;
  const named = to.slice(0, NAMED).join(", ");
  const rest = to.length - NAMED;
  const names = rest > 0 ? others.replace("{to}", named).replace("{count}", rest) : named;
  const words = to.length > 1 ? many : to.length ? one : none;
  button().querySelector(".label").textContent = words.replace("{count}", to.length).replace("{to}", names);
  button().disabled = !to.length;
}

const at = () => items().findIndex((item) => item.contains(document.activeElement));

function step(by) {
  const all = items();
  const next = all[Math.min(Math.max(at() + by, 0), all.length - 1)];
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "start" });
}

// The key brings the button under the hand: what goes out to whom is read there before Enter.
export const keys = {
  j: () => step(1),
  k: () => step(-1),
  t: () => items()[at()]?.querySelector("[name=shown]").click(),
  a: () => button().focus(),
};

export const shown = () => button() !== null;

export function start() {
  if (!shown()) return;
  relabel();
  document.addEventListener("change", (event) => event.target.name === "shown" && relabel());
}
