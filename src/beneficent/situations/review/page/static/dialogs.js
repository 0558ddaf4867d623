// The dialogs: role, reason, help and progress.

import { byId } from "./dom.js";

const ROLE = "beneficent-role";

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".cancel").addEventListener("click", () => dialog.close());
}

export const isOpen = () => document.querySelector("dialog[open]") !== null;

function drawRole() {
  byId("change-role").textContent = `Role: ${sessionStorage.getItem(ROLE) ?? "not given"}`;
}

// The role of this session as the files have it; asked for if it was not given yet, null if it is not given now.
export async function role() {
  if (!sessionStorage.getItem(ROLE)) await askRole();
  const given = sessionStorage.getItem(ROLE);
  return given && `human:${given}`;
}

export function askRole() {
  const dialog = byId("role-dialog");
  const form = dialog.querySelector("form");
  form.elements.role.value = sessionStorage.getItem(ROLE) ?? "";
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(ROLE, form.elements.role.value.trim());
      drawRole();
      dialog.close();
    };
    dialog.addEventListener("close", resolve, { once: true });
    dialog.showModal();
  });
}

// Ask for a reason; `send(reason)` throws what is then shown in the dialog, with the reason still in it.
export function askReason(send) {
  const dialog = byId("reject-dialog");
  const form = dialog.querySelector("form");
  const problem = dialog.querySelector(".problem");
  problem.textContent = "";
  form.onsubmit = async (event) => {
    event.preventDefault();
    try {
      await send(form.elements.reason.value);
    } catch (error) {
      problem.textContent = error.message;
      return;
    }
    form.reset();
    dialog.close();
  };
  dialog.showModal();
}

drawRole();
