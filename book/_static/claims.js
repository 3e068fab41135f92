// The Claims page: a filter, and entries that open by their links or after a search.
// Without this script all entries are shown, folded.
const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
// Sphinx's search leaves its words here, and removes them once the page is there.
const searched = words(localStorage.getItem("sphinx_highlight_terms") ?? "");

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("claim-filter");
  if (!form) return;
  const entries = [...document.querySelectorAll("details.claim")];
  const parts = [...document.querySelectorAll("article section > h2")].map((head) => ({
    head,
    own: entries.filter((entry) => head.parentElement.contains(entry)),
  }));

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

  // A word is also found in its other number: "frequency" in "frequencies".
  const stem = (word) => (word.length > 4 ? word.replace(/(ies|y|es|s)$/, "") : word);

  function has(entry, asked) {
    const text = entry.textContent.toLowerCase();
    return asked.every((word) => text.includes(stem(word)));
  }

  function filter() {
    const classes = [...form.querySelectorAll("select")].map((s) => s.value);
    const asked = words(form.elements.word.value);
    for (const entry of entries)
      entry.hidden = !(
        classes.every((name) => !name || entry.classList.contains(name)) && has(entry, asked)
      );
    const shown = (some) => some.filter((entry) => !entry.hidden).length;
    form.querySelector("output").textContent = `${shown(entries)} of ${entries.length} claims`;
    const all = shown(entries) === entries.length;
    for (const { head, own } of parts)
      if (all || !own.length) delete head.dataset.shown;
      else head.dataset.shown = `${shown(own)} of ${own.length}`;
  }

  function linked() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    return target?.closest("details.claim");
  }

  function open() {
    const hit = searched.length && entries.find((entry) => has(entry, searched));
    const entry = location.hash ? linked() : hit;
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
