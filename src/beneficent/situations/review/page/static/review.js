// The page: which situation is shown, what its buttons and keys do, and how problems are told.

import { act, situation as fetchSituation } from "./api.js";
import { askReason, askRole, isOpen, role } from "./dialogs.js";
import { button, byId, make } from "./dom.js";
import { EditForm } from "./edit.js";
import { load, markCurrent, neighbour, update } from "./list.js";
import { markOther, sendScores, tick } from "./score.js";
import { view } from "./view.js";

let current = null;
let form = null;

const idOfPage = () => decodeURIComponent(location.hash.replace(/^#\/?/, ""));
const say = (text) => (byId("notice").textContent = text);
const clear = () => byId("problem").replaceChildren();

function tell(problem) {
  const parts = [make("p", {}, problem.message)];
  if (problem.status === 409) parts.push(button("Load the file as it is now", "", attempt(reload)), " ");
  byId("problem").replaceChildren(...parts, button("Close", "", clear));
  form?.blame(problem.message);
}

// A handler that shows what goes wrong in it.
const attempt = (handler) => async (...given) => {
  try {
    await handler(...given);
  } catch (problem) {
    tell(problem);
  }
};

function draw(situation) {
  current = situation;
  update(situation);
  markCurrent(situation.id);
  byId("main").replaceChildren(view(situation, acts));
}

function lookAtHeading() {
  const heading = byId("main").querySelector("h2");
  heading.scrollIntoView();
  heading.focus({ preventScroll: true });
}

async function reload() {
  const fresh = await fetchSituation(current.id);
  clear();
  if (!form) return draw(fresh);
  current = fresh;
  form.rebase(fresh);
  say("This is the file as it is now, with what you typed. Save again when it is right.");
}

const show = attempt(async (id) => {
  if (form?.isChanged()) {
    history.replaceState(null, "", `#/${current.id}`);
    throw new Error("Save or cancel the edit first.");
  }
  const fresh = await fetchSituation(id);
  form = null;
  clear();
  say("");
  draw(fresh);
  lookAtHeading();
});

// Send a decision about the situation that is shown; the answer is the situation as it is after it.
async function decide(name, more = {}) {
  const given = await role();
  if (!given) return false;
  const fresh = await act(name, current.id, { role: given, digest: current.digest, ...more });
  form = null;
  clear();
  draw(fresh);
  const warnings = fresh.warnings?.length ? ` The audit warns: ${fresh.warnings.join("; ")}` : "";
  say(`${fresh.id}: ${name === "score" ? "scored" : fresh.decisions.at(-1).decision}.${warnings}`);
  return true;
}

function move(step) {
  const id = neighbour(current?.id, step);
  if (id === null) say(step > 0 ? "This is the last one of the list." : "This is the first one of the list.");
  else location.hash = `#/${id}`;
}

function startEdit() {
  form = new EditForm(current, attempt(save), () => {
    form = null;
    clear();
    draw(current);
  });
  byId("main").replaceChildren(form.element);
  form.element.querySelector("textarea").focus();
}

async function save() {
  if (!form.isChanged()) return say("Nothing was changed yet.");
  if (await decide("edit", { changes: form.changes() })) lookAtHeading();
}

const acts = {
  score: attempt((verdicts) => decide("score", { verdicts })),
  accept: attempt(() => decide("accept")),
  reject: attempt(async () => {
    if (await role()) askReason((reason) => decideOrReload("reject", { reason }));
  }),
  edit: startEdit,
  next: () => move(1),
  previous: () => move(-1),
};

// A reason stays in its dialog: after a conflict the file is loaded behind it, and the next try is made on that.
async function decideOrReload(name, more) {
  try {
    await decide(name, more);
  } catch (problem) {
    if (problem.status !== 409) throw problem;
    await reload();
    throw new Error("The file was changed by another program meanwhile and is loaded anew behind this. Look again; your reason is still here.");
  }
}

const refilter = attempt(async () => {
  const faults = await load();
  if (faults.length) tell({ message: `Left out: ${faults.join("; ")}` });
  markCurrent(current?.id);
});

const keys = {
  j: acts.next,
  k: acts.previous,
  a: () => current && acts.accept(),
  r: () => current && acts.reject(),
  e: () => current && acts.edit(),
  o: markOther,
  s: sendScores,
  p: () => byId("open-progress").click(),
  "/": () => byId("filter").elements.words.focus(),
  "?": () => byId("open-help").click(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("textarea, select, input:not([type=checkbox])");
  if (typing || form || isOpen() || event.ctrlKey || event.altKey || event.metaKey || !byId("use-keys").checked) return;
  const handler = /^[1-9]$/.test(event.key) ? () => tick(Number(event.key)) : keys[event.key];
  if (!handler) return;
  event.preventDefault();
  handler();
});

byId("filter").addEventListener("submit", (event) => event.preventDefault());
byId("filter").addEventListener("change", refilter);
byId("filter").elements.words.addEventListener("keydown", (event) => {
  if (event.key === "Enter") byId("main").focus();
});
byId("change-role").addEventListener("click", askRole);
byId("open-help").addEventListener("click", () => byId("help-dialog").showModal());
byId("open-progress").addEventListener("click", attempt(async () => {
  await load();
  markCurrent(current?.id);
  byId("progress-dialog").showModal();
}));
addEventListener("hashchange", () => location.hash.startsWith("#/") && show(idOfPage()));
addEventListener("beforeunload", (event) => form?.isChanged() && event.preventDefault());

// The token has done its work once the cookie is there; it need not stay in the address.
history.replaceState(null, "", location.pathname + location.hash);
await refilter();
if (location.hash.startsWith("#/")) show(idOfPage());
else if (neighbour(null, 0)) location.replace(`#/${neighbour(null, 0)}`);
