// Live figures: below a figure of a chapter, one with sliders, behind a button or open.
// Without scripts there is none. The library that draws and the mathematics are loaded
// from this folder when a reader asks, or comes near a figure that is open.
window.ssm = window.ssm || {};
(() => {
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const SCRIPTS = ["../plot/d3.min.js", "../plot/plot.umd.min.js", "modes.js", "gram.js"];
  SCRIPTS.push("memory.js", "series.js", "table.js", "doubts.js", "plot.js", "tasks.js");
  SCRIPTS.push("curves.js", "window.js", "turning.js", "poles.js", "data.js");
  const QUIET = 400; // ms without a change before a reader is told, or much is computed
  let loaded = null;

  function load() {
    loaded ??= Promise.all(SCRIPTS.map(script));
    return loaded;
  }

  function script(file) {
    return new Promise((done, failed) => {
      const tag = document.createElement("script");
      tag.src = folder + file;
      tag.async = false; // in parallel, and executed in order
      tag.onload = done;
      tag.onerror = () => failed(new Error(`${file} cannot be loaded`));
      document.head.append(tag);
    });
  }

  function element(tag, attributes = {}, ...inside) {
    const made = Object.assign(document.createElement(tag), attributes);
    made.append(...inside);
    return made;
  }

  function button(text, pressed) {
    const made = element("button", { type: "button", className: "btn btn-sm", textContent: text });
    made.addEventListener("click", pressed);
    return made;
  }

  // The setting that the page's address holds for a figure, if any
  function linked(name) {
    const text = new URLSearchParams(location.search).get(name);
    return text && Object.fromEntries(text.split(",").map((pair) => pair.split(":")));
  }

  function address(name, state, spec) {
    const kept = Object.entries(state).filter(([key]) => !spec.secret?.includes(key));
    const found = new URL(location.href);
    found.searchParams.set(name, kept.map((pair) => pair.join(":")).join(","));
    found.hash = `live-${name}`;
    return found.href;
  }

  // Calls once the part of the page is less than a screen away
  function whenNear(part, call) {
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        call();
      },
      { rootMargin: "100% 0px" },
    );
    observer.observe(part);
  }

  class Live {
    constructor(host) {
      this.host = host;
      this.name = host.dataset.live;
      host.id = `live-${this.name}`;
      this.opener = button(`Explore with sliders: ${host.dataset.about}`, () => this.open("focus"));
      host.append(this.opener);
      // An address may name the figure, or the place of the page that it stands at.
      const called = () => [host.id, host.dataset.at].includes(location.hash.slice(1));
      window.addEventListener("hashchange", () => called() && this.open("scroll"));
      if (linked(this.name) || called()) this.open("scroll");
      else if ("open" in host.dataset) whenNear(host, () => this.open());
    }

    async open(then) {
      await load();
      if (!this.panel?.isConnected) this.show();
      if (then === "focus") this.panel.querySelector("input, select, textarea").focus();
      if (then === "scroll") this.panel.scrollIntoView({ behavior: "instant" });
    }

    show() {
      this.spec = ssm.figures[this.name];
      this.state = { ...this.spec.state };
      for (const [key, text] of Object.entries(linked(this.name) || {})) {
        if (!(key in this.state)) continue;
        this.state[key] = typeof this.state[key] === "number" ? Number(text) : text;
      }
      this.build();
      this.host.replaceChildren(this.panel);
      this.observer = new ResizeObserver(() => this.width !== this.room() && this.draw());
      this.observer.observe(this.plots);
      this.seen = new IntersectionObserver(([entry]) => document.body.classList.toggle("live-seen", entry.isIntersecting));
      this.seen.observe(this.panel);
      this.draw();
      this.say();
    }

    close() {
      this.observer.disconnect();
      this.seen.disconnect();
      document.body.classList.remove("live-seen");
      delete this.host.dataset.open; // and the room that it kept
      this.host.replaceChildren(this.opener);
      this.opener.focus();
    }

    build() {
      this.plots = element("div", { className: "live-plots" });
      this.sentence = element("p", { className: "live-sentence" });
      this.sentence.setAttribute("aria-live", "polite");
      this.controls = this.spec.controls.map((control) => this.control(control));
      this.code = element("pre");
      // The theme takes a `pre` that did not scroll when it was made out of reach.
      const code = element("div", { className: "live-code", hidden: true, tabIndex: 0 }, this.code);
      code.setAttribute("role", "region");
      code.setAttribute("aria-label", "The same in Python");
      const said = element("span", { className: "live-said" });
      said.setAttribute("role", "status");
      const copy = (text, what) => {
        said.textContent = what;
        navigator.clipboard?.writeText(text).catch(() => {});
      };
      const actions = element(
        "div",
        { className: "live-actions" },
        button("Link to this setting", () => {
          const link = address(this.name, this.state, this.spec);
          history.replaceState(null, "", link);
          copy(link, "The address bar has it, and the clipboard.");
        }),
        button("Copy as Python", () => {
          this.code.textContent = this.spec.python(this.state);
          code.hidden = false;
          copy(this.code.textContent, "Copied; it stands below.");
        }),
        button("Close the sliders", () => this.close()),
        said,
      );
      const key = this.spec.key.map(([kind, k, text]) => element("span", {}, ssm.sample(kind, k), text));
      this.panel = element(
        "section",
        { className: "live-panel" },
        element("p", { className: "live-title" }, this.spec.title),
        element("p", { className: "live-key" }, ...key),
        this.plots,
        element("div", { className: "live-controls" }, ...this.controls.map((c) => c.row)),
        this.sentence,
        this.tasks(),
        actions,
        code,
      );
      if (this.spec.layout) this.panel.classList.add(`live-${this.spec.layout}`);
      this.panel.setAttribute("aria-label", this.spec.title);
    }

    // What to set and to predict; the answer is folded
    tasks() {
      const one = ([ask, answer]) =>
        element("li", {}, ask, element("details", {}, element("summary", { textContent: "Answer" }), answer));
      return element(
        "div",
        { className: "live-tasks" },
        element("p", { className: "live-title" }, "Try this, and predict before you look"),
        element("ol", {}, ...ssm.tasks[this.name].map(one)),
      );
    }

    // A label, what changes, and the value in words
    control(spec) {
      const id = `live-${this.name}-${spec.name}`;
      const tag = spec.choices ? "select" : spec.text ? "textarea" : "input";
      const input = element(tag, { id });
      if (spec.choices) input.append(...spec.choices.map((c) => element("option", { value: c }, c)));
      else if (spec.text) Object.assign(input, { rows: 4, placeholder: spec.text });
      else Object.assign(input, { type: "range", min: spec.min, max: spec.max, step: spec.step });
      const output = element("output", { htmlFor: id });
      const made = { row: null, refresh: null };
      const key = () => (spec.key ? spec.key(this.state) : spec.name);
      made.refresh = () => {
        input.value = this.state[key()];
        if (!spec.show) return;
        output.textContent = spec.show(this.state[key()], this.state);
        input.setAttribute("aria-valuetext", output.textContent + (spec.say?.(this.state[key()]) ?? ""));
      };
      input.addEventListener("input", () => {
        this.set({ [key()]: spec.choices || spec.text ? input.value : Number(input.value) });
      });
      made.row = element("div", { className: "live-row" });
      made.row.append(element("label", { htmlFor: id }, spec.label), input, output);
      if (spec.range) made.row.append(this.mark(spec));
      if (spec.text) this.takeFiles(made.row, input, key());
      made.refresh();
      return made;
    }

    // A bar below a slider, along a range of its values
    mark({ min, max, range }) {
      const made = element("span", { className: "live-range" });
      const place = (value) => (value - min) / (max - min);
      made.style.setProperty("--from", place(range[0]));
      made.style.setProperty("--to", place(range[1]));
      return made;
    }

    // A file that is dropped on a text, or chosen below it
    takeFiles(row, input, key) {
      const take = async (file) => file && this.set({ [key]: await file.text() });
      const chooser = element("input", { type: "file" });
      chooser.setAttribute("aria-label", "A file with one number a line");
      chooser.addEventListener("change", () => take(chooser.files[0]));
      input.addEventListener("dragover", (event) => event.preventDefault());
      input.addEventListener("drop", (event) => {
        if (!event.dataTransfer.files.length) return;
        event.preventDefault();
        take(event.dataTransfer.files[0]);
      });
      row.append(chooser);
    }

    set(changes) {
      Object.assign(this.state, changes);
      for (const control of this.controls) control.refresh();
      cancelAnimationFrame(this.frame);
      if (!this.spec.slow) this.frame = requestAnimationFrame(() => this.draw());
      this.sentence.setAttribute("aria-busy", "true");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        if (this.spec.slow) this.draw();
        this.say();
      }, QUIET);
    }

    // The width of a plot: of a column of the grid in which they are
    room() {
      return Math.floor(parseFloat(getComputedStyle(this.plots).gridTemplateColumns));
    }

    draw() {
      this.width = this.room();
      if (this.width > 0) this.plots.replaceChildren(...this.spec.draw(this.state, this.width, this));
      for (const svg of this.plots.querySelectorAll("svg")) {
        svg.setAttribute("role", "img");
        for (const part of svg.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
      }
    }

    say() {
      this.sentence.textContent = this.spec.sentence(this.state);
      this.sentence.removeAttribute("aria-busy");
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const host of document.querySelectorAll(".live[data-live]")) new Live(host);
  });
})();
