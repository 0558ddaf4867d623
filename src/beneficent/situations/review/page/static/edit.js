// The form that changes a situation. It sends only what differs from the file as it was loaded.

import { button, make } from "./dom.js";

export class EditForm {
  constructor(situation, save, cancel) {
    this.inputs = new Map();
    this.base = new Map();
    const rows = situation.fields.map((field) => this.row(field));
    this.element = make(
      "form",
      { class: "edit" },
      make("h2", { tabindex: "-1" }, `Edit ${situation.id}`),
      make("p", {}, "Ids and the split stay. Long lines are wrapped when they are written; review goes back to none."),
      ...rows,
      make("p", { class: "row" }, make("button", {}, "Save ", make("kbd", {}, "Ctrl+Enter")), button("Cancel", "", cancel)),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      save();
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.element.requestSubmit();
    });
  }

  row(field) {
    let input;
    if (field.allowed.length) {
      input = make("select", { name: field.key }, ...field.allowed.map((value) => make("option", {}, value)));
    } else if (field.long) {
      input = make("textarea", { name: field.key, rows: Math.min(20, field.value.split("\n").length + 1) });
    } else {
      input = make("input", { name: field.key, autocomplete: "off" });
    }
    input.value = field.value;
    this.inputs.set(field.key, input);
    this.base.set(field.key, field.value);
    return make("div", { class: "field" }, make("label", {}, `${field.key} ${field.about}`, input), make("p", { class: "note" }));
  }

  changes() {
    const changed = [...this.inputs].filter(([key, input]) => input.value !== this.base.get(key));
    return Object.fromEntries(changed.map(([key, input]) => [key, input.value]));
  }

  isChanged() {
    return Object.keys(this.changes()).length > 0;
  }

  // Take the file as it is now, and keep what was typed; says in words what differs there.
  rebase(situation) {
    const mine = this.changes();
    for (const { key, value } of situation.fields) {
      const input = this.inputs.get(key);
      if (!input) continue;
      const moved = value !== this.base.get(key);
      this.base.set(key, value);
      if (!(key in mine)) input.value = value;
      this.note(key, moved ? `in the file now: ${value}` : "");
    }
  }

  note(key, text) {
    this.inputs.get(key).closest(".field").querySelector(".note").textContent = text;
  }

  // Go to the field that a message of the server names.
  blame(message) {
    for (const input of this.inputs.values()) input.removeAttribute("aria-invalid");
    const named = [...this.inputs.keys()].filter((key) => message.includes(` ${key} `));
    if (!named.length) return;
    const input = this.inputs.get(named[0]);
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }
}
