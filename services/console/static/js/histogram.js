// The cuts on the histogram of chances: what each grade holds follows from it at once, here in the browser.
const GRADES = ["A", "B", "C"];
const Z95 = 1.96;
const language = document.documentElement.lang;
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });

const chart = () => document.getElementById("histogram");
const field = (grade) => document.getElementById(`grades.all.${grade}`);
const data = (svg) => JSON.parse(svg.dataset.hundredths);

function between(rows, low, high) {
  const sum = [0, 0, 0];
  for (const [at, ...numbers] of rows) if (at >= low && at < high) numbers.forEach((number, n) => (sum[n] += number));
  return sum;
}

const above = (rows, hundredth) => between(rows, hundredth, 101)[0];

// The least hundredth that no more than `leads` reach.
function hundredthOf(rows, leads) {
  let at = 0;
  while (at < 100 && above(rows, at) > leads) at += 1;
  return at;
}

// Where the fields put the cuts, in hundredths.
function cuts(svg, rows) {
  const values = GRADES.map((grade) => Number(field(grade).value.replace(",", ".")) || 0);
  if (svg.dataset.by === "probability") return values.map((value) => Math.min(Math.max(value, 0), 100));
  if (svg.dataset.by === "percentile") return values.map((share) => hundredthOf(rows, Math.floor((svg.dataset.leads * share) / 100)));
  let total = 0;
  return values.map((count) => hundredthOf(rows, (total += count)));
}

export function show() {
  const svg = chart();
  if (!svg || !field("A")) return;
  const rows = data(svg);
  const at = cuts(svg, rows);
  GRADES.forEach((grade, n) => svg.querySelector(`[data-grade="${grade}"]`)?.setAttribute("transform", `translate(${6.4 * at[n]} 0)`));
  const rounded = at.map(Math.round);
  for (const bar of svg.querySelectorAll("[data-at]")) {
    const grade = GRADES.find((_, n) => Number(bar.dataset.at) >= rounded[n]) ?? "D";
    bar.setAttribute("class", `bar-${grade.toLowerCase()}`);
  }
  const edges = [101, ...rounded, 0];
  [...GRADES, "D"].forEach((grade, n) => {
    const [leads, wins, variance] = between(rows, edges[n + 1], edges[n]);
    const spread = Z95 * Math.sqrt(variance);
    const told = document.querySelector(`[data-wins-of="${grade}"]`);
    document.querySelector(`[data-leads-of="${grade}"]`).textContent = whole.format(leads);
    told.textContent = `${whole.format(Math.max(0, wins - spread))}–${whole.format(Math.min(leads, wins + spread))}`;
  });
}

// Put the cut of `grade` at a hundredth: no further than its neighbours are.
function move(svg, grade, wanted) {
  const rows = data(svg);
  const at = cuts(svg, rows).map(Math.round);
  const n = GRADES.indexOf(grade);
  at[n] = Math.min(Math.max(Math.round(wanted), at[n + 1] ?? 0), at[n - 1] ?? 100);
  const counts = at.map((cut) => above(rows, cut));
  const values = {
    probability: at,
    percentile: counts.map((count) => Math.round((1000 * count) / svg.dataset.leads) / 10),
    capacity: [counts[0], counts[1] - counts[0], counts[2] - counts[1]],
  }[svg.dataset.by];
  GRADES.forEach((one, place) => {
    if (place === n || svg.dataset.by === "capacity") field(one).value = values[place];
  });
  field(grade).dispatchEvent(new Event("input", { bubbles: true }));
}

function hundredthAt(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return point.x / 6.4;
}

export function start() {
  document.addEventListener("pointerdown", (event) => {
    const cut = event.target.closest?.(".cut");
    const svg = chart();
    if (!cut || !svg || !field("A") || event.button) return;
    event.preventDefault();
    const { grade } = cut.dataset;
    const drag = (moved) => move(svg, grade, hundredthAt(svg, moved));
    const stop = () => {
      removeEventListener("pointermove", drag);
      removeEventListener("pointerup", stop);
      removeEventListener("pointercancel", stop);
      cut.classList.remove("held");
    };
    cut.classList.add("held");
    addEventListener("pointermove", drag);
    addEventListener("pointerup", stop);
    addEventListener("pointercancel", stop);
  });
  document.addEventListener("input", (event) => {
    if (event.target.id?.startsWith("grades.all.")) show();
  });
}
