// A link to a term of the glossary, or to a claim, shows what it says there: on hover, on focus, and on
// the first touch; a second touch follows the link. Escape closes, the card may be
// entered, and it stays until it is left (WCAG 1.4.13).
document.addEventListener("DOMContentLoaded", () => {
  let card = null;
  let link = null;
  let timer = 0;

  function close() {
    clearTimeout(timer);
    card?.remove();
    link?.removeAttribute("aria-describedby");
    card = link = null;
  }

  function later(what, wait) {
    clearTimeout(timer);
    timer = setTimeout(what, wait);
  }

  function place() {
    if (!card) return;
    const at = link.getBoundingClientRect();
    const left = Math.min(at.left, document.documentElement.clientWidth - card.offsetWidth - 8);
    const below = at.bottom + card.offsetHeight + 12 < innerHeight;
    const top = below ? at.bottom + 6 : Math.max(8, at.top - card.offsetHeight - 6);
    card.style.left = `${Math.max(8, left) + scrollX}px`;
    card.style.top = `${top + scrollY}px`;
  }

  function open(term) {
    if (term === link) return;
    close();
    link = term;
    card = document.createElement("div");
    card.id = "term-card";
    card.setAttribute("role", "tooltip");
    card.append(template(term).content.cloneNode(true));
    card.addEventListener("mouseenter", () => clearTimeout(timer));
    card.addEventListener("mouseleave", () => later(close, 200));
    document.querySelector("main").append(card);
    link.setAttribute("aria-describedby", card.id);
    place();
    window.MathJax?.typesetPromise?.([card]).then(place);
  }

  function template(term) {
    return document.getElementById(`card-${term.hash.slice(1)}`);
  }

  for (const term of document.querySelectorAll('article a:is([href*="#term-"], [href*="#claim-"])')) {
    if (!template(term)) continue;
    let touched = false; // this touch has opened the card
    term.removeAttribute("title");
    term.classList.add("term");
    term.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") later(() => open(term), 150);
    });
    term.addEventListener("pointerleave", () => later(close, 200));
    term.addEventListener("pointerdown", (event) => {
      touched = event.pointerType === "touch" && term !== link;
    });
    term.addEventListener("click", (event) => {
      if (!touched) return;
      event.preventDefault();
      open(term);
    });
    term.addEventListener("focus", () => {
      if (!touched) open(term);
    });
    term.addEventListener("blur", () => later(close, 200));
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  document.addEventListener("pointerdown", (event) => {
    if (card && !card.contains(event.target) && event.target.closest("a") !== link) close();
  });
});
