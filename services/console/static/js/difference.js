// What a person changes in a proposal, word by word, shown while they write.
const MOST_WORDS = 600; // of what differs: more would make typing slow
const PAUSE_MS = 300;

const wordsOf = (text) => text.trim().match(/\S+\s*/g) ?? [];
const same = (one, other) => one.trim() === other.trim();

// Pieces [text, change] in order; change is "", "removed" or "added". Null where it is too much to compare.
export function difference(before, after) {
  const old = wordsOf(before);
  const now = wordsOf(after);
  let start = 0;
  while (start < old.length && start < now.length && same(old[start], now[start])) start++;
  let end = 0;
  while (end < old.length - start && end < now.length - start && same(old.at(-1 - end), now.at(-1 - end))) end++;
  const a = old.slice(start, old.length - end);
  const b = now.slice(start, now.length - end);
  if (Math.max(a.length, b.length) > MOST_WORDS) return null;
  // common[i][j]: how many words a from i and b from j on have in common, in order.
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i][j] = same(a[i], b[j]) ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  const pieces = [];
  const add = (text, change) => {
    const last = pieces.at(-1);
    if (last && last[1] === change) last[0] += text;
    else pieces.push([text, change]);
  };
  for (const word of now.slice(0, start)) add(word, "");
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(a[i], b[j])) add(b[j++], (i++, ""));
    else if (i < a.length && (j === b.length || common[i + 1][j] >= common[i][j + 1])) add(a[i++], "removed");
    else add(b[j++], "added");
  }
  for (const word of now.slice(now.length - end)) add(word, "");
  return pieces;
}

function show(place, text) {
  const pieces = difference(place.dataset.proposed, text);
  place.hidden = !pieces?.some(([, change]) => change);
  if (place.hidden) return;
  place.querySelector(".prose").replaceChildren(
    ...pieces.map(([words, change]) => {
      if (!change) return document.createTextNode(words);
      const piece = document.createElement(change === "removed" ? "del" : "ins");
      const label = document.createElement("span");
      label.className = "visually-hidden";
      label.textContent = `${place.dataset[change]} `;
      piece.append(label, words);
      return piece;
    }),
  );
}

let waiting;

export function start() {
  document.addEventListener("input", (event) => {
    const place = event.target.id === "body" && document.querySelector("[data-proposed]");
    if (!place) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => show(place, event.target.value), PAUSE_MS);
  });
}
