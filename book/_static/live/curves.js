// Four live figures whose curves are closed forms of `modes.js`, `gram.js`, `memory.js`.
(() => {
  const { shown, plot, upright, power, DEFAULT_KEY } = ssm;
  const spread = (low, high, n) =>
    Array.from({ length: n }, (_, k) => 10 ** (low + ((high - low) * k) / (n - 1)));
  const minus = (a) => String(-a || 0);
  const two = { show: (v) => v.toFixed(2) };

  const MODES = 32;
  ssm.figures.timescale = {
    title: "The mean square of an untrained last output, against the timescale",
    key: [
      ["line", 0, "exact"],
      ["line", 1, "bound (m/2) Δ² L λmax"],
      ["line", 2, "the rule, 1/√(L λmax)"],
      ["line", 3, "mean square 1"],
      DEFAULT_KEY,
    ],
    state: { L: 10, rho: 0.9, a: 0 },
    controls: [
      { name: "L", label: "length L", min: 4, max: 14, step: 1, show: (k) => String(2 ** k) },
      { name: "rho", label: "autocorrelation ρ", min: 0, max: 0.99, step: 0.01, ...two },
      { name: "a", label: "damping −Re w", min: 0, max: 1, step: 0.05, ...two },
    ],
    values({ L, rho, a }) {
      const A = ssm.initialize("lin", 2 * MODES, -a);
      const top = ssm.largest(2 ** L, rho);
      const dt = 1 / Math.sqrt(2 ** L * top);
      return { A, top, dt, length: 2 ** L };
    },
    draw(state, width) {
      const { A, dt, length } = this.values(state);
      const steps = spread(-4, 0, 121);
      return [
        plot(width, this.title, {
          x: power("timescale Δ →", [1e-4, 1]),
          y: power("↑ mean square", [1e-5, 1e5]),
          curves: [
            steps.map((d) => [d, ssm.energy(A, d, length, state.rho)]),
            steps.map((d) => [d, ssm.bound(MODES, d, length, state.rho)]),
          ],
          under: [ssm.defaultRange()],
          marks: [upright(dt, 2), ssm.level(1, 3)],
        }),
      ];
    },
    sentence(state) {
      const { A, top, dt, length } = this.values(state);
      const [exact, most] = [ssm.energy(A, dt, length, state.rho), MODES / 2];
      return `For ${length} steps of AR(${state.rho.toFixed(2)}) λmax is ${shown(top)} and the rule's timescale ${shown(dt)}; there the output's mean square is ${shown(exact)}, of at most ${most}: the bound is ${shown(most / exact)} times that.`;
    },
    python(state) {
      return `import torch
from ssmlib import inputs
from ssmlib.initialization import initialize
from ssmlib.theory import timescale

L, process = ${2 ** state.L}, inputs.ar1(${state.rho})
A, _ = initialize("lin", ${2 * MODES}, real=${minus(state.a)})
dt = (L * process.largest_eigenvalue(L)) ** -0.5
R = process.moment(L)
print(timescale.output_energy(A, dt, R), timescale.bound(A, dt, R))
`;
    },
  };

  ssm.figures.spacing = {
    title: "How hard it is to learn a readout of evenly spaced frequencies",
    key: [
      ["line", 0, "m frequencies"],
      ["line", 1, "as many as one likes: cosh(2πa/δ)"],
      ["line", 2, "this spacing δ"],
    ],
    state: { gap: 1, a: 0.5, m: 8 },
    controls: [
      { name: "gap", label: "spacing δ", min: 0.3, max: 8, step: 0.05, ...two },
      { name: "a", label: "damping a", min: 0.1, max: 1.5, step: 0.05, ...two },
      { name: "m", label: "frequencies m", min: 2, max: 12, step: 1, show: String },
    ],
    condition: ({ a, m }, gap) => ssm.conditionNumber(ssm.gram(ssm.lattice(m, gap), a)),
    draw(state, width) {
      const gaps = Array.from({ length: 78 }, (_, k) => 0.3 + k / 10);
      const times = Array.from({ length: 200 }, (_, k) => k / 20);
      const known = (points) => points.filter(([, y]) => y < 1e12);
      return [
        plot(width, this.title, {
          x: { label: "spacing δ →", domain: [0, 8] },
          y: power("↑ condition number", [1, 1e8]),
          curves: [
            known(gaps.map((d) => [d, this.condition(state, d)])),
            known(gaps.map((d) => [d, ssm.latticeCondition(d, state.a)])),
          ],
          marks: [upright(state.gap, 2)],
        }),
        plot(width, "Kernels of the first three frequencies", {
          x: { label: "time →" },
          y: { label: "↑ first three kernels", domain: [-1, 1] },
          height: 160,
          curves: [1, 2, 3].map((k) =>
            times.map((t) => [t, Math.exp(-state.a * t) * Math.cos(k * state.gap * t)]),
          ),
        }),
      ];
    },
    sentence(state) {
      const [own, limit] = [this.condition(state, state.gap), ssm.latticeCondition(state.gap, state.a)];
      return `${state.m} frequencies ${state.gap.toFixed(2)} apart, damped by ${state.a.toFixed(2)}: the slowest direction of gradient descent is ${shown(own)} times as slow as the fastest; with ever more frequencies, ${shown(limit)} times.`;
    },
    python(state) {
      return `from ssmlib.initialization import lattice
from ssmlib.theory import conditioning

A = lattice(${state.m}, ${state.gap}, real=${minus(state.a)}, first=1)
print(conditioning.condition_number(conditioning.gram(A)))
print(conditioning.lattice_condition(${state.gap}, ${state.a}))
`;
    },
  };

  const WINDOW = 1024;
  const PERIODS = 5; // of them are drawn, at most
  ssm.figures.aliasing = {
    title: "S4D-Lin's kernel repeats after 2/Δ steps, unless it is damped",
    key: [["line", 0, "kernel"], ["line", 1, "what damping leaves"], ["line", 2, "2/Δ"], DEFAULT_KEY],
    state: { dt: -2.3, a: 0, N: 32 },
    controls: [
      { ...ssm.timescale(10, -3.3, 0.05), max: -1.3 },
      { name: "a", label: "damping −Re w", min: 0, max: 1, step: 0.05, ...two },
      { name: "N", label: "state size N", min: 8, max: 64, step: 8, show: String },
    ],
    draw(state, width) {
      const dt = 10 ** state.dt;
      const K = ssm.kernel(ssm.initialize("lin", state.N, -state.a), dt, WINDOW);
      const left = (l) => K[0] * Math.exp(-state.a * dt * l);
      const repeat = 2 / dt;
      const drawn = Array.from(K.slice(0, Math.ceil(PERIODS * repeat)));
      return [
        plot(width, this.title, {
          x: { label: "step →", domain: [0, drawn.length - 1] },
          y: { label: "↑ kernel, C = 1" },
          curves: [drawn.map((v, l) => [l, v]), drawn.map((_, l) => [l, left(l)])],
          marks: repeat < WINDOW ? [upright(repeat, 2)] : [],
        }),
      ];
    },
    sentence(state) {
      const repeat = 2 / 10 ** state.dt;
      const where = repeat < WINDOW ? "within this window" : `beyond this window of ${WINDOW}`;
      return `At Δ = ${shown(10 ** state.dt)} the ${state.N / 2} frequencies πn turn whole turns together after ${repeat.toFixed(0)} steps, ${where}; damping leaves ${Math.round(100 * Math.exp(-2 * state.a))} % of the kernel there.`;
    },
    python(state) {
      return `import torch
from ssmlib.discretization import zoh
from ssmlib.initialization import initialize
from ssmlib.kernels import log_vandermonde

dt = 10 ** ${state.dt}
A, B = initialize("lin", ${state.N}, real=${minus(state.a)})
_, B_bar = zoh(A, B, torch.tensor(dt, dtype=torch.float64))
K = log_vandermonde(B_bar, dt * A, ${WINDOW})  # period 2 / dt where real is 0
print(K[:5])
`;
    },
  };

  const SIZE = 32;
  const REACH = 1500;
  ssm.figures.front = {
    title: "The share of an input τ steps back that a state of N eigenvalues holds",
    key: [["line", 0, "memory function"], ["line", 1, "no state exceeds N/(τ+1)"], DEFAULT_KEY],
    state: { scheme: "lin", dt: -1.5 },
    controls: [
      { name: "scheme", label: "scheme", choices: ["lin", "inv", "inv2", "quad", "real"] },
      { ...ssm.timescale(10, -3.5, 0.05), max: 0 },
    ],
    poles: ({ scheme, dt }) => ssm.ofStep(ssm.initialize(scheme, SIZE), 10 ** dt),
    draw(state, width) {
      const poles = this.poles(state);
      const held = ssm.memoryFunction(poles, REACH);
      return [
        plot(width, this.title, {
          x: power("steps back, τ + 1 →", [1, REACH]),
          y: power("↑ share recovered", [1e-3, 1]),
          curves: [
            Array.from(held, (v, t) => [t + 1, v]).filter(([, v]) => v > 1e-5),
            Array.from(held, (v, t) => [t + 1, Math.min(1, poles.length / (t + 1))]),
          ],
        }),
      ];
    },
    sentence(state) {
      const poles = this.poles(state);
      const held = ssm.memoryFunction(poles, REACH);
      const best = held.map((v, t) => v / Math.min(1, poles.length / (t + 1)));
      const at = best.indexOf(Math.max(...best.slice(1)), 1);
      const holds = this.reach(held.findIndex((v) => v < 0.5));
      const all = ssm.initialize(state.scheme, SIZE).reduce((sum, [, v]) => sum + (v === 0 ? 1 : 2), 0);
      const alias = poles.length < all ? ` Modes that turn by half a turn a step or more alias: at this Δ ${all} eigenvalues have only ${poles.length} different values.` : "";
      return `${poles.length} eigenvalues of ${state.scheme} at Δ = ${shown(10 ** state.dt)} hold ${holds}. They come nearest to the bound ${ssm.steps(at)} back, at ${Math.round(100 * best[at])} % of it.${alias}`;
    },
    // Of which inputs at least half is held, where `first` is the first that is not
    reach(first) {
      if (first < 0) return `at least half of inputs up to ${REACH - 1} steps back`;
      if (first === 0) return "less than half of every input";
      if (first === 1) return "at least half of the newest input, and less of older ones";
      return `at least half of inputs up to ${ssm.steps(first - 1)} back`;
    },
    python(state) {
      return `import torch
from ssmlib.initialization import initialize, spectrum
from ssmlib.theory import memory

A, _ = initialize("${state.scheme}", ${SIZE})
poles = torch.exp(10 ** ${state.dt} * spectrum(A))
print(memory.memory_function(poles, ${REACH})[:10])
`;
    },
  };
})();
