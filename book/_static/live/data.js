// A live figure for a reader's own series, as `ssmlib.recommend` takes it. The numbers
// stay in this page.
(() => {
  const { shown, DEFAULT } = ssm;
  const LEAST = 4; // windows
  const MOST = 20000; // steps, for a browser's sake

  // AR(0.9), so that there is something to see before anything is pasted
  function example() {
    const draw = ssm.normal(7);
    let value = 0;
    return Array.from({ length: 600 }, () => (value = 0.9 * value + draw()).toFixed(3)).join("\n");
  }

  const RAW = "in the scale that they have";
  const STANDARD = "standardized";

  function answer({ column, L, scale: seen }) {
    const { values, columns, notes, header, above, problem } = ssm.numbers(column);
    if (problem) return { problem };
    const length = 2 ** L;
    const count = values.length;
    if (count < LEAST * length) {
      return { problem: `${count} numbers: windows of ${length} steps need at least ${LEAST * length}.` };
    }
    if (count > MOST) return { problem: `${count} numbers: this page takes at most ${MOST}; the command takes more.` };
    if (new Set(values).size === 1) return { problem: "All numbers are the same: a constant has no autocorrelation." };
    const doubts = ssm.doubtsOfValues(values);
    if (doubts.length) return { problem: doubts.join(" ") };
    const raw = seen === RAW;
    const { shift, scale } = raw ? { shift: 0, scale: 1 } : ssm.standard(values);
    const input = values.map((v) => (v - shift) / scale);
    const moment = ssm.ofSeries(input, length);
    const cautions = ssm.cautions(input, moment, length);
    const skipped = leftOut(header, above);
    return { moment, length, count, columns, notes, skipped, cautions, shift, scale, raw, ...ssm.recommend(moment, length) };
  }

  // The lines that are no data; any other line that is not understood is a problem
  function leftOut(header, above) {
    const found = [];
    if (above) found.push(`${above} empty or comment ${above === 1 ? "line" : "lines"} at the top`);
    if (header) found.push("1 line of names");
    return found.length ? `Left out: ${found.join(" and ")}.` : "No line was left out.";
  }

  function decision(dt) {
    const range = `S4D's default range ${DEFAULT.join(" to ")}`;
    if (dt < DEFAULT[0]) return `below ${range}: initialize with this Δ or a smaller one`;
    if (dt > DEFAULT[1]) return `above ${range}: keep the default, all of which is within the rule's bound`;
    if (dt < Math.sqrt(DEFAULT[0] * DEFAULT[1])) return `inside ${range}: most of the default is larger than it, so train with both and compare`;
    return `inside ${range}: keep the default`;
  }

  // The default and the rule's Δ in the parameters of three libraries, as decided
  function parameters(dt) {
    const usual = `The default range in code, which is each library's own default: ssmlib dt=(${DEFAULT.join(", ")}); state-spaces/s4 and Mamba dt_min=${DEFAULT[0]}, dt_max=${DEFAULT[1]}.`;
    const one = Number(dt.toPrecision(3));
    const floor = one < 1e-4 ? `, dt_init_floor=${one}` : "";
    const rule = `The rule's Δ in code: ssmlib Initialization("lin", dt=${one}); state-spaces/s4 init="diag-lin", dt_min=${one}, dt_max=${one}; Mamba dt_min=${one}, dt_max=${one}${floor}.`;
    if (dt < DEFAULT[0]) return rule;
    return dt < Math.sqrt(DEFAULT[0] * DEFAULT[1]) ? `${usual} ${rule}` : usual;
  }

  let last = { of: null, found: null };
  function found(state) {
    const of = JSON.stringify(state);
    if (last.of !== of) last = { of, found: answer(state) };
    return last.found;
  }

  ssm.figures.data = {
    title: "Your data: the timescale by the rule",
    key: [
      ["dot", 0, "recommended Δ"],
      ["bar", 0, "its interval"],
      ["line", 1, "1/L and 1/√L"],
      ssm.DEFAULT_KEY,
    ],
    layout: "stacked",
    slow: true,
    secret: ["column"],
    get state() {
      return { column: example(), L: 6, scale: STANDARD };
    },
    controls: [
      { name: "column", label: "One number per line, or the last column of a table. Paste it, drop a file, or choose one. Nothing leaves this page.", text: "1.5" },
      { name: "L", label: "window L, steps that the model reads at once", min: 4, max: 10, step: 1, show: (k) => String(2 ** k) },
      { name: "scale", label: "the model sees them", choices: [STANDARD, RAW] },
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
          x: { ...ssm.power("timescale Δ →", [Math.min(1e-4, low), Math.max(1, high)]), grid: true, tickFormat: shown },
          y: { domain: [-1, 1], axis: null },
          marks: [
            ssm.defaultRange(),
            ssm.upright(1 / length, 1),
            ssm.upright(1 / Math.sqrt(length), 1),
            Plot.ruleY([0], { x1: low, x2: high, stroke: "var(--live-0)", strokeWidth: 5 }),
            ssm.dot([[dt, 0]], 0),
          ],
        }),
      ];
    },
    sentence(state) {
      const given = found(state);
      if (given.problem) return given.problem;
      const { moment, dt, low, high, real, imagScale, states, count, columns, notes, length, shift, scale, raw } = given;
      const input = raw ? "For the numbers in the scale that they have." : `For standardized input; ${shift < 0 ? "add" : "subtract"} ${shown(Math.abs(shift))}, divide by ${shown(scale)}.`;
      const how = real ? "with damping: S4D-Lin as it is" : `undamped, on the grid of the window: frequencies times ${shown(imagScale)}`;
      const from = columns > 1 ? `, the last of ${columns} columns,` : "";
      const reliable = moment.doubts.length ? ", not reliable here" : "";
      return [
        [`Δ = ${shown(dt)}, ${decision(dt)}.`, ...moment.doubts, ...given.cautions].join(" "),
        [input, `${count} numbers${from} in windows of ${length}: λmax ${shown(moment.estimate)}, nominal 90 % interval ${shown(moment.low)} to ${shown(moment.high)}${reliable}; Δ from ${shown(low)} to ${shown(high)}. A model with this Δ: real part ${real}, ${how}; state size at most ${states}.`].join(" "),
        [given.skipped, ...notes].join(" "),
        parameters(dt),
      ].join("\n");
    },
    python(state) {
      const { L, scale } = state;
      const { header, above } = ssm.numbers(state.column);
      const skipped = (above || 0) + (header ? 1 : 0);
      const rows = skipped ? `, skiprows=${skipped}` : "";
      const raw = scale === RAW ? ", raw=True" : "";
      return `import numpy as np
import torch
from ssmlib.layers import S4D
from ssmlib.recommend import recommend

x = torch.from_numpy(np.loadtxt("column.txt"${rows}))  # one number per line
found = recommend(x, ${2 ** L}${raw})
print(found)  # a decision, and three initializations to choose from
x = (x - found.shift) / found.scale
layer = S4D(d_model=64, d_state=64, init=found.configurations[0][1])
`;
    },
  };
})();
