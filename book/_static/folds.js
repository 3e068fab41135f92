// One switch a page: show or fold all code. The choice is kept for other pages.
document.addEventListener("DOMContentLoaded", () => {
  const folds = document.querySelectorAll("article .cell details.hide.above-input");
  const title = document.querySelector("article h1");
  if (!folds.length || !title) return;
  const button = document.createElement("button");
  button.className = "btn btn-sm show-code";
  button.type = "button";

  function show(all) {
    for (const fold of folds) fold.open = all;
    button.textContent = all ? "Fold all code" : "Show all code";
    button.setAttribute("aria-pressed", all);
  }

  button.addEventListener("click", () => {
    const all = button.getAttribute("aria-pressed") !== "true";
    localStorage.setItem("show-code", all);
    show(all);
  });
  title.after(button);
  show(localStorage.getItem("show-code") === "true");
});
