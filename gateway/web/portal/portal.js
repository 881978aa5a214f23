// What makes pages handier; all of them work without it.
"use strict";

// A long list of codes gets a field that narrows it down.
for (const list of document.querySelectorAll("select[data-filter]")) {
  const field = document.createElement("input");
  field.type = "search";
  field.setAttribute("aria-label", list.dataset.filter);
  field.placeholder = list.dataset.filter;
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  field.addEventListener("input", () => {
    const sought = plain(field.value);
    for (const option of list.options) {
      option.hidden = !option.selected && !plain(option.text).includes(sought);
    }
  });
  list.before(field);
}

// What is cited or run elsewhere can be copied.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.classList.add("done");
  });
}

// Empty fields need not stand in addresses that are passed on.
for (const form of document.querySelectorAll('form[method="get"]')) {
  form.addEventListener("submit", () => {
    for (const field of form.elements) {
      if (field.name && !field.value) field.disabled = true;
    }
  });
  // Who comes back finds them as they were.
  window.addEventListener("pageshow", () => {
    for (const field of form.elements) field.disabled = false;
  });
}
