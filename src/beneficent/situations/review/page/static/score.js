// Scoring the two answers: blind first, then what was given beside what was expected.

import { button, make, signed } from "./dom.js";

// Ticks by text of the situation, so that loading the file anew does not lose them.
const kept = new Map();

const verdict = (met) => (met ? "met" : "not met");
const shown = (score) => (score === null ? "undefined" : score.toFixed(2));

export function scoring(situation, score) {
  if (!situation.blind) return make("p", {}, "It has no calibration answers.");
  return situation.blind.revealed ? revealed(situation) : blind(situation, score);
}

function answerText(answer) {
  return make("div", { class: "text" }, answer.text);
}

function blind(situation, score) {
  const ticks = kept.get(situation.content) ?? { A: {}, B: {} };
  kept.set(situation.content, ticks);
  const fieldsets = situation.blind.answers.map((answer, place) => {
    const labels = situation.rubric.map((criterion, number) => {
      const box = make("input", { type: "checkbox" });
      box.checked = ticks[answer.name][criterion.id] ?? false;
      box.addEventListener("change", () => (ticks[answer.name][criterion.id] = box.checked));
      const text = `${number + 1}. ${criterion.text} (${signed(criterion.points)})`;
      return make("label", { class: "tick" }, box, " ", text);
    });
    const fieldset = make(
      "fieldset",
      { class: "answer" },
      make("legend", {}, `Answer ${answer.name}: tick what it meets`),
      answerText(answer),
      ...labels,
    );
    fieldset.addEventListener("focusin", () => mark(fieldset));
    if (place === 0) fieldset.classList.add("marked");
    return fieldset;
  });
  const send = () => {
    const verdicts = {};
    for (const { name } of situation.blind.answers) {
      verdicts[name] = Object.fromEntries(situation.rubric.map(({ id }) => [id, ticks[name][id] ?? false]));
    }
    score(verdicts);
  };
  return make(
    "section",
    { class: "blind", "aria-label": "Blind scoring" },
    make("p", {}, "One is meant to be good, one to fail. Which is which shows when both are scored; an empty box says not met."),
    make("div", { class: "answers" }, ...fieldsets),
    make("p", { class: "row" }, button("Keep these and show the expected verdicts", "s", send)),
  );
}

function mark(fieldset) {
  for (const other of document.querySelectorAll(".answer")) other.classList.toggle("marked", other === fieldset);
}

// What the keys do: another answer is marked, a criterion of the marked one is ticked.
export function markOther() {
  const other = document.querySelector(".answer:not(.marked)");
  if (!other) return;
  mark(other);
  other.querySelector("input").focus();
  other.scrollIntoView({ block: "nearest" });
}

export function tick(number) {
  const box = document.querySelectorAll(".answer.marked input")[number - 1];
  if (!box) return;
  box.click();
  box.focus();
}

export function sendScores() {
  document.querySelector(".blind p button")?.click();
}

function revealed(situation) {
  const { answers, agreed, of } = situation.blind.revealed;
  const titles = answers.flatMap(({ name }) => [`${name}, yours`, `${name}, expected`]);
  const rows = situation.rubric.map(({ id }) => {
    const cells = answers.flatMap(({ given, expected }) => {
      const differs = given[id] !== expected[id];
      const yours = verdict(given[id]) + (differs ? " (differs)" : "");
      return [make("td", { class: differs ? "differs" : null }, yours), make("td", {}, verdict(expected[id]))];
    });
    return make("tr", {}, make("th", { scope: "row" }, id), ...cells);
  });
  const scores = answers.flatMap(({ score_given, score_expected }) => [shown(score_given), shown(score_expected)]);
  rows.push(
    make("tr", {}, make("th", { scope: "row" }, "Score"), ...scores.map((score) => make("td", { class: "number" }, score))),
  );
  const header = ["Criterion", ...titles].map((title) => make("th", { scope: "col" }, title));
  const texts = answers.map(({ name, which }, place) =>
    make("section", {}, make("h4", {}, `Answer ${name}, meant as the ${which} one`), answerText(situation.blind.answers[place])),
  );
  const scroll = { class: "scroll", tabindex: "0", role: "region", "aria-label": "Verdicts" };
  return make(
    "section",
    { class: "revealed", "aria-label": "Verdicts beside each other" },
    make("p", {}, `You agree on ${agreed} of ${of} verdicts.`),
    make("div", scroll, make("table", {}, make("thead", {}, make("tr", {}, ...header)), make("tbody", {}, ...rows))),
    make("div", { class: "answers" }, ...texts),
  );
}
