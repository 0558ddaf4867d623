"use strict";
// Shows the rollouts that fit what is asked for. Without it all of them are there, and this form is not.
{
  const byId = (id) => document.getElementById(id);
  const [group, kind, words] = ["filter-group", "filter-kind", "filter-words"].map(byId);
  const holders = [...document.querySelectorAll("#rollouts .shelf, #rollouts .group")];
  const readings = [...document.querySelectorAll("#rollouts .reading")].map((element) => {
    const own = element.closest(".group");
    const heading = own.querySelector("h4").textContent;
    return { element, group: own.id, kind: element.dataset.kind, text: `${heading} ${element.textContent}`.toLowerCase() };
  });

  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const reading of readings) {
      const fits =
        ["", reading.group].includes(group.value) &&
        ["", reading.kind].includes(kind.value) &&
        wanted.every((word) => reading.text.includes(word));
      reading.element.hidden = !fits;
      shown += Number(fits);
    }
    for (const holder of holders) holder.hidden = !holder.querySelector(".reading:not([hidden])");
    byId("filter-count").textContent = `${shown} of ${readings.length} shown`;
  };

  const open = (isOpen) => {
    for (const { element } of readings) if (!element.hidden) element.open = isOpen;
  };

  for (const field of [group, kind, words]) field.addEventListener("input", apply);
  byId("filter-open").addEventListener("click", () => open(true));
  byId("filter-close").addEventListener("click", () => open(false));
  byId("filter").hidden = false;
  apply();
}
