"use strict";
for (const form of document.querySelectorAll("form.filters")) {
  const scope = form.closest("details, section") || document;
  const items = [...scope.querySelectorAll("[data-find]")];
  const apply = () => {
    const want = (name) => form[name] ? form[name].value : "";
    const text = want("text").trim().toLowerCase(), level = want("level"), family = want("family"), who = want("who");
    let shown = 0;
    for (const item of items) {
      const data = item.dataset;
      item.hidden = Boolean(text && !data.find.toLowerCase().includes(text))
        || Boolean(level && data.level !== undefined && !data.level.includes(level))
        || Boolean(family && data.family !== undefined && data.family !== family)
        || Boolean(who && data.who !== undefined && !data.who.split("|").includes(who));
      shown += !item.hidden;
    }
    form.count.value = `${shown} of ${items.length} shown`;
  };
  form.addEventListener("input", apply);
}
const reveal = () => {
  const aim = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = aim && (aim.closest("details") || (aim.matches("li") && aim.querySelector("details")));
  if (details) { details.open = true; aim.scrollIntoView(); }
};
addEventListener("hashchange", reveal);
reveal();
const copy = async (command, button) => {
  getSelection().selectAllChildren(command);
  try { await navigator.clipboard.writeText(command.textContent); } catch { document.execCommand("copy"); }
  button.textContent = "copied";
};
for (const command of document.querySelectorAll("code.command")) {
  const button = document.createElement("button");
  button.type = "button"; button.className = "copy"; button.textContent = "copy";
  button.addEventListener("click", () => copy(command, button));
  command.after(" ", button);
}
