// One situation as a conversation, with its rubric and what was decided about it.

import { button, make, signed } from "./dom.js";
import { scoring } from "./score.js";

function facts(situation) {
  const tags = Object.entries(situation.tags).map(([name, value]) => `${name} ${value}`);
  const parts = [
    `split ${situation.split}`,
    ...tags,
    `author ${situation.author}`,
    `review ${situation.review}`,
    situation.place,
  ];
  return make("ul", { class: "facts" }, ...parts.map((part) => make("li", {}, part)));
}

function conversation(messages) {
  const turns = messages.map((message) =>
    make(
      "li",
      { class: `turn ${message.role}` },
      make("span", { class: "who" }, message.role),
      make("div", { class: "text" }, message.content),
    ),
  );
  return make("ol", { class: "conversation", "aria-label": "Conversation" }, ...turns);
}

function rubric(criteria) {
  const rows = criteria.map((criterion) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, criterion.id),
      make("td", { class: "number" }, signed(criterion.points)),
      make("td", {}, criterion.text),
    ),
  );
  const titles = ["Criterion", "Points", "What to check"].map((title) => make("th", { scope: "col" }, title));
  return make("table", {}, make("thead", {}, make("tr", {}, ...titles)), make("tbody", {}, ...rows));
}

function history(decisions) {
  const lines = decisions.map((one) => {
    const reason = one.reason ? `: ${one.reason}` : "";
    return make("li", {}, `${one.time.slice(0, 16).replace("T", " ")} ${one.role} ${one.decision}${reason}`);
  });
  if (!lines.length) return make("p", {}, "Nothing was decided about it yet.");
  return make("ol", { class: "history" }, ...lines);
}

// The article of a situation; `acts` has what its buttons do.
export function view(situation, acts) {
  return make(
    "article",
    {},
    make("h2", { tabindex: "-1" }, situation.id, " ", make("span", { class: `state ${situation.state}` }, situation.state)),
    facts(situation),
    conversation(situation.messages),
    make("h3", {}, "Rubric"),
    rubric(situation.rubric),
    make("h3", {}, "Calibration answers"),
    scoring(situation, acts.score),
    make("h3", {}, "Decisions"),
    history(situation.decisions),
    make(
      "div",
      { class: "row acts" },
      button("Accept", "a", acts.accept),
      button("Reject", "r", acts.reject),
      button("Edit", "e", acts.edit),
      button("Previous", "k", acts.previous),
      button("Next", "j", acts.next),
    ),
  );
}
