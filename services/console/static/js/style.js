// The house style: the letter follows what is typed. Without a script a button shows it.
import { fetchFragment, replace } from "./fragment.js";

const PAUSE_MS = 400;

export function start() {
  const form = document.querySelector("form[data-letter]");
  if (!form) return;
  let waiting = null;
  let asking = null;

  async function show() {
    asking?.abort();
    asking = new AbortController();
    const body = new FormData(form);
    body.set("do", "show");
    const answer = await fetchFragment(form.action, { method: "POST", body, signal: asking.signal });
    if (answer?.status === 200) replace(document.getElementById("letter"), answer.html);
  }

  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, PAUSE_MS);
  });
}
