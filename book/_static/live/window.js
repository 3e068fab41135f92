// A live figure of what a state that began at zero holds of a sequence: the shares that
// the best linear readout recovers, and what the readout for one input answers to all.
(() => {
  const { shown, upright } = ssm;
  const MODES = 16;
  const GRID = "grid of the window";
  const step = (s) => 2 ** s.dt;
  const length = (s) => 2 ** s.L;
  const back = (s) => Math.min(2 ** s.d, length(s) - 1);
  const gaps = { "S4D-Lin": () => Math.PI, [GRID]: (s) => (2 * Math.PI) / (step(s) * length(s)), none: () => 0 };
  const spacing = (s) => gaps[s.frequencies](s);
  const poles = (s) => ssm.ofStep(Array.from({ length: MODES }, (_, n) => [-s.a, spacing(s) * n]), step(s));

  let last = { of: null, rows: null }; // one figure at a time, and d does not change them
  function basis(s) {
    const of = [s.frequencies, s.dt, s.a, s.L].join();
    if (last.of !== of) last = { of, rows: ssm.windowBasis(poles(s), length(s)) };
    return last.rows;
  }

  ssm.figures.window = {
    title: "The share of an input that the best readout recovers from the state",
    key: [
      ["line", 0, "share recovered"],
      ["line", 1, "their mean over all inputs"],
      ["dot", 0, "the input d steps back"],
      ["line", 2, "2/Δ, where S4D-Lin repeats"],
      ssm.DEFAULT_KEY,
    ],
    state: { frequencies: "S4D-Lin", dt: -5, a: 0.5, L: 10, d: 7 },
    controls: [
      { name: "frequencies", label: "frequencies", choices: Object.keys(gaps) },
      { ...ssm.timescale(2, -11, 0.5), max: 0 },
      { name: "a", label: "damping −Re w", min: 0, max: 1, step: 0.05, show: (v) => v.toFixed(2) },
      { name: "L", label: "length of the sequence", min: 7, max: 11, step: 1, show: (k) => String(2 ** k) },
      { name: "d", label: "steps back d", min: 0, max: 10, step: 1, show: (_, s) => String(back(s)) },
    ],
    poles,
    shares: (s) => ssm.finiteMemory(basis(s)),
    repeats: (s) => s.frequencies === "S4D-Lin" && 2 / step(s) < length(s),
    draw(s, width) {
      const [rows, d, T] = [basis(s), back(s), length(s)];
      const [held, answer] = [this.shares(s), ssm.answers(rows, d)];
      const period = 2 / step(s);
      return [
        ssm.plot(width, this.title, {
          x: ssm.power("steps back, d + 1 →", [1, T]),
          y: ssm.power("↑ share recovered", [1e-4, 1]),
          height: 230,
          curves: [
            Array.from(held, (v, t) => [t + 1, v]).filter(([, v]) => v > 1e-7),
            [[1, rows.length / T], [T, rows.length / T]],
          ],
          marks: [...(this.repeats(s) ? [upright(period + 1, 2)] : []), ...(held[d] >= 1e-4 ? [ssm.dot([[d + 1, held[d]]], 0)] : [])],
        }),
        ssm.plot(width, "What the readout of the input d steps back answers to each input", {
          x: { label: "steps back →", domain: [0, T - 1] },
          y: { label: `↑ answer of the readout for d = ${d}` },
          height: 170,
          curves: [Array.from(answer, (v, t) => [t, v])],
          marks: [ssm.dot([[d, answer[d]]], 0)],
        }),
      ];
    },
    sentence(s) {
      const [d, T, period] = [back(s), length(s), shown(2 / step(s))];
      const share = shown(100 * this.shares(s)[d]);
      const sum = `The shares of all ${T} inputs sum to ${basis(s).length}, the number of distinct eigenvalues.`;
      let more = "";
      if (s.frequencies === "none") more = " Without frequencies, modes of the same damping are one mode.";
      else if (this.repeats(s) && s.a === 0) more = ` But S4D-Lin without damping repeats after 2/Δ = ${period} steps: the state does not distinguish inputs ${period} steps apart, so the readout answers to all of them alike, as the lower plot shows.`;
      else if (this.repeats(s)) more = ` S4D-Lin repeats after 2/Δ = ${period} steps, damped to ${shown(100 * Math.exp(-2 * s.a))} %.`;
      return `At Δ = ${shown(step(s))} with damping ${s.a.toFixed(2)} the state still holds ${share} % of the input ${ssm.steps(d)} ago. ${sum}${more}`;
    },
    python(s) {
      return `import torch
from ssmlib.initialization import lattice, spectrum
from ssmlib.theory import memory

dt, L = 2 ** ${s.dt}, ${length(s)}
A = lattice(${MODES}, ${s.frequencies === GRID ? "2 * torch.pi / (dt * L)" : spacing(s)}, real=${String(-s.a || 0)})
poles = torch.exp(dt * spectrum(A))
shares = memory.finite_memory_function(poles, L)
print(shares[${back(s)}], shares.sum())
`;
    },
  };
})();
