// A live figure for a series of the reader's own, as `ssmlib.recommend` takes it. The
// numbers stay in this page.
(() => {
  const { shown } = ssm;
  const LEAST = 4; // windows
  const MOST = 20000; // steps, for a browser's sake

  // AR(0.9), so that there is something to see before anything is pasted
  function example() {
    const draw = ssm.normal(7);
    let value = 0;
    return Array.from({ length: 600 }, () => (value = 0.9 * value + draw()).toFixed(3)).join("\n");
  }

  function answer({ column, L, scale }) {
    let x = ssm.numbers(column);
    const length = 2 ** L;
    if (x.length < LEAST * length) {
      return { problem: `${x.length} numbers: ${length} steps a window need at least ${LEAST * length}.` };
    }
    if (x.length > MOST) return { problem: `${x.length} numbers: here at most ${MOST}; the command takes more.` };
    if (new Set(x).size === 1) return { problem: "All numbers are the same: a constant has no autocorrelation." };
    if (scale === "mean 0, size 1") x = ssm.standardized(x);
    const moment = ssm.ofSeries(x, length);
    return { moment, length, count: x.length, ...ssm.recommend(moment, length) };
  }

  let last = { of: null, found: null };
  function found(state) {
    const of = JSON.stringify(state);
    if (last.of !== of) last = { of, found: answer(state) };
    return last.found;
  }

  ssm.figures.data = {
    title: "Your data: the timescale that they ask for",
    key: ["asked for, with its interval", "1/L and 1/√L", "S4D's default range"],
    slow: true,
    secret: ["column"],
    get state() {
      return { column: example(), L: 6, scale: "as they are" };
    },
    controls: [
      { name: "column", label: "one number a line, or a table's last column; paste it, drop a file, or choose one. Nothing leaves this page.", text: "1.5" },
      { name: "L", label: "window L", min: 4, max: 10, step: 1, show: (k) => String(2 ** k) },
      { name: "scale", label: "the model sees them", choices: ["as they are", "mean 0, size 1"] },
    ],
    draw(state, width) {
      const { problem, dt, low, high, length } = found(state);
      if (problem) return [];
      return [
        Plot.plot({
          width,
          height: 130,
          marginBottom: 40,
          style: { fontSize: "13px", background: "none" },
          ariaLabel: this.title,
          x: { type: "log", label: "timescale Δ →", domain: [Math.min(1e-4, low), Math.max(1, high)], grid: true, tickFormat: shown },
          y: { domain: [-1, 1], axis: null },
          marks: [
            Plot.ruleY([-0.6], { x1: 1e-3, x2: 1e-1, stroke: "var(--live-2)", strokeWidth: 6 }),
            Plot.ruleX([1 / length, 1 / Math.sqrt(length)], { stroke: "var(--live-1)", strokeDasharray: "7 4", strokeWidth: 2 }),
            Plot.ruleY([0.3], { x1: low, x2: high, stroke: "var(--live-0)", strokeWidth: 5 }),
            Plot.dot([[dt, 0.3]], { fill: "var(--live-0)", r: 7 }),
          ],
        }),
      ];
    },
    sentence(state) {
      const { problem, moment, dt, low, high, real, imagScale, states, count, length } = found(state);
      if (problem) return problem;
      const how = real ? "damping is affordable: S4D-Lin as it is" : `undamped, on the grid of the window: frequencies times ${shown(imagScale)}`;
      return `${count} numbers in windows of ${length}: λmax ${shown(moment.estimate)}, 90 % interval ${shown(moment.low)} to ${shown(moment.high)}. Δ = ${shown(dt)}, ${shown(low)} to ${shown(high)}; real part ${real}: ${how}; state size at most ${states}.`;
    },
    python({ L, scale }) {
      const standard = scale !== "as they are";
      return `import numpy as np
import torch
${standard ? "from ssmlib.autocorrelation import standardize\n" : ""}from ssmlib.recommend import recommend

x = torch.from_numpy(np.loadtxt("column.txt"))  # one number a line
${standard ? "x = standardize(x[None])[0]\n" : ""}print(recommend(x, ${2 ** L}))
`;
    },
  };
})();
