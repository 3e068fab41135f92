// What the live figures draw with: axes, curves, marks, and the key's samples of them.
window.ssm = window.ssm || {};
(() => {
  const COLOURS = [0, 1, 2, 3, 4].map((k) => `var(--live-${k})`);
  const DASHES = ["", "7 4", "2 3", "9 3 2 3", "4 2"];
  const DEFAULT = [1e-3, 1e-1]; // S4D's range of the timescale
  const SHADE = 0.2;
  const line = (k) => ({ stroke: COLOURS[k], strokeDasharray: DASHES[k], strokeWidth: 2.2 });

  // A number in words: three digits, powers of ten beyond a thousand
  function shown(x) {
    if (!Number.isFinite(x)) return "∞";
    if (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5)) return x.toExponential(1).replace(".0e", "e").replace("e+", "e");
    return String(Number(x.toPrecision(3)));
  }

  const steps = (n) => (n === 1 ? "1 step" : `${n} steps`);

  // One plot: curves [[x, y], ...], the k-th with the k-th colour and dash
  function plot(width, label, { x, y, curves, under = [], marks = [], height = 260 }) {
    const axis = (options) => ({ grid: true, tickFormat: shown, ...options });
    return Plot.plot({
      width,
      height,
      marginLeft: 56,
      marginBottom: 40,
      style: { fontSize: "13px", background: "none" },
      ariaLabel: label,
      x: axis(x),
      y: axis(y),
      marks: [...under, ...curves.map((points, k) => Plot.line(points, { ...line(k), clip: true })), ...marks],
    });
  }

  const upright = (x, k) => Plot.ruleX([x], line(k));
  const level = (y, k) => Plot.ruleY([y], line(k));
  const dot = (points, k) => Plot.dot(points, { fill: COLOURS[k], r: 6 });
  const defaultRange = () => Plot.rect([0], { x1: DEFAULT[0], x2: DEFAULT[1], fill: COLOURS[4], fillOpacity: SHADE });

  const decades = (low, high) =>
    Array.from({ length: Math.floor(Math.log10(high / low) + 1.001) }, (_, k) => +`1e${Math.ceil(Math.log10(low) - 1e-9) + k}`);
  // A logarithmic axis, with a tick a power of ten
  const power = (label, domain) => ({ type: "log", label, domain, ticks: decades(...domain) });

  // A sample of a mark for the key, drawn as the mark is
  const SAMPLES = {
    line: (k) => ["line", { x1: 0, x2: 28, y1: 7, y2: 7, stroke: COLOURS[k], "stroke-width": 2.2, "stroke-dasharray": DASHES[k] }],
    bar: (k) => ["line", { x1: 0, x2: 28, y1: 7, y2: 7, stroke: COLOURS[k], "stroke-width": 5 }],
    dot: (k) => ["circle", { cx: 14, cy: 7, r: 6, fill: COLOURS[k] }],
    ring: (k) => ["circle", { cx: 14, cy: 7, r: 5.5, fill: "none", stroke: COLOURS[k], "stroke-width": 2 }],
    band: (k) => ["rect", { x: 0, y: 0, width: 28, height: 14, fill: COLOURS[k], "fill-opacity": SHADE }],
  };
  function sample(kind, k) {
    const make = (tag, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      return made;
    };
    const svg = make("svg", { width: 28, height: 14, "aria-hidden": "true" });
    svg.append(make(...SAMPLES[kind](k)));
    return svg;
  }

  // A slider of a timescale, base ** k, with S4D's default range below it
  const timescale = (base, min, step) => ({
    name: "dt",
    label: "timescale Δ",
    min,
    step,
    range: DEFAULT.map((dt) => Math.log(dt) / Math.log(base)),
    show: (k) => shown(base ** k),
    say: (k) => (base ** k < DEFAULT[0] ? ", below S4D's default range" : base ** k > DEFAULT[1] ? ", above S4D's default range" : ", inside S4D's default range"),
  });
  const DEFAULT_KEY = ["band", 4, "S4D's default range of Δ"];

  Object.assign(ssm, { figures: {}, shown, steps, plot, upright, level, dot, defaultRange, power, sample, timescale, DEFAULT, DEFAULT_KEY });
})();
