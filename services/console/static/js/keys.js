// One key an action. Each acts through what a button does too, and none while typing in a field.
import { approve, edit, reject } from "./draft.js";
import { move, open } from "./list.js";
import { keys as sure, shown as sureShown } from "./sure.js";

function help() {
  const sheet = document.getElementById("keys");
  if (!sheet) return;
  if (sheet.open) sheet.close();
  else sheet.showModal();
}

const actions = { j: () => move(1), k: () => move(-1), Enter: open, a: approve, e: edit, x: reject, "?": help };

const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;
const pressable = (target) => target.closest("a, button, summary") !== null;

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat && event.key !== "j" && event.key !== "k") return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (document.getElementById("keys")?.open && event.key !== "?") return;
    if (event.key === "Enter" && pressable(event.target) && !event.target.matches(".row-link")) return;
    const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    const action = button ? () => button.click() : sureShown() ? sure[event.key] ?? (event.key === "?" && help) : actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-action=help]")) help();
  });
}
