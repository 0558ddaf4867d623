// The filter, the list of what it takes, and the table of progress.

import { get } from "./api.js";
import { byId, make } from "./dom.js";

export const rows = [];
let faults = [];

export async function load() {
  const wanted = [...new FormData(byId("filter"))].filter(([, value]) => value);
  const answer = await get(`/api/situations?${new URLSearchParams(wanted)}`);
  rows.splice(0, rows.length, ...answer.situations);
  faults = answer.faults;
  byId("count").textContent = `${rows.length} of ${answer.num_situations} situations`;
  draw();
  drawProgress(answer.cells);
  return faults;
}

function draw() {
  const items = rows.map((row) => make("li", {}, make("a", { href: `#/${row.id}` })));
  byId("list").replaceChildren(...items);
  for (let place = 0; place < rows.length; place++) drawRow(place);
}

function drawRow(place) {
  const row = rows[place];
  const link = byId("list").children[place].firstChild;
  link.replaceChildren(row.id, " ", make("span", { class: `state ${row.state}` }, row.state));
}

// Take over the state of a situation that was just shown or decided about.
export function update(situation) {
  const place = rows.findIndex((row) => row.id === situation.id);
  if (place < 0) return;
  rows[place] = { ...rows[place], state: situation.state, read: situation.read };
  drawRow(place);
}

export function markCurrent(id) {
  byId("list").querySelector("[aria-current]")?.removeAttribute("aria-current");
  const place = rows.findIndex((row) => row.id === id);
  if (place < 0) return;
  const link = byId("list").children[place].firstChild;
  link.setAttribute("aria-current", "true");
  link.scrollIntoView({ block: "nearest" });
}

// The id `step` places from this one; the first one if this one is not in the list; null past an end.
export function neighbour(id, step) {
  const place = rows.findIndex((row) => row.id === id);
  return place < 0 ? (rows[0]?.id ?? null) : (rows[place + step]?.id ?? null);
}

function drawProgress(cells) {
  const domains = Object.keys(Object.values(cells)[0]);
  const head = ["", ...domains].map((domain) => make(domain ? "th" : "td", domain ? { scope: "col" } : {}, domain));
  const body = Object.entries(cells).map(([trait, row]) =>
    make("tr", {}, make("th", { scope: "row" }, trait), ...domains.map((domain) => progressCell(trait, domain, row[domain]))),
  );
  byId("progress-table").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
}

function progressCell(trait, domain, counts) {
  const { situations, read, accepted, rejected } = counts;
  const label = `${trait} in ${domain}: ${read} read, ${accepted} accepted, ${rejected} rejected, of ${situations}`;
  const cell = make("button", { type: "button", "aria-label": label }, `${read} ${accepted} ${rejected} / ${situations}`);
  if (situations && accepted === situations) cell.classList.add("done");
  cell.addEventListener("click", () => {
    const filter = byId("filter");
    filter.reset();
    filter.elements.trait.value = trait;
    filter.elements.domain.value = domain;
    byId("progress-dialog").close();
    filter.dispatchEvent(new Event("change"));
  });
  return make("td", {}, cell);
}
