// The Claims page: a filter, and entries that open by their links. Without this
// script all entries are shown, folded.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("claim-filter");
  if (!form) return;
  const entries = [...document.querySelectorAll("details.claim")];

  // What is chosen stands in the address, so that a choice can be sent on.
  function remember() {
    const chosen = [...new FormData(form)].filter(([, value]) => value);
    const query = new URLSearchParams(chosen).toString();
    const address = location.pathname + (query && `?${query}`) + location.hash;
    history.replaceState(null, "", address);
  }

  function recall() {
    for (const [name, value] of new URLSearchParams(location.search)) {
      const field = form.elements[name];
      if (!field) continue;
      const known = field.tagName !== "SELECT" || [...field.options].some((o) => o.value === value);
      if (known) field.value = value;
    }
  }

  function filter() {
    const classes = [...form.querySelectorAll("select")].map((s) => s.value);
    const word = form.elements.word.value.trim().toLowerCase();
    let shown = 0;
    for (const entry of entries) {
      const fits =
        classes.every((name) => !name || entry.classList.contains(name)) &&
        entry.textContent.toLowerCase().includes(word);
      entry.hidden = !fits;
      shown += fits;
    }
    form.querySelector("output").textContent = `${shown} of ${entries.length} claims`;
  }

  function open() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const entry = target?.closest("details.claim");
    if (!entry) return;
    entry.open = true;
    entry.hidden = false;
    entry.scrollIntoView({ behavior: "instant" });
  }

  form.hidden = false;
  recall();
  form.addEventListener("input", () => {
    filter();
    remember();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", open);
  window.addEventListener("load", async () => {
    open();
    await window.MathJax?.startup?.promise; // mathematics above moves the entry
    open();
  });
  filter();
});
