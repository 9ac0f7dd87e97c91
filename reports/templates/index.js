"use strict";
// Without this script every report is shown; with it the table can be narrowed, and the address remembers how.
const form = document.getElementById("filters");
const rows = Array.from(document.querySelectorAll("#reports tbody tr"));
const wanted = new URLSearchParams(location.hash.slice(1));
for (const select of form.elements) {
  const value = wanted.get(select.name);
  if (Array.from(select.options).some((option) => option.value === value)) select.value = value;
}
function narrow() {
  const chosen = Array.from(form.elements).filter((select) => select.value);
  let count = 0;
  for (const row of rows) {
    row.hidden = chosen.some((select) => row.dataset[select.name] !== select.value);
    if (!row.hidden) count += 1;
  }
  document.getElementById("shown").textContent = count;
  return chosen;
}
form.addEventListener("change", () => {
  const hash = new URLSearchParams(narrow().map((select) => [select.name, select.value])).toString();
  history.replaceState(null, "", hash ? "#" + hash : location.pathname);
});
form.hidden = false;
narrow();
