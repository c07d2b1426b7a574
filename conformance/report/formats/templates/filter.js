"use strict";
const form = document.querySelector("form.filters");
if (form) {
  const cards = [...document.querySelectorAll(".card")], rows = [...document.querySelectorAll("table.matrix tbody tr")];
  const apply = () => {
    const want = { text: form.text.value.trim().toLowerCase(), level: form.level.value, family: form.family.value, who: form.who.value };
    let shown = 0;
    for (const card of cards) {
      const fits = (!want.level || card.dataset.level === want.level) && (!want.family || card.dataset.family === want.family)
        && (!want.who || card.dataset.who.split(" ").includes(want.who)) && (!want.text || card.textContent.toLowerCase().includes(want.text));
      card.hidden = !fits; shown += fits;
    }
    for (const row of rows) {
      const grid = row.closest("table").dataset.grid, name = row.dataset.row;
      const fits = (!want.text || row.textContent.toLowerCase().includes(want.text))
        && (!want.family || grid !== "families" || name === want.family) && (!want.who || grid !== "frameworks" || name === want.who)
        && (!want.level || grid !== "families" || [...row.cells].some((cell) => (cell.dataset.level || "").includes(want.level)));
      row.hidden = !fits; shown += fits;
    }
    form.count.value = `${shown} of ${cards.length + rows.length} shown`;
  };
  form.addEventListener("input", apply);
}
