// Sources: try the sample while it is written, and copy what is to be pasted at the sender.
import { fetchFragment, replace, say } from "./fragment.js";

const PAUSE_MS = 500;
let waiting = null;
let asked = 0;

async function attempt(form) {
  const mine = ++asked;
  const answer = await fetchFragment(form.dataset.try, { method: "POST", body: new FormData(form) });
  if (!answer || mine !== asked || answer.status !== 200) return;
  replace(document.getElementById("trial"), answer.html);
}

async function copy(button) {
  await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
  say(button.dataset.copied);
  button.textContent = button.dataset.copied;
}

export function start() {
  // Where the page came by http, browsers give no clipboard: the text can still be chosen by hand.
  if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("[data-try]");
    if (!form) return;
    clearTimeout(waiting);
    waiting = setTimeout(attempt, PAUSE_MS, form);
  });
}
