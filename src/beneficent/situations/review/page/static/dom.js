// Making elements. Text only ever becomes text: nothing here reads a string as markup.

export const byId = (id) => document.getElementById(id);

// make("p", {class: "note"}, "text", otherElement): attributes that are false are left out, true ones are empty.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function button(text, key, onclick) {
  const made = make("button", { type: "button" }, text);
  if (key) made.append(" ", make("kbd", {}, key));
  made.addEventListener("click", onclick);
  return made;
}

export const signed = (points) => (points > 0 ? `+${points}` : String(points));
