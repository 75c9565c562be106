// Fetching pieces of pages, and putting them in without losing a person's place.

const csrf = /(name="csrf_token" value=")[^"]*/g;
const shown = new WeakMap();

function lost(kind) {
  const notice = document.getElementById("lost");
  notice.textContent = kind ? notice.dataset[kind] : "";
  if (kind === "ended") {
    const link = document.createElement("a");
    link.href = `/login?expired=1&next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = notice.dataset.link;
    notice.append(" ", link);
  }
  notice.hidden = !kind;
}

// {status, html}, or null when there is no connection or no session: a notice then says so.
export async function fetchFragment(url, options = {}) {
  try {
    const response = await fetch(url, { ...options, headers: { "X-Fragment": "1" }, credentials: "same-origin" });
    if (response.status === 401) {
      lost("ended");
      return null;
    }
    lost(null);
    return { status: response.status, html: await response.text() };
  } catch (error) {
    if (error.name !== "AbortError") lost("offline");
    return null;
  }
}

export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// Put `html` into `place` unless it stands there already. Focus and opened details stay as they were.
export function replace(place, html) {
  const same = html.replace(csrf, "$1");
  if (shown.get(place) === same) return false;
  shown.set(place, same);
  const active = place.contains(document.activeElement) ? document.activeElement : null;
  const focus = active?.closest("[data-id]")?.dataset.id;
  const focusId = active?.id;
  const open = [...place.querySelectorAll("details[open][id]")].map((details) => details.id);
  place.replaceChildren(parse(html));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (active) {
    const again = focus
      ? place.querySelector(`[data-id="${CSS.escape(focus)}"] .row-link`)
      : focusId && document.getElementById(focusId);
    const heading = place.querySelector("h1, h2");
    // What had the focus may be gone: then what took its place is read from its heading on.
    if (!again && heading) heading.tabIndex = -1;
    (again || heading)?.focus({ preventScroll: true });
  }
  place.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  return true;
}

export function say(words) {
  const said = document.getElementById("said");
  if (said.textContent !== words) said.textContent = words;
}
