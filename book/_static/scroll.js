// Tables, formulas, code and figures that are wider than the page can be scrolled by keyboard.
window.addEventListener("load", async () => {
  for (const image of document.querySelectorAll("article figure > img")) {
    const frame = document.createElement("div");
    frame.className = "figure-frame";
    image.replaceWith(frame);
    frame.append(image);
  }
  await window.MathJax?.startup?.promise;
  const wide =
    "article .cell_output .text_html, article mjx-container[display], article pre, .figure-frame";

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
