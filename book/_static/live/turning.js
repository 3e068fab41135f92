// A live figure of modes that turn in the unit disc step by step, and of their sum.
(() => {
  const { shown } = ssm;
  const STEPS = 60;
  const N = 8;
  const modes = (s) => ssm.initialize("lin", N, -s.a);
  const step = (s) => 10 ** s.dt;

  // A mode's power exp(dt w l), where it has come to after l steps
  function power([re, im], s, l) {
    const size = Math.exp(re * step(s) * l);
    return [size * Math.cos(im * step(s) * l), size * Math.sin(im * step(s) * l)];
  }

  // All weights one: twice the sum of the modes' horizontal positions
  const kernel = (s) =>
    Array.from({ length: STEPS + 1 }, (_, l) => modes(s).reduce((sum, w) => sum + 2 * power(w, s, l)[0], 0));

  function disc(s, size) {
    const circle = Array.from({ length: 181 }, (_, k) => [Math.cos(k / 28.65), Math.sin(k / 28.65)]);
    const trails = modes(s).map((w) => Array.from({ length: 4 * s.l + 1 }, (_, k) => power(w, s, k / 4)));
    return Plot.plot({
      width: size,
      height: size,
      margin: 8,
      style: { background: "none", fontSize: "14px" },
      ariaLabel: "The modes in the unit disc, with the way that each has come",
      x: { domain: [-1.2, 1.2], axis: null },
      y: { domain: [-1.2, 1.2], axis: null },
      marks: [
        Plot.line(circle, { stroke: "currentColor" }),
        Plot.ruleY([0], { strokeOpacity: 0.3 }),
        Plot.ruleX([0], { strokeOpacity: 0.3 }),
        ...trails.map((way, k) => Plot.line(way, { stroke: `var(--live-${k})`, strokeOpacity: 0.5 })),
        ...trails.map((way, k) => ssm.dot(way.slice(-1), k)),
        Plot.text(trails.map((way) => way.at(-1)), { text: (_, k) => String(k), dx: 13, fill: "currentColor" }),
      ],
    });
  }

  ssm.figures.turning = {
    title: "Modes of S4D-Lin turn and shrink; the sum of their horizontal positions is the kernel",
    key: [...[0, 1, 2, 3].map((k) => ["dot", k, `mode ${k}`]), ["line", 0, "kernel up to this step"], ssm.DEFAULT_KEY],
    layout: "pairs",
    state: { l: 12, dt: -1, a: 0.25 },
    controls: [
      { name: "l", label: "step", min: 0, max: STEPS, step: 1, show: String },
      { ...ssm.timescale(10, -2, 0.1), max: 0 },
      { name: "a", label: "damping −Re w", min: 0, max: 1, step: 0.05, show: (v) => v.toFixed(2) },
    ],
    kernel,
    draw(s, width) {
      const drawn = kernel(s).slice(0, s.l + 1).map((v, l) => [l, v]);
      return [
        disc(s, Math.min(width, 300)),
        ssm.plot(width, "The kernel up to this step", {
          x: { label: "step →", domain: [0, STEPS] },
          y: { label: "↑ kernel, all weights one", domain: [-N, N] },
          height: Math.min(width, 300),
          curves: [drawn],
          marks: [ssm.dot(drawn.slice(-1), 4)],
        }),
      ];
    },
    sentence(s) {
      const turns = modes(s).map(([, im]) => shown((im * step(s) * s.l) / (2 * Math.PI)));
      const size = shown(100 * Math.exp(-s.a * step(s) * s.l));
      return `After ${ssm.steps(s.l)} at Δ = ${shown(step(s))} the modes 0 to ${N / 2 - 1} have turned by ${turns.slice(0, -1).join(", ")} and ${turns.at(-1)} turns, and have ${size} % of their size. The kernel, twice the sum of their horizontal positions, is ${shown(kernel(s)[s.l])}.`;
    },
    python(s) {
      return `import torch
from ssmlib.initialization import initialize

A, _ = initialize("lin", ${N}, real=${String(-s.a || 0)})
steps = torch.arange(${STEPS + 1}, dtype=torch.float64)
K = 2 * torch.exp(10 ** ${s.dt} * A[:, None] * steps).real.sum(0)
print(K[${s.l}])
`;
    },
  };
})();
