// What scrolls sideways by itself, as a wide formula, can be reached by keyboard.
window.addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  const wide = "article .cell_output .text_html, article mjx-container[display]";

  function reach() {
    for (const part of document.querySelectorAll(wide)) {
      if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
      else part.removeAttribute("tabindex");
    }
  }

  window.addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true); // what a fold hid has a width now
  reach();
});
