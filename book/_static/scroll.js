// Tables, formulas and code that are wider than the page can be scrolled by keyboard.
window.addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  const wide =
    "article .cell_output .text_html, article mjx-container[display], article pre";

  function reach() {
    for (const part of document.querySelectorAll(wide)) {
      if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
      else part.removeAttribute("tabindex");
    }
  }

  window.addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true); // the content of an opened fold has a width
  reach();
});
